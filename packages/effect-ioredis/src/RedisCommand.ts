/**
 * Describes a Redis command as a value: a name, arguments, a kind that says what sending it twice
 * would do, and a decoder that checks what Redis answers.
 *
 * **Example** (A command that this library has no method for)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { RedisClient, RedisCommand } from "effect-ioredis"
 *
 * const score = (board: string, player: string): RedisCommand.RedisCommand<number | null> =>
 *   RedisCommand.make("ZSCORE", [board, player], {
 *     decode: RedisCommand.decoder(Schema.NullOr(Schema.FiniteFromString))
 *   })
 *
 * const program = Effect.gen(function*() {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.run(RedisCommand.make("ZADD", ["board", 42, "alice"]))
 *   return yield* redis.run(score("board", "alice"))
 * })
 *
 * score("board", "alice").kind // => "read"
 * score("board", "alice").decode("42") // => Result.succeed(42)
 * ```
 *
 * @since 0.1.0
 */
import { Result, Schema } from "effect"
import * as commandKeys from "./internal/commandKeys.ts"
import * as commandKinds from "./internal/commandKinds.ts"
import { describeIssue } from "./internal/describeIssue.ts"
import { asItCame } from "./internal/Replies.ts"
import type { RedisOperationError } from "./RedisError.ts"

/**
 * Says what sending a command twice would do.
 *
 * **Details**
 *
 * - `read`: nothing.
 * - `repeatable`: the same as once, and the answer is the same too (SET without a condition, MSET,
 *   PFMERGE…).
 * - `idempotent`: the same as once, but the answer may differ (DEL, SADD, EXPIRE…). It is sent
 *   again only where the caller says that the answer does not matter.
 * - `effectful`: something else than once (INCR, LPUSH, SET with NX, EVAL unless declared
 *   otherwise). Commands that this library does not know are effectful.
 * - `blocking`: it waits on the server and holds its connection meanwhile; a shared connection
 *   refuses it.
 * - `connection`: it changes its connection for whoever uses it next (MULTI, SELECT…); a shared
 *   connection refuses it.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandKind = "read" | "repeatable" | "idempotent" | "effectful" | "blocking" | "connection"

/**
 * Describes what an argument may be. Anything else is refused, never coerced.
 *
 * @category models
 * @since 0.1.0
 */
export type Argument = string | number | bigint | Uint8Array

/**
 * Describes what Redis answers: nil is `null`, bulk strings are text or bytes as the command asked
 * for, arrays nest. An error stands only in an array: a script or a transaction has put it there.
 *
 * @category models
 * @since 0.1.0
 */
export type Reply = null | string | number | bigint | Uint8Array | RedisOperationError | ReadonlyArray<Reply>

/**
 * Checks a reply and says what it means. A failure says what was expected, without the reply: the
 * call then fails with a `RedisOperationError` of code `"REPLY"`. It must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export type Decoder<out A> = (reply: Reply) => Result.Result<A, string>

/**
 * One command, to be sent once, whose answer means an `A`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisCommand<out A = unknown> {
  /** Names the command, in upper case. */
  readonly name: string
  /** Holds what follows the name. */
  readonly args: ReadonlyArray<Argument>
  /** Says what sending it twice would do. */
  readonly kind: CommandKind
  /** Says whether bulk strings in the reply come as text or as bytes. */
  readonly reply: "text" | "bytes"
  /** Lists the codes that its error replies may have beside Redis' own. */
  readonly errors: ReadonlyArray<Uppercase<string>>
  /** Checks the reply and says what it means. */
  readonly decode: Decoder<A>
}

/**
 * What the answer to a command means.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Success<Command extends RedisCommand> = Command extends RedisCommand<infer A> ? A : never

/**
 * Makes a command.
 *
 * **Details**
 *
 * The name is upper-cased. The kind follows from name and arguments (see {@link kindOf}) unless
 * `kind` says otherwise. `reply` is `"text"` (UTF-8) unless bytes are asked for: text corrupts
 * values that are not UTF-8. Without `decode` the answer is the reply as it came.
 *
 * **Gotchas**
 *
 * A given `kind` is believed: what it says of a blocking command, or of one that changes its
 * connection, decides whether a shared connection carries it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <A>(name: string, args: ReadonlyArray<Argument>, options: Options & { readonly decode: Decoder<A> }): RedisCommand<A>
  (name: string, args?: ReadonlyArray<Argument>, options?: Options): RedisCommand<Reply>
} = (
  name: string,
  args: ReadonlyArray<Argument> = [],
  options?: Options & { readonly decode?: Decoder<Reply> }
): RedisCommand<Reply> => {
  const upper = name.toUpperCase()
  const { decode = asItCame, errors = noErrors, kind = kindOf(upper, args), reply = "text" } = options ?? noOptions
  return new Command(upper, args, kind, reply, errors, decode)
}

/**
 * Sets what of a command does not follow from its name and arguments.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Says what sending it twice would do. */
  readonly kind?: CommandKind | undefined
  /** Says whether bulk strings in the reply come as text or as bytes. Default: text. */
  readonly reply?: "text" | "bytes" | undefined
  /**
   * Lists the codes that its error replies may have beside Redis' own, such as those of a script or
   * of a module. An error reply that begins with one has it as its `code`; any other has `"ERR"`.
   * The codes of this library's own, such as `"ARGUMENT"`, cannot be declared. Default: none.
   */
  readonly errors?: ReadonlyArray<Uppercase<string>> | undefined
}

