/**
 * A Redis command as a value: a name, arguments, and a kind that says what sending it twice would do.
 *
 * **Example** (A command that this library has no method for)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisClient, RedisCommand } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const redis = yield* RedisClient.RedisClient
 *   return yield* redis.send(RedisCommand.make("ZADD", ["board", 42, "alice"], { kind: "write" }))
 * })
 * ```
 *
 * @since 0.1.0
 */
import { RedisOperationError } from "./RedisError.ts"

/**
 * What sending a command twice would do.
 *
 * **Details**
 *
 * - `read`: nothing.
 * - `write`: the same as once (SET, DEL, EXPIRE…).
 * - `effectful`: something else than once (INCR, LPUSH, EVAL unless declared otherwise). Commands this library does not know are effectful.
 * - `blocking`: it waits on the server and holds its connection meanwhile; a shared connection refuses it.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandKind = "read" | "write" | "effectful" | "blocking"

/**
 * What an argument may be. Anything else is refused, never coerced.
 *
 * @category models
 * @since 0.1.0
 */
export type Argument = string | number | bigint | Uint8Array

/**
 * What Redis answers: nil is `null`, bulk strings are text or bytes as the command asked for, arrays nest.
 *
 * @category models
 * @since 0.1.0
 */
export type Reply = null | string | number | bigint | Uint8Array | ReadonlyArray<Reply>

/**
 * One command, to be sent once.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisCommand {
  readonly name: string
  readonly args: ReadonlyArray<Argument>
  readonly kind: CommandKind
  readonly reply: "text" | "bytes"
}

/**
 * Makes a command.
 *
 * **Details**
 *
 * The name is upper-cased. The kind is the one listed for the name unless `kind` says otherwise. `reply` is `"text"` (UTF-8) unless bytes
 * are asked for: text corrupts values that are not UTF-8.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  name: string,
  args: ReadonlyArray<Argument> = [],
  options?: { readonly kind?: CommandKind | undefined; readonly reply?: "text" | "bytes" | undefined }
): RedisCommand => {
  const upper = name.toUpperCase()
  return new Command(upper, args, options?.kind ?? kindOf(upper), options?.reply ?? "text")
}

// A class for what `internal/Deadlines` says of things in flight.
class Command implements RedisCommand {
  readonly name: string
  readonly args: ReadonlyArray<Argument>
  readonly kind: CommandKind
  readonly reply: "text" | "bytes"

  constructor(name: string, args: ReadonlyArray<Argument>, kind: CommandKind, reply: "text" | "bytes") {
    this.name = name
    this.args = args
    this.kind = kind
    this.reply = reply
  }
}

/**
 * The kind of a command by its upper-case name; `effectful` where it is not known.
 *
 * @category accessors
 * @since 0.1.0
 */
export const kindOf = (name: string): CommandKind => kinds.get(name) ?? "effectful"

/**
 * The first key of a command, or its first argument where this library does not know better.
 *
 * @category accessors
 * @since 0.1.0
 */
export const keyOf = ({ args, name }: RedisCommand): Argument | undefined => args[keyPositions.get(name) ?? 0]

/**
 * Why a command must not be sent on a shared connection, or `undefined` if it may.
 *
 * **Details**
 *
 * Refused are arguments that are not an {@link Argument} (ioredis would write `[object Object]`), blocking commands (everyone else would
 * wait behind them) and commands that change the connection for its other users (MULTI, SELECT, SUBSCRIBE…).
 *
 * @category accessors
 * @since 0.1.0
 */
export const refusal = (command: RedisCommand): RedisOperationError | undefined => {
  const { args, kind, name } = command
  for (let index = 0; index < args.length; index++) {
    if (!isArgument(args[index])) {
      return new RedisOperationError({
        command: name,
        code: "ARGUMENT",
        message: `${name} was not sent: argument ${index + 1} is ${nameOf(args[index])}. Pass a string, a finite number, a bigint or bytes`
      })
    }
  }
  if (kind === "blocking") {
    return new RedisOperationError({
      command: name,
      code: "UNSUPPORTED",
      message: `${name} was not sent: it would block the shared connection for every other caller. Give it a connection of its own`
    })
  }
  if (connectionCommands.has(name)) {
    return new RedisOperationError({
      command: name,
      code: "UNSUPPORTED",
      message: `${name} was not sent: it would change the shared connection for every other caller. Use eval for transactions, and a connection of its own for the rest`
    })
  }
  return undefined
}

const isArgument = (value: unknown): value is Argument =>
  typeof value === "string" ||
  (typeof value === "number" && Number.isFinite(value)) ||
  typeof value === "bigint" ||
  value instanceof Uint8Array

const nameOf = (value: unknown): string => {
  if (value === null || value === undefined || typeof value === "number") return String(value)
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`
}

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

const kinds: ReadonlyMap<string, CommandKind> = new Map<string, CommandKind>([
  ...words(`
    GET MGET GETRANGE STRLEN EXISTS TYPE TTL PTTL EXPIRETIME PEXPIRETIME DUMP SCAN KEYS RANDOMKEY DBSIZE OBJECT MEMORY
    HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HSTRLEN HSCAN HRANDFIELD
    LRANGE LLEN LINDEX LPOS SMEMBERS SISMEMBER SMISMEMBER SCARD SSCAN SINTER SUNION SDIFF SRANDMEMBER SINTERCARD
    ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZRANGEBYLEX ZSCORE ZMSCORE ZCARD ZCOUNT ZLEXCOUNT ZRANK ZREVRANK ZSCAN
    XRANGE XREVRANGE XLEN XINFO XPENDING GETBIT BITCOUNT BITPOS PFCOUNT GEOPOS GEODIST GEOHASH GEOSEARCH
    PING ECHO INFO TIME LASTSAVE ROLE COMMAND EVAL_RO EVALSHA_RO FCALL_RO
  `).map((name) => [name, "read"] as const),
  ...words(`
    SET SETEX PSETEX MSET GETEX DEL UNLINK EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST TOUCH SETRANGE SETBIT
    HSET HMSET HDEL LSET LTRIM SADD SREM ZREM PFADD XACK XDEL XTRIM GEOADD FLUSHDB FLUSHALL
  `).map((name) => [name, "write"] as const),
  ...words(`
    BLPOP BRPOP BRPOPLPUSH BLMOVE BLMPOP BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF
  `).map((name) => [name, "blocking"] as const)
])

const keyPositions: ReadonlyMap<string, number> = new Map([
  ...words("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO").map((name) => [name, 2] as const),
  ...words("OBJECT MEMORY XINFO").map((name) => [name, 1] as const)
])

const connectionCommands: ReadonlySet<string> = new Set(
  words(`
    MULTI EXEC DISCARD WATCH UNWATCH SELECT AUTH HELLO RESET QUIT MONITOR SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE
    SUNSUBSCRIBE SYNC PSYNC
  `)
)
