/**
 * One place where the values of a region are kept: Redis, memory, or the two together.
 *
 * **Details**
 *
 * A tier knows nothing of schemas, lookups or intents: it is handed keys as they were rendered (`<region>:v<version>:<key>`) and values as
 * they were encoded, and answers for one store. What a `Cache` promises is built once, on any tier.
 *
 * @since 0.1.0
 */
import type { Effect, Exit, Option } from "effect"
import type { CacheCodec } from "./CacheCodec.ts"
import type { Sequences } from "./internal/Sequences.ts"
import type { Stamp } from "./StoredValue.ts"

/**
 * What became of a write.
 *
 * **Details**
 *
 * - `"Applied"`: Redis confirmed it (for memory alone: memory has it).
 * - `"Deferred"`: Redis did not confirm it; this process has it.
 * - `"Rejected"`: it cannot be stored. It was logged and counted, and the key was removed, so that no older value is served.
 *
 * @category models
 * @since 0.1.0
 */
export type WriteOutcome = "Applied" | "Deferred" | "Rejected"

/**
 * What becomes in Redis of a value that was set while Redis was away.
 *
 * **Details**
 *
 * - `"ifUnchanged"`: it is written for the rest of its life if the key still holds what this process last knew
 *   there. Otherwise the key is unlinked, and so it is where this process knew nothing of it.
 * - `"latest"`: of two values the one written later stays. It is for values that are their own truth, such as
 *   sessions. A removal leaves a mark for `removedFor`.
 * - `"invalidate"`: the key is unlinked.
 * - `"overwrite"`: it is written, whatever is there. It is for regions that one process alone writes.
 *
 * @category models
 * @since 0.1.0
 */
export type Replay = "ifUnchanged" | "latest" | "invalidate" | "overwrite"

/**
 * Which write a stored value is of, and when it was made, in milliseconds of Redis' time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Version {
  readonly stamp: Stamp
  readonly writtenAt: number
}

/**
 * The region a tier is asked to keep. `longestLife` is the longest its values usually live, in milliseconds: what another process says
 * beyond that is taken for a clock that is off.
 *
 * @category models
 * @since 0.1.0
 */
export interface TierRegion<in out Value> {
  readonly name: string
  readonly version: number
  readonly codec: CacheCodec<Value>
  readonly longestLife: number
  /** For how many milliseconds an expired value may still be served when its lookup fails. */
  readonly staleFor: number
  /** What Redis is told, when it is back, of a value that was set while it was away. */
  readonly replay: Replay
  /** For how many milliseconds the mark of a removal stays in Redis; 0 where a removal leaves none. */
  readonly removedFor: number
  /** Called for a stored value that could not be read, with what was wrong, without the value; the tier answers with a miss. */
  readonly onUnreadable: (key: string, problem: string) => void
}

/**
 * A value found: how long it still lives in milliseconds, and how many bytes it takes.
 *
 * @category models
 * @since 0.1.0
 */
export class Hit<out Value> {
  readonly value: Value
  readonly timeToLive: number
  readonly bytes: number
  /** Which write of Redis it is of, where it comes from there. */
  readonly version: Version | undefined
  /** For how many milliseconds it still lives where it comes from, which may be more than is believed. */
  readonly lifeThere: number

  // A class, as what lives while a command is in flight has to be: see `Deadlines` of effect-ioredis.
  constructor(value: Value, timeToLive: number, bytes: number, version?: Version, lifeThere = timeToLive) {
    this.value = value
    this.timeToLive = timeToLive
    this.bytes = bytes
    this.version = version
    this.lifeThere = lifeThere
  }
}

/**
 * A value to be stored: as Redis will give it back, its payload as text, and for how many milliseconds (infinite for ever).
 *
 * @category models
 * @since 0.1.0
 */
export class Write<out Value> {
  readonly key: string
  readonly value: Value
  readonly text: string
  readonly timeToLive: number

  constructor(key: string, value: Value, text: string, timeToLive: number) {
    this.key = key
    this.value = value
    this.text = text
    this.timeToLive = timeToLive
  }
}

/**
 * What is found for a key, and whether it is memory's answer because Redis gave none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found<out Value> {
  readonly hit: Hit<Value> | undefined
  readonly source: "redis" | "memory" | "fallback"
  /** What Redis holds in the place of a value, where that is a miss: its first bytes and its length. */
  readonly replaces?: Replaced | undefined
}

/**
 * What a fill may replace: its first 64 bytes, or all if it has fewer, and its length.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replaced {
  readonly start: Uint8Array
  readonly length: number
}

/**
 * The value of a lookup, to be stored in the place of what the lookup's read found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fill<out Value> {
  readonly write: Write<Value>
  /** When the lookup began, as `CacheTier.now` told it. */
  readonly beganAt: number
  /** How many milliseconds it took. */
  readonly lookupTime: number
  /** What the read before it found in the place of a value. */
  readonly replaces: Replaced | undefined
}

/**
 * Is told once how a call ended, at once or later.
 *
 * @category models
 * @since 0.1.0
 */
export type Done<in A, in E> = (exit: Exit.Exit<A, E>) => void

/**
 * To be called when nobody waits for a call any more. `done` is not told after that. After the end of the call it has no effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Cancel = () => void

/**
 * The operations of a tier for one region.
 *
 * **Details**
 *
 * They are functions with a callback, which the cache above makes one Effect of. Composed of Effects, with a GET for each, there were 43,000
 * reads a second where there are 220,000 now (`pnpm bench get`). `known` is what can be said of a key without asking Redis, if anything. `peek` looks again after a `get` that found nothing: in memory, where there is one, so that it takes no time. `isCurrent` says whether a read may still enter a nearer store, which it may not once the key was written meanwhile, and whether
 * nothing newer was written since a write began; that is asked before each attempt. Where there are several keys, it is asked by index.
 * `timeLeft` is how many milliseconds Redis may take for a write that is part of a larger one. With 0 it is not asked at all. `stale` is an expired value that is held on in memory, where there is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface CacheTier<in out Value, out E> {
  readonly known: (key: string) => Found<Value> | undefined
  readonly get: (key: string, isCurrent: () => boolean, done: Done<Found<Value>, E>) => Cancel
  readonly peek: (key: string, isCurrent: () => boolean, done: Done<Found<Value>, E>) => Cancel
  readonly getMany: (
    keys: ReadonlyArray<string>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<Found<Value>>, E>
  ) => Cancel
  readonly set: (
    writes: ReadonlyArray<Write<Value>>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<WriteOutcome>, E>,
    timeLeft?: number
  ) => Cancel
  readonly remove: (
    keys: ReadonlyArray<string>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<WriteOutcome>, E>,
    timeLeft?: number
  ) => Cancel
  /** The time at which a lookup of the key begins. */
  readonly now: (key: string) => number
  /** Stores the value of a lookup. It is no intent, and gives way to every one. */
  readonly fill: (fill: Fill<Value>, isCurrent: () => boolean, done: Done<WriteOutcome, E>) => Cancel
  /** Lets a value live for so many milliseconds from now on, if there is one and it would end sooner. */
  readonly touch: (key: string, timeToLive: number, done: Done<WriteOutcome, E>) => Cancel
  readonly clear: Effect.Effect<WriteOutcome, E>
  readonly stale: (key: string) => Option.Option<Value>
  /** The order of intents that it shares with other caches, where it does. */
  readonly sequences?: Sequences
  /** Lets go of what is nearer than the shared store, of a key or of all: another cache has an intent for it. */
  readonly forget?: (key: string | undefined) => void
}
