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
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Result, Stream } from "effect"
import { RedisClient, RedisCommand, RedisError, RedisScript } from "effect-ioredis"
import type * as Cache from "./Cache.ts"
import * as CacheKey from "./CacheKey.ts"
import {
  type CacheTier,
  type Cancel,
  type Done,
  type Found,
  Hit,
  type OnAttempt,
  type TierRegion,
  type WriteOutcome
} from "./CacheTier.ts"
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
 * A tier in Redis, the Redis key that a key of the region has there, and whether the circuit breaker refuses to ask for it now.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisTier<in out Value> extends CacheTier<Value, RedisError.RedisError> {
  readonly redisKey: (key: string) => string
  readonly refuses: () => boolean
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
  const clock = yield* Clock.Clock
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const fork = (effect: Effect.Effect<void>): void => {
    run(Effect.forkIn(effect, scope))
  }
  const tier: RedisCache["tier"] = (region, call) => makeTier({ client, clock, fork, prefix }, region, call?.patience)
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
  {
    client,
    clock,
    fork,
    prefix
  }: {
    readonly client: RedisClient.RedisClient
    readonly clock: Clock.Clock
    readonly fork: (effect: Effect.Effect<void>) => void
    readonly prefix: string
  },
  region: TierRegion<Value>,
  patience: Duration.Input | undefined
): RedisTier<Value> => {
  const keyspace = `${prefix}:`
  const operationTimeout = patience === undefined ? undefined : Duration.toMillis(patience)
  const call = { operationTimeout }
  // What values of the region take, roughly: an average of the last ones. Until the first is seen, each is asked for alone: one may be huge.
  let bytes = 64 * 1024
  let seen = 0
  const learn = (length: number): void => {
    seen = Math.min(seen + 1, 16)
    bytes += (length - bytes) / seen
  }

  const decode = (key: string, reply: RedisCommand.Reply): Found<Value> => {
    if (reply === null) return missed
    const stored = String(reply)
    learn(stored.length)
    const decoded = region.codec.decode(stored)
    if (Option.isNone(decoded)) {
      discard(key, stored)
      return missed
    }
    const { expiresAt, value } = decoded.value
    // Redis still has it, so it lives; how long is the writer's word, and clocks differ.
    const timeToLive = Math.min(expiresAt - clock.currentTimeMillisUnsafe(), region.longestLife)
    return { hit: new Hit(value, timeToLive, stored.length), source: "redis" }
  }

  // The answer does not wait for the removal.
  const discard = (key: string, stored: string): void => {
    region.onCorrupt(key)
    fork(client.eval(RedisScript.deleteIfEqual, [keyspace + key], [stored], call).pipe(Effect.ignore))
  }

  // One round trip; a command that something newer has overtaken is left out.
  const write = (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    isCurrent: (index: number) => boolean,
    onAttempt: OnAttempt | undefined,
    timeLeft: number | undefined,
    done: Done<ReadonlyArray<WriteOutcome>, RedisError.RedisError>
  ): Cancel => {
    const [first] = commands
    if (first === undefined) {
      done(Exit.succeed([]))
      return ignore
    }
    if (timeLeft === 0) {
      done(Exit.fail(RedisError.RedisTimeoutError.after(first.name, 0)))
      return ignore
    }
    const options = { operationTimeout: timeLeft ?? operationTimeout, isCurrent, onAttempt }
    return commands.length === 1
      ? client.sendUnsafe(first, options, (result) => done(outcomeOf(result)))
      : client.pipelineUnsafe(commands, options, (result) => done(outcomesOf(result)))
  }

  const get: RedisTier<Value>["get"] = (key, _, done) =>
    client.getUnsafe(keyspace + key, { bytes, operationTimeout }, (result) => {
      if (Result.isSuccess(result)) return done(Exit.succeed(decode(key, result.success)))
      if (!isForeign(result.failure)) return done(Exit.fail(result.failure))
      region.onCorrupt(key)
      done(Exit.succeed(missed))
    })

  return {
    stale: Option.none,
    redisKey: (key) => keyspace + key,
    refuses: client.breaker.refusesUnsafe,
    known: () => undefined,
    get,
    peek: get,
    getMany: (keys, _, done) => {
      if (keys.length === 0) {
        done(Exit.succeed([]))
        return ignore
      }
      const redisKeys = keys.map((key) => keyspace + key)
      return client.pipelineUnsafe([RedisCommand.make("MGET", redisKeys)], { operationTimeout }, (result) => {
        if (Result.isFailure(result)) return done(Exit.fail(result.failure))
        const [reply] = result.success
        if (reply !== undefined && Result.isFailure(reply)) return done(Exit.fail(reply.failure))
        const replies = Array.isArray(reply?.success) ? reply.success : []
        done(Exit.succeed(keys.map((key, index) => decode(key, replies[index] ?? null))))
      })
    },
    set: (writes, isCurrent, done, onAttempt, timeLeft) =>
      write(
        writes.map(({ key, text, timeToLive }) => {
          learn(text.length)
          return RedisCommand.make("SET", Array.of<RedisCommand.Argument>(keyspace + key, text, "PX", timeToLive))
        }),
        isCurrent,
        onAttempt,
        timeLeft,
        done
      ),
    remove: (keys, isCurrent, done, onAttempt, timeLeft) =>
      write(
        keys.map((key) => RedisCommand.make("UNLINK", Array.of(keyspace + key))),
        isCurrent,
        onAttempt,
        timeLeft,
        done
      ),
    clear: client.scan({ match: `${keyspace}${region.name}:v${region.version}:*`, count: 500 }).pipe(
      Stream.grouped(500),
      Stream.runForEach((keys) => client.send(RedisCommand.make("UNLINK", keys))),
      Effect.as("Applied")
    )
  }
}

const missed: Found<never> = { hit: undefined, source: "redis" }

const ignore = () => {}

const applied = (): WriteOutcome => "Applied"

const outcomeOf = (
  result: RedisClient.AttemptResult
): Exit.Exit<ReadonlyArray<WriteOutcome>, RedisError.RedisError> => {
  if (Result.isSuccess(result)) return Exit.succeed([applied()])
  return result.failure._tag === "RedisOperationError" && isSuperseded(result.failure)
    ? Exit.succeed(["Deferred"])
    : Exit.fail(result.failure)
}

// Of what something newer has overtaken, that is the one that counts: this process has it, and Redis is told by it.
const outcomesOf = (
  result: Result.Result<RedisClient.PipelineResults, RedisError.RedisCommandError>
): Exit.Exit<ReadonlyArray<WriteOutcome>, RedisError.RedisError> => {
  if (Result.isFailure(result)) return Exit.fail(result.failure)
  if (result.success.every(Result.isSuccess)) return Exit.succeed(result.success.map(applied))
  const refused = result.success.find((one) => Result.isFailure(one) && !isSuperseded(one.failure))
  if (refused !== undefined && Result.isFailure(refused)) return Exit.fail(refused.failure)
  return Exit.succeed(result.success.map((one) => (Result.isSuccess(one) ? "Applied" : "Deferred")))
}

const isSuperseded = (error: RedisError.RedisOperationError): boolean => error.code === "SUPERSEDED"

// A list or a hash under the key, say: for MGET that is a miss, and so it is for GET.
const isForeign = (error: RedisError.RedisError): boolean =>
  error._tag === "RedisOperationError" && error.code === "WRONGTYPE"
