import { Array as Arr, Cause, type Context, Duration, Effect, Exit, Option, Result, type Scope, Tracer } from "effect"
import type { RedisError } from "effect-ioredis"
import * as Cache from "../Cache.ts"
import type { CacheTier, Cancel, Done, Found, TierRegion, Write, WriteOutcome } from "../CacheTier.ts"
import * as Encoding from "./Encoding.ts"
import * as Flights from "./Flights.ts"
import * as Recorder from "./Recorder.ts"
import * as Regions from "./Regions.ts"
import * as Sequences from "./Sequences.ts"

/** What a region is built with: where it keeps values, what it does with what cannot be stored, and what it counts. */
export interface Environment<E> {
  readonly tier: <Value>(region: TierRegion<Value>) => CacheTier<Value, E>
  readonly reject: (error: RedisError.RedisSerializationError) => Effect.Effect<void, E>
  readonly timeToLive: Duration.Input | undefined
}

/** The regions of a cache on a tier, and its stats. */
export const makeRegions = Effect.fnUntraced(function* <E>(environment: Environment<E>) {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const counters = Recorder.makeCounters()
  const regions = Regions.make<E>((options) => make(environment, options, { scope, context, counters }))
  return { region: regions.get, stats: Effect.sync((): Cache.Stats => ({ ...counters })) }
})

/** A `Cache` on a tier that cannot fail: what cannot be stored is logged. */
export const makeCache = (options: Omit<Environment<never>, "reject">) => {
  const warned = new Set<string>()
  return Effect.map(
    makeRegions<never>({
      ...options,
      reject: ({ keyHash, message, region }) =>
        Effect.suspend(() => {
          // Whoever chooses the keys must not be able to flood the log.
          const level = warned.has(region) ? "Debug" : "Warn"
          warned.add(region)
          return Effect.logWithLevel(level)("A cache key or value was refused").pipe(
            Effect.annotateLogs({ region, keyHash, error: message })
          )
        })
    }),
    Cache.Cache.of
  )
}

