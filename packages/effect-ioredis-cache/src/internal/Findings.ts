import { type Clock, Effect } from "effect"
import type { RedisClient, RedisCommand } from "effect-ioredis"
import { decompress } from "./brotli.ts"
import { type FoundThere, Hit, Origin, type Replaced, type TierRegion, Version } from "./CacheTier.ts"
import * as Scripts from "./journal/scripts.ts"
import { now } from "./now.ts"
import { Stale } from "./Stale.ts"
import * as StoredValue from "./StoredValue.ts"
import * as Tag from "./tags/Tag.ts"
import { withTags } from "./tags/Tagged.ts"
import { unwrap } from "./Wrapped.ts"

/**
 * Says what a reply of Redis is to the region whose key was read: a value, or a miss and what a
 * fill may replace. `time` is that of Redis.
 */
export type Judge<Value> = (
  key: string,
  reply: RedisCommand.Reply,
  isCurrent: boolean,
  time: number
) => FoundThere<Value>

/** Says what replies are judged by. */
export interface Options<out Value> {
  /** Says whether what is found under a key may be believed. What may not is a miss. */
  readonly believes?: ((key: string, found: Version, isCurrent: boolean) => boolean) | undefined
  /**
   * Gives what a nearer store keeps of a key. It is not decoded again where it is of the write that
   * was found: a stamp names one write, and so one payload, for ever.
   */
  readonly kept?: ((key: string) => Kept<Value> | undefined) | undefined
}

/** A value that a nearer store keeps, how much room it takes there, and of which write it is. */
export interface Kept<out Value> {
  readonly value: Value
  readonly bytes: number
  readonly version?: Version | undefined
}

