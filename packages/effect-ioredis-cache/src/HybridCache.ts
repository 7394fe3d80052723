/**
 * Redis and memory as one `Cache`: Redis is the truth while it answers, and memory answers while it
 * does not.
 *
 * **Details**
 *
 * A read asks Redis; a hit also fills memory for the rest of its life, and a miss empties it. A
 * value is decoded once for each write of it, as long as memory holds it. Any `RedisError`, and
 * memory answers. A call spends at most `patience` (default 1 second) on Redis, attempts and
 * retries together. Writes go to both: `"Applied"` says that Redis confirmed it,
 * `"Deferred"` that this process has it, in its journal of unconfirmed writes, and that Redis stops
 * serving what it had before as soon as it is back.
 *
 * Each fallback is counted (`cache.requests` with `cache.source` `fallback`). Where they begin and
 * end is logged at debug level: the outage itself is for `RedisHealth` to tell, once.
 *
 * **Example** (Composing it from its parts)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
 *
 * const CacheLive = HybridCache.layer({ patience: "500 millis" }).pipe(
 *   Layer.provide(RedisCache.layer({ prefix: "jobs" })),
 *   Layer.provide(MemoryCache.layer({ maxEntries: 10_000 })),
 *   Layer.provide(Redis.layer({ url: "redis://localhost:6379" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Cause, Clock, Config, Duration, Effect, Exit, Layer, Option } from "effect"
import { Redis, type RedisClient, RedisConfig, type RedisError, type RedisHealth, Settings } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import * as Cache from "./Cache.ts"
import type { RemoveOutcome, WriteOutcome } from "./Cache.ts"
import { compressor } from "./internal/brotli.ts"
import {
  type CacheTier,
  type Cancel,
  type Done,
  exitOf,
  type Found,
  type FoundThere,
  Hit,
  type Write
} from "./internal/CacheTier.ts"
import * as Journal from "./internal/journal/Journal.ts"
import { SetIntent } from "./internal/journal/Ledger.ts"
import type { NearRead } from "./internal/near/Hearing.ts"
import * as Near from "./internal/near/Near.ts"
import * as SharedReads from "./internal/near/SharedReads.ts"
import * as MemoryStore from "./internal/MemoryStore.ts"
import * as MemoryTier from "./internal/MemoryTier.ts"
import { showPatience } from "./internal/Metrics.ts"
import { named } from "./internal/named.ts"
import { checkHybrid, MaxEntries, Prefix } from "./internal/options.ts"
import { profileOf } from "./internal/profileOf.ts"
import * as RedisTier from "./internal/RedisTier.ts"
import * as Region from "./internal/Region.ts"
import * as RegionSettings from "./internal/RegionSettings.ts"
import * as MemoryCache from "./MemoryCache.ts"
import * as RedisCache from "./RedisCache.ts"

/**
 * Sets how the two are put together.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Bounds how long a call waits for Redis altogether, batches included. Default: that of the
   * client's profile, or 1 second.
   */
  readonly patience?: Duration.Input | undefined
  /**
   * Sets how long values live in regions that name no life. Default: that of the client's profile,
   * or 300 seconds.
   */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * Bounds the journal of writes that Redis has not confirmed. Default: 10,000 entries and 16 MiB
   * of encoded values. Its heap is several times that, because it holds the values as well.
   */
  readonly journal?: Journal.Options | undefined
}