/** Builds a region: keys and values are encoded, lookups shared, and the order of intents kept, the same for every tier. */
const make = <Key, Value, E>(
  { reject, tier: makeTier, timeToLive }: Environment<E>,
  options: Cache.RegionOptions<Key, Value>,
  {
    context,
    counters,
    scope
  }: {
    readonly scope: Scope.Scope
    readonly context: Context.Context<never>
    readonly counters: Recorder.Counters
  }
): Cache.Region<Key, Value, E> => {
  const { name, version } = options
  const encoding = Encoding.make(options, timeToLive ?? "300 seconds", context)
  const recorder = Recorder.make(name, counters, context)
  const tier = makeTier({
    name,
    version,
    codec: encoding.codec,
    longestLife: encoding.longestLife,
    staleFor: Duration.toMillis(options.staleFor ?? 0),
    replay: options.replay ?? "invalidate",
    onUnreadable: recorder.unreadable
  })
  const sequences = Sequences.make()
  const flights = Flights.make(name, scope)

  // The rendered key, or `undefined` for one that was rejected.
  const render = (operation: string, key: Key): Effect.Effect<string | undefined, E> =>
    Effect.suspend(() => {
      const rendered = encoding.key(operation, key)
      return Result.isSuccess(rendered)
        ? Effect.succeed(rendered.success)
        : Effect.as(reject(rendered.failure), undefined)
    })

  const look = (key: string, from: CacheTier<Value, E>["get"], done: Done<Option.Option<Value>, E>): Cancel => {
    const watch = sequences.watch(key)
    const startedAt = recorder.now()
    const cancel = from(
      key,
      () => watch.isCurrent(),
      (exit) => {
        watch.end()
        if (Exit.isFailure(exit)) return done(Exit.failCause(exit.cause))
        recorder.timed("get", exit.value.source, startedAt)
        done(Exit.succeed(recorder.read(exit.value)))
      }
    )
    return () => {
      cancel()
      watch.end()
    }
  }

  const get = (key: Key): Effect.Effect<Option.Option<Value>, E> =>
    traced(name, "get", () => {
      const rendered = encoding.key("get", key)
      if (Result.isFailure(rendered)) return Effect.as(reject(rendered.failure), Option.none())
      const known = tier.known(rendered.success)
      return known === undefined
        ? fromCallback((done) => look(rendered.success, tier.get, done))
        : Effect.succeed(recorder.read(known))
    })

  // Looks again where the key was written while the read was under way, perhaps by the lookup this call would repeat.
  const lookTwice = (key: string): Effect.Effect<Option.Option<Value>, E> => {
    const known = tier.known(key)
    if (known !== undefined) return Effect.succeed(recorder.read(known))
    return fromCallback((done) => {
      const watch = sequences.watch(key)
      let second: Cancel | undefined
      const cancel = look(key, tier.get, (exit) => {
        const isCurrent = watch.isCurrent()
        watch.end()
        if (Exit.isFailure(exit) || Option.isSome(exit.value) || isCurrent) return done(exit)
        second = look(key, tier.peek, done)
      })
      return () => {
        watch.end()
        cancel()
        second?.()
      }
    })
  }

  const getMany = (keys: ReadonlyArray<Key>) => traced(name, "getMany", () => readMany(keys))

  const readMany = Effect.fnUntraced(function* (
    keys: ReadonlyArray<Key>
  ): Effect.fn.Return<ReadonlyArray<Option.Option<Value>>, E> {
    const rendered = yield* Effect.forEach(keys, (key) => render("getMany", key))
    const asked = rendered.filter((key) => key !== undefined)
    const found = yield* holding<ReadonlyArray<Found<Value>>>(asked, sequences.watch, "getMany", (isCurrent, done) =>
      tier.getMany(asked, isCurrent, (exit) =>
        done(exit, Exit.isSuccess(exit) ? (exit.value[0]?.source ?? "none") : "none")
      )
    )
    const values = found.map(recorder.read)[Symbol.iterator]()
    return rendered.map((key) => (key === undefined ? Option.none() : (values.next().value ?? Option.none())))
  })

  // The newest intent for its keys from the moment it is asked for: a lookup that runs is older.
  const intend = (key: string): Sequences.Watch => {
    flights.detach(key)
    return sequences.intend(key)
  }

  // Holds each key while `start` runs, and counts how long that took.
  const holding = <A>(
    keys: ReadonlyArray<string>,
    hold: (key: string) => Sequences.Watch,
    operation: string,
    start: (isCurrent: (index: number) => boolean, done: (exit: Exit.Exit<A, E>, source: string) => void) => Cancel
  ): Effect.Effect<A, E> =>
    fromCallback((done) => {
      const watches = keys.map(hold)
      const startedAt = recorder.now()
      const end = (): void => {
        for (const watch of watches) watch.end()
      }
      const isCurrent = (index: number): boolean => watches[index]?.isCurrent() === true
      const cancel = start(isCurrent, (exit, source) => {
        end()
        if (Exit.isSuccess(exit)) recorder.timed(operation, source, startedAt)
        done(exit)
      })
      return () => {
        cancel()
        end()
      }
    })

  const intending = (
    keys: ReadonlyArray<string>,
    operation: string,
    start: (isCurrent: (index: number) => boolean, done: Done<ReadonlyArray<WriteOutcome>, E>) => Cancel
  ) =>
    holding<ReadonlyArray<WriteOutcome>>(keys, intend, operation, (isCurrent, done) =>
      start(isCurrent, (exit) => done(exit, Exit.isSuccess(exit) ? sourceOf(exit.value) : "none"))
    )

  const store = (operation: string, writes: ReadonlyArray<Write<Value>>) =>
    intending(
      writes.map(({ key }) => key),
      operation,
      (isCurrent, done) => tier.set(writes, isCurrent, done)
    )

  const drop = (operation: string, keys: ReadonlyArray<string>) =>
    intending(keys, operation, (isCurrent, done) => tier.remove(keys, isCurrent, done))

  const setEntries = Effect.fnUntraced(function* (
    operation: string,
    entries: ReadonlyArray<readonly [Key, Value]>,
    given: Duration.Input | undefined
  ): Effect.fn.Return<ReadonlyArray<WriteOutcome>, E> {
    const rendered = yield* Effect.forEach(entries, ([key]) => render(operation, key))
    const encoded = entries.map((entry, index) => {
      const key = rendered[index]
      return key === undefined ? undefined : ([key, encoding.value(operation, key, entry, given)] as const)
    })
    // Of a key given twice the last value is meant.
    const meant = Array.from(new Map(encoded.filter((one) => one !== undefined)))
    const writes = meant.flatMap(([, write]) => (Result.isSuccess(write) ? [write.success] : []))
    const refusals = meant.flatMap(([key, write]) => (Result.isFailure(write) ? [[key, write.failure] as const] : []))
    const stored = yield* refusals.length === 0
      ? store(operation, writes)
      : // What cannot be stored must not leave an older value behind.
        Effect.map(
          Effect.all(
            [
              store(operation, writes),
              drop(
                operation,
                refusals.map(([key]) => key)
              )
            ],
            { concurrency: 2 }
          ),
          ([outcomes]) => outcomes
        )
    yield* Effect.forEach(refusals, ([, refused]) => reject(refused), { discard: true })
    const outcomes = new Map(writes.map(({ key }, index) => [key, stored[index]]))
    return recorded(encoded.map((one) => outcomes.get(one?.[0] ?? "") ?? "Rejected"))
  })

  // `setEntries` of one entry that fits, at a third of its cost.
  const set = (key: Key, value: Value, given: Duration.Input | undefined): Effect.Effect<WriteOutcome, E> =>
    traced(name, "set", () => {
      const rendered = encoding.key("set", key)
      const write = Result.isSuccess(rendered)
        ? encoding.value("set", rendered.success, [key, value], given)
        : Result.fail(rendered.failure)
      return Result.isSuccess(write)
        ? storeOne(write.success)
        : Effect.map(setEntries("set", [[key, value]], given), first)
    })

  const storeOne = (write: Write<Value>): Effect.Effect<WriteOutcome, E> =>
    fromCallback((done) => {
      const intent = intend(write.key)
      const startedAt = recorder.now()
      const cancel = tier.set(
        Array.of(write),
        () => intent.isCurrent(),
        (exit) => {
          intent.end()
          if (Exit.isFailure(exit)) return done(Exit.failCause(exit.cause))
          const outcome = first(exit.value)
          recorder.timed("set", outcome.toLowerCase(), startedAt)
          recorder.write(outcome)
          done(Exit.succeed(outcome))
        }
      )
      return () => {
        cancel()
        intent.end()
      }
    })

  const removeKeys = Effect.fnUntraced(function* (
    operation: string,
    keys: ReadonlyArray<Key>
  ): Effect.fn.Return<ReadonlyArray<WriteOutcome>, E> {
    const rendered = yield* Effect.forEach(keys, (key) => render(operation, key))
    const distinct = Array.from(new Set(rendered.filter((key) => key !== undefined)))
    const removed = yield* drop(operation, distinct)
    const outcomes = new Map(distinct.map((key, index) => [key, removed[index]]))
    return recorded(rendered.map((key) => outcomes.get(key ?? "") ?? "Rejected"))
  })

  const recorded = (outcomes: ReadonlyArray<WriteOutcome>): ReadonlyArray<WriteOutcome> => {
    outcomes.forEach(recorder.write)
    return outcomes
  }

  // Runs in a fiber of its own, for everyone who waits for the key. The answer does not wait for the write.
  const lookUp = <E2, R>(
    rendered: string,
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    given: Duration.Input | undefined
  ): Effect.Effect<Value, E2, R> =>
    whileHeld(
      () => sequences.watch(rendered),
      (watch) =>
        Effect.onExit(lookup, (exit) => {
          recorder.lookup(exit)
          if (Exit.isFailure(exit) || !watch.isCurrent()) return Effect.void
          // The answer does not wait for the write.
          return setEntries("getOrSet", [[key, exit.value]], given).pipe(
            Effect.catchCause((cause) => Effect.logDebug("The value of a lookup could not be stored", cause)),
            Effect.forkIn(scope, { startImmediately: true })
          )
        }).pipe(Effect.catchCause((cause) => staleOr(rendered, cause)))
    )

  // An expired value in the place of a lookup that failed, where there is one; nothing in the place of one that was interrupted.
  const staleOr = <E2>(rendered: string, cause: Cause.Cause<E2>): Effect.Effect<Value, E2> =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.failCause(cause)
      : Effect.suspend(() => {
          const stale = tier.stale(rendered)
          if (Option.isNone(stale)) return Effect.failCause(cause)
          recorder.stale()
          return Effect.as(Effect.logDebug("A lookup failed: an expired value is served", cause), stale.value)
        })

  const getOrSet = <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    writeOptions?: Cache.WriteOptions
  ): Effect.Effect<Value, E | E2, R> =>
    traced(name, "getOrSet", () => {
      const rendered = encoding.key("getOrSet", key)
      if (Result.isFailure(rendered)) return Effect.andThen(reject(rendered.failure), lookup)
      return Effect.flatMap(
        lookTwice(rendered.success),
        (value): Effect.Effect<Value, E2, R> =>
          Option.isSome(value)
            ? Effect.succeed(value.value)
            : flights.join(rendered.success, lookUp(rendered.success, key, lookup, writeOptions?.timeToLive))
      )
    })

  const clear = Effect.suspend(() => {
    flights.detachAll()
    const startedAt = recorder.now()
    return whileHeld(sequences.intendAll, () =>
      Effect.map(tier.clear, (outcome) => {
        recorder.timed("clear", outcome.toLowerCase(), startedAt)
        return first(recorded([outcome]))
      })
    )
  })

  return {
    get,
    getMany,
    has: (key) => Effect.map(get(key), Option.isSome),
    set: (key, value, writeOptions) => set(key, value, writeOptions?.timeToLive),
    setMany: (entries, writeOptions) =>
      traced(name, "setMany", () =>
        inChunks(entries, (chunk) => setEntries("setMany", chunk, writeOptions?.timeToLive))
      ),
    remove: (key) => traced(name, "remove", () => Effect.map(removeKeys("remove", [key]), first)),
    removeMany: (keys) => traced(name, "removeMany", () => inChunks(keys, (chunk) => removeKeys("removeMany", chunk))),
    clear: traced(name, "clear", () => clear),
    getOrSet
  }
}

