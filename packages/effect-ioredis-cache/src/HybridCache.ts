/**
 * Redis and memory as one `Cache`: Redis is the truth while it answers, and memory answers while it does not.
 *
 * **Details**
 *
 * A read asks Redis; a hit also fills memory for the rest of its life, and a miss empties it. Any `RedisError`, and memory answers. A call
 * spends at most `patience` (default 1 second) on Redis, attempts and retries together. Writes go to both: `"Applied"` says that Redis
 * confirmed it, `"Deferred"` that this process has it, in its `WriteJournal`, and that Redis stops serving what it had before as soon as it
 * is back.
 *
 * Each fallback is counted (`cache_requests_total{result="fallback_hit"}`). Where they begin and end is logged at debug level: the outage itself
 * is for `RedisHealth` to tell, once.
 *
 * **Example** (Composing it from its parts)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
 *
 * const CacheLive = HybridCache.layer({ patience: "500 millis" }).pipe(
 *   Layer.provide([RedisCache.layer({ prefix: "jobs" }), MemoryCache.layer({ maxEntries: 10_000 })]),
 *   Layer.provide(Redis.layer({ url: "redis://localhost:6379" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Cause, Clock, Config, Duration, Effect, Exit, identity, Layer, Option, Result } from "effect"
import { Redis, type RedisClient, RedisConfig, RedisError, type RedisHealth } from "effect-ioredis"
import * as Cache from "./Cache.ts"
import * as CacheKey from "./CacheKey.ts"
import type { CacheTier, Cancel, Done, Found, Hit, OnAttempt, WriteOutcome } from "./CacheTier.ts"
import * as Region from "./internal/Region.ts"
import * as MemoryCache from "./MemoryCache.ts"
import * as RedisCache from "./RedisCache.ts"
import * as WriteJournal from "./WriteJournal.ts"

/**
 * `patience` is the longest a call waits for Redis (default 1 second); `timeToLive` is for regions that name none (default 300
 * seconds); `journal` bounds the `WriteJournal`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly patience?: Duration.Input | undefined
  readonly timeToLive?: Duration.Input | undefined
  readonly journal?: WriteJournal.Options | undefined
}

/**
 * Composes the strict cache and memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Cache.Cache, never, RedisCache.RedisCache | MemoryCache.MemoryCache> =>
  Layer.effect(
    Cache.Cache,
    Effect.gen(function* () {
      const redis = yield* RedisCache.RedisCache
      const memory = MemoryCache.tier(yield* MemoryCache.MemoryCache, yield* Clock.Clock)
      const patience = Duration.fromInputUnsafe(options.patience ?? "1 second")
      const journal = yield* WriteJournal.make(redis.client, options.journal)
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const outage = makeOutage(fork)
      return yield* Region.makeCache({
        tier: (region) => {
          const tier = redis.tier(region, { patience })
          const regionJournal = journal.region({
            name: region.name,
            replay: region.replay,
            empty: tier.clear,
            setCommand: tier.setCommand
          })
          return makeTier(tier, memory(region), regionJournal, outage, patience)
        },
        timeToLive: options.timeToLive,
        patience
      })
    })
  )

/**
 * The whole of it from the environment: Redis as `RedisConfig` says, and `CACHE_PATIENCE_MS` 1000, `CACHE_TTL` 300 (seconds),
 * `CACHE_MAX_SIZE` 1000 (entries in memory), `CACHE_PREFIX` `cache`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  Cache.Cache | RedisClient.RedisClient | RedisHealth.RedisHealth,
  Config.ConfigError
> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, ({ maxEntries, patience, prefix, timeToLive }) =>
      layer({ patience, timeToLive }).pipe(
        Layer.provide([RedisCache.layer({ prefix }), MemoryCache.layer({ maxEntries })]),
        Layer.provideMerge(Redis.layerConfig)
      )
    )
  )
)

const config = Config.all({
  patience: RedisConfig.variable(RedisConfig.duration("CACHE_PATIENCE_MS", "patience", 1000, "millis")),
  timeToLive: RedisConfig.variable(RedisConfig.duration("CACHE_TTL", "timeToLive", 300, "seconds")),
  maxEntries: RedisConfig.variable(RedisConfig.integer("CACHE_MAX_SIZE", "maxEntries", 1000, { min: 1, max: 2 ** 24 })),
  prefix: RedisConfig.variable(
    RedisConfig.text("CACHE_PREFIX", "prefix", "cache", "a name without white space and : { } * ? [ ] \\", (prefix) =>
      Result.isSuccess(CacheKey.keyspace({ prefix, region: "r", version: 0 }))
    )
  )
})

const makeTier = <Value>(
  redis: RedisCache.RedisTier<Value>,
  memory: MemoryCache.MemoryTier<Value>,
  journal: WriteJournal.RegionJournal,
  outage: Outage,
  patience: Duration.Duration
): CacheTier<Value, never> => {
  const remember = (key: string, found: Found<Value>, isCurrent: boolean): void => {
    if (!isCurrent) return
    if (found.hit !== undefined && found.hit.timeToLive > 0) memory.put(key, found.hit)
    else memory.expire(key)
  }

  const fallBack = (key: string): Found<Value> => ({ hit: memory.find(key), source: "fallback" })

  // What the journal says of a key, if anything.
  const journaledAs = (key: string): Found<Value> | undefined => {
    if (journal.isEmpty()) return undefined
    const answer = journal.answer(redis.redisKey(key))
    if (answer === undefined) return undefined
    // Only this region writes under its keys, and it writes nothing but its values.
    const hit = answer._tag === "Journal" ? (answer.hit as Hit<Value> | undefined) : memory.find(key)
    return { hit, source: "memory" }
  }

  // The reply may come from a server that was started anew since it was asked for, and the journal know better by now.
  const read = (key: string, found: Found<Value>, isCurrent: boolean): Found<Value> => {
    const answer = journaledAs(key)
    if (answer === undefined) remember(key, found, isCurrent)
    return answer ?? found
  }

  // What Redis said, or what memory says in its place.
  const orElse =
    <A, B>(answer: (found: A) => B, fallBack: () => B, done: Done<B, never>): Done<A, RedisError.RedisError> =>
    (exit) => {
      if (Exit.isSuccess(exit)) {
        outage.end()
        return done(Exit.succeed(answer(exit.value)))
      }
      outage.begin(exit.cause)
      done(Exit.succeed(fallBack()))
    }

  // A write is in the journal from before it is sent until Redis has confirmed it.
  const journaled = <W>(
    writes: ReadonlyArray<W>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<WriteOutcome>, never>,
    begin: (write: W) => WriteJournal.Ticket,
    memory: WriteTo<W, never>,
    redis: WriteTo<W, RedisError.RedisError>,
    timeLeft: number | undefined
  ): Cancel => {
    const deferred = () => writes.map((): WriteOutcome => "Deferred")
    if (journal.runsOnMemory()) {
      memory(writes, isCurrent, ignore)
      done(Exit.succeed(deferred()))
      return ignore
    }
    const tickets = writes.map((write, index) => (isCurrent(index) ? begin(write) : undefined))
    const end = (): void => {
      for (const ticket of tickets) ticket?.end()
    }
    memory(writes, isCurrent, ignore)
    const cancel = redis(
      writes,
      isCurrent,
      orElse(identity, deferred, (exit) => {
        end()
        done(exit)
      }),
      (index, session) => tickets[index]?.onAttempt(session) ?? ignore,
      timeLeft
    )
    return () => {
      cancel()
      end()
    }
  }

  return {
    // An open circuit is not asked again for every read.
    known: (key) => {
      const answer = journaledAs(key)
      if (answer !== undefined || !redis.refuses()) return answer
      outage.refused()
      return fallBack(key)
    },
    get: (key, isCurrent, done) =>
      redis.get(
        key,
        isCurrent,
        orElse(
          (found) => read(key, found, isCurrent()),
          () => fallBack(key),
          done
        )
      ),
    peek: memory.peek,
    stale: memory.stale,
    getMany: (keys, isCurrent, done) => {
      const answers = keys.map(journaledAs)
      const asked = keys.flatMap((key, index) => (answers[index] === undefined ? [{ key, index }] : []))
      const askedKeys = asked.map(({ key }) => key)
      const isAskedCurrent = (n: number) => isCurrent(asked[n]?.index ?? -1)
      const together = (found: ReadonlyArray<Found<Value>>) => {
        const rest = found[Symbol.iterator]()
        return keys.map((key, index) => answers[index] ?? rest.next().value ?? fallBack(key))
      }
      return redis.getMany(
        askedKeys,
        isAskedCurrent,
        orElse(
          (all) => together(all.map((found, n) => read(askedKeys[n] ?? "", found, isAskedCurrent(n)))),
          () => together(askedKeys.map(fallBack)),
          done
        )
      )
    },
    set: (writes, isCurrent, done, _, timeLeft) =>
      journaled(
        writes,
        isCurrent,
        done,
        (write) => journal.begin(redis.redisKey(write.key), write),
        memory.set,
        redis.set,
        timeLeft
      ),
    remove: (keys, isCurrent, done, _, timeLeft) =>
      journaled(
        keys,
        isCurrent,
        done,
        (key) => journal.begin(redis.redisKey(key), undefined),
        memory.remove,
        redis.remove,
        timeLeft
      ),
    clear: Effect.andThen(
      memory.clear,
      Effect.map(
        Effect.timeoutOption(journal.clear, patience),
        (emptied): WriteOutcome => (Option.getOrElse(emptied, () => false) ? "Applied" : "Deferred")
      )
    )
  }
}

// Says once that memory answers in the place of Redis, and once that it need not any more. A warning here would be the second one of the same
// outage, and one per call where Redis is merely slow.
interface Outage {
  readonly begin: (cause: Cause.Cause<RedisError.RedisError>) => void
  /** The circuit breaker has refused. */
  readonly refused: () => void
  readonly end: () => void
}

const makeOutage = (fork: (effect: Effect.Effect<void>) => void): Outage => {
  let fallbacks = 0
  const fellBack = (reason: string): void => {
    fallbacks++
    if (fallbacks > 1) return
    fork(Effect.logDebug("Redis does not answer the cache: memory does").pipe(Effect.annotateLogs({ reason })))
  }
  return {
    begin: (cause) => {
      const error = Cause.squash(cause)
      // A Redis that refuses does answer.
      if (RedisError.isRedisError(error) && error._tag === "RedisOperationError") return
      fellBack(RedisError.isRedisError(error) ? error.message : "a defect")
    },
    refused: () => fellBack("the circuit is open"),
    end: () => {
      if (fallbacks === 0) return
      const total = fallbacks
      fallbacks = 0
      fork(Effect.logDebug("Redis answers the cache again").pipe(Effect.annotateLogs({ fallbacks: total })))
    }
  }
}

type WriteTo<W, E> = (
  writes: ReadonlyArray<W>,
  isCurrent: (index: number) => boolean,
  done: Done<ReadonlyArray<WriteOutcome>, E>,
  onAttempt?: OnAttempt,
  timeLeft?: number
) => Cancel

const ignore = () => {}
