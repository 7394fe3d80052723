/** Redis has no password and takes no connections from other machines. */
import { type Check, eachUnreached, finding } from "../finding.ts"

/** Finds servers that refuse everybody from elsewhere. */
export const protectedMode: Check = eachUnreached(({ address, said }) =>
  said.startsWith("DENIED")
    ? [
        finding(
          "protected-mode",
          "critical",
          "Redis runs in protected mode: without a password it takes no connections from other machines",
          [`${address} answered DENIED`],
          [
            "Give it a password (`requirepass`, or a user by `ACL SETUSER`), and set REDIS_PASSWORD",
            "Or set `bind` to the addresses of a network that is yours"
          ]
        )
      ]
    : []
)
