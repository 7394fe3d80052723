/**
 * Lets the modules of `effect/persistence` run on a `RedisClient`: `PersistedCache`,
 * `PersistedQueue`, `RateLimiter`, `KeyValueStore`, and whatever else asks for Effect's `Redis`.
 *
 * **When to use**
 *
 * Use for programs that are written against Effect's own services. Everything that this library
 * does for a command it does here too: deadlines, retries where they are safe, the circuit breaker.
 *
 * **Gotchas**
 *
 * - It is made for effect 4.1, whose persistence modules are unstable. With another minor version
 *   its layers die with a message that says what to install. The version is what Effect's
 *   `Version.getCurrentVersion` says when this entry is loaded.
 * - The services are loaded when a layer is built, so that it cannot be built synchronously.
 * - What the client waits for lives on the client's clock: a `TestClock` does not move it. A queue
 *   or a limiter has times of its own, of the clock of its fiber.
 *
 * **Example** (A queue that bridges an outage, and a limiter that does not wait for one)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { PersistedQueue } from "effect/persistence"
 * import { Redis } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis/persistence"
 *
 * const Queues = PersistedQueue.layer.pipe(
 *   Layer.provide(PersistedQueue.layerStoreRedis()),
 *   Layer.provide(Persistence.layer({ waitToSend: "1 minute" }))
 * )
 *
 * const Limits = Persistence.layerRateLimiter({ whenUnavailable: "allow" })
 *
 * const Live = Layer.mergeAll(Queues, Limits).pipe(Layer.provide(Redis.layerFromEnv()))
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
import { Effect, Layer } from "effect"
import type { KeyValueStore, RateLimiter, Redis } from "effect/persistence"
import { requireEffect } from "./internal/persistence/effectVersion.ts"
import type { CallOptions, RedisClient } from "./RedisClient.ts"

/**
 * Sets how commands are sent for one use of a client: several layers on one client may differ.
 *
 * @category models
 * @since 0.1.0
 */
export interface UseOptions {
  /**
   * The most that a command may take with its retries. Default: 2 seconds more than `waitToSend`,
   * and the client's where nothing waits.
   */
  readonly operationTimeout?: CallOptions["operationTimeout"]
  /**
   * Sets how long a command may wait for a connection, or for the circuit to close, that has not
   * left or may be sent again. Default: 0.
   *
   * **Gotchas**
   *
   * A `PersistedQueue` accepts offers over outages that are no longer than this, those on their way
   * included where they have an id. Where an `offer` may not take as long, bound it by
   * `Effect.timeout`.
   */
  readonly waitToSend?: CallOptions["waitToSend"]
}

/**
 * Provides Effect's `Redis` on the client of the context.
 *
 * **Details**
 *
 * Each failure is Effect's `RedisError` with the whole error of this library as its `cause`:
 * `_tag`, `sent`, `retryAfter`. A command is sent again as its kind says. Of Effect's own scripts
 * those are that do the same twice as once: an offer with an id, the end of a job, the renewal of
 * locks, `setMany`. Any other script is never sent again once it may have run, nor is an offer
 * without an id, which is a plain RPUSH. `reserve` gives a connection as `RedisReservation.reserve`
 * does, and counts as one. `subscribe` returns when the server has subscribed, or after 2 seconds
 * without it. It goes on when the connection is made again, and logs where messages may be missing.
 *
 * **Gotchas**
 *
 * - What the client refuses on a shared connection is refused here: `send("BLPOP", …)` belongs on a
 *   connection of `reserve`. There it may wait for ever, by asking again every 10 seconds. `WAIT`
 *   and `XREAD` from `$` cannot be asked again, and are refused without a time.
 * - A `PersistedQueue` gives back the jobs of lost workers after an outage of any length. A job
 *   that is in hand is ended when Redis is back, if that is within the queue's `lockExpiration` (90
 *   seconds) and `waitToSend`. After that its worker's `take` dies, and the job is done again. What
 *   was handed out in a reply that was lost begins again after `lockExpiration`.
 * - On a cluster the keys of one script must be of one slot. Give a queue, a store or a limiter a
 *   prefix with a hash tag: `"{jobs}:"`. A SCAN that begins there gives the keys of all servers at
 *   once. A reserved connection is there one for each server, made when a key of that server is
 *   first asked for.
 *
 * **Example** (Telling a command that was not sent from one that may have run)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Redis } from "effect/persistence"
 * import { RedisClient, RedisError } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis/persistence"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* Redis.Redis
 *   yield* redis.send("SET", "visits", "41")
 *   yield* redis.send<number>("INCR", "visits") // => 42
 *   const { cause } = yield* Effect.flip(redis.send("LPUSH", "visits", "one"))
 *   RedisError.isRedisError(cause) && cause._tag // => "RedisOperationError"
 * })
 *
 * const Live = Persistence.layer().pipe(
 *   Layer.provide(RedisClient.layer()),
 *   Layer.provide(SimulatedRedis.layer())
 * )
 * Effect.runPromise(Effect.provide(program, Live))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: UseOptions = {}): Layer.Layer<Redis.Redis, never, RedisClient> =>
  supported(
    () => import("./internal/persistence/RedisService.ts"),
    (service) => service.layer(options)
  )

/**
 * Sets where the entries of a `KeyValueStore` are.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyValueStoreOptions extends UseOptions {
  /** Stands before each key. It may not be empty, for `clear` removes all that begins with it. */
  readonly prefix: string
}