/**
 * Composes the strict cache and memory.
 *
 * **Gotchas**
 *
 * Options that make no sense are a mistake in the program, and so a defect: a `ConfigError` that
 * names each of them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Cache.Cache, never, RedisCache.RedisCache | MemoryCache.MemoryCache> => Layer.orDie(checked(options))

const checked = (
  options: Options
): Layer.Layer<Cache.Cache, Config.ConfigError, RedisCache.RedisCache | MemoryCache.MemoryCache> =>
  Layer.effect(
    Cache.Cache,
    Effect.gen(function* () {
      yield* checkHybrid(options)
      const redis = yield* RedisCache.RedisCache
      return yield* named(redis.client.name)(build(redis, options))
    })
  )

const build = Effect.fnUntraced(function* (redis: RedisCache.RedisCache, options: Options) {
  const defaults = yield* profileOf(redis.client)
  const patience = Duration.fromInputUnsafe(options.patience ?? defaults?.patience ?? "1 second")
  const timeToLive = options.timeToLive ?? defaults?.timeToLive ?? "300 seconds"
  const dispatch = Dispatch.of(redis.client)
  const journal = yield* Journal.shared(dispatch, redis.prefix, options.journal)
  // A memory may serve caches of another client or prefix as well, whose values are others.
  const { [MemoryStore.TypeId]: store } = yield* MemoryCache.MemoryCache
  const clock = yield* Clock.Clock
  const memory = MemoryTier.make(store, clock, journal)
  const tierOf = yield* RedisTier.make(redis.client)
  const links = yield* Near.shared(dispatch, redis.prefix)
  const leave = links.join(MemoryTier.demoting(store, journal))
  yield* Effect.addFinalizer(() => Effect.sync(leave))
  const patienceMillis = Duration.toMillis(patience)
  const settings = RegionSettings.follow(dispatch, patienceMillis, timeToLive)
  yield* Effect.addFinalizer(() => Effect.sync(settings.end))
  yield* showPatience(() => settings.shortestPatience(patienceMillis) / 1000)
  return yield* Region.makeCache({
    name: redis.client.name,
    told: dispatch,
    tier: (region) => {
      const nearer = memory(region)
      const regionJournal = journal.region(region, (key) => nearer.glance(key)?.version)
      const ofRegion = settings.of(region.name)
      const hold = (): void => regionJournal.hold(!ofRegion.tellsRedis)
      hold()
      ofRegion.listeners.add(hold)
      const tier = tierOf(region, {
        get timeout() {
          return ofRegion.readPatience
        },
        mayLease: () => ofRegion.mode === "normal",
        believes: regionJournal.believes,
        kept: nearer.glance
      })
      const { keyspace, maxStaleness } = region
      return makeTier({
        redis: tier,
        memory: nearer,
        near: maxStaleness === undefined ? undefined : links.region(keyspace, maxStaleness),
        journal: regionJournal,
        clock,
        settings: ofRegion,
        staleFor: region.staleFor
      })
    },
    prefix: `${redis.prefix}:`,
    makeCompressor: compressor,
    timeToLive,
    definitions: journal.definitions,
    patience,
    settings,
    stats: Effect.map(redis.client.stats, (redis) => ({
      memory: store.stats(),
      journal: journal.stats(),
      near: links.stats(),
      redis
    }))
  })
})

/**
 * Composes the two from options of which each may be a `Config`, or from a `Config` of all of them.
 * Values that make no sense are a `ConfigError` like those that cannot be read.
 *
 * **Example** (A patience from a variable of your own)
 *
 * ```ts
 * import { Config, Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
 *
 * const CacheLive = HybridCache.layerConfig({ patience: Config.Duration("PATIENCE") }).pipe(
 *   Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
 *   Layer.provide(Redis.layerFromEnv())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Cache.Cache, Config.ConfigError, RedisCache.RedisCache | MemoryCache.MemoryCache> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), checked))

/**
 * Provides the whole of it from the environment: Redis as `RedisConfig` says, and
 * `CACHE_PATIENCE_MS` 1000, `CACHE_TTL` 300 (seconds), `CACHE_MAX_SIZE` 1000 (entries in memory),
 * `CACHE_PREFIX` `cache`.
 *
 * **Details**
 *
 * With `{ prefix: "SESSIONS" }` the variables are `SESSIONS_REDIS_URL`, `SESSIONS_CACHE_TTL` and so
 * on. The client is then named `sessions`, and `SESSIONS_CACHE_PREFIX` is `sessions` by default, so
 * that two caches on one server keep apart as well.
 *
 * Each call is a layer of its own, with a client and a memory of its own. Keep it in a constant
 * where several parts of a program are to share one.
 *
 * **Example** (A second cache)
 *
 * ```ts
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { Cache, HybridCache } from "effect-ioredis-cache"
 *
 * class Sessions extends Context.Service<Sessions, Cache.Cache>()("app/Sessions") {
 *   static readonly layer = Layer.effect(Sessions, Cache.Cache).pipe(
 *     Layer.provide(HybridCache.layerFromEnv({ prefix: "SESSIONS" }))
 *   )
 * }
 *
 * const program = Effect.gen(function* () {
 *   const sessions = yield* Sessions
 *   const options = { name: "tokens", version: 1, key: Schema.String, value: Schema.String }
 *   const tokens = yield* sessions.region(options)
 *   yield* tokens.set("t1", "ada")
 * }).pipe(Effect.provide(Layer.merge(HybridCache.layerFromEnv(), Sessions.layer)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromEnv = (
  options: RedisConfig.EnvOptions = {}
): Layer.Layer<Cache.Cache | RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError> =>
  Layer.unwrap(
    Effect.map(
      // One group, so that one error says what is wrong with both.
      Settings.all({ redis: RedisConfig.fromEnv(options), cache: fromEnv(options.prefix) }),
      ({ cache: { maxEntries, patience, prefix, timeToLive }, redis }) =>
        layer({ patience, timeToLive }).pipe(
          Layer.provide([RedisCache.layer({ prefix }), MemoryCache.layer({ maxEntries })]),
          Layer.provideMerge(Redis.layer(redis))
        )
    )
  )

const fromEnv = (prefix: string | undefined) => {
  const config = Settings.all({
    patience: optional(Settings.duration("CACHE_PATIENCE_MS", { unit: "millis", example: 1000 })),
    timeToLive: optional(Settings.duration("CACHE_TTL", { unit: "seconds", example: 300 })),
    maxEntries: optional(Config.schema(MaxEntries, "CACHE_MAX_SIZE")),
    prefix: Config.withDefault(Config.schema(Prefix, "CACHE_PREFIX"), prefix?.toLowerCase())
  })
  return prefix === undefined ? config : Config.nested(config, prefix)
}

const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)

interface Parts<in out Value> {
  readonly redis: RedisTier.RedisTier<Value>
  readonly memory: MemoryTier.MemoryTier<Value>
  /** Tells when memory may answer although Redis does, in a region that wants it. */
  readonly near: Near.NearRegion | undefined
  readonly journal: Journal.RegionJournal
  /** The clock that values in memory live on. */
  readonly clock: Clock.Clock
  readonly settings: RegionSettings.RegionSettings
  /** In milliseconds. */
  readonly staleFor: number
}

