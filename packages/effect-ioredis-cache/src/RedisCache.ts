/**
 * The strict cache: values in Redis and nowhere else, with `RedisError` in the error channel of every method.
 *
 * **When to use**
 *
 * Where an answer from anywhere but Redis would be wrong. Most programs want `HybridCache`, which is built on this.
 *
 * **Details**
 *
 * A value is stored as `<expiresAtMs>:<json>` with PX. What cannot be read is a miss, counted, logged once per region, and removed only if
 * the bytes are still those that were read: another deployment may read them well.
 *
 * @since 0.1.0
 */
import { Clock, Context, Duration, Effect, Layer, Option, Result, type Scope, Stream } from "effect"
import { RedisClient, RedisCommand, type RedisError, RedisScript } from "effect-ioredis"
import type * as Cache from "./Cache.ts"
import * as CacheKey from "./CacheKey.ts"
import type { CacheTier, Found, Removal, TierRegion, WriteOutcome } from "./CacheTier.ts"
import * as Region from "./internal/Region.ts"

/**
 * Regions whose methods fail with `RedisError`, and the tier they are built on.
 *
 * **Details**
 *
 * `tier` takes the options of each call it makes, such as how long it may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisCache {
  readonly region: <Key, Value>(
    options: Cache.RegionOptions<Key, Value>
  ) => Effect.Effect<Cache.Region<Key, Value, RedisError.RedisError>>
  readonly stats: Effect.Effect<Cache.Stats>
  readonly tier: <Value>(
    region: TierRegion<Value>,
    call?: { readonly patience?: Duration.Input | undefined }
  ) => RedisTier<Value>
  readonly client: RedisClient.RedisClient
}

/**
 * A tier in Redis, and the Redis key that a key of the region has there.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisTier<in out Value> extends CacheTier<Value, RedisError.RedisError> {
  readonly redisKey: (key: string) => string
}

/**
 * Service tag for the strict cache.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisCache: Context.Service<RedisCache, RedisCache> = Context.Service<RedisCache>(
  "effect-ioredis-cache/RedisCache"
)

/**
 * `prefix` begins every key (default `cache`); `timeToLive` is for regions that name none (default 300 seconds).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly prefix?: string | undefined
  readonly timeToLive?: Duration.Input | undefined
}

/**
 * Makes the strict cache on the `RedisClient` of the context. A prefix that cannot be part of a key is a defect that says so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const client = yield* RedisClient.RedisClient
  const scope = yield* Effect.scope
  const prefix = options.prefix ?? "cache"
  const probe = CacheKey.keyspace({ prefix, region: "r", version: 0 })
  if (Result.isFailure(probe)) return yield* Effect.die(new Error(probe.failure))
  const tier: RedisCache["tier"] = (region, call) => makeTier(client, scope, prefix, region, call?.patience)
  const regions = yield* Region.makeRegions<RedisError.RedisError>({
    tier,
    reject: Effect.fail,
    timeToLive: options.timeToLive
  })
  return RedisCache.of({ ...regions, tier, client })
})

/**
 * Provides the strict cache.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisCache, never, RedisClient.RedisClient> =>
  Layer.effect(RedisCache, make(options))

const makeTier = <Value>(
  client: RedisClient.RedisClient,
  scope: Scope.Scope,
  prefix: string,
  region: TierRegion<Value>,
  patience: Duration.Input | undefined
): RedisTier<Value> => {
  const keyspace = `${prefix}:${region.name}:v${region.version}:`
  const call = patience === undefined ? {} : { operationTimeout: Duration.fromInputUnsafe(patience) }

  const decode = (key: string, reply: RedisCommand.Reply): Effect.Effect<Found<Value>> => {
    if (reply === null) return missed
    const stored = String(reply)
    const decoded = region.codec.decode(stored)
    if (Option.isNone(decoded)) return Effect.andThen(discard(key, stored), missed)
    const { expiresAt, value } = decoded.value
    return Effect.map(Clock.currentTimeMillis, (now) => ({
      // Redis still has it, so it lives; how long is the writer's word, and clocks differ.
      hit: Option.some({ value, timeToLive: Math.min(expiresAt - now, region.longestLife), bytes: stored.length }),
      source: "redis"
    }))
  }

  // The answer does not wait for the removal, nor does a batch for one after the other.
  const discard = (key: string, stored: string) =>
    Effect.andThen(
      region.onCorrupt(key),
      client
        .eval(RedisScript.deleteIfEqual, [keyspace + key], [stored], call)
        .pipe(Effect.ignore, Effect.forkIn(scope, { startImmediately: true }))
    )

  // One round trip; a command that something newer has overtaken is left out.
  const write = (
    writes: ReadonlyArray<Removal>,
    commands: ReadonlyArray<RedisCommand.RedisCommand>
  ): Effect.Effect<ReadonlyArray<WriteOutcome>, RedisError.RedisError> =>
    Effect.flatMap(
      client.pipeline(commands, {
        ...call,
        isCurrent: (index) => writes[index]?.isCurrent() === true,
        onAttempt: (index, session) => writes[index]?.onAttempt?.(session) ?? ignore
      }),
      (results) =>
        Effect.forEach(results, (result) =>
          Result.isSuccess(result) ? applied : Effect.catchIf(Effect.fail(result.failure), isSuperseded, () => deferred)
        )
    )

  const get = (key: string): Effect.Effect<Found<Value>, RedisError.RedisError> =>
    Effect.matchEffect(client.send(RedisCommand.make("GET", [keyspace + key]), call), {
      onSuccess: (reply) => decode(key, reply),
      onFailure: (error) => (isForeign(error) ? Effect.andThen(region.onCorrupt(key), missed) : Effect.fail(error))
    })

  return {
    stale: () => Effect.succeedNone,
    redisKey: (key) => keyspace + key,
    get,
    peek: get,
    getMany: (keys) =>
      keys.length === 0
        ? Effect.succeed([])
        : Effect.flatMap(
            client.send(
              RedisCommand.make(
                "MGET",
                keys.map((key) => keyspace + key)
              ),
              call
            ),
            (replies) =>
              Effect.forEach(keys, (key, index) => decode(key, Array.isArray(replies) ? replies[index] : null))
          ),
    set: (writes) =>
      write(
        writes,
        writes.map(({ key, text, timeToLive }) => RedisCommand.make("SET", [keyspace + key, text, "PX", timeToLive]))
      ),
    remove: (removals) =>
      write(
        removals,
        removals.map(({ key }) => RedisCommand.make("UNLINK", [keyspace + key]))
      ),
    clear: client.scan({ match: `${keyspace}*`, count: 500 }).pipe(
      Stream.grouped(500),
      Stream.runForEach((keys) => client.send(RedisCommand.make("UNLINK", keys))),
      Effect.andThen(applied)
    )
  }
}

const missed: Effect.Effect<Found<never>> = Effect.succeed({ hit: Option.none(), source: "redis" })

const applied: Effect.Effect<WriteOutcome> = Effect.succeed("Applied")

// The newer write is the one that counts; this process has it, and Redis is told by it.
const deferred: Effect.Effect<WriteOutcome> = Effect.succeed("Deferred")

const ignore = () => {}

const isSuperseded = (error: RedisError.RedisOperationError): boolean => error.code === "SUPERSEDED"

// A list or a hash under the key, say: for MGET that is a miss, and so it is for GET.
const isForeign = (error: RedisError.RedisError): boolean =>
  error._tag === "RedisOperationError" && error.code === "WRONGTYPE"
