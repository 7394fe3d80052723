/**
 * One place where the values of a region are kept: Redis, memory, or the two together.
 *
 * **Details**
 *
 * A tier knows nothing of schemas, lookups or intents: it is handed whole keys, as they stand in
 * Redis (`<prefix>:<region>:v<version>:<key>`), and values as they were encoded, and answers for
 * one store. What a `Cache` promises is built once, on any tier.
 *
 * A key is one string from the call to the socket and to every map that knows it, because each copy
 * would be put together and hashed anew: a tenth of what a `get` costs.
 */
import { type Effect, Exit } from "effect"
import type { RedisError } from "effect-ioredis"
import type { RemoveOutcome, Replay, WriteOutcome } from "../Cache.ts"
import type { CacheCodec } from "./CacheCodec.ts"
import type { Answer, Held } from "./Lease.ts"
import type { Leased } from "./LeasedRuns.ts"
import type { Sequences } from "./Sequences.ts"
import type { Stale } from "./Stale.ts"
import type { Payload, Stamp } from "./StoredValue.ts"

/** Identifies a write and its moment. */
export class Version {
  /** Says who wrote it, and the how-manieth write of that process it was. */
  readonly stamp: Stamp
  /** Says when it was written, in milliseconds of Redis' time. */
  readonly writtenAt: number

  // A class, because memory keeps one with each value: V8 takes to allocating literals that live so
  // long among the old objects, where they cost the collector more.
  constructor(stamp: Stamp, writtenAt: number) {
    this.stamp = stamp
    this.writtenAt = writtenAt
  }
}

/** Describes the region that a tier is asked to keep. */
export interface TierRegion<in out Value> {
  /** Names the region. */
  readonly name: string
  /** Says what its keys begin with. */
  readonly keyspace: string
  /** Turns values into payloads and back. */
  readonly codec: CacheCodec<Value>
  /** Bounds the length of a payload that was compressed, in bytes. */
  readonly maxBytes: number
  /**
   * Says how long its values live at most, in milliseconds: what another process says beyond that
   * is taken for a clock that is off.
   */
  readonly longestLife: number
  /** Says for how many milliseconds an expired value may still be served when its lookup fails. */
  readonly staleFor: number
  /** Says whether it refreshes its values, and so wants to know where they come from. */
  readonly refreshes: boolean
  /** Chooses what Redis is told, when it is back, of a value that was set while it was away. */
  readonly replay: Replay
  /** Says for how many milliseconds the mark of a removal stays; 0 where a removal leaves none. */
  readonly removedFor: number
  /** Says whether every value has a tag of the region, so that one without it is none. */
  readonly tags: boolean
  /** Says whether what was set while Redis was away is told only in the place of what is there. */
  readonly leavesAbsent?: boolean | undefined
  /** Says whether one process at a time is to look a key up. */
  readonly lease?: boolean | undefined
  /**
   * Says how old a value may be, in milliseconds, that memory answers while Redis does too;
   * `undefined` where each read asks Redis.
   */
  readonly maxStaleness?: number | undefined
  /**
   * Is called for a stored value that could not be read, with what was wrong and without the value.
   * The tier answers with a miss.
   */
  readonly onUnreadable: (key: string, problem: string) => void
  /** Is told what came of asking for a lease. */
  readonly onLease?: ((answer: Answer) => void) | undefined
}

/** Says when a value was made, by the process's monotonic clock, and how long that took. */
export class Origin {
  /** Says when its lookup began, or when it was set, in the milliseconds of `now`. */
  readonly madeAt: number
  /** Says how many milliseconds its lookup took; 0 where there was none. */
  readonly lookupTime: number

  constructor(madeAt: number, lookupTime: number) {
    this.madeAt = madeAt
    this.lookupTime = lookupTime
  }
}

/** Tells how long a fresh value still lives. */
export interface Life {
  /** Says for how many milliseconds, infinite for ever. */
  readonly timeToLive: number
  /** Says where it comes from, in a region that refreshes its values. */
  readonly origin: Origin | undefined
}