const whileHeld = <A, E, R>(hold: () => Sequences.Watch, use: (watch: Sequences.Watch) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(Effect.sync(hold), use, (watch) => Effect.sync(() => watch.end()))

const first = (outcomes: ReadonlyArray<WriteOutcome>): WriteOutcome => outcomes[0] ?? "Rejected"

const sourceOf = (outcomes: ReadonlyArray<WriteOutcome>): string => outcomes[0]?.toLowerCase() ?? "none"

// One Effect of a call with a callback; interrupted, it cancels the call.
const fromCallback = <A, E>(start: (done: Done<A, E>) => Cancel): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const cancel = start(resume)
    return Effect.sync(cancel)
  })

// A connection takes no more than 10,000 commands at once, and no one caller should have them all.
const chunkSize = 1000

const inChunks = <A, B, E>(
  all: ReadonlyArray<A>,
  call: (chunk: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>
): Effect.Effect<ReadonlyArray<B>, E> =>
  all.length <= chunkSize
    ? call(all)
    : Effect.map(Effect.forEach(Arr.chunksOf(all, chunkSize), call), (outcomes) => outcomes.flat())

// A span costs more than the rest of a call, so it is made only where a tracer is installed.
const traced = <A, E, R>(
  region: string,
  operation: string,
  call: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? call()
      : Effect.withSpan(Effect.suspend(call), `cache.${operation}`, { attributes: { "cache.region": region } })
  )
