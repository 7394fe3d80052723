/** What a client and its caches ask a server for, and what each costs where it is not allowed. */
import type { RedisCommand } from "effect-ioredis"

/** One command that is tried. Every trial leaves the data as they are. */
export interface Want {
  /** What is granted: `+get`, `+client|kill`. */
  readonly rule: string
  readonly command: string
  readonly args: ReadonlyArray<RedisCommand.Argument>
  /** Who asks for it: every client, a cache, or a cache with near regions. */
  readonly by: "client" | "cache" | "near"
  /** Tells whether the part that asks for it is of no use without it. */
  readonly essential: boolean
  /** What is lost without it. */
  readonly loss: string
}

/** The wants of everybody who uses a Redis like this, in the order in which they are tried. */
export const wants = (prefix: string): ReadonlyArray<Want> => {
  // Nothing is ever stored there.
  const key = `${prefix}:!doctor`
  return [...clientWants, ...cacheWants(key), ...nearWants]
}

const want = (
  by: Want["by"],
  rule: string,
  args: ReadonlyArray<RedisCommand.Argument>,
  loss: string,
  essential = false
): Want => {
  const [command = ""] = rule.slice(1).split("|")
  return { by, rule, command: command.toUpperCase(), args, loss, essential }
}

// No connection ever has it.
const nobody = Number.MAX_SAFE_INTEGER

const waitedOut = "a write in doubt is waited out until its value would have expired"

const clientWants: ReadonlyArray<Want> = [
  want("client", "+ping", [], "health and idle connections cannot be checked", true),
  want("client", "+info", ["server"], "each new session counts as one to a server that may have lost data"),
  want("client", "+time", [], "moments of writing are taken from this machine's clock"),
  want("client", "+client|id", ["ID"], waitedOut),
  want("client", "+client|kill", ["KILL", "ID", nobody], waitedOut)
]

const ofScripts = (command: string) => `scripts that use ${command} fail as if no script were allowed`

const noScripts =
  "no leases, no refresh of stored values, and deferred values are unlinked in the place of being written"

const cacheWants = (key: string): ReadonlyArray<Want> => [
  want("cache", "+get", [key], "reads are answered from memory, and misses by their lookups", true),
  want("cache", "+mget", [key], "reads of many keys are answered from memory, and misses by their lookups", true),
  // It writes only where the key is there already, and it never is.
  want("cache", "+set", [key, "", "XX"], "every region runs on this process's memory alone", true),
  want("cache", "+unlink", [key], "nothing is removed from Redis, so regions run on this process's memory", true),
  want("cache", "+getrange", [key, 0, 0], "whatever compares before it writes stays deferred or is removed"),
  want("cache", "+strlen", [key], ofScripts("STRLEN")),
  want("cache", "+setrange", [key, 0, ""], ofScripts("SETRANGE")),
  want("cache", "+pexpireat", [key, 1], ofScripts("PEXPIREAT")),
  want("cache", "+eval", ["return 1", 0], noScripts),
  want("cache", "+evalsha", ["0".repeat(40), 0], noScripts),
  want("cache", "+scan", [0, "COUNT", 1], "clear stays deferred: other processes go on reading what was cleared")
]

const noNear = "regions with near ask Redis for each read, as if they were not near"

const nearWants: ReadonlyArray<Want> = [
  want("near", "+client|tracking", ["TRACKING", "OFF"], noNear),
  want("near", "+subscribe", ["__redis__:invalidate"], noNear)
]
