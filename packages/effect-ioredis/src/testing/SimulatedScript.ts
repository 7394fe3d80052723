/**
 * A Lua script's counterpart in JavaScript, for the simulated Redis, which cannot run Lua.
 *
 * **Gotchas**
 *
 * A script without a counterpart is answered with the error `NOSIMULATEDSCRIPT`. As in Lua, strings
 * hold bytes: one character is one byte, also where the text is not ASCII. nil is `null`.
 *
 * **Example** (A counterpart)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 * import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
 *
 * const take = RedisScript.make({
 *   lua: `return redis.call("GETDEL", KEYS[1])`,
 *   keys: (job: string) => [job]
 * })
 *
 * const layer = SimulatedRedis.layer({
 *   scripts: [SimulatedScript.make(take, (keys, _args, call) => call("GETDEL", ...keys))]
 * })
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.set("job", "engineer")
 *   yield* redis.eval(take)("job") // => "engineer"
 *   yield* redis.eval(take)("job") // => null
 * })
 *
 * Effect.runPromise(Effect.provide(program, Layer.provide(RedisClient.layer(), layer)))
 * ```
 *
 * @since 0.1.0
 */
import type * as RedisScript from "../RedisScript.ts"
import * as Wire from "./internal/Wire.ts"

/**
 * Describes what a script gets from `call` and what it returns.
 *
 * @category models
 * @since 0.1.0
 */
export type Value = null | number | string | ReadonlyArray<Value>

/**
 * Executes a command of the simulated server, as `redis.call` does. Arguments are bytes, one
 * character each. An error reply ends the script.
 *
 * @category models
 * @since 0.1.0
 */
export type Call = (name: string, ...args: ReadonlyArray<string | number>) => Value

/**
 * Stands in for the script: `keys` is `KEYS`, `args` is `ARGV`, `call` is
 * `redis.call`.
 *
 * @category models
 * @since 0.1.0
 */
export type Run = (keys: ReadonlyArray<string>, args: ReadonlyArray<string>, call: Call) => Value

/**
 * A script and what stands in for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedScript {
  /** Is the script as a client calls it: it is known by the SHA-1 of its source. */
  readonly script: Pick<RedisScript.RedisScript, "sha">
  /** Stands in for it. */
  readonly run: Run
}

/**
 * Pairs a script with its counterpart.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (script: Pick<RedisScript.RedisScript, "sha">, run: Run): SimulatedScript => ({ script, run })

/**
 * Ends the script with an error reply of its own, as `redis.error_reply` does: `fail("MYCODE what
 * is wrong")`. The code is its caller's to read where the script declares it in `errors`.
 *
 * **Example** (A script that refuses)
 *
 * ```ts
 * import { RedisScript } from "effect-ioredis"
 * import { SimulatedScript } from "effect-ioredis/testing"
 *
 * const take = RedisScript.make({
 *   lua: `return redis.call("GETDEL", KEYS[1]) or redis.error_reply("NOJOB there is none")`,
 *   keys: (job: string) => [job],
 *   errors: ["NOJOB"]
 * })
 *
 * const simulated = SimulatedScript.make(
 *   take,
 *   (keys, _args, call) => call("GETDEL", ...keys) ?? SimulatedScript.fail("NOJOB there is none")
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (message: string): never => Wire.fail(message)
