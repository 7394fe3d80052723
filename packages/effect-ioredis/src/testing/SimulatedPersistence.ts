/**
 * Lets the simulated Redis serve the modules of `effect/persistence`, by counterparts of the Lua
 * scripts that they send.
 *
 * **Details**
 *
 * `PersistedQueue`, `RateLimiter`, `PersistedCache` and `Persistence` then live in virtual time, on
 * `layer` and `layerRateLimiter` of `effect-ioredis/persistence`.
 *
 * **Gotchas**
 *
 * A script is known by its source as effect 4.1 sends it. A script that another version has changed
 * is answered with the error `NOSIMULATEDSCRIPT`.
 *
 * **Example** (A job that is to be done tomorrow)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect, Fiber, Layer, Schema } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 * import { TestClock } from "effect/testing"
 * import { RedisClient } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis/persistence"
 * import { SimulatedPersistence, SimulatedRedis } from "effect-ioredis/testing"
 *
 * const Queues = PersistedQueue.layer.pipe(
 *   Layer.provide(PersistedQueue.layerStoreRedis()),
 *   Layer.provide(Persistence.layer()),
 *   Layer.provide(RedisClient.layer()),
 *   Layer.provide(SimulatedRedis.layer({ scripts: SimulatedPersistence.scripts }))
 * )
 *
 * it.effect("sends the mail an hour later", () =>
 *   Effect.gen(function* () {
 *     const mails = yield* PersistedQueue.make({ name: "mails", schema: Schema.String })
 *     yield* mails.offer("hello", { id: "mail-1", delay: "1 hour" })
 *     const sent = yield* Effect.forkChild(mails.take(Effect.succeed))
 *     yield* TestClock.adjust("59 minutes")
 *     assert.isUndefined(sent.pollUnsafe())
 *     yield* TestClock.adjust("1 minute")
 *     yield* TestClock.adjust("1 second")
 *     assert.strictEqual(yield* Fiber.join(sent), "hello")
 *   }).pipe(Effect.provide(Queues))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { persistenceScripts } from "./internal/persistence/persistenceScripts.ts"
import { queueScripts } from "./internal/persistence/queueScripts.ts"
import { rateLimiterScripts } from "./internal/persistence/rateLimiterScripts.ts"
import type { SimulatedScript } from "./SimulatedScript.ts"

/**
 * The counterparts of all scripts of `effect/persistence`.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scripts: ReadonlyArray<SimulatedScript> = [...persistenceScripts, ...queueScripts, ...rateLimiterScripts]