const makeTier = <Value>(parts: Parts<Value>): CacheTier<Value, never> => {
  const { journal, memory, redis, settings } = parts
  return {
    ...makeReads(parts),
    ...makeWrites(parts),
    peek: (key, current, done) => {
      if (!settings.isBypassed) return memory.peek(key, current, done)
      done(Exit.succeed(nothing))
      return ignore
    },
    glance: memory.glance,
    stale: (key) => (settings.isBypassed ? undefined : memory.stale(key)),
    leased: redis.leased,
    sequences: journal.sequences,
    lifeOf: (hit) => {
      // A refresh gives way to what Redis has not confirmed, so nothing tells its age.
      if (hit instanceof SetIntent) return { timeToLive: hit.expiresAt - journal.now(), origin: undefined }
      return hit instanceof Hit ? redis.lifeOf(hit) : memory.lifeOf(hit)
    },
    // What is not known is not replaced.
    replacedBy: (key, done) =>
      !settings.asksRedis || redis.refusedAt(key) !== undefined
        ? memory.replacedBy(key, done)
        : redis.replacedBy(key, (exit) => done(Exit.succeed(Exit.isSuccess(exit) ? exit.value : undefined))),
    forget: memory.forget,
    clear: Effect.andThen(
      memory.clear,
      Effect.map(
        Effect.suspend(() => Effect.timeoutOption(journal.clear, settings.writePatience ?? Number.POSITIVE_INFINITY)),
        (emptied): WriteOutcome => (Option.getOrElse(emptied, () => false) ? "Applied" : "Deferred")
      )
    )
  }
}

/** Answers from what this process has, and takes what was read. */
interface Answers<in out Value> {
  /** What memory has, because Redis has failed, or nothing because its circuit is open. */
  readonly fallBack: (key: string, because?: RedisError.RedisError, at?: number) => Found<Value>
  /** What is said of a key in a region that does not ask Redis. */
  readonly withoutRedis: (key: string) => Found<Value>
  /** What can be said of a key without asking Redis, if anything. */
  readonly knownAs: (key: string) => Found<Value> | undefined
  /**
   * What a read is answered with. The key may have been written since it was asked for, and the
   * journal know better by now. `at` is the time in memory.
   */
  readonly readAs: (
    key: string,
    found: FoundThere<Value>,
    isCurrent: boolean,
    at: number,
    read: NearRead | undefined
  ) => Found<Value>
}

