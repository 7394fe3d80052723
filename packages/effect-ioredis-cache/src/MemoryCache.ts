import { Clock, Context, type Duration, Effect, Exit, Layer, Option } from "effect"
import * as Cache from "./Cache.ts"
import type { CacheTier, Cancel, Done, Found, Hit, TierRegion, Version, Write } from "./internal/CacheTier.ts"
import { idleSleep } from "./internal/idleSleep.ts"
import { Lru } from "./internal/Lru.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Region from "./internal/Region.ts"

/**
 * Holds a value in this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** Holds the value itself, not a copy. */
  readonly value: unknown
  /** Says when it expires, in the milliseconds of `now`. */
  readonly expiresAt: number
  /** Says until when it is held on for `getStale`. Default: `expiresAt`. */
  readonly staleUntil?: number | undefined
  /** Counts the bytes of the encoded value. */
  readonly bytes: number
  /** Says which write of Redis the value is of, where it comes from there. */
  readonly version?: Version | undefined
}

/**
 * A bounded store of values in this process, the least recently used of which make room for new
 * ones.
 *
 * **Details**
 *
 * The functions are synchronous and cannot fail. Time is handed in, as `now` gives it, so that a
 * jump of the wall clock changes nothing and a `TestClock` is obeyed. A value is held as it is, not
 * copied.
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryCache extends Context.Service<
  MemoryCache,
  {
    /** The entry of a key. An expired one is dropped, unless it is held on. */
    readonly get: (key: string, now: number) => Entry | undefined
    /** The entry of a key, expired or not, while it is held on. */
    readonly getStale: (key: string, now: number) => Entry | undefined
    /**
     * Holds an entry. One larger than `maxBytes` is not held, and what was there before is dropped.
     */
    readonly set: (key: string, entry: Entry) => void
    /** Drops a key, and says whether it was there. */
    readonly delete: (key: string) => boolean
    /** Drops every key that begins with `prefix`, and says how many there were. */
    readonly deletePrefix: (prefix: string) => number
    /**
     * The entries held, those included that expired in the last minute and were not asked for
     * since.
     */
    readonly size: () => number
  }
>()("effect-ioredis-cache/MemoryCache") {}

/**
 * Options of a `MemoryCache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Bounds the number of entries, from 1 to 16,777,216. Default: 1,000. */
  readonly maxEntries?: number | undefined
  /** Bounds the encoded length of all values together. Default: no bound. */
  readonly maxBytes?: number | undefined
}

/**
 * Makes a `MemoryCache`.
 *
 * **Details**
 *
 * What has expired makes room once a minute, as long as the scope is open, even if nobody asks for
 * it. That takes turns with the rest of the program after each 1,000 entries, and keeps no process
 * alive.
 *
 * **Gotchas**
 *
 * Options that make no sense are a mistake in the program, and so a defect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options?: Options) {
  const maxEntries = yield* wholeNumber("maxEntries", options?.maxEntries ?? 1000, maxMaxEntries)
  const maxBytes =
    options?.maxBytes === undefined
      ? Number.POSITIVE_INFINITY
      : yield* wholeNumber("maxBytes", options.maxBytes, Number.MAX_SAFE_INTEGER)
  const entries = new Lru<Entry>(maxEntries, maxBytes)
  yield* Metrics.showEntries(() => entries.size)
  const clock = yield* Clock.Clock
  const held = (key: string, now: number): Entry | undefined => {
    const entry = entries.get(key)
    if (entry === undefined || !isOver(entry, now)) return entry
    entries.delete(key)
    return undefined
  }
  const drop = (keys: ReadonlyArray<string>): number => keys.filter((key) => entries.delete(key)).length
  const sweep = Effect.suspend(() => {
    const keys = entries.keys()
    // Entries that are added meanwhile would keep the walk from ending.
    let left = entries.size
    const walk = (): void => {
      const at = now(clock)
      for (const end = Math.max(0, left - sweepSlice); left > end; left--) {
        const next = keys.next()
        if (next.done === true) {
          left = 0
          break
        }
        // Unlike `get`, `peek` does not make an entry recently used.
        const entry = entries.peek(next.value)
        if (entry !== undefined && isOver(entry, at)) entries.delete(next.value)
      }
    }
    return Effect.whileLoop({
      while: () => left > 0,
      body: () => Effect.andThen(Effect.sync(walk), Effect.yieldNow),
      step: () => {}
    })
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(idleSleep(clock, sweepInterval), sweep)))
  return MemoryCache.of({
    get: (key, now) => {
      const entry = held(key, now)
      return entry === undefined || now < entry.expiresAt ? entry : undefined
    },
    getStale: held,
    set: (key, entry) => {
      entries.set(key, entry, sizeOf(entry))
    },
    delete: (key) => drop([key]) === 1,
    deletePrefix: (prefix) => drop([...entries.keys()].filter((key) => key.startsWith(prefix))),
    size: () => entries.size
  })
})

/**
 * Provides a `MemoryCache`.
 *
 * **Example** (Holding an entry for a second)
 *
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const memory = yield* MemoryCache.MemoryCache
 *   const now = MemoryCache.now(yield* Clock.Clock)
 *   memory.set("job", { value: "engineer", expiresAt: now + 1000, bytes: 10 })
 *   console.log(memory.get("job", now)?.value) // engineer
 *   console.log(memory.get("job", now + 1000)) // undefined
 * })
 *
 * Effect.runSync(program.pipe(Effect.provide(MemoryCache.layer({ maxEntries: 100 }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<MemoryCache> => Layer.effect(MemoryCache, make(options))

/**
 * The Clock's monotonic time in milliseconds: what `Entry.expiresAt` is measured in.
 *
 * @category accessors
 * @since 0.1.0
 */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

