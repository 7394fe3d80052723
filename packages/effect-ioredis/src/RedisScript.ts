/**
 * Lua scripts that are declared once: what they take, what they answer, how they may fail, and what
 * running them twice would do.
 *
 * **Example** (A script that is called like a function)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { RedisClient, RedisCommand, RedisScript } from "effect-ioredis"
 * import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
 *
 * const raise = RedisScript.make({
 *   lua: `local old = tonumber(redis.call("GET", KEYS[1]) or "0")
 *         if tonumber(ARGV[1]) > old then redis.call("SET", KEYS[1], ARGV[1]) end
 *         return redis.call("GET", KEYS[1])`,
 *   keys: ({ board }: { readonly board: string; readonly score: number }) => [board],
 *   args: ({ score }) => [score],
 *   decode: RedisCommand.decoder(Schema.FiniteFromString),
 *   kind: "repeatable"
 * })
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const raiseTo = redis.eval(raise)
 *   yield* raiseTo({ board: "high-score", score: 42 }) // => 42
 *   yield* raiseTo({ board: "high-score", score: 7 }) // => 42
 * })
 *
 * // A simulated Redis runs no Lua.
 * const simulated = SimulatedScript.make(raise, ([board = ""], [score = ""], call) => {
 *   if (Number(score) > Number(call("GET", board) ?? 0)) call("SET", board, score)
 *   return call("GET", board)
 * })
 * const layerServer = SimulatedRedis.layer({ scripts: [simulated] })
 * const Simulated = Layer.provide(RedisClient.layer(), layerServer)
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (A script that refuses)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 * import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
 *
 * const take = RedisScript.make({
 *   lua: `return redis.call("LPOP", KEYS[1]) or redis.error_reply("NOJOB there is none")`,
 *   keys: (queue: string) => [queue],
 *   errors: ["NOJOB"]
 * })
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const refused = yield* Effect.flip(redis.eval(take)("jobs"))
 *   refused._tag === "RedisOperationError" ? refused.code : refused._tag // => "NOJOB"
 * })
 *
 * const simulated = SimulatedScript.make(
 *   take,
 *   ([queue = ""], _, call) => call("LPOP", queue) ?? SimulatedScript.fail("NOJOB there is none")
 * )
 * const layerServer = SimulatedRedis.layer({ scripts: [simulated] })
 * const Simulated = Layer.provide(RedisClient.layer(), layerServer)
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import { asItCame, one } from "./internal/Replies.ts"
import type * as RedisCommand from "./RedisCommand.ts"

/**
 * A declared script, which takes `Params` and answers an `A`. Without parameters of its own, the
 * type is that of any script.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisScript<in Params = never, out A = unknown> {
  /** Holds its source. */
  readonly lua: string
  /** Holds the SHA-1 of its source, which EVALSHA calls it by. */
  readonly sha: string
  /** Says what running it twice would do. */
  readonly kind: RedisCommand.CommandKind
  /** Says whether bulk strings in the reply come as text or as bytes. */
  readonly reply: "text" | "bytes"
  /** Lists the codes of its own that it may fail with. */
  readonly errors: ReadonlyArray<Uppercase<string>>
  /** Gives its `KEYS`. */
  readonly keys: (params: Params) => ReadonlyArray<string>
  /** Gives its `ARGV`. */
  readonly args: (params: Params) => ReadonlyArray<RedisCommand.Argument>
  /** Checks what it answers and says what that means. */
  readonly decode: RedisCommand.Decoder<A>
}

/**
 * Describes what a script is declared with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<Params> extends RedisCommand.Options {
  /** Gives its source. */
  readonly lua: string
  /**
   * Gives its `KEYS`, all that it uses: on a cluster they decide where it runs. Default: none.
   */
  readonly keys?: ((params: Params) => ReadonlyArray<string>) | undefined
  /** Gives its `ARGV`. Default: none. */
  readonly args?: ((params: Params) => ReadonlyArray<RedisCommand.Argument>) | undefined
}

/**
 * Declares a script.
 *
 * **Details**
 *
 * Its parameters are those of `keys` and `args`; their type is written once, at the first of them.
 * Without `decode` it answers the reply as it came.
 *
 * Without a `kind` it is `effectful`: never sent again once it may have run. What Lua does to the
 * data cannot be told from its source, and where a connection is lost nobody knows whether it ran;
 * so only its author can say that running it twice does no harm.
 *
 * **Gotchas**
 *
 * - The text of an error that a script raises may hold data and is not shown: what is shown is the
 *   line, and what Redis and Lua themselves say. `errors` declares the codes by which a caller
 *   tells one refusal from another. They stand first in what `redis.error_reply` is given, and in
 *   the `err` of a table that is given to `error`; of a text that is given to `error` Redis makes
 *   an `ERR`.
 * - An error reply does not say that nothing happened: what the script did before stays done. It is
 *   sent again after such a reply only where its `kind` says that this is safe.
 * - Lua's numbers lose their fraction on the way out: `tostring` keeps it. Of a table everything
 *   from the first nil on is cut off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <A, Params = void>(options: Options<Params> & { readonly decode: RedisCommand.Decoder<A> }): RedisScript<Params, A>
  <Params = void>(options: Options<Params>): RedisScript<Params, RedisCommand.Reply>
} = <Params>({
  args = none,
  decode = asItCame,
  errors = [],
  keys = none,
  kind = "effectful",
  lua,
  reply = "text"
}: Options<Params> & { readonly decode?: RedisCommand.Decoder<RedisCommand.Reply> }): RedisScript<
  Params,
  RedisCommand.Reply
> => ({ lua, sha: createHash("sha1").update(lua).digest("hex"), kind, reply, errors, keys, args, decode })

const none = (): ReadonlyArray<never> => []

/**
 * Removes a key only if its value is still the one given, and says whether it did.
 *
 * **Example** (Giving up a lock that may have passed to another)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const release = redis.eval(RedisScript.deleteIfEqual)
 *   yield* redis.set("lock", "mine", { condition: "ifAbsent" }) // => true
 *   yield* redis.set("lock", "another's", { condition: "ifAbsent" }) // => false
 *   yield* release({ key: "lock", value: "another's" }) // => false
 *   yield* release({ key: "lock", value: "mine" }) // => true
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @category scripts
 * @since 0.1.0
 */
export const deleteIfEqual: RedisScript<{ readonly key: string; readonly value: RedisCommand.Argument }, boolean> =
  /* @__PURE__ */ make({
    lua: `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("UNLINK", KEYS[1]) else return 0 end`,
    keys: ({ key }) => [key],
    args: ({ value }) => [value],
    decode: one,
    kind: "idempotent"
  })
