import { Array as Arr, Data, Duration, Effect, Layer, Option, Schema } from "effect"
import * as EffectPersistence from "effect/persistence/Persistence"
import * as Cache from "../../Cache.ts"
import type { Options } from "../../persistence.ts"
import * as JsonCodec from "../JsonCodec.ts"

const { BackingPersistence, PersistenceError } = EffectPersistence

type Store = EffectPersistence.BackingPersistenceStore

type Region = Cache.Region<string, string>

/** A write that no store can take. */
class RejectedError extends Data.TaggedError("RejectedError")<{ readonly message: string }> {}

/** Provides Effect's stores as regions of the cache. */
export const layer = (
  options: Options
): Layer.Layer<EffectPersistence.Persistence | EffectPersistence.BackingPersistence, never, Cache.Cache> => {
  const stored = storedOf(options)
  const backing = Layer.effect(
    BackingPersistence,
    Effect.map(Cache.Cache, (cache) => ({
      make: (storeId: string) => Effect.map(regionOf(cache, storeId, options), (region) => storeOf(region, stored))
    }))
  )
  return Layer.provideMerge(EffectPersistence.layer, backing)
}

// Values are texts to the region, as Effect has checked them already. Each is given its life when
// it is written: for ever is Effect's own default.
const regionOf = (cache: Cache.Cache, storeId: string, { version = 1, ...options }: Options): Effect.Effect<Region> =>
  cache.region({
    ...options,
    name: nameOf(storeId),
    version,
    key: Schema.String,
    value: Schema.String,
    timeToLive: Duration.infinity
  })

// The name of a region may not hold everything that an id may: the rest is escaped, and so is the
// sign that escapes it.
const nameOf = (storeId: string): string =>
  `persisted.${storeId.replace(/[^A-Za-z0-9_.-]/gu, (character) => `%${character.codePointAt(0)?.toString(16)}`)}`

const storeOf = (region: Region, stored: Stored): Store => ({
  get: (key) => Effect.map(region.get(key), objectOf),
  getMany: (keys) => Effect.map(region.getMany(keys), (found) => asMany(found.map(objectOf))),
  set: (key, value, ttl) =>
    Effect.flatMap(textOf(value), (text) =>
      Effect.flatMap(region.set(key, text, { timeToLive: lifeOf(ttl) }), (outcome) =>
        stored("set a key", [text], [outcome])
      )
    ),
  setMany: (entries) => Effect.flatMap(Effect.forEach(entries, writeOf), (writes) => setMany(region, stored, writes)),
  remove: (key) => Effect.flatMap(region.remove(key), removed("remove a key")),
  clear: Effect.flatMap(region.clear, removed("clear the store"))
})

interface Write {
  readonly key: string
  readonly text: string
  readonly life: number
}

const writeOf = ([key, value, ttl]: Parameters<Store["setMany"]>[0][number]) =>
  Effect.map(textOf(value), (text): Write => ({ key, text, life: Duration.toMillis(lifeOf(ttl)) }))

// Values of one life go together. Of two for one key the last one counts.
const setMany = (region: Region, stored: Stored, writes: ReadonlyArray<Write>) => {
  const last = Array.from(new Map(writes.map((write) => [write.key, write])).values())
  const byLife = Arr.groupBy(last, ({ life }) => String(life))
  return Effect.forEach(
    Object.entries(byLife),
    ([life, group]) => {
      const values = group.map(({ key, text }) => [key, text] as const)
      return region.setMany(values, { timeToLive: Number(life) })
    },
    { concurrency: "unbounded" }
  ).pipe(
    Effect.flatMap((outcomes) =>
      stored(
        "set several keys",
        last.map(({ text }) => text),
        outcomes.flat()
      )
    )
  )
}

const lifeOf = (ttl: Duration.Duration | undefined): Duration.Duration => ttl ?? Duration.infinity

// What Effect stores is JSON by its contract, which nobody has checked.
const textOf = (value: object): Effect.Effect<string, EffectPersistence.PersistenceError> =>
  Effect.try({
    try: () => JSON.stringify(value),
    catch: (cause) => new PersistenceError({ message: "Failed to write a value as JSON", cause })
  })

// There are as many answers as keys, of which there is one at least: a map's type does not say so.
const asMany = (found: ReadonlyArray<object | undefined>) => found as Arr.NonEmptyArray<object | undefined>

// What another program has written there may be no JSON: it is as if nothing were there.
const objectOf = (found: Option.Option<string>): object | undefined => {
  const value = Option.getOrUndefined(Option.flatMap(found, parse))
  return typeof value === "object" && value !== null ? value : undefined
}

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** Fails where a write was rejected for its text. */
type Stored = (
  what: string,
  texts: ReadonlyArray<string>,
  outcomes: ReadonlyArray<Cache.WriteOutcome>
) => Effect.Effect<void, EffectPersistence.PersistenceError>

// What is deferred is in this process, and the journal has it for Redis. What fits is rejected by a
// cache that is bypassed or has closed: keeping nothing is what is asked of that, and no failure.
const storedOf = ({ maxBytes }: Options): Stored => {
  const { encode } = JsonCodec.make(Schema.String, { maxBytes })
  return (what, texts, outcomes) => {
    if (!outcomes.includes("Rejected")) return Effect.void
    return Effect.forEach(texts, (text) => Effect.fromResult(encode(text)), { discard: true }).pipe(
      Effect.mapError((message) => failed(what, message))
    )
  }
}

// What was stored may still be there.
const removed = (what: string) => (outcome: Cache.RemoveOutcome) =>
  outcome === "Rejected" ? Effect.fail(failed(what, notConfirmed)) : Effect.void

const failed = (what: string, message: string): EffectPersistence.PersistenceError =>
  new PersistenceError({ message: `Failed to ${what} in the cache`, cause: new RejectedError({ message }) })

const notConfirmed = "The cache has closed and Redis has not confirmed it, or the key is none that can be stored"
