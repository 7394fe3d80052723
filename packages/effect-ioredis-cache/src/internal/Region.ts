import { Clock, type Context, type Duration, Effect, Exit, Option, Random, Result, type Scope } from "effect"
import { RedisError } from "effect-ioredis"
import * as Cache from "../Cache.ts"
import * as CacheCodec from "../CacheCodec.ts"
import * as CacheKey from "../CacheKey.ts"
import type { CacheTier, Found, TierRegion, Write, WriteOutcome } from "../CacheTier.ts"
import * as Flights from "./Flights.ts"
import * as Metrics from "./Metrics.ts"
import * as Regions from "./Regions.ts"
import * as Sequences from "./Sequences.ts"

/** What a region is built with: where it keeps values, what it does with what cannot be stored, and what it counts. */
export interface Environment<E> {
  readonly tier: <Value>(region: TierRegion<Value>) => CacheTier<Value, E>
  readonly reject: (error: RedisError.RedisSerializationError) => Effect.Effect<void, E>
  readonly defaultTimeToLive: Duration.Input
  readonly counters: Counters
  readonly scope: Scope.Scope
  readonly context: Context.Context<never>
}

/** What `Cache.stats` shows. */
export type Counters = { -readonly [K in keyof Cache.Stats]: Cache.Stats[K] }

export const makeCounters = (): Counters => ({
  redisHits: 0,
  memoryHits: 0,
  misses: 0,
  fallbacks: 0,
  corrupt: 0,
  lookups: 0
})

/** A `Cache` on a tier that cannot fail: what cannot be stored is logged. */
export const makeCache = Effect.fnUntraced(function* (options: {
  readonly tier: <Value>(region: TierRegion<Value>) => CacheTier<Value, never>
  readonly timeToLive: Duration.Input | undefined
}) {
  const counters = makeCounters()
  const regions = Regions.make(
    make<never>({
      tier: options.tier,
      reject: (error) =>
        Effect.logWarning("A cache key or value was refused").pipe(
          Effect.annotateLogs({ region: error.region, keyHash: error.keyHash, error: error.message })
        ),
      defaultTimeToLive: options.timeToLive ?? "300 seconds",
      counters,
      scope: yield* Effect.scope,
      context: yield* Effect.context<never>()
    })
  )
  return Cache.Cache.of({ region: regions.get, stats: Effect.sync(() => ({ ...counters })) })
})

/**
 * Builds a region on a tier: keys and values are encoded, lookups shared, and the order of intents kept, the same for every tier.
 */