const makeAnswers = <Value>({ clock, journal, memory, near, settings }: Parts<Value>): Answers<Value> => {
  const remember = (
    key: string,
    found: FoundThere<Value>,
    isCurrent: boolean,
    at: number,
    read: NearRead | undefined
  ): void => {
    if (!isCurrent) return
    if (found.hit !== undefined && found.hit.timeToLive > 0) {
      memory.put(key, found.hit, at, read?.epochOf(key))
      const touched = journal.isEmpty() ? undefined : journal.touchedFor(key)
      if (touched !== undefined) memory.extend(key, touched)
    } else memory.expire(key)
  }

  // What the journal says of a key, if anything.
  const journaledAs = (key: string): Found<Value> | undefined => {
    if (journal.isEmpty()) return undefined
    const answer = journal.answer(key)
    if (answer === undefined) return undefined
    if (answer._tag === "Memory") return { hit: memory.find(key), source: "memory" }
    // Only this region writes under its keys, and it writes nothing but its values.
    return { hit: answer as { readonly value: Value }, source: "journal" }
  }

  // What memory may answer although Redis would. The journal has been asked before.
  const nearAs = (key: string): Found<Value> | undefined => {
    if (near === undefined) return undefined
    const at = memory.now(key)
    const hit = memory.find(key, at)
    return hit !== undefined && near.mayAnswer(hit.epoch, clock, at) ? { hit, source: "near" } : undefined
  }

  return {
    fallBack: (key, because, at) => ({ hit: memory.find(key, at), source: "fallback", because }),
    withoutRedis: (key) =>
      settings.isBypassed ? nothing : (journaledAs(key) ?? { hit: memory.find(key), source: "memory" }),
    knownAs: (key) => journaledAs(key) ?? nearAs(key),
    readAs: (key, found, isCurrent, at, read) => {
      const answer = journaledAs(key)
      if (answer === undefined) remember(key, found, isCurrent, at, read)
      return answer ?? found
    }
  }
}

const errorOf = (cause: Cause.Cause<RedisError.RedisError>): RedisError.RedisError | undefined =>
  Option.getOrUndefined(Cause.findErrorOption(cause))

// Reads keys that are not known. A server that does not answer is no reason not to believe the
// others.
const makeAskMany = <Value>(
  { memory, near, redis }: Parts<Value>,
  { fallBack, readAs }: Answers<Value>
): CacheTier<Value, never>["getMany"] => {
  // Reads keys of one server, or memory where it gives no answer.
  const askNode: CacheTier<Value, never>["getMany"] = (keys, isCurrent, done, timeLeft) => {
    const [first = ""] = keys
    const read = near?.begin(first)
    const end: Done<ReadonlyArray<FoundThere<Value>>, RedisError.RedisError> = (exit) => {
      if (Exit.isFailure(exit)) {
        const because = errorOf(exit.cause)
        return done(Exit.succeed(keys.map((key) => fallBack(key, because))))
      }
      const at = memory.now("")
      done(Exit.succeed(exit.value.map((found, index) => readAs(keys[index] ?? "", found, isCurrent(index), at, read))))
    }
    return redis.getMany(keys, isCurrent, end, timeLeft, read)
  }

  return (keys, isCurrent, done, timeLeft) => {
    const parts = redis.byNode(keys)
    if (parts === undefined) return askNode(keys, isCurrent, done, timeLeft)
    const found = new Map<number, Found<Value>>()
    let left = parts.length
    const cancels = parts.map((indexes) =>
      askNode(
        indexes.map((index) => keys[index] ?? ""),
        (n) => isCurrent(indexes[n] ?? -1),
        (exit) => {
          if (Exit.isSuccess(exit)) for (const [n, one] of exit.value.entries()) found.set(indexes[n] ?? -1, one)
          left--
          if (left === 0) done(Exit.succeed(keys.map((key, index) => found.get(index) ?? fallBack(key))))
        },
        timeLeft
      )
    )
    return () => {
      for (const cancel of cancels) cancel()
    }
  }
}

