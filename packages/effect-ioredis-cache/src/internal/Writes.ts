import { Array as Arr, type Duration, Effect, Exit, Result, type Scope } from "effect"
import type { RemoveOutcome, WriteOptions, WriteOutcome } from "../Cache.ts"
import { type Done, exitOf, type Fill, type Write } from "./CacheTier.ts"
import type { AnswerSource, WriteEnd } from "./Metrics.ts"
import { isObserved, type Observer, observe, observedWrite, seeing } from "./Observation.ts"
import { fromCallback, holding, type RegionParts, render, whileHeld } from "./RegionParts.ts"
import type * as Sequences from "./Sequences.ts"
import type { Tags } from "./tags/Tag.ts"
import * as TaggedWrites from "./tags/TaggedWrites.ts"

/** The writes of one region. Each is the newest intent for its keys from the moment it runs. */
export interface Writes<in Key, in Value, out E> {
  /** Stores one value. */
  readonly set: (key: Key, value: Value, options: WriteOptions | undefined) => Effect.Effect<WriteOutcome, E>
  /** Stores several values, and answers in their order. */
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: Key, value: Value]>,
    options: WriteOptions | undefined
  ) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  /** Stores the value of a lookup, which is encoded already. */
  readonly fill: (
    entry: readonly [key: Key, value: Value],
    timeToLive: Duration.Input | undefined,
    tags: Tags | undefined,
    write: Result.Result<Write<Value>, unknown>,
    lookup: Omit<Fill<Value>, "write">
  ) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  /** Lets what is there live for longer. */
  readonly touch: (key: Key, timeToLive: Duration.Input | undefined) => Effect.Effect<WriteOutcome, E>
  /** Removes one key. */
  readonly remove: (key: Key) => Effect.Effect<RemoveOutcome, E>
  /** Removes several keys, and answers in their order. */
  readonly removeMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<RemoveOutcome>, E>
  /** Empties the region. */
  readonly clear: Effect.Effect<WriteOutcome, E>
}

/** Describes what the writes of one region depend on besides its parts. */
export interface Options {
  /**
   * The longest that a call waits for Redis altogether, in milliseconds. Default: each part of a
   * batch waits for itself.
   */
  readonly patience: number | undefined
  /** Says whether the cache has closed, so that nobody will replay a write any more. */
  readonly isClosed: () => boolean
  /** Holds what goes on after the answer. */
  readonly scope: Scope.Scope
}

