import { type Clock, Effect, Exit, Option } from "effect"
import type { RemoveOutcome } from "../Cache.ts"
import type { CacheTier, Cancel, Done, Found, Hit, TierRegion, Version, Write } from "./CacheTier.ts"
import type { Entry, MemoryStore } from "./MemoryStore.ts"
import { now } from "./now.ts"
import { encodedLength, type Stamp } from "./StoredValue.ts"

/**
 * A tier in memory, with what a tier in front of another needs: to find, put and drop one key at
 * once.
 */
export interface MemoryTier<in out Value> extends CacheTier<Value, never> {
  /** Finds the value of a key, if it is fresh. */
  readonly find: (key: string) => Kept<Value> | undefined
  /** Tells which write of Redis the entry of a key is of, be it fresh or not. */
  readonly versionOf: (key: string) => Version | undefined
  /** Gives the entry of a key if it is of that write of Redis, be it fresh or not. */
  readonly held: (key: string, stamp: Stamp) => Kept<Value> | undefined
  /** Holds a value that is written. `expiresAt` is in the milliseconds of `now`. */
  readonly take: (write: Write<Value>, expiresAt?: number) => void
  /**
   * Holds what another tier was read to have. It never shortens the life that a write gave the key
   * to the region's usual one. `at` is the time of `now`.
   */
  readonly put: (key: string, hit: Hit<Value>, at: number) => void
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
    const entryOf = (key: string, at = Number.NEGATIVE_INFINITY): Kept<Value> | undefined =>
      memory.get(space + key, at) as Kept<Value> | undefined

    const find = (key: string): Kept<Value> | undefined => entryOf(key, now(clock))

    const hold = (key: string, value: Value, expiresAt: number, bytes: number, version?: Version): void => {
      memory.set(space + key, new Held(value, expiresAt, expiresAt + region.staleFor, bytes, version))
    }

    const take = ({ key, payload, timeToLive, value }: Write<Value>, expiresAt = now(clock) + timeToLive): void =>
      hold(key, value, expiresAt, encodedLength(payload))

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
      versionOf: (key) => entryOf(key)?.version,
      held: (key, stamp) => {
        const entry = entryOf(key)
        return entry?.version?.stamp === stamp ? entry : undefined
      },
      take,
      put: (key, { bytes, lifeThere, timeToLive, value, version }, at) => {
        // The tier that was read has cut a longer life short, so what a write gave it here counts.
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
        const entry = entryOf(key, at)
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
      remove: (keys, isCurrent, done) => atOnce(done, removeEach(keys, isCurrent, find, drop)),
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