const makeReads = <Value>(parts: Parts<Value>): Pick<CacheTier<Value, never>, "known" | "get" | "getMany"> => {
  const { journal, memory, near, redis, settings } = parts
  const answers = makeAnswers(parts)
  const { fallBack, knownAs, readAs, withoutRedis } = answers
  const askMany = makeAskMany(parts, answers)
  const ask: SharedReads.Ask<Value> = (key, current, read, done) => {
    if (!settings.asksRedis) {
      done(Exit.succeed(withoutRedis(key)))
      return ignore
    }
    const end: Done<FoundThere<Value>, RedisError.RedisError> = (exit) => {
      if (Exit.isFailure(exit)) return done(Exit.succeed(fallBack(key, errorOf(exit.cause))))
      const answer = readAs(key, exit.value, current.isCurrent(), memory.now(key), read)
      // A success is one whatever its failures would be.
      done(answer === exit.value ? (exit as Exit.Success<Found<Value>, never>) : Exit.succeed(answer))
    }
    return redis.get(key, current, end, read)
  }
  return {
    // An open circuit is not asked again for every read.
    known: (key) => {
      if (!settings.asksRedis) return withoutRedis(key)
      const answer = knownAs(key)
      if (answer !== undefined) return answer
      const at = redis.refusedAt(key)
      return at === undefined ? undefined : fallBack(key, undefined, at)
    },
    get:
      near === undefined
        ? (key, current, done) => ask(key, current, undefined, done)
        : SharedReads.make({
            near,
            isKept: (key) => memory.glance(key) !== undefined,
            ask,
            now: () => memory.now(""),
            get patience() {
              return settings.readPatience ?? Number.POSITIVE_INFINITY
            }
          }),
    getMany: (keys, isCurrent, done, timeLeft) => {
      if (!settings.asksRedis) {
        done(Exit.succeed(keys.map(withoutRedis)))
        return ignore
      }
      if (near === undefined && journal.isEmpty() && keys.length > 0) {
        return askMany(keys, isCurrent, done, timeLeft)
      }
      const known = keys.map(knownAs)
      const asked = keys.flatMap((key, index) => (known[index] === undefined ? [{ key, index }] : []))
      if (asked.length === 0) {
        done(Exit.succeed(known.map((answer, index) => answer ?? fallBack(keys[index] ?? ""))))
        return ignore
      }
      const askedKeys = asked.map(({ key }) => key)
      const isAskedCurrent = (n: number) => isCurrent(asked[n]?.index ?? -1)
      const told: Done<ReadonlyArray<Found<Value>>, never> = (exit) => {
        if (Exit.isFailure(exit)) return done(exit)
        const rest = exit.value[Symbol.iterator]()
        done(Exit.succeed(keys.map((key, index) => known[index] ?? rest.next().value ?? fallBack(key))))
      }
      return askMany(askedKeys, isAskedCurrent, told, timeLeft)
    }
  }
}

// What something newer has overtaken is that one's to tell.
const overtaken = <A, Outcome extends RemoveOutcome>(
  all: ReadonlyArray<A>,
  isCurrent: (index: number) => boolean,
  write: (current: ReadonlyArray<A>, done: Journal.Done<ReadonlyArray<Outcome>>) => Cancel,
  done: Done<ReadonlyArray<Outcome | "Deferred">, never>
): Cancel => {
  const current = all.filter((_, index) => isCurrent(index))
  if (current.length === all.length) return write(all, (outcomes) => done(Exit.succeed(outcomes)))
  const isWritten = all.map((_, index) => isCurrent(index))
  return write(current, (outcomes) => {
    const rest = outcomes[Symbol.iterator]()
    done(Exit.succeed(isWritten.map((is) => (is ? (rest.next().value ?? "Deferred") : "Deferred"))))
  })
}

const makeRemove =
  <Value>({
    journal,
    memory,
    settings
  }: Pick<Parts<Value>, "journal" | "memory" | "settings">): CacheTier<Value, never>["remove"] =>
  (keys, isCurrent, done, timeLeft) =>
    overtaken<string, RemoveOutcome>(
      keys,
      isCurrent,
      (current, told) => {
        // What memory has was there, also where its fill has not reached Redis.
        const held = current.map((key) => memory.find(key) !== undefined)
        const cancel = journal.remove(current, timeLeft ?? settings.writePatience, (outcomes) =>
          told(outcomes.map((outcome, index) => (outcome === "Absent" && held[index] ? "Applied" : outcome)))
        )
        for (const key of current) memory.drop(key)
        return cancel
      },
      done
    )

