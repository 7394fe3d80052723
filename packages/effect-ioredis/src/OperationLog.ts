/**
 * Switches the log lines of single operations, of one client and of the caches on it.
 *
 * **When to use**
 *
 * Use to look at single operations for a while: what is found where, what is tried again and why,
 * what becomes of connections and circuits. What an outage is told of by itself needs no switch.
 *
 * **Details**
 *
 * The lines are of debug level. The switch alone decides whether there are any, whatever the
 * program's `MinimumLogLevel` is, so that one client can be looked at while the program runs. They
 * are off by default, and cost nothing then. `docs/logging_and_tracing.md` lists them with their
 * fields. No line holds a key, a value or a secret.
 *
 * **Example** (Looking at a client for a minute)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { OperationLog, RedisClient } from "effect-ioredis"
 *
 * const look = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* OperationLog.set(redis, true)
 *   yield* Effect.sleep("1 minute")
 *   yield* OperationLog.set(redis, false)
 * })
 * ```
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { of } from "./dispatch.ts"
import type { RedisClient } from "./RedisClient.ts"

/**
 * Turns the lines of a client on or off, from now on.
 *
 * @category logging
 * @since 0.1.0
 */
export const set = (client: RedisClient, isOn: boolean): Effect.Effect<void> =>
  Effect.sync(() => {
    of(client).operationLog.isOn = isOn
  })

/**
 * Tells whether the lines of a client are on.
 *
 * **Example** (A switch that a person flips)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { OperationLog, RedisClient } from "effect-ioredis"
 *
 * const flip = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* OperationLog.set(redis, !(yield* OperationLog.isOn(redis)))
 * })
 * ```
 *
 * @category logging
 * @since 0.1.0
 */
export const isOn = (client: RedisClient): Effect.Effect<boolean> => Effect.sync(() => of(client).operationLog.isOn)
