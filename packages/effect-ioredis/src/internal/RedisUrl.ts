/** Takes a Redis URL apart, or says what is wrong with it without showing it. */
import { Result } from "effect"

/** What a URL names. */
export interface RedisUrl {
  readonly host: string
  readonly tls: boolean
  readonly port?: number
  readonly db?: number
  readonly username?: string
  readonly password?: string
}

/** The largest number of a database that is taken. */
export const maxDb = 1_000_000

/** Parses it. The failure is the rest of a sentence about the variable or option that holds it. */
export const parse = (text: string): Result.Result<RedisUrl, string> => {
  if (isUnencoded.test(text)) return refuse(unencoded)
  if (isSocket.test(text)) return refuse("names a socket of the file system, which is not supported")
  if (!URL.canParse(text)) return refuse("is not a URL")
  const url = new URL(text)
  const { hash, hostname, port, protocol, search } = url
  if (protocol !== "redis:" && protocol !== "rediss:") return refuse("does not begin with redis:// or rediss://")
  if (hostname === "" || hostname.includes("%")) return refuse("names no host")
  if (search !== "" || hash !== "") return refuse("has parameters, which are not supported")
  if (port === "0") return refuse("names port 0")
  const db = /^\/?(\d*)$/.exec(url.pathname)?.[1]
  if (db === undefined || Number(db) > maxDb) {
    return refuse(`names a database that is not a whole number from 0 to ${maxDb}`)
  }
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (username === undefined || password === undefined) {
    return refuse(unencoded)
  }
  return Result.succeed({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    tls: protocol === "rediss:",
    ...(port !== "" && { port: Number(port) }),
    ...(db !== "" && { db: Number(db) }),
    ...(username !== "" && { username }),
    ...(password !== "" && { password })
  })
}

const unencoded = "holds a user name or password that is not percent-encoded"

// These end the host, so that an @ after them ends no password any more.
const isUnencoded = /^rediss?:\/\/.*[/?#].*@/i

const isSocket = /^((redis\+)?unix:|\/)/i

const refuse = (problem: string) =>
  Result.fail(
    `${problem} (its value is not shown, for it may hold a password): expected redis://user:password@host:port/db, or rediss:// for TLS, for example redis://localhost:6379/0`
  )

const decoded = (part: string): string | undefined => Result.getOrUndefined(Result.try(() => decodeURIComponent(part)))