const noOptions: Options & { readonly decode?: Decoder<Reply> } = {}

const noErrors: ReadonlyArray<Uppercase<string>> = []

// A class for what `internal/Deadlines` says of things in flight.
class Command<out A> implements RedisCommand<A> {
  readonly name: string
  readonly args: ReadonlyArray<Argument>
  readonly kind: CommandKind
  readonly reply: "text" | "bytes"
  readonly errors: ReadonlyArray<Uppercase<string>>
  readonly decode: Decoder<A>

  constructor(
    name: string,
    args: ReadonlyArray<Argument>,
    kind: CommandKind,
    reply: "text" | "bytes",
    errors: ReadonlyArray<Uppercase<string>>,
    decode: Decoder<A>
  ) {
    this.name = name
    this.args = args
    this.kind = kind
    this.reply = reply
    this.errors = errors
    this.decode = decode
  }
}

/**
 * Makes a decoder of a schema.
 *
 * **Gotchas**
 *
 * What does not fit is told by where and what was expected, never by the reply itself. A schema
 * that works asynchronously fits nothing.
 *
 * **Example** (JSON in a hash)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { RedisCommand } from "effect-ioredis"
 *
 * const Job = Schema.Struct({ title: Schema.String })
 * const decode = RedisCommand.decoder(Schema.NullOr(Schema.fromJsonString(Job)))
 *
 * decode('{"title":"engineer"}') // => Result.succeed({ title: "engineer" })
 * decode(null) // => Result.succeed(null)
 * decode('{"title":42}') // => Result.fail('string at ["title"]')
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const decoder = <A>(schema: Schema.Decoder<A>): Decoder<A> => decoderOf(schema)

const decoderOf = <A>(schema: Schema.Decoder<A>): ((given: unknown) => Result.Result<A, string>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (given) => Result.mapError(decode(given), ({ issue }) => describeIssue(issue).replace(/^expected /, ""))
}

/**
 * Decodes what a command answers further, by a schema of that.
 *
 * **Details**
 *
 * Where the answer does not fit the schema, the call fails as with any decoder: with a
 * `RedisOperationError` of code `"REPLY"`, which says where and what was expected, and not what was
 * there.
 *
 * **Example** (Jobs as JSON)
 *
 * ```ts
 * import { Option, Result, Schema } from "effect"
 * import { RedisCommand } from "effect-ioredis"
 * import { Hashes, Strings } from "effect-ioredis/commands"
 *
 * const Job = Schema.fromJsonString(Schema.Struct({ title: Schema.String }))
 *
 * const job = RedisCommand.decodeTo(Strings.get("job"), Schema.Option(Job))
 * job.decode('{"title":"engineer"}') // => Result.succeed(Option.some({ title: "engineer" }))
 * job.decode(null) // => Result.succeed(Option.none())
 *
 * const jobs = RedisCommand.decodeTo(Hashes.hgetall("jobs"), Schema.Record(Schema.String, Job))
 * jobs.decode(["1", '{"title":"baker"}']) // => Result.succeed({ "1": { title: "baker" } })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const decodeTo = <A, Answer>(self: RedisCommand<Answer>, schema: Schema.Codec<A, Answer>): RedisCommand<A> => {
  const { args, decode, errors, kind, name, reply } = self
  const further = decoderOf(schema)
  return new Command(name, args, kind, reply, errors, (given) => Result.flatMap(decode(given), further))
}

/**
 * Decides the kind of a command by its upper-case name and its arguments; `effectful` where it is
 * not known.
 *
 * **Example** (A condition makes the answer matter)
 *
 * ```ts
 * import { RedisCommand } from "effect-ioredis"
 *
 * RedisCommand.kindOf("SET", ["greeting", "hello"]) // => "repeatable"
 * RedisCommand.kindOf("SET", ["lock", "me", "NX"]) // => "effectful"
 * RedisCommand.kindOf("XREAD", ["BLOCK", 0, "STREAMS", "s", "$"]) // => "blocking"
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const kindOf = (name: string, args: ReadonlyArray<Argument> = []): CommandKind => commandKinds.kindOf(name, args)

/**
 * Finds all keys of a command among its arguments, in Redis' order.
 *
 * **Details**
 *
 * Redis 7.0 itself says where the keys of its commands are. Of a command that it does not know, the
 * first argument is taken for the one key. The channels of SPUBLISH and SSUBSCRIBE count as keys,
 * for they decide the slot as keys do.
 *
 * **Example** (Keys behind a count)
 *
 * ```ts
 * import { RedisCommand } from "effect-ioredis"
 *
 * RedisCommand.keysOf(RedisCommand.make("ZUNION", [2, "a", "b", "WITHSCORES"])) // => ["a", "b"]
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const keysOf = ({ args, name }: RedisCommand): ReadonlyArray<Argument> => commandKeys.keysOf(name, args)