/**
 * Provides Effect's `KeyValueStore` on the client of the context.
 *
 * **Details**
 *
 * Entries are strings of Redis that live for ever, text as text and bytes as bytes. `clear`,
 * `keys`, `size` and `isEmpty` scan for the prefix, which takes as long as the whole database is
 * large. Each failure is a `KeyValueStoreError` with the error of this library as its `cause`.
 *
 * **Gotchas**
 *
 * `modify` reads and writes: what another writes in between is lost, as in Effect's other stores.
 *
 * **Example** (Settings that are kept)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { KeyValueStore } from "effect/persistence"
 * import { RedisClient } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis/persistence"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const settings = yield* KeyValueStore.KeyValueStore
 *   yield* settings.set("theme", "dark")
 *   yield* settings.get("theme") // => "dark"
 *   yield* settings.size // => 1
 *   yield* settings.clear
 *   yield* settings.get("theme") // => undefined
 * })
 *
 * const Live = Persistence.layerKeyValueStore({ prefix: "settings:" }).pipe(
 *   Layer.provide(RedisClient.layer()),
 *   Layer.provide(SimulatedRedis.layer())
 * )
 * Effect.runPromise(Effect.provide(program, Live))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerKeyValueStore = (
  options: KeyValueStoreOptions
): Layer.Layer<KeyValueStore.KeyValueStore, never, RedisClient> =>
  supported(
    () => import("./internal/persistence/KeyValueStoreService.ts"),
    (service) => service.layer(options)
  )

/**
 * Sets what a `RateLimiter` does without Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimiterOptions extends UseOptions {
  /**
   * Sets what becomes of a call in an outage: `"allow"` lets it pass as if nothing had been
   * consumed, `"fail"` fails with Effect's `RateLimiterError`, whose reason is a
   * `RateLimitStoreError`.
   *
   * An outage is a connection that is missing or lost, no answer in time, an open circuit, and a
   * reply that puts the command off (LOADING, READONLY…). Whatever else Redis answers fails with
   * either: a user who may not (NOPERM), a key of another type, an error of the script.
   */
  readonly whenUnavailable: "allow" | "fail"
  /** Stands before each key. Default: Effect's own, `"ratelimiter:"`. */
  readonly prefix?: string | undefined
}

/**
 * Provides Effect's `RateLimiter` on the client of the context, with a choice of what happens while
 * Redis does not answer.
 *
 * **Gotchas**
 *
 * A call whose reply was lost may have consumed its tokens. It is not sent again.
 *
 * **Example** (Logins that nobody may try without a limit)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { Redis } from "effect-ioredis"
 * import * as Persistence from "effect-ioredis/persistence"
 *
 * const login = (user: string) =>
 *   Effect.gen(function* () {
 *     const limited = yield* RateLimiter.makeWithRateLimiter
 *     return yield* Effect.log(`${user} logs in`).pipe(
 *       limited({ key: user, limit: 5, window: "1 minute" })
 *     )
 *   })
 *
 * const Limits = Persistence.layerRateLimiter({ whenUnavailable: "fail" })
 * const program = login("alice").pipe(
 *   Effect.provide(Layer.provide(Limits, Redis.layerFromEnv()))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRateLimiter = (
  options: RateLimiterOptions
): Layer.Layer<RateLimiter.RateLimiter, never, RedisClient> =>
  supported(
    () => import("./internal/persistence/RateLimiterService.ts"),
    (service) => service.layer(options)
  )

// Nothing of `effect/persistence` is loaded before the version is known: another version of it may
// not even have these modules.
const supported = <Service, A>(
  load: () => Promise<Service>,
  layer: (service: Service) => Layer.Layer<A, never, RedisClient>
): Layer.Layer<A, never, RedisClient> =>
  Layer.unwrap(Effect.andThen(requireEffect("effect-ioredis/persistence"), Effect.map(Effect.promise(load), layer)))
