import { type Clock, Effect, Exit } from "effect"
import type { RemoveOutcome } from "../Cache.ts"
import {
  type CacheTier,
  type Cancel,
  type Done,
  type Found,
  type Hit,
  Origin,
  type TierRegion,
  type Version,
  type Write
} from "./CacheTier.ts"
import type { Entry, MemoryStore } from "./MemoryStore.ts"
import type { Epoch } from "./near/Epoch.ts"
import type { Demote } from "./near/Near.ts"
import { now } from "./now.ts"
import { Stale } from "./Stale.ts"
import { encodedLength } from "./StoredValue.ts"

/**
 * A tier in memory, with what a tier in front of another needs: to find, put and drop one key at
 * once.
 */
export interface MemoryTier<in out Value> extends CacheTier<Value, never> {
  /** Finds the value of a key, if it is fresh at a time of `now`. Default: now. */
  readonly find: (key: string, at?: number) => KeptEntry<Value> | undefined
  /** Gives the entry of a key, be it fresh or not. */
  readonly glance: (key: string) => KeptEntry<Value> | undefined
  /**
   * Holds a value that is written. `expiresAt` is in the milliseconds of `now`, and `lookupTime` is
   * how many its lookup took.
   */
  readonly take: (write: Write<Value>, expiresAt?: number, lookupTime?: number) => void
  /**
   * Holds what another tier was read to have. It never shortens the life that a write gave the key
   * to the region's usual one. `at` is the time of `now`, and `epoch` the one in which it was read
   * there, if that is known.
   */
  readonly put: (key: string, hit: Hit<Value>, at: number, epoch?: Epoch) => void
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

interface KeptEntry<out Value> extends Entry {
  readonly value: Value
  version: Version | undefined
  readonly origin: Origin | undefined
}

class Held implements Entry {
  readonly value: unknown
  readonly expiresAt: number
  readonly staleUntil: number | undefined
  readonly bytes: number
  version: Version | undefined
  readonly origin: Origin | undefined
  epoch: Epoch | undefined

