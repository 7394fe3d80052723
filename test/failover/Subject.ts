import { Context, Effect, Layer, Logger, Option, Schema, type Scope } from "effect"
import { IoredisConnector, RedisClient, type RedisError, RedisTopology } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as Journal from "../chaos/Journal.ts"
import * as OwnCache from "../support/OwnCache.ts"
import type { CallFailed, Incr } from "./Ledger.ts"
import { callMillis, patienceMillis } from "./Limits.ts"
import type { Target } from "./Target.ts"

/** The client under test, and the cache on it where it has one. */
export interface Subject {
  readonly incr: Incr
  readonly cache: SubjectCache | undefined
}

/** A region of versions: every call is to be answered within `patience`, whatever Redis does. */
export interface SubjectCache {
  readonly patienceMillis: number
  readonly set: (keys: ReadonlyArray<string>, version: number) => Effect.Effect<void>
  readonly get: (key: string) => Effect.Effect<number | undefined>
  /** How many writes are still to be sent to Redis. */
  readonly journal: () => number
  /** The key in Redis. */
  readonly redisKey: (key: string) => string
  /** The version that a value in Redis holds. */
  readonly versionIn: (stored: string | null) => number | undefined
}

/** The library: its client, and a hybrid cache on the same client. */
export const make = Effect.fnUntraced(function* (target: Target): Effect.fn.Return<Subject, never, Scope.Scope> {
  const context = yield* Layer.build(
    HybridCache.layer({ patience: patienceMillis }).pipe(
      Layer.provide([RedisCache.layer({ prefix: "cache" }), MemoryCache.layer({ maxEntries: 20_000 })]),
      Layer.provideMerge(
        RedisClient.layer({
          topology: topologyOf(target),
          commandTimeout: callMillis,
          operationTimeout: callMillis
        })
      ),
      Layer.provide([IoredisConnector.layer(), Logger.layer([])])
    )
  )
  const client = Context.get(context, RedisClient.RedisClient)
  return {
    incr: (key) => Effect.mapError(client.incr(key), failureOf),
    cache: yield* cacheOn(Context.get(context, Cache.Cache))
  }
})

const topologyOf = (target: Target): RedisTopology.RedisTopology => {
  const { addressMap } = target
  return target._tag === "Cluster"
    ? RedisTopology.cluster({ seeds: target.seeds, addressMap })
    : RedisTopology.sentinel({ master: target.master, sentinels: target.sentinels, addressMap })
}

const failureOf = (error: RedisError.RedisCommandError): CallFailed => ({
  sent: "sent" in error ? error.sent : "never",
  message: `${error._tag}: ${error.message}${becauseOf(error.cause)}`
})

const becauseOf = (cause: unknown): string => (cause instanceof Error ? ` [${cause.message}]` : "")

const regionName = "failover"

const cacheOn = Effect.fnUntraced(function* (cache: Cache.Cache) {
  const region = yield* cache.region({ name: regionName, version: 1, key: Schema.String, value: Schema.Int })
  const subject: SubjectCache = {
    patienceMillis,
    set: (keys, version) => Effect.asVoid(region.setMany(keys.map((key) => [key, version] as const))),
    get: (key) => Effect.map(region.get(key), Option.getOrUndefined),
    journal: yield* Journal.size,
    redisKey: (key) => OwnCache.redisKey(regionName, key),
    versionIn: (stored) => {
      const payload = OwnCache.payload(stored)
      return payload === undefined ? undefined : Number(payload)
    }
  }
  return subject
})