const makeFill =
  <Value>({
    journal,
    memory,
    settings,
    staleFor
  }: Pick<Parts<Value>, "journal" | "memory" | "settings" | "staleFor">): CacheTier<Value, never>["fill"] =>
  (fill, isCurrent, done) => {
    if (settings.isBypassed) {
      done(exitOf.Rejected)
      return ignore
    }
    const { beganAt, lease, lookupTime, replaces, write } = fill
    const { extension, key, payload, timeToLive } = write
    memory.fill(fill, isCurrent, ignore)
    const kept = memory.glance(key)
    if (!settings.tellsRedis) {
      done(exitOf.Deferred)
      return ignore
    }
    return journal.fill(
      {
        key,
        payload,
        extension,
        timeToLive,
        staleFor,
        lookupTime,
        beganAt: Math.floor(beganAt),
        found: replaces,
        isCurrent,
        onStored: (version) => {
          // As after a read: a `set` in an outage may then take the place of the value in Redis.
          if (kept !== undefined) kept.version = version
        },
        lease
      },
      settings.writePatience,
      (outcome) => done(exitOf[outcome])
    )
  }

// The journal tells Redis, and keeps what Redis has not confirmed. Memory is written in the same
// turn of the event loop, and after it: the journal asks memory which write of Redis it had.
const makeWrites = <Value>({
  journal,
  memory,
  redis,
  settings,
  staleFor
}: Parts<Value>): Pick<
  CacheTier<Value, never>,
  "answersAt" | "setAtOnce" | "set" | "setMany" | "remove" | "fill" | "touch" | "now"
> => {
  const intentOf = ({ extension, payload, timeToLive, value }: Write<Value>): SetIntent => {
    redis.learn(payload.length)
    const expiresAt = journal.now() + timeToLive
    return new SetIntent({ value, payload, extension, life: timeToLive, staleFor, lookupTime: 0, expiresAt })
  }

  const remove = makeRemove({ journal, memory, settings })

  // A value that is not stored must not leave an older one behind.
  const bypass = (
    writes: ReadonlyArray<Write<Value>>,
    isCurrent: (index: number) => boolean,
    done: () => void,
    timeLeft?: number
  ): Cancel =>
    remove(
      writes.map(({ key }) => key),
      isCurrent,
      done,
      timeLeft
    )

  return {
    now: redis.now,
    // An open circuit is not asked again for every write.
    answersAt: (key) => {
      if (settings.isBypassed) return undefined
      return settings.tellsRedis ? redis.refusedAt(key, "write") : journal.now()
    },
    setAtOnce: (write, at) => {
      redis.learn(write.payload.length)
      const expiresAt = at + write.timeToLive
      const outcome = journal.defer(write, staleFor, expiresAt)
      memory.take(write, expiresAt)
      return outcome
    },
    set: (write, current, done) => {
      if (settings.isBypassed)
        return bypass(
          [write],
          () => current.isCurrent(),
          () => done(exitOf.Rejected)
        )
      if (!current.isCurrent()) {
        done(exitOf.Deferred)
        return ignore
      }
      const intent = intentOf(write)
      const cancel = journal.set(write.key, intent, settings.writePatience, (outcome) => done(exitOf[outcome]))
      memory.take(write, intent.expiresAt)
      return cancel
    },
    setMany: (writes, isCurrent, done, timeLeft) => {
      if (settings.isBypassed) {
        return bypass(writes, isCurrent, () => done(Exit.succeed(writes.map(() => "Rejected"))), timeLeft)
      }
      return overtaken<Write<Value>, WriteOutcome>(
        writes,
        isCurrent,
        (current, told) => {
          const writes = current.map((write) => ({ key: write.key, intent: intentOf(write) }))
          const cancel = journal.setMany(writes, timeLeft ?? settings.writePatience, told)
          for (const write of current) memory.take(write)
          return cancel
        },
        done
      )
    },
    remove,
    fill: makeFill({ journal, memory, settings, staleFor }),
    touch: (key, timeToLive, done) => {
      memory.extend(key, timeToLive)
      const life = { timeToLive, staleFor }
      return journal.touch(key, life, settings.writePatience, (outcome) => done(exitOf[outcome]))
    }
  }
}

const nothing: Found<never> = { hit: undefined, source: "memory" }

const ignore = () => {}