/** Holds what judging needs of the cache. */
export interface Environment {
  readonly client: RedisClient.RedisClient
  readonly clock: Clock.Clock
  /** Runs what no answer waits for. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Makes the judgement of one region. */
export const make = <Value>(
  environment: Environment,
  region: TierRegion<Value>,
  { believes, kept }: Options<Value>
): Judge<Value> => {
  const { discard, unreadable } = makeMisses(environment, region)
  const findingOf = makeFindingOf(environment, region, { discard, unreadable })
  const { clock } = environment

  const isBelieved = (key: string, version: Version, isCurrent: boolean): boolean =>
    believes?.(key, version, isCurrent) !== false

  const heldOf = (key: string, { stamp }: Version): Kept<Value> | undefined => {
    const held = kept?.(key)
    return held?.version?.stamp === stamp ? held : undefined
  }

  // A miss, whose value is decoded only where a lookup has nothing better. How long it may be
  // served is not for its writer alone to say.
  const expired = (
    key: string,
    read: StoredValue.Value,
    version: Version,
    isCurrent: boolean,
    time: number
  ): FoundThere<Value> => {
    const { header, stored } = read
    const end = version.writtenAt + header.life
    const left = Math.min(version.writtenAt + header.staleLife, end + region.staleFor) - time
    const miss = missOf(stored)
    if (left <= 0 || !isBelieved(key, version, isCurrent)) return miss
    const at = now(clock)
    const find = () => findingOf(key, read, version, 0, time, heldOf(key, version)).hit
    return { ...miss, stale: new Stale(at + end - time, at + left, find) }
  }

  const value = (key: string, read: StoredValue.Value, isCurrent: boolean, time: number): FoundThere<Value> => {
    const { header, stored } = read
    const { writtenAt } = header
    const timeToLive = writtenAt + header.life - time
    const version = new Version(header.stamp, writtenAt)
    if (timeToLive <= 0) return expired(key, read, version, isCurrent, time)
    if (!isBelieved(key, version, isCurrent)) return missOf(stored)
    return findingOf(key, read, version, timeToLive, time, heldOf(key, version))
  }

  const keyCheck = StoredValue.keyCheckAfter(region.keyspace)

  return (key, reply, isCurrent, time) => {
    if (!(reply instanceof Uint8Array)) return missed
    const read = StoredValue.read(key, reply, keyCheck)
    switch (read._tag) {
      case "Value":
        return value(key, read, isCurrent, time)
      case "Removed":
        return missOf(reply)
      case "Broken":
        return discard(key, reply)
      case "Foreign":
        return unreadable(key, reply, problems[read.reason])
    }
  }
}

interface Misses {
  /** What stays, and is counted. */
  readonly unreadable: (key: string, stored: Uint8Array, problem: string) => FoundThere<never>
  /** What is removed. */
  readonly discard: (key: string, stored: Uint8Array) => FoundThere<never>
}

const makeMisses = (
  { client, fork }: Environment,
  { onUnreadable }: Pick<TierRegion<never>, "onUnreadable">
): Misses => ({
  unreadable: (key, stored, problem) => {
    onUnreadable(key, problem)
    return missOf(stored)
  },
  // The header tells writes apart, so that its script need not be sent the whole. The answer does
  // not wait for the removal.
  discard: (key, stored) => {
    const begins = stored.subarray(0, comparedBytes)
    fork(Effect.ignore(client.eval(Scripts.deleteIfBegins)({ key, length: stored.length, begins })))
    onUnreadable(key, "it is a broken value of this region, and is removed")
    return missed
  }
})

const makeFindingOf = <Value>({ clock }: Environment, region: TierRegion<Value>, { discard, unreadable }: Misses) => {
  const originOf = ({ lookupTime, writtenAt }: StoredValue.Header, time: number): Origin =>
    new Origin(now(clock) - (time - writtenAt), lookupTime)

  // Where there are tags they are kept with the value, in its place: whoever reads it judges them.
  const tagged = (value: Value, { payloadOffset, stored }: StoredValue.Value): Value =>
    payloadOffset === StoredValue.headerLength && !region.tags
      ? value
      : withTags(value, Tag.read(stored, payloadOffset), missOf(stored).replaces)

  // How long it lives in memory is not for another process alone to say.
  const foundOf = (
    read: StoredValue.Value,
    value: Value,
    bytes: number,
    version: Version,
    timeToLive: number,
    time: number
  ): FoundThere<Value> => {
    const origin = region.refreshes ? originOf(read.header, time) : undefined
    const life = Math.min(timeToLive, region.longestLife)
    return { hit: new Hit(tagged(value, read), life, bytes, version, timeToLive, origin), source: "redis" }
  }

  return (
    key: string,
    read: StoredValue.Value,
    version: Version,
    timeToLive: number,
    time: number,
    held: Kept<Value> | undefined
  ): FoundThere<Value> => {
    const { form, payloadOffset, stored } = read
    if (held !== undefined) return foundOf(read, unwrap(held.value), held.bytes, version, timeToLive, time)
    const isPlain = form === StoredValue.plainJson
    const packed = isPlain ? stored : stored.subarray(payloadOffset)
    const payload = form.compression === "brotli" ? decompress(packed, region.maxBytes) : packed
    if (payload === "Broken") return discard(key, stored)
    if (payload === "TooLong") {
      return unreadable(key, stored, `it takes more than maxBytes, ${region.maxBytes}, when it is decompressed`)
    }
    const decoded = isPlain ? region.codec.decode(stored, payloadOffset) : region.codec.decode(payload, 0, form.codec)
    switch (decoded._tag) {
      case "Value":
        return foundOf(
          read,
          decoded.value,
          isPlain ? stored.length : payloadOffset + payload.length,
          version,
          timeToLive,
          time
        )
      case "Mismatch":
        return unreadable(key, stored, decoded.problem)
      case "Broken":
        return discard(key, stored)
    }
  }
}

const problems: { readonly [reason in StoredValue.Foreign["reason"]]: string } = {
  NotOurs: "it is not a value of this library, or of another release of it",
  OtherKey: "it was written under another key",
  UnknownLetter: "it is of a format that this release does not know"
}

// More than the header: so two broken values of one writer differ too, where their headers do not.
const comparedBytes = 64

const missed: FoundThere<never> = { hit: undefined, source: "redis" }

const missOf = (stored: Uint8Array): FoundThere<never> => ({
  hit: undefined,
  source: "redis",
  replaces: replacedOf(stored)
})

/** Describes stored bytes that a fill may replace. It copies, for a reply may be a part of more. */
export const replacedOf = (stored: Uint8Array): Replaced => ({
  start: Uint8Array.from(stored.subarray(0, comparedBytes)),
  length: stored.length
})
