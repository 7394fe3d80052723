import { Option, Redacted, Result } from "effect"
import type { RedisAddress, RedisLogin } from "../../RedisConnector.ts"
import type { RedisTopology } from "../../RedisTopology.ts"
import type { ConnectionSettings } from "../../RuntimeSettings.ts"
import * as RedisUrl from "../RedisUrl.ts"

/** What is said of the connection at run time, in the place of the client's own options. */
export interface Connection {
  readonly address: Partial<RedisAddress>
  readonly login: Partial<Pick<RedisLogin, "db" | "username" | "password" | "tls">>
}

/** Gives what is said, of which the URL wins. */
export const connectionOf = (said: ConnectionSettings = {}): Connection => {
  const url = said.url === undefined ? {} : locatedBy(textOf(said.url))
  const { db = said.db, host = said.host, port = said.port, tls, username = said.username } = url
  const password = url.password ?? textOf(said.password)
  return {
    address: { ...(host !== undefined && { host }), ...(port !== undefined && { port }) },
    login: {
      ...(db !== undefined && { db }),
      ...(username !== undefined && { username: username === "" ? undefined : username }),
      ...(password !== undefined && { password: password === "" ? undefined : Redacted.make(password) }),
      // A URL turns TLS on, and only who says so turns it off.
      ...((tls === true || said.tls !== undefined) && { tls: tls === true || said.tls })
    }
  }
}

// It was parsed when the document was accepted.
const locatedBy = (url: string): Partial<RedisUrl.RedisUrl> =>
  Option.getOrElse(Result.getSuccess(RedisUrl.parse(url)), () => ({}))

const textOf = <A extends string | undefined>(text: A | Redacted.Redacted<string>): A | string =>
  Redacted.isRedacted(text) ? Redacted.value(text) : text

/** Says what of the connection a topology could not follow. */
export const connectionProblems = (topology: RedisTopology, said: ConnectionSettings = {}): ReadonlyArray<string> => {
  if (topology._tag === "Server") return []
  const who = topology._tag === "Cluster" ? "its cluster" : "its sentinels"
  const located = (["url", "host", "port"] as const)
    .filter((name) => said[name] !== undefined)
    .map(
      (name) => `connection.${name}: a client that asks ${who} where Redis is takes username, password and tls alone`
    )
  const db = topology._tag === "Cluster" && (said.db ?? 0) !== 0
  return db ? [...located, "connection.db: a cluster has database 0 alone"] : located
}
