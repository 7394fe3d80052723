import { Cause, type Context, Duration, Effect, Exit, Option, Result, type Scope } from "effect"
import type { RedisError } from "effect-ioredis"
import * as Cache from "../Cache.ts"
import type { CacheTier, TierRegion, WriteOutcome } from "../CacheTier.ts"
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
  const encoding = Encoding.make(options, timeToLive ?? "300 seconds")
  const recorder = Recorder.make(name, counters, context)
  const tier = makeTier({
    name,
    version,
    codec: encoding.codec,
    longestLife: encoding.longestLife,
    staleFor: Duration.toMillis(options.staleFor ?? 0),
    replay: options.replay ?? "invalidate",
    onCorrupt: recorder.corrupt
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

  const read = (key: string, from: CacheTier<Value, E>["get"] = tier.get): Effect.Effect<Option.Option<Value>, E> =>
    holding([key], sequences.watch, ([watch]) =>
      Effect.map(
        recorder.timed("get", from(key, currentOf(watch)), ({ source }) => source),
        recorder.read
      )
    )

  const get = (key: Key) =>
    Effect.flatMap(render("get", key), (rendered) => (rendered === undefined ? none : read(rendered)))

  const getMany = Effect.fnUntraced(function* (keys: ReadonlyArray<Key>) {
    const rendered = yield* Effect.forEach(keys, (key) => render("getMany", key))
    const asked = rendered.filter((key) => key !== undefined)
    const found = yield* holding(asked, sequences.watch, (watches) =>
      recorder.timed(
        "getMany",
        tier.getMany(asked, (index) => currentOf(watches[index])()),
        (all) => all[0]?.source ?? "none"
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

  const store = (
    operation: string,
    writes: ReadonlyArray<Encoding.Encoded<Value>>
  ): Effect.Effect<ReadonlyArray<WriteOutcome>, E> =>
    holding(
      writes.map(({ key }) => key),
      intend,
      (intents) =>
        recorder.timed(
          operation,
          tier.set(writes.map((write, index) => ({ ...write, isCurrent: currentOf(intents[index]) }))),
          sourceOf
        )
    )

  const drop = (operation: string, keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<WriteOutcome>, E> =>
    holding(keys, intend, (intents) =>
      recorder.timed(
        operation,
        tier.remove(keys.map((key, index) => ({ key, isCurrent: currentOf(intents[index]) }))),
        sourceOf
      )
    )

  const encode = (
    operation: string,
    entry: readonly [Key, Value],
    given: Duration.Input | undefined
  ): Effect.Effect<readonly [string, Encoding.Encoded<Value> | Refused] | undefined, E> =>
    Effect.flatMap(render(operation, entry[0]), (rendered) =>
      rendered === undefined
        ? Effect.undefined
        : Effect.match(encoding.value(operation, rendered, entry, given), {
            onSuccess: (write) => [rendered, write] as const,
            onFailure: (refused) => [rendered, { refused }] as const
          })
    )

  const setEntries = Effect.fnUntraced(function* (
    operation: string,
    entries: ReadonlyArray<readonly [Key, Value]>,
    given: Duration.Input | undefined
  ): Effect.fn.Return<ReadonlyArray<WriteOutcome>, E> {
    const encoded = yield* Effect.forEach(entries, (entry) => encode(operation, entry, given))
    // Of a key given twice the last value is meant.
    const meant = Array.from(new Map(encoded.filter((one) => one !== undefined)))
    const writes = meant.flatMap(([, write]) => ("refused" in write ? [] : [write]))
    const refusals = meant.flatMap(([key, write]) => ("refused" in write ? [[key, write.refused] as const] : []))
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
    holding([rendered], sequences.watch, ([watch]) =>
      Effect.onExit(lookup, (exit) => {
        recorder.lookup(exit)
        if (Exit.isFailure(exit) || !currentOf(watch)()) return Effect.void
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
      : Effect.flatMap(tier.stale(rendered), (stale) => {
          if (Option.isNone(stale)) return Effect.failCause(cause)
          recorder.stale()
          return Effect.as(Effect.logDebug("A lookup failed: an expired value is served", cause), stale.value)
        })

  const getOrSet = <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    writeOptions?: Cache.WriteOptions
  ): Effect.Effect<Value, E | E2, R> =>
    Effect.flatMap(render("getOrSet", key), (rendered): Effect.Effect<Value, E | E2, R> => {
      if (rendered === undefined) return lookup
      const found = holding([rendered], sequences.watch, ([watch]) =>
        Effect.flatMap(read(rendered), (first) =>
          // Written while the read was under way, perhaps by the lookup this call would repeat: it looks again.
          Option.isSome(first) || currentOf(watch)() ? Effect.succeed(first) : read(rendered, tier.peek)
        )
      )
      return Effect.flatMap(
        found,
        (value): Effect.Effect<Value, E2, R> =>
          Option.isSome(value)
            ? Effect.succeed(value.value)
            : flights.join(rendered, lookUp(rendered, key, lookup, writeOptions?.timeToLive))
      )
    })

  const clear = Effect.suspend(() => {
    flights.detachAll()
    return holding([name], sequences.intendAll, () =>
      recorder.timed("clear", tier.clear, (outcome) => outcome.toLowerCase())
    )
  })

  return {
    get,
    getMany,
    has: (key) => Effect.map(get(key), Option.isSome),
    set: (key, value, writeOptions) => Effect.map(setEntries("set", [[key, value]], writeOptions?.timeToLive), first),
    setMany: (entries, writeOptions) => setEntries("setMany", entries, writeOptions?.timeToLive),
    remove: (key) => Effect.map(removeKeys("remove", [key]), first),
    removeMany: (keys) => removeKeys("removeMany", keys),
    clear: Effect.map(clear, (outcome) => first(recorded([outcome]))),
    getOrSet
  }
}

const none = Effect.succeed(Option.none())

interface Refused {
  readonly refused: RedisError.RedisSerializationError
}

const first = (outcomes: ReadonlyArray<WriteOutcome>): WriteOutcome => outcomes[0] ?? "Rejected"

const sourceOf = (outcomes: ReadonlyArray<WriteOutcome>): string => outcomes[0]?.toLowerCase() ?? "none"

const currentOf = (watch: Sequences.Watch | undefined): (() => boolean) => watch?.isCurrent ?? (() => true)

/** Holds a watch for each key while `use` runs. */
const holding = <A, E, R>(
  keys: ReadonlyArray<string>,
  hold: (key: string) => Sequences.Watch,
  use: (watches: ReadonlyArray<Sequences.Watch>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => keys.map(hold)),
    use,
    (watches) =>
      Effect.sync(() => {
        for (const watch of watches) watch.end()
      })
  )