/** Makes the writes of one region. */
export const make = <Key, Value, E>(parts: RegionParts<Key, Value, E>, options: Options): Writes<Key, Value, E> => {
  const { encoding, observer, recorder, tagging, tier } = parts
  const { isClosed, scope } = options
  const intents = makeIntents(parts, isClosed)
  const setEntries = makeSetEntries(parts, intents)

  const removeKeys = Effect.fnUntraced(function* (
    operation: string,
    keys: ReadonlyArray<Key>,
    timeLeft?: number
  ): Effect.fn.Return<ReadonlyArray<RemoveOutcome>, E> {
    const rendered = yield* Effect.forEach(keys, (key) => render(parts, operation, key))
    const distinct = Array.from(new Set(rendered.filter((key) => key !== undefined)))
    const removed = yield* intents.drop(operation, distinct, timeLeft)
    const outcomes = new Map(distinct.map((key, index) => [key, removed[index]]))
    return rendered.map((key) => outcomes.get(key ?? "") ?? "Rejected")
  })

  // `setEntries` of one entry that fits, at a third of its cost.
  const set = (key: Key, value: Value, options: WriteOptions | undefined): Effect.Effect<WriteOutcome, E> => {
    if (tagging.isNeeded(options)) return Effect.map(recorded(setTagged("set", [[key, value]], options)), first)
    const given = options?.timeToLive
    const rendered = encoding.key("set", key)
    const write = Result.isSuccess(rendered)
      ? encoding.value("set", rendered.success, key, value, given)
      : Result.fail(rendered.failure)
    if (Result.isFailure(write) || isClosed()) {
      return Effect.map(recorded(setEntries("set", [[key, value]], given)), first)
    }
    const at = tier.answersAt(write.success.key)
    return at === undefined ? intents.storeOne(write.success) : exitOf[intents.storeAtOnce(write.success, at)]
  }

  const setTagged = TaggedWrites.make(parts, options, (operation, entries, options, tags, timeLeft, claims) =>
    inParts(entries, timeLeft, recorder.now, (part, left = timeLeft) =>
      setEntries(operation, part, options?.timeToLive, left, tags, claims)
    )
  )

  // What carries a tag of its own is a miss as soon as that has another token, and no newer value
  // has to wait until Redis is emptied.
  const clear = intents.clear(
    tagging.invalidateOwn === undefined
      ? tier.clear
      : Effect.andThen(Effect.forkIn(tier.clear, scope, { startImmediately: true }), tagging.invalidateOwn)
  )

  const recorded = <Outcome extends RemoveOutcome>(outcomes: Effect.Effect<ReadonlyArray<Outcome>, E>) =>
    Effect.tap(outcomes, (all) => Effect.sync(() => all.forEach(recorder.write)))

  const inTime = <A, Outcome extends RemoveOutcome>(
    all: ReadonlyArray<A>,
    call: (part: ReadonlyArray<A>, timeLeft?: number) => Effect.Effect<ReadonlyArray<Outcome>, E>
  ) => recorded(Effect.suspend(() => inParts(all, options.patience, recorder.now, call)))

  return {
    set: (key, value, options) =>
      Effect.withFiber((fiber) =>
        isObserved(fiber, observer)
          ? observe(fiber, observer, "set", (seen) =>
              Effect.tap(set(key, value, options), (outcome) => seeing(seen, outcome))
            )
          : set(key, value, options)
      ),
    setMany: (entries, options) =>
      observedWrite(observer, "setMany", () =>
        tagging.isNeeded(options)
          ? recorded(setTagged("setMany", entries, options))
          : inTime(entries, (part, timeLeft) => setEntries("setMany", part, options?.timeToLive, timeLeft))
      ),
    fill: (entry, given, tags, write, lookup) =>
      Effect.suspend(() =>
        // What cannot be stored must not leave an older value behind.
        Result.isSuccess(write) && !isClosed()
          ? recorded(intents.fill({ ...lookup, write: write.success }))
          : recorded(setEntries("getOrSet", [entry], given, undefined, tags))
      ),
    touch: (key, given) =>
      observedWrite(observer, "touch", () => {
        const rendered = encoding.key("touch", key)
        const life = Result.isSuccess(rendered)
          ? encoding.life("touch", rendered.success, given)
          : Result.fail(rendered.failure)
        if (Result.isFailure(rendered) || Result.isFailure(life) || isClosed()) {
          const refused = Result.isFailure(life) ? parts.reject(life.failure) : Effect.void
          return Effect.map(recorded(Effect.as(refused, ["Rejected"])), first)
        }
        return Effect.map(recorded(intents.touch(rendered.success, life.success)), first)
      }),
    remove: (key) => observedWrite(observer, "remove", () => Effect.map(recorded(removeKeys("remove", [key])), first)),
    removeMany: (keys) =>
      observedWrite(observer, "removeMany", () =>
        inTime(keys, (part, timeLeft) => removeKeys("removeMany", part, timeLeft))
      ),
    clear: observedWrite(observer, "clear", () => Effect.map(recorded(Effect.map(clear, Arr.of)), first))
  }
}

/**
 * Writes of the tier, each the newest intent for its keys while it is in progress. Keys are
 * rendered.
 */
interface Intents<in Value, in out E> {
  /** Stores one value without asking Redis, at the time that the tier has told. */
  readonly storeAtOnce: (write: Write<Value>, at: number) => WriteOutcome
  readonly storeOne: (write: Write<Value>) => Effect.Effect<WriteOutcome, E>
  readonly store: (
    operation: string,
    writes: ReadonlyArray<Write<Value>>,
    timeLeft?: number,
    claims?: TaggedWrites.Claims
  ) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  readonly drop: (
    operation: string,
    keys: ReadonlyArray<string>,
    timeLeft?: number,
    claims?: TaggedWrites.Claims
  ) => Effect.Effect<ReadonlyArray<RemoveOutcome>, E>
  readonly fill: (fill: Fill<Value>) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  readonly touch: (key: string, timeToLive: number) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  readonly clear: (empty: Effect.Effect<WriteOutcome, E>) => Effect.Effect<WriteOutcome, E>
}

