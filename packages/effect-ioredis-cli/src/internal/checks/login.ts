/** The login is refused: no password, a wrong one, or a database that is not there. */
import type { Unreached } from "../facts/Facts.ts"
import { type Check, eachUnreached, finding } from "../finding.ts"

/** Finds why a login is refused. */
export const login: Check = eachUnreached((server) => {
  // Protected mode is told by itself.
  if (server.reason !== "Auth" || server.said.startsWith("DENIED")) return []
  return [judge(server)]
})

const judge = ({ address, hasPassword, message, said, user }: Unreached) => {
  const evidence = [`${address} answered the login of user ${user}: ${said}`]
  if (said.startsWith("NOAUTH") && !hasPassword) {
    return finding("password-missing", "critical", "Redis asks for a password, and none was given", evidence, [
      "Set REDIS_PASSWORD, and REDIS_USERNAME for a user other than default"
    ])
  }
  if (/^ERR (invalid )?DB index/.test(said)) {
    return finding("database", "critical", "Redis has no database of that number", evidence, [
      "Choose a number below `databases` of redis.conf, 16 by default (REDIS_DB, or the end of REDIS_URL)"
    ])
  }
  if (said.startsWith("WRONGPASS") || said.startsWith("NOAUTH")) {
    return finding("password-wrong", "critical", "Redis refuses the user name or the password", evidence, [
      "Correct REDIS_USERNAME and REDIS_PASSWORD, or REDIS_URL, where special characters are percent-encoded",
      "Look whether the user exists and is on: `ACL GETUSER <name>` as an administrator"
    ])
  }
  if (said.includes("without any password configured")) {
    return finding(
      "password-needless",
      "critical",
      "A password was given, and Redis has none for this user",
      evidence,
      ["Unset REDIS_PASSWORD, or give the server one (`requirepass`)", "Check that this is the server that you mean"]
    )
  }
  return finding("login", "critical", "Redis refuses the login", evidence, [message])
}