/** Holds a value that was found in Redis, with what a nearer store needs to know to keep it. */
export class Hit<out Value> {
  readonly value: Value
  /** Says for how many milliseconds it still lives. */
  readonly timeToLive: number
  /** Counts the bytes that it takes. */
  readonly bytes: number
  /** Says which write of Redis it is of. */
  readonly version: Version
  /**
   * For how many milliseconds it still lives where it comes from, which may be more than is
   * believed.
   */
  readonly lifeThere: number
  /** Says where it comes from, in a region that refreshes its values. */
  readonly origin: Origin | undefined

  // A class, as what lives while a command is in flight has to be: see `Deadlines` of
  // effect-ioredis.
  constructor(
    value: Value,
    timeToLive: number,
    bytes: number,
    version: Version,
    lifeThere: number,
    origin?: Origin | undefined
  ) {
    this.value = value
    this.timeToLive = timeToLive
    this.bytes = bytes
    this.version = version
    this.lifeThere = lifeThere
    this.origin = origin
  }
}

/** Holds a value that is to be stored. */
export class Write<out Value> {
  readonly key: string
  /** Holds the value as Redis will give it back, perhaps wrapped. */
  readonly value: Value
  /** Holds its payload as it is to be stored in Redis. */
  readonly payload: Payload
  /** Says for how many milliseconds it lives, infinite for ever. */
  readonly timeToLive: number
  /** Holds the extension units that stand before the payload. */
  readonly extension: string

  constructor(key: string, value: Value, payload: Payload, timeToLive: number, extension = "") {
    this.key = key
    this.value = value
    this.payload = payload
    this.timeToLive = timeToLive
    this.extension = extension
  }
}

/**
 * Lists who answers a read: `"near"` is memory although Redis would answer too, `"journal"` what
 * Redis has not confirmed, and `"fallback"` memory because Redis gave no answer.
 */
export type Source = "redis" | "memory" | "near" | "journal" | "fallback"

/** Tells what was found for a key. */
export interface Found<out Value> {
  /**
   * Holds the value, if there is one, perhaps wrapped. What memory has is handed on as it is,
   * because most reads want no more.
   */
  readonly hit: { readonly value: Value } | undefined
  /** Says who answered. */
  readonly source: Source
  /**
   * Says what Redis failed with, where memory answers in its place; nothing where its circuit was
   * open.
   */
  readonly because?: RedisError.RedisError | undefined
  /** Describes what Redis holds in the place of a value, where that is a miss. */
  readonly replaces?: Replaced | undefined
  /** Holds what has expired in Redis and may still be served, where that is a miss. */
  readonly stale?: Stale<Value> | undefined
}

/** Tells what was found for a key in Redis. */
export interface FoundThere<out Value> extends Found<Value> {
  readonly hit: Hit<Value> | undefined
}

/** Describes what a fill may replace. */
export interface Replaced {
  /** Holds its first 64 bytes, or all if it has fewer. */
  readonly start: Uint8Array
  /** Counts all of its bytes. */
  readonly length: number
}

/** Holds the value of a lookup, to be stored in the place of what the lookup's read found. */
export interface Fill<out Value> {
  /** Holds the value. */
  readonly write: Write<Value>
  /** Says when the lookup began, as `CacheTier.now` told it. */
  readonly beganAt: number
  /** Says how many milliseconds the lookup took. */
  readonly lookupTime: number
  /** Describes what was found before the lookup, and is to be replaced. */
  readonly replaces: Replaced | undefined
  /** Holds the lease of the key, if the lookup has taken one. The fill gives it back. */
  readonly lease?: Held | undefined
}

/** The ends of all writes, which are made once. */
export const exitOf: { readonly [outcome in WriteOutcome]: Exit.Exit<WriteOutcome> } = {
  Applied: Exit.succeed("Applied"),
  Deferred: Exit.succeed("Deferred"),
  Rejected: Exit.succeed("Rejected")
}

/** Says whether nothing newer was written under a key since a call for it began. */
export interface Current {
  readonly isCurrent: () => boolean
}

/**
 * Is told once how a call ended, at once or later.
 */
