/**
 * The strict cache: values in Redis and nowhere else, with `RedisError` in the error channel of every method.
 *
 * **When to use**
 *
 * Where an answer from anywhere but Redis would be wrong. Most programs want `HybridCache`, which is built on this.
 *
 * **Details**
 *
 * A value is stored as a {@link StoredValue} with PX, and without PX if it lives for ever. What cannot be read is a miss, counted, and logged
 * as it begins. It stays where another deployment may read it well; what begins as ours and is broken is removed, if it is still that.
 *
 * @since 0.1.0
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Random, Result, Stream } from "effect"
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
import * as StoredValue from "./StoredValue.ts"

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
 * A tier in Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisTier<in out Value> extends CacheTier<Value, RedisError.RedisError> {
  /** The Redis key that a key of the region has. */
  readonly redisKey: (key: string) => string
  /** Whether the circuit breaker refuses to ask Redis now. */
  readonly refuses: () => boolean
  /** The command that stores a payload under a Redis key, with a stamp of its own, for so many milliseconds from now on. */
  readonly setCommand: (redisKey: string, payload: string, timeToLive: number) => RedisCommand.RedisCommand
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
 * Options of a `RedisCache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Begins every key (default `cache`). */
  readonly prefix?: string | undefined
  /** For regions that name none (default 300 seconds). */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * The time, in milliseconds since the epoch, at which values are written and expire (default: that of the Clock). It is to be the same for
   * all processes of a Redis: a process whose time is ahead takes values for expired too early.
   */
  readonly now?: (() => number) | undefined
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
  const random = yield* Random.Random
  const stamps = StoredValue.makeStampSource(() => random.nextDoubleUnsafe())
  const now = options.now ?? (() => clock.currentTimeMillisUnsafe())
  const tier: RedisCache["tier"] = (region, call) =>
    makeTier({ client, fork, now, prefix, stamps }, region, call?.patience)
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
    fork,
    now,
    prefix,
    stamps
  }: {
    readonly client: RedisClient.RedisClient
    readonly fork: (effect: Effect.Effect<void>) => void
    readonly now: () => number
    readonly prefix: string
    readonly stamps: StoredValue.StampSource
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

  const unreadable = (key: string, problem: string): Found<Value> => {
    region.onUnreadable(key, problem)
    return missed
  }

  const decode = (key: string, reply: RedisCommand.Reply): Found<Value> => {
    if (!(reply instanceof Uint8Array)) return missed
    learn(reply.length)
    const read = StoredValue.read(keyspace + key, reply)
    switch (read._tag) {
      case "Value":
        return decodePayload(key, read)
      case "Removed":
        return missed
      case "Broken":
        return discard(key, reply)
      case "Foreign":
        return unreadable(key, problems[read.reason])
    }
  }

  const decodePayload = (key: string, { header, payloadOffset, stored }: StoredValue.Value): Found<Value> => {
    const timeToLive = header.writtenAt + header.life - now()
    if (timeToLive <= 0) return missed
    const decoded = region.codec.decode(stored, payloadOffset)
    switch (decoded._tag) {
      case "Value":
        // How long it lives in memory is not for another process alone to say.
        return {
          hit: new Hit(decoded.value, Math.min(timeToLive, region.longestLife), stored.length),
          source: "redis"
        }
      case "Mismatch":
        return unreadable(key, decoded.problem)
      case "NotJson":
        return discard(key, stored)
    }
  }

  // The header tells writes apart, so that its script need not be sent the whole. The answer does not wait for the removal.
  const discard = (key: string, stored: Uint8Array): Found<Value> => {
    const begins = stored.subarray(0, comparedBytes)
    fork(client.eval(RedisScript.deleteIfBegins, [keyspace + key], [stored.length, begins], call).pipe(Effect.ignore))
    return unreadable(key, "it is a broken value of this region, and is removed")
  }

  const setCommand: RedisTier<Value>["setCommand"] = (redisKey, payload, timeToLive) => {
    const stored = StoredValue.encodeText(redisKey, new Written(stamps.next(), now(), timeToLive), payload)
    return RedisCommand.make(
      "SET",
      timeToLive === Number.POSITIVE_INFINITY
        ? Array.of<RedisCommand.Argument>(redisKey, stored)
        : Array.of<RedisCommand.Argument>(redisKey, stored, "PX", Math.min(timeToLive, StoredValue.longestLife))
    )
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
      done(Exit.succeed(unreadable(key, "it is of another Redis type")))
    })

  return {
    stale: Option.none,
    redisKey: (key) => keyspace + key,
    setCommand,
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
      const command = RedisCommand.make("MGET", redisKeys, { reply: "bytes" })
      return client.pipelineUnsafe([command], { operationTimeout }, (result) => {
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
          return setCommand(keyspace + key, text, timeToLive)
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

// A class, as what lives while a command is in flight has to be: see `Deadlines` of effect-ioredis.
class Written implements StoredValue.Fields {
  readonly kind = "set"
  readonly stamp: StoredValue.Stamp
  readonly writtenAt: number
  readonly life: number
  readonly staleLife: number
  readonly lookupTime = 0

  constructor(stamp: StoredValue.Stamp, writtenAt: number, life: number) {
    this.stamp = stamp
    this.writtenAt = writtenAt
    this.life = life
    this.staleLife = life
  }
}

const problems: { readonly [reason in StoredValue.Foreign["reason"]]: string } = {
  NotOurs: "it is not a value of this library, or of another release of it",
  OtherKey: "it was written under another key",
  UnknownLetter: "it is of a format that this release does not know"
}

// More than the header: so two broken values of one writer differ too, where their headers do not.
const comparedBytes = 64

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