  constructor(
    value: unknown,
    expiresAt: number,
    staleUntil: number | undefined,
    bytes: number,
    version: Version | undefined,
    origin: Origin | undefined,
    epoch: Epoch | undefined
  ) {
    this.value = value
    this.expiresAt = expiresAt
    this.staleUntil = staleUntil
    this.bytes = bytes
    this.version = version
    this.origin = origin
    this.epoch = epoch
  }
}

// Memory answers at once.
const atOnce = <A>(done: Done<A, never>, value: A): Cancel => {
  done(Exit.succeed(value))
  return ignore
}

const ignore = () => {}

const applied = () => "Applied" as const

const removeEach = (
  keys: ReadonlyArray<string>,
  isCurrent: (index: number) => boolean,
  find: (key: string) => object | undefined,
  drop: (key: string) => void
): ReadonlyArray<RemoveOutcome> =>
  keys.map((key, index) => {
    if (!isCurrent(index)) return "Applied"
    const held = find(key)
    drop(key)
    return held === undefined ? "Absent" : "Applied"
  })

/**
 * The tier of one region in this process's memory.
 *
 * **Details**
 *
 * Two tiers of one region see the same values if they have the same `owner`, and nothing of each
 * other otherwise.
 */
export const make =
  (memory: MemoryStore, clock: Clock.Clock, owner: object = memory) =>
  <Value>(region: TierRegion<Value>): MemoryTier<Value> => {
    const space = spaceOf(memory, owner)
    const keyspace = space + region.keyspace

    // Only this region writes under its keys, and it writes nothing but its values. An entry is not
    // over by the earliest of moments, so that whoever wants it fresh or not need read no clock.
    const entryOf = (key: string, at = Number.NEGATIVE_INFINITY): KeptEntry<Value> | undefined =>
      memory.get(space + key, at) as KeptEntry<Value> | undefined

    const find = (key: string, at = now(clock)): KeptEntry<Value> | undefined => entryOf(key, at)

    const hold = (
      key: string,
      value: Value,
      expiresAt: number,
      bytes: number,
      version: Version | undefined,
      origin: Origin | undefined,
      epoch: Epoch | undefined
    ): void => {
      const staleUntil = region.staleFor === 0 ? undefined : expiresAt + region.staleFor
      memory.set(space + key, new Held(value, expiresAt, staleUntil, bytes, version, origin, epoch))
    }

    const take = (
      { extension, key, payload, timeToLive, value }: Write<Value>,
      expiresAt = now(clock) + timeToLive,
      lookupTime = 0
    ): void => {
      const origin = region.refreshes ? new Origin(now(clock) - lookupTime, lookupTime) : undefined
      hold(key, value, expiresAt, extension.length + encodedLength(payload), undefined, origin, undefined)
    }

    const extend = (key: string, timeToLive: number): void => {
      const expiresAt = now(clock) + timeToLive
      const kept = find(key)
      if (kept === undefined || kept.expiresAt >= expiresAt) return
      hold(key, kept.value, expiresAt, kept.bytes, kept.version, kept.origin, undefined)
    }

    const drop = (key: string): void => {
      memory.delete(space + key)
    }

    const found = (key: string): Found<Value> => ({ hit: find(key), source: "memory" })

    return {
      find,
      take,
      put: (key, { bytes, lifeThere, origin, timeToLive, value, version }, at, epoch) => {
        // The tier that was read has cut a longer life short, so what a write gave it here counts.
        const given = timeToLive >= region.longestLife ? Math.min(find(key)?.expiresAt ?? at, at + lifeThere) : at
        hold(key, value, Math.max(at + timeToLive, given), bytes, version, origin, epoch)
      },
      drop,
      forget: (key) => {
        if (key === undefined) memory.deletePrefix(keyspace)
        else drop(key)
      },
      expire: (key) => {
        if (region.staleFor === 0) return drop(key)
        const at = now(clock)
        const entry = entryOf(key, at)
        if (entry === undefined) return
        const { bytes, origin, staleUntil, value, version } = entry
        memory.set(space + key, new Held(value, at, staleUntil ?? at, bytes, version, origin, undefined))
      },
      stale: (key) => {
        const entry = region.staleFor > 0 ? memory.getStale(space + key, now(clock)) : undefined
        if (entry === undefined) return undefined
        const { expiresAt, staleUntil = expiresAt } = entry
        return new Stale(expiresAt, staleUntil, () => entry as KeptEntry<Value>)
      },
      glance: entryOf,
      known: found,
      get: (key, _, done) => atOnce(done, found(key)),
      peek: (key, _, done) => atOnce(done, found(key)),
      getMany: (keys, _, done) => atOnce(done, keys.map(found)),
      ...makeWrites({ take, drop, extend, find, now: () => now(clock) }),
      extend,
      // Only this tier's own entries are handed in.
      lifeOf: (hit) => {
        const { expiresAt, origin } = hit as KeptEntry<Value>
        return { timeToLive: expiresAt - now(clock), origin }
      },
      replacedBy: (_, done) => atOnce(done, undefined),
      now: () => now(clock),
      clear: Effect.sync(() => {
        memory.deletePrefix(keyspace)
        return "Applied" as const
      })
    }
  }

// The writes of a tier in terms of what memory does at once.
const makeWrites = <Value>({
  drop,
  extend,
  find,
  now,
  take
}: Pick<MemoryTier<Value>, "take" | "drop" | "extend" | "find"> & { readonly now: () => number }): Pick<
  CacheTier<Value, never>,
  "answersAt" | "setAtOnce" | "set" | "setMany" | "remove" | "fill" | "touch"
> => ({
  answersAt: now,
  setAtOnce: (write, at) => {
    take(write, at + write.timeToLive)
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
  remove: (keys, isCurrent, done) => atOnce(done, removeEach(keys, isCurrent, find, drop)),
  fill: ({ lookupTime, write }, isCurrent, done) => {
    if (isCurrent()) take(write, undefined, lookupTime)
    return atOnce(done, "Applied")
  },
  touch: (key, timeToLive, done) => {
    extend(key, timeToLive)
    return atOnce(done, "Applied")
  }
})

/** Demotes what a memory has of an owner's key: it stays there, and is near no more. */
export const demoting = (memory: MemoryStore, owner: object): Demote => {
  const space = spaceOf(memory, owner)
  return (key) => {
    const entry = memory.peek(space + key)
    const wasNear = entry?.epoch?.isOver === false
    if (entry !== undefined) entry.epoch = undefined
    return wasNear
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