export type Done<in A, in E> = (exit: Exit.Exit<A, E>) => void

/**
 * Cancels a call that nobody waits for any more. `done` is not told after that. After the end
 * of the call it has no effect.
 */
export type Cancel = () => void

/**
 * Keeps the values of one region.
 *
 * **Details**
 *
 * The operations are functions with a callback, which the cache above makes one Effect of:
 * composed of Effects they were several times slower (docs/performance.md).
 *
 * A read that is not current may not enter a nearer store any more. A write is asked before each
 * attempt whether it is. Where there are several keys, `isCurrent` is asked by index. `timeLeft` is
 * how many milliseconds Redis may take for what is part of a larger call; with 0 a write does not
 * ask it at all.
 *
 * What can be answered at once has a method of its own, `known` and `setAtOnce`. It costs neither a
 * callback nor a watch: a third of what the other way takes.
 */
export interface CacheTier<in out Value, out E> {
  /** Says what can be said of a key without asking Redis, if anything. */
  readonly known: (key: string) => Found<Value> | undefined
  /** Reads a key. */
  readonly get: (key: string, current: Current, done: Done<Found<Value>, E>) => Cancel
  /**
   * Looks again after a `get` that found nothing: in memory, where there is one, so that it takes
   * no time.
   */
  readonly peek: (key: string, current: Current, done: Done<Found<Value>, E>) => Cancel
  /** Reads several keys, and answers in their order. */
  readonly getMany: (
    keys: ReadonlyArray<string>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<Found<Value>>, E>,
    timeLeft?: number
  ) => Cancel
  /**
   * Tells the time of `now` at which a write of the key is to be answered without asking Redis;
   * `undefined` where Redis is asked.
   */
  readonly answersAt: (key: string) => number | undefined
  /** Stores a value without asking Redis, at the time that `answersAt` has just told. */
  readonly setAtOnce: (write: Write<Value>, at: number) => WriteOutcome
  /** Stores a value. */
  readonly set: (write: Write<Value>, current: Current, done: Done<WriteOutcome, E>) => Cancel
  /** Stores several values, and answers in their order. */
  readonly setMany: (
    writes: ReadonlyArray<Write<Value>>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<WriteOutcome>, E>,
    timeLeft?: number
  ) => Cancel
  /** Removes keys, and answers in their order. */
  readonly remove: (
    keys: ReadonlyArray<string>,
    isCurrent: (index: number) => boolean,
    done: Done<ReadonlyArray<RemoveOutcome>, E>,
    timeLeft?: number
  ) => Cancel
  /** Tells how long what was found still lives. */
  readonly lifeOf: (hit: { readonly value: Value }) => Life
  /** Tells what the value of a lookup that begins now would replace, be it a fresh value or not. */
  readonly replacedBy: (key: string, done: Done<Replaced | undefined, E>) => Cancel
  /** Tells the time at which a lookup of the key begins. */
  readonly now: (key: string) => number
  /** Stores the value of a lookup. It is no intent, and gives way to every one. */
  readonly fill: (fill: Fill<Value>, isCurrent: () => boolean, done: Done<WriteOutcome, E>) => Cancel
  /**
   * Lets a value live for so many milliseconds from now on, if there is one and it would end
   * sooner.
   */
  readonly touch: (key: string, timeToLive: number, done: Done<WriteOutcome, E>) => Cancel
  /** Removes every value of the region. */
  readonly clear: Effect.Effect<WriteOutcome, E>
  /** Gives what memory has of a key, fresh or not, where there is a memory. */
  readonly glance: (key: string) => { readonly value: Value } | undefined
  /** Gives what memory holds of a key, expired or not, where there is a memory. */
  readonly stale: (key: string) => Stale<Value> | undefined
  /** Lets one process at a time look a key up, in a region that wants it. */
  readonly leased?: Leased<Value> | undefined
  /** Orders intents together with other caches, where it does. */
  readonly sequences?: Sequences
  /**
   * Lets go of what is nearer than the shared store, of a key or of all: another cache has an
   * intent for it.
   */
  readonly forget?: (key: string | undefined) => void
}
