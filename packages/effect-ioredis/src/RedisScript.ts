/**
 * Lua scripts that are declared once, with what sending them twice would do.
 *
 * **Example** (A script that can be sent twice)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 *
 * const raise = RedisScript.make({
 *   lua: `local old = tonumber(redis.call("GET", KEYS[1]) or "0")
 *         if tonumber(ARGV[1]) > old then redis.call("SET", KEYS[1], ARGV[1]) end
 *         return redis.call("GET", KEYS[1])`,
 *   kind: "repeatable"
 * })
 *
 * const program = Effect.flatMap(RedisClient.RedisClient, (redis) =>
 *   redis.eval(raise, ["high-score"], [42])
 * )
 * ```
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"
import type { CommandKind } from "./RedisCommand.ts"

/**
 * A declared script.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisScript {
  /** Holds its source. */
  readonly lua: string
  /** Holds the SHA-1 of its source, which EVALSHA calls it by. */
  readonly sha: string
  /** Says what running it twice would do. */
  readonly kind: CommandKind
}

/**
 * Declares a script. Without a `kind` it is `effectful`: never sent again once it may have run.
 *
 * **Gotchas**
 *
 * What a script fails with by `redis.error_reply` has the code `"ERR"`, for its text may hold data:
 * a script that wants to tell its caller something returns it.
 *
 * An error reply does not say that nothing happened: what the script did before stays done. It is
 * sent again after such a reply only where its `kind` says that this is safe.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: { readonly lua: string; readonly kind?: CommandKind | undefined }): RedisScript => ({
  lua: options.lua,
  sha: createHash("sha1").update(options.lua).digest("hex"),
  kind: options.kind ?? "effectful"
})

/**
 * Removes a key only if its value is still the one given: `KEYS[1]` the key, `ARGV[1]` the value.
 * Answers 1 if it removed it, else 0.
 *
 * **Example** (Giving up a lock that may have passed to another)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 * import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
 *
 * const release = (token: string) =>
 *   Effect.flatMap(RedisClient.RedisClient, (redis) =>
 *     redis.eval(RedisScript.deleteIfEqual, ["lock"], [token])
 *   )
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.set("lock", "mine", { condition: "ifAbsent" }) // => true
 *   yield* redis.set("lock", "another's", { condition: "ifAbsent" }) // => false
 *   yield* release("another's") // => 0
 *   yield* release("mine") // => 1
 * })
 *
 * // A simulated Redis runs no Lua.
 * const scripts = [
 *   SimulatedScript.make(RedisScript.deleteIfEqual, ([key = ""], [token], call) =>
 *     call("GET", key) === token ? call("UNLINK", key) : 0
 *   )
 * ]
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer({ scripts }))
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @category scripts
 * @since 0.1.0
 */
export const deleteIfEqual: RedisScript = make({
  lua: `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("UNLINK", KEYS[1]) else return 0 end`,
  kind: "idempotent"
})
