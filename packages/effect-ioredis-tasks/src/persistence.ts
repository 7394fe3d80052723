/**
 * Lets Effect's `PersistedQueue` and `DurableQueue` keep their elements in a queue of this library,
 * which goes on after any outage of Redis, and gives back what crashed workers had.
 *
 * **When to use**
 *
 * Use for programs that are written against Effect's own queues: nothing but the layer changes. New
 * programs have more of `TaskQueue`: offers that no outage refuses, results, priorities, and
 * handlers that are interrupted before another worker may have their task.
 *
 * **Details**
 *
 * - All times are of Redis' clock, and none of the processes' clocks matters.
 * - An element that a crashed worker had begins again when its `lease` has lapsed, before and after
 *   an outage. The attempt counts: what was lost `maxAttempts` times is a dead letter.
 * - `take` waits for Redis for as long as it is away. When it returns, Redis knows what became of
 *   the element; where Redis is away for longer than the `lease`, it is told when it is back.
 * - An `offer` is repeated until it has an answer, for `patience`, and never enqueues twice. After
 *   that it fails with a `PersistedQueueError`, whose `cause` is the error of this library.
 * - Idle workers wait at Redis and ask for nothing: there is no interval to choose.
 *
 * **Gotchas**
 *
 * - It is made for effect 4.1, whose persistence modules are unstable. With another minor version
 *   its layer dies with a message that says what to install.
 * - The elements are in this library's own form. Those of Effect's `layerStoreRedis` are not seen,
 *   nor do they see these: let the former workers empty their queue.
 * - A handler is not interrupted when its lease lapses, as in Effect's own stores: it runs in the
 *   fiber that took. While Redis is away for longer than the lease, another process may begin the
 *   same element once Redis is back; only one of them settles it.
 * - Where Redis refuses, such as by NOPERM, `take` fails with a `PersistedQueueError`.
 *
 * **Example** (A queue of Effect's that outages do not stop)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 * import { Redis } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis-tasks/persistence"
 *
 * const Live = PersistedQueue.layer.pipe(
 *   Layer.provideMerge(Persistence.layerStore({ lease: "30 seconds" })),
 *   Layer.provide(Redis.layerFromEnv())
 * )
 *
 * const program = Effect.gen(function* () {
 *   const mails = yield* PersistedQueue.make({ name: "mails", schema: Schema.String })
 *   yield* mails.offer("hello", { id: "mail-1" })
 *   yield* mails.take((mail) => Effect.log(mail))
 * }).pipe(Effect.provide(Live))
 * ```
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Layer } from "effect"
import type { PersistedQueue } from "effect/persistence"
import type { RedisClient } from "effect-ioredis"
import { requireEffect } from "effect-ioredis/dispatch"

/**
 * Sets where the elements are, and for how long one is its taker's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreOptions {
  /**
   * Stands before each key. `cleanup` is about all queues below it, so it is no prefix of a
   * `TaskQueue`. Default: `"persisted"`.
   */
  readonly prefix?: string | undefined
  /**
   * Sets for how long an element is its taker's own without a word from its process, which renews
   * it three times in that. Default: 30 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /** Bounds how long an offer waits for Redis. Default: 5 seconds. */
  readonly patience?: Duration.Input | undefined
}

/**
 * Provides Effect's `PersistedQueueStore` on the client of the context.
 *
 * **Details**
 *
 * A process keeps one reserved connection for each queue that it has taken from, at which it waits
 * while there is nothing to do. They count among the client's `maxReserved`, 10 by default: a queue
 * that gets none is asked every second. Ids are remembered until `PersistedQueue.layerCleanup`
 * removes them; those that the queue has made itself for ten minutes.
 *
 * **Example** (A worker that another process replaces within ten seconds)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 * import { Redis } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis-tasks/persistence"
 *
 * const Store = Persistence.layerStore({ prefix: "shop:jobs", lease: "8 seconds" })
 *
 * const Cleanup = PersistedQueue.layerCleanup({ timeToLive: "7 days" })
 *
 * const Live = Layer.mergeAll(PersistedQueue.layer, Cleanup).pipe(
 *   Layer.provide(Store),
 *   Layer.provide(Redis.layerFromEnv())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStore = (
  options: StoreOptions = {}
): Layer.Layer<PersistedQueue.PersistedQueueStore, never, RedisClient.RedisClient> =>
  Layer.unwrap(
    Effect.andThen(
      requireEffect("effect-ioredis-tasks/persistence"),
      // Another version of Effect may not even have the modules that this loads.
      Effect.map(
        Effect.promise(() => import("./internal/persistence/PersistedStore.ts")),
        (store) => store.layer(options)
      )
    )
  )
