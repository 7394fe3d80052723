import { it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, type Scope } from "effect"
import { Redis, RedisClient, type RedisConfig, RedisError } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as LiveClock from "../support/LiveClock.ts"
import * as RedisServer from "../support/RedisServer.ts"

/** The real server of a test. */
export class Server extends Context.Service<Server, RedisServer.RedisServer>()("test/Server") {}

export const layerServer = Layer.effect(Server, RedisServer.make())

/** Tests that are not about logs print none. */
export const quiet = Logger.layer([])

/** Memory, the strict cache and the two together, on a client. */
export const caches = (options: HybridCache.Options & MemoryCache.Options = {}) =>
  HybridCache.layer(options).pipe(Layer.provideMerge([RedisCache.layer(), MemoryCache.layer(options)]))

export interface SimulatedOptions extends HybridCache.Options, MemoryCache.Options {
  readonly client?: RedisClient.Options | undefined
  readonly server?: SimulatedRedis.Options | undefined
  readonly logs?: Layer.Layer<never> | undefined
}

/** One process on the simulated server of the context. */
export const layerProcess = (options: SimulatedOptions = {}) =>
  caches(options).pipe(
    // Nobody moves a TestClock while its scope closes.
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0, ...options.client, requireReady: false })),
    Layer.provide(SimulatedRedis.layerConnector),
    Layer.provideMerge(options.logs ?? quiet)
  )

export const layerSimulated = (options: SimulatedOptions = {}) =>
  layerProcess(options).pipe(Layer.provideMerge(SimulatedRedis.layerServer({ scripts, ...options.server })))

/** A test of the three caches on a simulated Redis of its own. */
export const testSimulated = <E>(
  title: string,
  body: () => Effect.Effect<
    void,
    E,
    Cache.Cache | SimulatedRedis.SimulatedRedis | RedisClient.RedisClient | Scope.Scope
  >
) => it.effect(title, () => Effect.provide(body(), layerSimulated()))

export interface RealOptions extends HybridCache.Options, MemoryCache.Options {
  readonly redis?: Omit<RedisConfig.Options, "requireReady"> | undefined
}

/** One process on the real server of the context. */
export const layerRealProcess = (options: RealOptions = {}) =>
  Layer.unwrap(
    Effect.map(Server, ({ url }) =>
      caches(options).pipe(Layer.provideMerge(Redis.layer({ ...options.redis, url: options.redis?.url ?? url })))
    )
  ).pipe(Layer.provideMerge(quiet))

export const layerReal = (options: RealOptions = {}) => Layer.provideMerge(layerRealProcess(options), layerServer)

/** The strict cache as a `Cache`: what does not fit is "Rejected" as everywhere, and every other error dies. */
export const layerStrict = Layer.effect(
  Cache.Cache,
  Effect.map(RedisCache.RedisCache, (redis) =>
    Cache.Cache.of({
      stats: redis.stats,
      invalidateTag: (tag) => Effect.orDie(redis.invalidateTag(tag)),
      region: (options) =>
        Effect.map(redis.region(options), (region) => {
          const orElse = <A, R, E extends { readonly _tag: string }>(
            effect: Effect.Effect<A, E, R>,
            refused: Effect.Effect<A, never, R>
          ) => Effect.catch(effect, (error) => (error._tag === "RedisSerializationError" ? refused : Effect.die(error)))
          const rejected = Effect.succeed("Rejected" as const)
          return {
            get: (key) => orElse(region.get(key), Effect.succeedNone),
            getMany: (keys) => Effect.orDie(region.getMany(keys)),
            has: (key) => orElse(region.has(key), Effect.succeed(false)),
            timeToLive: (key) => orElse(region.timeToLive(key), Effect.succeedNone),
            set: (key, value, write) => orElse(region.set(key, value, write), rejected),
            setMany: (entries, write) => Effect.orDie(region.setMany(entries, write)),
            remove: (key) => orElse(region.remove(key), rejected),
            removeMany: (keys) => Effect.orDie(region.removeMany(keys)),
            touch: (key, write) => orElse(region.touch(key, write), rejected),
            clear: Effect.orDie(region.clear),
            getOrSet: (key, lookup, write) =>
              Effect.catch(region.getOrSet(key, lookup, write), (error) => {
                if (!RedisError.isRedisError(error)) return Effect.fail(error)
                return error._tag === "RedisSerializationError" ? lookup : Effect.die(error)
              }),
            getOrSetMany: (keys, lookup, write) =>
              Effect.catch(region.getOrSetMany(keys, lookup, write), (error) =>
                RedisError.isRedisError(error) ? Effect.die(error) : Effect.fail(error)
              ),
            refresh: (key, lookup, write) =>
              Effect.catch(region.refresh(key, lookup, write), (error) => {
                if (!RedisError.isRedisError(error)) return Effect.fail(error)
                return error._tag === "RedisSerializationError" ? lookup : Effect.die(error)
              })
          }
        })
    })
  )
)

/** Waits, in real time, until it is so. */
export const eventually = <R>(condition: Effect.Effect<boolean, unknown, R>, what = "it to be so") =>
  condition.pipe(
    Effect.flatMap((is) => (is ? Effect.void : Effect.fail("not yet"))),
    Effect.tapError(() => LiveClock.provide(Effect.sleep("1 millis"))),
    Effect.retry({ while: (error) => error === "not yet", times: 5000 }),
    Effect.catch((error) => Effect.die(new Error(`waited in vain for ${what}: ${String(error)}`)))
  )