// A map of V8 holds no more keys than this.
const maxMaxEntries = 2 ** 24

// A minute is short beside the lives that values usually have.
const sweepInterval = 60_000

// A thousand entries take about 50 microseconds.
const sweepSlice = 1000

const isOver = (entry: Entry, now: number): boolean => now >= entry.expiresAt && now >= (entry.staleUntil ?? 0)

// A size that makes no sense counts as 1, so that the total stays a number.
const sizeOf = (entry: Entry) => (entry.bytes > 1 ? Math.min(Math.ceil(entry.bytes), Number.MAX_SAFE_INTEGER) : 1)

const wholeNumber = (name: string, value: number, max: number): Effect.Effect<number> =>
  Number.isInteger(value) && value >= 1 && value <= max
    ? Effect.succeed(value)
    : Effect.die(new Error(`MemoryCache: ${name} is ${value}. Make it a whole number from 1 to ${max}.`))

interface Kept<out Value> extends Entry {
  readonly value: Value
}

class Held implements Entry {
  readonly value: unknown
  readonly expiresAt: number
  readonly staleUntil: number
  readonly bytes: number
  readonly version: Version | undefined

  constructor(value: unknown, expiresAt: number, staleUntil: number, bytes: number, version?: Version) {
    this.value = value
    this.expiresAt = expiresAt
    this.staleUntil = staleUntil
    this.bytes = bytes
    this.version = version
  }
}

// Memory answers at once.
const atOnce = <A>(done: Done<A, never>, value: A): Cancel => {
  done(Exit.succeed(value))
  return ignore
}

const ignore = () => {}

const applied = () => "Applied" as const

const always = () => true