const makeIntents = <Key, Value, E>(
  { lookups, observer, recorder, sequences, tier }: RegionParts<Key, Value, E>,
  isClosed: () => boolean
): Intents<Value, E> => {
  // A lookup that runs is older than the intent.
  const intend = (key: string, claimed?: Sequences.Claim): Sequences.Watch => {
    lookups.detach(key)
    return sequences.intend(key, claimed)
  }

  // A key that is given twice has claimed one place, which is the first one's.
  const intendIn = (claims: TaggedWrites.Claims | undefined) => (key: string) => {
    const claimed = claims?.get(key)
    claims?.delete(key)
    return intend(key, claimed)
  }

  const intending = <Outcome extends RemoveOutcome>(
    keys: ReadonlyArray<string>,
    operation: string,
    start: (isCurrent: (index: number) => boolean, done: Done<ReadonlyArray<Outcome>, E>) => () => void,
    claims?: TaggedWrites.Claims
  ) =>
    holding<ReadonlyArray<Outcome>, E>(recorder, timedAs(operation), keys, intendIn(claims), (isCurrent, done) =>
      start(isCurrent, (exit) => done(exit, Exit.isSuccess(exit) ? endOf(exit.value) : "none"))
    )

  const drop: Intents<Value, E>["drop"] = (operation, keys, timeLeft, claims) =>
    untilClosed(
      isClosed,
      observer,
      intending<RemoveOutcome>(
        keys,
        operation,
        (isCurrent, done) => tier.remove(keys, isCurrent, done, timeLeft),
        claims
      )
    )

  return {
    drop,
    store: (operation, writes, timeLeft, claims) =>
      Effect.suspend(() => {
        const keys = writes.map(({ key }) => key)
        // A closed cache takes no values, and leaves no older ones in their place.
        if (isClosed()) return Effect.map(drop(operation, keys, timeLeft, claims), Arr.map(rejected))
        return intending(keys, operation, (isCurrent, done) => tier.setMany(writes, isCurrent, done, timeLeft), claims)
      }),
    // Whoever reads meanwhile looks again, so that he does not repeat the lookup.
    fill: (fill) =>
      intending([fill.write.key], "getOrSet", (isCurrent, done) =>
        tier.fill(
          fill,
          () => isCurrent(0),
          (exit) => done(Exit.map(exit, Arr.of))
        )
      ),
    touch: (key, timeToLive) =>
      fromCallback((done) => tier.touch(key, timeToLive, (exit) => done(Exit.map(exit, Arr.of)))),
    storeAtOnce: (write, at) => {
      lookups.detach(write.key)
      sequences.overtake(write.key)
      const outcome = tier.setAtOnce(write, at)
      recorder.write(outcome)
      return outcome
    },
    storeOne: (write) =>
      fromCallback((done) => {
        const intent = intend(write.key)
        const startedAt = recorder.now()
        const cancel = tier.set(write, intent, (exit) => {
          intent.end()
          if (Exit.isSuccess(exit)) {
            recorder.timed("set", ends[exit.value], startedAt)
            recorder.write(exit.value)
          }
          done(exit)
        })
        return () => {
          cancel()
          intent.end()
        }
      }),
    clear: (empty) =>
      Effect.suspend(() => {
        lookups.detachAll()
        const startedAt = recorder.now()
        const cleared = whileHeld(sequences.intendAll, () =>
          Effect.tap(empty, (outcome) => Effect.sync(() => recorder.timed("clear", ends[outcome], startedAt)))
        )
        return Effect.map(untilClosed(isClosed, observer, Effect.map(cleared, Arr.of)), first)
      })
  }
}