export const make =
  <E>(environment: Environment<E>) =>
  <Key, Value>(options: Cache.RegionOptions<Key, Value>): Cache.Region<Key, Value, E> => {
    const { context, counters, reject, scope } = environment
    const { name, version } = options
    const renderKey = CacheKey.make(options.key)
    const codec = CacheCodec.make(options.value, { maxBytes: options.maxBytes })
    const sequences = Sequences.make()
    const flights = Flights.make(scope)
    const metrics = Metrics.forRegion(name)
    let saidCorrupt = false

    const tier = environment.tier({
      name,
      version,
      codec,
      onCorrupt: (key) =>
        Effect.suspend(() => {
          counters.corrupt++
          metrics.requests("corrupt").updateUnsafe(1, context)
          const level = saidCorrupt ? "Debug" : "Warn"
          saidCorrupt = true
          return Effect.logWithLevel(level)("A stored value could not be read and is taken as a miss").pipe(
            Effect.annotateLogs({ region: name, keyHash: CacheKey.hash(key) })
          )
        })
    })

    const problem = (command: string, message: string, key = ""): RedisError.RedisSerializationError =>
      new RedisError.RedisSerializationError({
        command,
        region: name,
        keyHash: key === "" ? "" : CacheKey.hash(key),
        direction: "encode",
        message: `${command} in region ${name}: ${message}`
      })

    // Suspended, so that a write is an intent each time it runs, not when it is made.
    const withKey = <A>(command: string, key: Key, onRefused: A, use: (key: string) => Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        const rendered = renderKey(key)
        return Result.isSuccess(rendered)
          ? use(rendered.success)
          : Effect.as(reject(problem(command, rendered.failure)), onRefused)
      })

    // Counts a read, and gives its value.
    const read = (found: Found<Value>): Option.Option<Value> => {
      const isHit = Option.isSome(found.hit)
      if (!isHit) counters.misses++
      else if (found.source === "redis") counters.redisHits++
      else counters.memoryHits++
      if (found.source === "fallback") counters.fallbacks++
      const result = isHit ? "hit" : "miss"
      metrics.requests(found.source === "fallback" ? `fallback_${result}` : result).updateUnsafe(1, context)
      return isHit ? Option.some(found.hit.value.value) : Option.none()
    }

    const timed = <A>(
      operation: string,
      effect: Effect.Effect<A, E>,
      source: (result: A) => string
    ): Effect.Effect<A, E> =>
      Effect.clockWith((clock) => {
        const startedAt = clock.monotonicTimeNanosUnsafe()
        return Effect.map(effect, (result) => {
          const seconds = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
          metrics.duration(operation, source(result)).updateUnsafe(seconds, context)
          return result
        })
      })

    const getRendered = (key: string): Effect.Effect<Option.Option<Value>, E> =>
      watching([key], ([watch]) =>
        Effect.map(
          timed("get", tier.get(key, currentOf(watch)), ({ source }) => source),
          read
        )
      )

    const watching = <A, E1>(
      keys: ReadonlyArray<string>,
      use: (watches: ReadonlyArray<Sequences.Watch>) => Effect.Effect<A, E1>
    ): Effect.Effect<A, E1> =>
      Effect.suspend(() => {
        const watches = keys.map(sequences.watch)
        return Effect.ensuring(
          use(watches),
          Effect.sync(() => {
            for (const watch of watches) watch.end()
          })
        )
      })

    // A write is the newest intent for its keys from the moment it is asked for.
    const intend = (keys: ReadonlyArray<string>): void => {
      for (const key of keys) {
        sequences.raise(key)
        flights.detach(key)
      }
    }

    const counted = (outcomes: ReadonlyArray<WriteOutcome>): ReadonlyArray<WriteOutcome> => {
      for (const outcome of outcomes) metrics.writes(outcome.toLowerCase()).updateUnsafe(1, context)
      return outcomes
    }

    const lifetimeOf = (
      key: Key,
      value: Value,
      given: Duration.Input | undefined
    ): Effect.Effect<number | undefined> => {
      const { jitter = 0, timeToLive = environment.defaultTimeToLive } = options
      const millis = Regions.lifetime(given ?? (typeof timeToLive === "function" ? timeToLive(key, value) : timeToLive))
      if (millis === undefined || jitter === 0) return Effect.succeed(millis)
      return Effect.map(Random.next, (random) => Math.max(1, Math.round(millis * (1 - jitter * random))))
    }

    const encode = Effect.fnUntraced(function* (
      rendered: string,
      key: Key,
      value: Value,
      given: Duration.Input | undefined
    ) {
      const timeToLive = yield* lifetimeOf(key, value, given)
      if (timeToLive === undefined) {
        return yield* problem(
          "set",
          `the timeToLive is not a duration above zero and finite. Give one such as "5 minutes"`,
          rendered
        )
      }
      const now = yield* Clock.currentTimeMillis
      const text = codec.encode(value, now + timeToLive)
      if (Result.isFailure(text)) return yield* problem("set", text.failure, rendered)
      return { key: rendered, value, text: text.success, timeToLive }
    })

    const set = (key: Key, value: Value, given: Duration.Input | undefined): Effect.Effect<WriteOutcome, E> =>
      withKey<WriteOutcome>("set", key, "Rejected", (rendered) => {
        intend([rendered])
        return Effect.matchEffect(encode(rendered, key, value, given), {
          onSuccess: (write) => store([write]),
          onFailure: (error) => rejectStored(error, rendered)
        })
      })

    const store = (write: readonly [Omit<Write<Value>, "isCurrent">]): Effect.Effect<WriteOutcome, E> =>
      watching([write[0].key], ([watch]) =>
        Effect.map(
          timed("set", tier.set([{ ...write[0], isCurrent: currentOf(watch) }]), (outcomes) => outcomes[0] ?? "none"),
          (outcomes) => counted(outcomes)[0] ?? "Rejected"
        )
      )

    // What cannot be stored must not leave an older value behind.
    const rejectStored = (error: RedisError.RedisSerializationError, key: string): Effect.Effect<WriteOutcome, E> =>
      tier.remove([key], always).pipe(
        Effect.andThen(reject(error)),
        Effect.as<WriteOutcome>("Rejected"),
        Effect.tap(() => Effect.sync(() => counted(["Rejected"])))
      )

    const removeRendered = (keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<WriteOutcome>, E> =>
      Effect.suspend(() => {
        intend(keys)
        return watching(keys, (watches) =>
          Effect.map(
            timed("remove", tier.remove(keys, currentIn(watches)), (outcomes) => outcomes[0] ?? "none"),
            counted
          )
        )
      })

    const lookUp = <E2, R>(
      rendered: string,
      key: Key,
      lookup: Effect.Effect<Value, E2, R>,
      given: Duration.Input | undefined
    ): Effect.Effect<Value, E2, R> =>
      Effect.suspend(() => {
        const watch = sequences.watch(rendered)
        counters.lookups++
        return Effect.onExit(lookup, (exit) => {
          metrics.lookups(Exit.isSuccess(exit) ? "success" : "failure").updateUnsafe(1, context)
          const current = watch.isCurrent()
          watch.end()
          if (!current || Exit.isFailure(exit)) return Effect.void
          // The answer does not wait for the write.
          return Effect.forkIn(fill(rendered, key, exit.value, given), scope, { startImmediately: true })
        })
      })

    const fill = (rendered: string, key: Key, value: Value, given: Duration.Input | undefined): Effect.Effect<void> =>
      Effect.suspend(() => {
        sequences.raise(rendered)
        return Effect.matchEffect(encode(rendered, key, value, given), {
          onSuccess: (write) => store([write]),
          onFailure: (error) => rejectStored(error, rendered)
        })
      }).pipe(
        Effect.catchCause((cause) => Effect.logDebug("A lookup's value could not be stored", cause)),
        Effect.asVoid
      )

    const getOrSet: Cache.Region<Key, Value, E>["getOrSet"] = <E2, R>(
      key: Key,
      lookup: Effect.Effect<Value, E2, R>,
      writeOptions?: Cache.WriteOptions
    ) => {
      const rendered = renderKey(key)
      if (Result.isFailure(rendered)) return Effect.andThen(reject(problem("getOrSet", rendered.failure)), lookup)
      const k = rendered.success
      const miss = flights.join(k, lookUp(k, key, lookup, writeOptions?.timeToLive))
      return Effect.flatMap(
        watching([k], ([watch]) =>
          Effect.flatMap(getRendered(k), (found) =>
            // Filled or written while the read was under way: what was read is no longer the answer.
            Option.isSome(found) || watch?.isCurrent() === true ? Effect.succeed(found) : getRendered(k)
          )
        ),
        (found): Effect.Effect<Value, E2, R> => (Option.isSome(found) ? Effect.succeed(found.value) : miss)
      )
    }

    const getMany = (keys: ReadonlyArray<Key>): Effect.Effect<ReadonlyArray<Option.Option<Value>>, E> =>
      Effect.gen(function* () {
        const rendered = yield* Effect.forEach(keys, (key) => withKey("getMany", key, undefined, Effect.succeed))
        const asked = rendered.filter((key) => key !== undefined)
        const found = yield* watching(asked, (watches) =>
          timed("getMany", tier.getMany(asked, currentIn(watches)), (all) => all[0]?.source ?? "none")
        )
        const values = found.map(read)[Symbol.iterator]()
        return rendered.map((key) =>
          key === undefined ? Option.none<Value>() : (values.next().value ?? Option.none<Value>())
        )
      })

    const setMany: Cache.Region<Key, Value, E>["setMany"] = (entries, writeOptions) =>
      Effect.gen(function* () {
        const writes: Array<Omit<Write<Value>, "isCurrent">> = []
        const indices: Array<number> = []
        const outcomes: Array<WriteOutcome> = entries.map(() => "Rejected")
        for (const [index, [key, value]] of entries.entries()) {
          const rendered = yield* withKey("setMany", key, undefined, Effect.succeed)
          if (rendered === undefined) continue
          intend([rendered])
          const encoded = yield* Effect.result(encode(rendered, key, value, writeOptions?.timeToLive))
          if (Result.isFailure(encoded)) yield* rejectStored(encoded.failure, rendered)
          else {
            writes.push(encoded.success)
            indices.push(index)
          }
        }
        const stored = yield* watching(
          writes.map(({ key }) => key),
          (watches) =>
            timed(
              "setMany",
              tier.set(writes.map((write, index) => ({ ...write, isCurrent: currentOf(watches[index]) }))),
              (all) => all[0] ?? "none"
            )
        )
        counted(stored).forEach((outcome, index) => {
          outcomes[indices[index] ?? -1] = outcome
        })
        return outcomes
      })

    const get = (key: Key) => withKey("get", key, Option.none<Value>(), getRendered)

    return {
      get,
      getMany,
      has: (key) => Effect.map(get(key), Option.isSome),
      set: (key, value, writeOptions) => set(key, value, writeOptions?.timeToLive),
      setMany,
      remove: (key) =>
        withKey<WriteOutcome>("remove", key, "Rejected", (rendered) =>
          Effect.map(removeRendered([rendered]), ([outcome = "Rejected"]) => outcome)
        ),
      removeMany: (keys) =>
        Effect.gen(function* () {
          const rendered = yield* Effect.forEach(keys, (key) => withKey("removeMany", key, undefined, Effect.succeed))
          const outcomes = (yield* removeRendered(rendered.filter((key) => key !== undefined)))[Symbol.iterator]()
          return rendered.map(
            (key): WriteOutcome => (key === undefined ? "Rejected" : (outcomes.next().value ?? "Rejected"))
          )
        }),
      clear: Effect.suspend(() => {
        sequences.raiseAll()
        flights.detachAll()
        return tier.clear
      }),
      getOrSet
    }
  }

const always = () => true

const currentOf = (watch: Sequences.Watch | undefined): (() => boolean) => watch?.isCurrent ?? always

const currentIn =
  (watches: ReadonlyArray<Sequences.Watch>) =>
  (index: number): boolean =>
    currentOf(watches[index])()