/**
 * The tier of one region in this process's memory.
 *
 * **Details**
 *
 * Two tiers of one region see the same values if they have the same `owner`, and nothing of each
 * other otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tier =
  (memory: MemoryCache["Service"], clock: Clock.Clock, owner: object = memory) =>
  <Value>(region: TierRegion<Value>): MemoryTier<Value> => {
    const space = spaceOf(memory, owner)
    const keyspace = space + region.keyspace

    // Only this region writes under its keys, and it writes nothing but its values.
    const find = (key: string): Kept<Value> | undefined =>
      memory.get(space + key, now(clock)) as Kept<Value> | undefined

    const hold = (key: string, value: Value, expiresAt: number, bytes: number, version?: Version): void => {
      memory.set(space + key, new Held(value, expiresAt, expiresAt + region.staleFor, bytes, version))
    }

    const take = ({ key, text, timeToLive, value }: Write<Value>, expiresAt = now(clock) + timeToLive): void =>
      hold(key, value, expiresAt, text.length)

    const extend = (key: string, timeToLive: number): void => {
      const expiresAt = now(clock) + timeToLive
      const kept = find(key)
      if (kept !== undefined && kept.expiresAt < expiresAt) hold(key, kept.value, expiresAt, kept.bytes, kept.version)
    }

    const drop = (key: string): void => {
      memory.delete(space + key)
    }

    const found = (key: string): Found<Value> => ({ hit: find(key), source: "memory" })

    return {
      find,
      // No moment is so early that an entry is over by then, so that no clock need be read.
      versionOf: (key) => memory.get(space + key, Number.NEGATIVE_INFINITY)?.version,
      take,
      put: (key, { bytes, lifeThere, timeToLive, value, version }) => {
        // The tier that was read has cut a longer life short, so what a write gave it here counts.
        const at = now(clock)
        const given = timeToLive >= region.longestLife ? Math.min(find(key)?.expiresAt ?? at, at + lifeThere) : at
        hold(key, value, Math.max(at + timeToLive, given), bytes, version)
      },
      drop,
      forget: (key) => {
        if (key === undefined) memory.deletePrefix(keyspace)
        else drop(key)
      },
      expire: (key) => {
        if (region.staleFor === 0) return drop(key)
        const at = now(clock)
        const entry = memory.get(space + key, at)
        if (entry === undefined) return
        memory.set(space + key, new Held(entry.value, at, entry.staleUntil ?? at, entry.bytes, entry.version))
      },
      stale: (key) => {
        const entry = region.staleFor > 0 ? memory.getStale(space + key, now(clock)) : undefined
        return Option.map(Option.fromUndefinedOr(entry), ({ value }) => value as Value)
      },
      known: found,
      get: (key, _, done) => atOnce(done, found(key)),
      peek: (key, _, done) => atOnce(done, found(key)),
      getMany: (keys, _, done) => atOnce(done, keys.map(found)),
      answersAtOnce: always,
      setAtOnce: (write) => {
        take(write)
        return "Applied"
      },
      set: (write, _, done) => {
        take(write)
        return atOnce(done, "Applied")
      },
      setMany: (writes, isCurrent, done) => {
        writes.forEach((write, index) => {
          if (isCurrent(index)) take(write)
        })
        return atOnce(done, writes.map(applied))
      },
      remove: (keys, isCurrent, done) => {
        keys.forEach((key, index) => {
          if (isCurrent(index)) drop(key)
        })
        return atOnce(done, keys.map(applied))
      },
      extend,
      now: () => now(clock),
      fill: ({ write }, isCurrent, done) => {
        if (isCurrent()) take(write)
        return atOnce(done, "Applied")
      },
      touch: (key, timeToLive, done) => {
        extend(key, timeToLive)
        return atOnce(done, "Applied")
      },
      clear: Effect.sync(() => {
        memory.deletePrefix(keyspace)
        return "Applied" as const
      })
    }
  }

// What the keys of an owner begin with: nothing for the first one, so that its keys need not be put
// together. No name of a region begins with a colon.
const spaceOf = (memory: object, owner: object): string => {
  const spaces = memories.get(memory) ?? { count: 0, byOwner: new WeakMap<object, string>() }
  memories.set(memory, spaces)
  const known = spaces.byOwner.get(owner)
  if (known !== undefined) return known
  const space = spaces.count === 0 ? "" : `:${spaces.count}:`
  spaces.count++
  spaces.byOwner.set(owner, space)
  return space
}

const memories = new WeakMap<object, { count: number; readonly byOwner: WeakMap<object, string> }>()

/**
 * A tier in memory, with what a tier in front of another needs: to find, put and drop one key at
 * once.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryTier<in out Value> extends CacheTier<Value, never> {
  /** Finds the value of a key, if it is fresh. */
  readonly find: (key: string) => Kept<Value> | undefined
  /** Tells which write of Redis the entry of a key is of, be it fresh or not. */
  readonly versionOf: (key: string) => Version | undefined
  /** Holds a value that is written. `expiresAt` is in the milliseconds of `now`. */
  readonly take: (write: Write<Value>, expiresAt?: number) => void
  /**
   * Holds what another tier was read to have. It never shortens the life that a write gave the key
   * to the region's usual one.
   */
  readonly put: (key: string, hit: Hit<Value>) => void
  /** Drops a key. */
  readonly drop: (key: string) => void
  /** Drops a key, or all keys of the region. */
  readonly forget: (key: string | undefined) => void
  /**
   * Ends the life of a value and keeps it for `stale` for as long as it would have been kept
   * anyway.
   */
  readonly expire: (key: string) => void
  /** Lets a value live for so many milliseconds from now on, if it would end sooner. */
  readonly extend: (key: string, timeToLive: number) => void
}

/**
 * A `Cache` on memory alone: for programs without Redis, and for tests. `timeToLive` is for regions
 * that name none (default 300 seconds).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCacheWith = (
  options: Options & { readonly timeToLive?: Duration.Input | undefined } = {}
): Layer.Layer<Cache.Cache> =>
  Layer.effect(
    Cache.Cache,
    Effect.gen(function* () {
      const memory = yield* make(options)
      const clock = yield* Clock.Clock
      return yield* Region.makeCache({
        tier: tier(memory, clock),
        timeToLive: options.timeToLive
      })
    })
  )

/**
 * Provides `layerCacheWith` with its defaults.
 *
 * **Gotchas**
 *
 * It is one memory wherever a program provides it, because layers are built once for each
 * reference. A second one is `layerCacheWith()`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCache: Layer.Layer<Cache.Cache> = layerCacheWith()
