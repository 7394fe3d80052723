import { Clock, Effect, type Scope } from "effect"
import { showGauge, tallyOf } from "effect-ioredis/dispatch"
import type { MemoryStats } from "../Cache.ts"
import type { Options } from "../MemoryCache.ts"
import type { Version } from "./CacheTier.ts"
import { idleSleep } from "./idleSleep.ts"
import { Lru } from "./Lru.ts"
import type { Epoch } from "./near/Epoch.ts"
import * as Metrics from "./Metrics.ts"
import { now } from "./now.ts"

/**
 * Holds a value in this process.
 */
export interface Entry {
  /** Holds the value itself, not a copy, and perhaps wrapped. */
  readonly value: unknown
  /** Says when it expires, in the milliseconds of `now`. */
  readonly expiresAt: number
  /** Says until when it is held on for `getStale`. Default: `expiresAt`. */
  readonly staleUntil?: number | undefined
  /** Counts the bytes of the encoded value. */
  readonly bytes: number
  /** Says which write of Redis the value is of, where it comes from there or was stored there. */
  readonly version?: Version | undefined
  /** Says in which epoch of a link it was read; `undefined` where it is not near. */
  epoch?: Epoch | undefined
}

/** The key that a `MemoryCache` keeps its store under. */
export const TypeId: unique symbol = Symbol.for("effect-ioredis-cache/MemoryStore")

/**
 * A bounded store of values in this process, the least recently used of which make room for new
 * ones.
 *
 * The functions are synchronous and cannot fail. Time is handed in, as `now` gives it, so that a
 * jump of the wall clock changes nothing and a `TestClock` is obeyed. A value is held as it is, not
 * copied.
 */
export interface MemoryStore {
  /** The entry of a key. An expired one is dropped, unless it is held on. */
  readonly get: (key: string, now: number) => Entry | undefined
  /** The entry of a key, expired or not, while it is held on. */
  readonly getStale: (key: string, now: number) => Entry | undefined
  /** The entry of a key, expired or not. It does not count as a use. */
  readonly peek: (key: string) => Entry | undefined
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
  /** Tells how full it is. */
  readonly stats: () => MemoryStats
}

/**
 * Makes a `MemoryStore`.
 *
 * **Details**
 *
 * What has expired makes room once a minute, as long as the scope is open, even if nobody asks for
 * it. That takes turns with the rest of the program after each 1,000 entries, and keeps no process
 * alive.
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<MemoryStore, never, Scope.Scope> {
  const { maxBytes, maxEntries = 1000 } = options
  const entries = new Lru<Entry>(maxEntries, maxBytes ?? Number.POSITIVE_INFINITY)
  yield* showGauge(Metrics.memory.entries, () => entries.size)
  yield* showGauge(Metrics.memory.limit, () => maxEntries)
  yield* showGauge(Metrics.memory.size, () => entries.total)
  if (maxBytes !== undefined) yield* showGauge(Metrics.memory.sizeLimit, () => maxBytes)
  const evictions = tallyOf(Metrics.memory.evictions, yield* Effect.context<never>())
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
    // There are no more of them at a time. Those that are added meanwhile would keep the walk from
    // ending.
    let left = 2 * maxEntries
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
  return {
    get: (key, now) => {
      const entry = entries.get(key)
      if (entry === undefined || now < entry.expiresAt) return entry
      if (isOver(entry, now)) entries.delete(key)
      return undefined
    },
    getStale: held,
    peek: (key) => entries.peek(key),
    set: (key, entry) => {
      const before = entries.evictions
      entries.set(key, entry, sizeOf(entry))
      evictions.count += entries.evictions - before
    },
    delete: (key) => drop([key]) === 1,
    deletePrefix: (prefix) => drop([...entries.keys()].filter((key) => key.startsWith(prefix))),
    size: () => entries.size,
    stats: () => ({
      entries: entries.size,
      limit: maxEntries,
      bytes: entries.total,
      ...(maxBytes !== undefined && { maxBytes }),
      evictions: entries.evictions
    })
  }
})

/**
 * The largest `maxEntries`. A map of V8 has room for twice as many. It throws where it would grow
 * beyond that, which one that has more keys does after enough of them were deleted.
 */
export const maxMaxEntries = 2 ** 23

// A minute is short beside the lives that values usually have.
const sweepInterval = 60_000

// A thousand entries take about 50 microseconds.
const sweepSlice = 1000

const isOver = (entry: Entry, now: number): boolean => now >= entry.expiresAt && now >= (entry.staleUntil ?? 0)

// A size that makes no sense counts as 1, so that the total stays a number.
const sizeOf = (entry: Entry) => (entry.bytes > 1 ? Math.min(Math.ceil(entry.bytes), Number.MAX_SAFE_INTEGER) : 1)