const makeSetEntries = <Key, Value, E>(parts: RegionParts<Key, Value, E>, { drop, store }: Intents<Value, E>) =>
  Effect.fnUntraced(function* (
    operation: string,
    entries: ReadonlyArray<readonly [Key, Value]>,
    given: Duration.Input | undefined,
    timeLeft?: number,
    tags?: Tags,
    claims?: TaggedWrites.Claims
  ): Effect.fn.Return<ReadonlyArray<WriteOutcome>, E> {
    const { encoding, reject } = parts
    const rendered = yield* Effect.forEach(entries, ([key]) => render(parts, operation, key))
    const encoded = entries.map((entry, index) => {
      const key = rendered[index]
      return key === undefined
        ? undefined
        : ([key, encoding.value(operation, key, entry[0], entry[1], given, tags)] as const)
    })
    // Of a key given twice the last value is meant.
    const meant = Array.from(new Map(encoded.filter((one) => one !== undefined)))
    const writes = meant.flatMap(([, write]) => (Result.isSuccess(write) ? [write.success] : []))
    const refusals = meant.flatMap(([key, write]) => (Result.isFailure(write) ? [{ key, error: write.failure }] : []))
    const refusedKeys = refusals.map(({ key }) => key)
    const storing = store(operation, writes, timeLeft, claims)
    // What cannot be stored must not leave an older value behind.
    const [stored] =
      refusals.length === 0
        ? [yield* storing]
        : yield* Effect.all([storing, drop(operation, refusedKeys, timeLeft, claims)], { concurrency: 2 })
    yield* Effect.forEach(refusals, ({ error }) => reject(error), { discard: true })
    const outcomes = new Map(writes.map(({ key }, index) => [key, stored[index]]))
    return encoded.map((one) => outcomes.get(one?.[0] ?? "") ?? "Rejected")
  })

// After the end of the cache nobody replays what Redis has not confirmed.
const untilClosed = <Outcome extends RemoveOutcome, E>(
  isClosed: () => boolean,
  { attributes, log }: Observer,
  write: Effect.Effect<ReadonlyArray<Outcome>, E>
): Effect.Effect<ReadonlyArray<Outcome | "Rejected">, E> =>
  Effect.suspend(() =>
    isClosed()
      ? Effect.tap(
          Effect.map(
            write,
            (outcomes): ReadonlyArray<Outcome | "Rejected"> =>
              outcomes.map((outcome) => (outcome === "Deferred" ? "Rejected" : outcome))
          ),
          Effect.sync(() =>
            log.write("Cache write came after the cache had closed", { region: attributes["cache.region"] })
          )
        )
      : write
  )

// A connection takes no more than 10,000 commands at once, and no one caller should have them all.
const partSize = 1000

/**
 * Writes a batch part by part within one patience. The tier is told how much of that is left from
 * the second part on. The first has all of it, and the tier knows that.
 */
const inParts = <A, B, E>(
  all: ReadonlyArray<A>,
  patience: number | undefined,
  now: () => number,
  call: (part: ReadonlyArray<A>, timeLeft?: number) => Effect.Effect<ReadonlyArray<B>, E>
): Effect.Effect<ReadonlyArray<B>, E> => {
  if (all.length <= partSize) return call(all)
  return Effect.suspend(() => {
    const until = patience === undefined ? undefined : now() + patience
    const written = Effect.forEach(Arr.chunksOf(all, partSize), (part, index) =>
      Effect.suspend(() => call(part, until === undefined || index === 0 ? undefined : Math.max(0, until - now())))
    )
    return Effect.map(written, Arr.flatten)
  })
}

const rejected = (): WriteOutcome => "Rejected"

const first = <Outcome>(outcomes: ReadonlyArray<Outcome>): Outcome | "Rejected" => outcomes[0] ?? "Rejected"

// The write that follows a lookup is no part of what its caller waits for.
const timedAs = (operation: string): string => (operation === "getOrSet" ? "fill" : operation)

const ends: { readonly [outcome in RemoveOutcome]: WriteEnd } = {
  Applied: "applied",
  Absent: "applied",
  Deferred: "deferred",
  Rejected: "rejected"
}

const endOf = (outcomes: ReadonlyArray<RemoveOutcome>): AnswerSource | WriteEnd =>
  outcomes[0] === undefined ? "none" : ends[outcomes[0]]
