/**
 * Makes commands of intents: when they are made, and when they are replayed. It is pure.
 */
import { RedisCommand } from "effect-ioredis"
import type { Replay } from "../../Cache.ts"
import type { Replaced, Version } from "../CacheTier.ts"
import type { Held } from "../Lease.ts"
import * as StoredValue from "../StoredValue.ts"
import type { Entry, Intent, SetIntent, TouchIntent } from "./Ledger.ts"
import * as Scripts from "./scripts.ts"

/** Describes how a region is kept in Redis. */
export interface RegionPolicy {
  readonly name: string
  /** Says what the Redis keys of the region begin with. */
  readonly keyspace: string
  readonly replay: Replay
  /** For how many milliseconds the mark of a removal stays; 0 where a removal leaves none. */
  readonly removedFor: number
  /** Says whether its values are misses by their tags, so that emptying it is in no hurry. */
  readonly tags?: boolean | undefined
  /** Says whether a replay leaves an absent key absent: what was newer may have been evicted. */
  readonly leavesAbsent?: boolean | undefined
  /** Says whether a lookup holds a lease of its key, which whatever unlinks the key ends. */
  readonly lease?: boolean | undefined
}

/** Describes what the commands depend on besides the intent. */
export interface Situation {
  /** The time by the clock that `SetIntent.expiresAt` is of. */
  readonly now: number
  /** Says whether the user may run scripts, as far as is known. */
  readonly scripts: boolean
}

/** The bytes or the text to be stored for a value. */
export const storedOf = (key: string, kind: StoredValue.Kind, intent: SetIntent, version: Version) => {
  const { extension, life, lookupTime, payload, staleFor } = intent
  const { stamp, writtenAt } = version
  const fields = { kind, stamp, writtenAt, life, staleLife: life + staleFor, lookupTime, extension }
  return StoredValue.encode(key, fields, payload)
}

/**
 * For how many whole milliseconds a value is still to be kept in Redis, infinite for ever; 0 once
 * it is fresh no longer.
 */
export const remainingLife = ({ expiresAt, staleFor }: SetIntent, now: number): number =>
  expiresAt > now ? Math.max(1, Math.floor(expiresAt - now + staleFor)) : 0

/**
 * Tells what a command may undo if it runs late.
 *
 * - `Stores`: it leaves a value in the place of what was written or removed since.
 * - `Removes`: it removes what was written since, or leaves a mark there.
 * - `Revives`: it compares what is there first, and so leaves nothing that is older, the mark of a
 *   removal included. But a `clear` leaves no mark under the key.
 * - `Nothing`: it leaves no value where there is none, and none that is older.
 */
export type Late = "Stores" | "Removes" | "Revives" | "Nothing"

/** What a command for an intent may undo if it runs late. */
export const lateOf = (
  { args, name }: RedisCommand.RedisCommand,
  intent: Intent,
  { removedFor }: RegionPolicy
): Late => {
  const writes = intent._tag === "Set" ? "Stores" : "Removes"
  if (name === "SET") return writes
  if (name === "UNLINK") return "Removes"
  const [script, , , moment] = args
  switch (script) {
    case Scripts.replaceKnown.sha:
      return "Stores"
    // A removal ends the lease. A `clear` does not.
    case Scripts.fillLeased.sha:
      return "Revives"
    case Scripts.replaceEarlier.sha:
      if (removedFor === 0) return writes
      return intent._tag === "Set" ? "Revives" : "Nothing"
    case Scripts.unlinkEarlier.sha:
      return moment === Scripts.moment(Number.POSITIVE_INFINITY) ? "Removes" : "Nothing"
    default:
      return "Nothing"
  }
}

/**
 * The intent to let a value live for so many milliseconds from `now` on, in Redis' time, and be
 * kept for longer.
 */
export const touchOf = (now: number, timeToLive: number, staleFor: number): TouchIntent => {
  if (timeToLive === Number.POSITIVE_INFINITY) return { _tag: "Touch", askedAt: now, end: timeToLive, staleFor }
  // Both together fit the field that they are stored in, so that the written-at never moves into
  // the future.
  const life = Math.min(timeToLive, StoredValue.longestLife)
  return { _tag: "Touch", askedAt: now, end: now + life, staleFor: Math.min(staleFor, StoredValue.longestLife - life) }
}

/** The command for an intent when it is made. Without scripts there is none for a `touch`. */
export const commandOf = (
  entry: Entry<RegionPolicy>,
  { now, scripts }: Situation
): RedisCommand.RedisCommand | undefined => {
  const { intent, key, version } = entry
  const region = policyOf(entry)
  switch (intent._tag) {
    case "Touch":
      return scripts ? touch(key, intent) : undefined
    case "Remove":
      return remove(key, region, version, scripts, version.writtenAt + tolerance)
    case "Set": {
      const stored = storedOf(key, "set", intent, version)
      const life = remainingLife(intent, now)
      return scripts && region.replay === "latest"
        ? replaceEarlier(key, stored, life, version.writtenAt + tolerance)
        : set(key, stored, life)
    }
  }
}

/**
 * Tells whether Redis has said that there was nothing to remove, by its reply to the so-manieth
 * sending of the command. An earlier sending may have removed what UNLINK no longer found; the
 * script finds its own mark then, and says so.
 */
export const saysAbsent = (
  { args, name }: RedisCommand.RedisCommand,
  reply: RedisCommand.Reply,
  sendings: number
): boolean =>
  name === "UNLINK" ? reply === 0 && sendings === 1 : reply === 2 && args[0] === Scripts.replaceEarlier.sha

/** The command that replays an intent, or `undefined` where nothing is left to be done. */
export const replayOf = (entry: Entry<RegionPolicy>, situation: Situation): RedisCommand.RedisCommand | undefined => {
  const { base, first, followsRemoval, intent, isRefused, key, version } = entry
  const region = policyOf(entry)
  const { now, scripts } = situation
  switch (intent._tag) {
    case "Touch":
      return scripts ? touch(key, intent) : undefined
    case "Remove":
      return remove(key, region, version, scripts, version.writtenAt - 1)
    case "Set": {
      const life = remainingLife(intent, now)
      if (life === 0 || isRefused || region.replay === "invalidate") return discard(key, region, version, scripts)
      const stored = () => storedOf(key, "set", intent, version)
      if (region.replay === "overwrite") return set(key, stored(), life)
      if (!scripts) return unlink(key, region)
      if (region.replay === "latest") {
        return replaceEarlier(key, stored(), life, version.writtenAt - 1, region.leavesAbsent)
      }
      if (intent.payload.length > largestCompared) return discard(key, region, version, scripts)
      const known = followsRemoval ? Scripts.noStamp : (base ?? Scripts.noStamp)
      const args = [stored(), Scripts.lifeOf(life), known, first]
      return Scripts.call(Scripts.replaceKnown, key, args)
    }
  }
}

/**
 * The command that stores the value of a lookup, in the place of exactly what the lookup's read
 * found: nothing, or `length` bytes that begin with `start`. Without scripts only nothing can be
 * replaced. A lease is given back by the same command, which stores nothing where it is lost.
 */
export const fillOf = (
  key: string,
  stored: string | Uint8Array,
  life: number,
  found: Replaced | undefined,
  scripts: boolean,
  lease?: Held
): RedisCommand.RedisCommand | undefined => {
  if (lease !== undefined && scripts) {
    const { length, start } = found ?? nothing
    const args = [stored, Scripts.lifeOf(life), start, length, lease.token]
    return Scripts.callMany(Scripts.fillLeased, [key, lease.key], args)
  }
  if (found === undefined) return RedisCommand.make("SET", [...set(key, stored, life).args, "NX"])
  const args = [stored, Scripts.lifeOf(life), found.start, found.length]
  return scripts ? Scripts.call(Scripts.replaceSame, key, args) : undefined
}

/** Unlinks a value that was written earlier than `writtenAt`; without scripts whatever there is. */
export const unlinkEarlier = (key: string, writtenAt: number, scripts: boolean): RedisCommand.RedisCommand =>
  scripts ? Scripts.call(Scripts.unlinkEarlier, key, [Scripts.moment(writtenAt)]) : unlinkOne(key)

/** Unlinks a value that is older than a confirmed write; without scripts whatever there is. */
export const verify = (key: string, { stamp, writtenAt }: Version, scripts: boolean): RedisCommand.RedisCommand =>
  scripts ? Scripts.call(Scripts.unlinkEarlier, key, [Scripts.moment(writtenAt), stamp]) : unlinkOne(key)

/** The key that holds the mark of a region's last `clear`. No key of the region is like it. */
export const clearedKey = ({ keyspace }: RegionPolicy): string => `${keyspace.slice(0, -1)}!cleared`

/**
 * The key of the lease that a lookup of a key holds. The braces put it into the key's slot, and
 * onto its connection. No key of the region is like it.
 */
export const leaseKey = ({ keyspace }: Pick<RegionPolicy, "keyspace">, key: string): string =>
  `${keyspace.slice(0, -1)}!lease:{${key}}`

/** Leaves the mark of a `clear`. */
export const markCleared = (region: RegionPolicy, version: Version, scripts: boolean): RedisCommand.RedisCommand =>
  remove(clearedKey(region), region, version, scripts, version.writtenAt - 1)

// What cannot be removed together with its lease is removed without it.
const policyOf = ({ isSlotMoving, region }: Entry<RegionPolicy>): RegionPolicy =>
  isSlotMoving ? { ...region, lease: false } : region

const set = (key: string, stored: string | Uint8Array, life: number): RedisCommand.RedisCommand =>
  RedisCommand.make(
    "SET",
    life === Number.POSITIVE_INFINITY
      ? Array.of<RedisCommand.Argument>(key, stored)
      : Array.of<RedisCommand.Argument>(key, stored, "PX", Math.min(life, StoredValue.longestLife))
  )

const unlinkOne = (key: string): RedisCommand.RedisCommand => RedisCommand.make("UNLINK", Array.of(key))

// One command removes both, so that no lookup stores its value between them.
const unlink = (key: string, region: RegionPolicy): RedisCommand.RedisCommand =>
  region.lease === true ? RedisCommand.make("UNLINK", [key, leaseKey(region, key)]) : unlinkOne(key)

const replaceEarlier = (
  key: string,
  stored: string | Uint8Array,
  life: number,
  latest: number,
  leavesAbsent = false
) => {
  const args = [stored, Scripts.lifeOf(life), Scripts.moment(latest)]
  return Scripts.call(Scripts.replaceEarlier, key, leavesAbsent ? [...args, 1] : args)
}

const remove = (
  key: string,
  region: RegionPolicy,
  version: Version,
  scripts: boolean,
  latest: number
): RedisCommand.RedisCommand => {
  const { removedFor, replay } = region
  if (removedFor === 0) return unlink(key, region)
  const { stamp, writtenAt } = version
  const mark = StoredValue.encodeText(
    key,
    { kind: "removed", stamp, writtenAt, life: removedFor, staleLife: removedFor, lookupTime: 0 },
    ""
  )
  return scripts && replay === "latest" ? replaceEarlier(key, mark, removedFor, latest) : set(key, mark, removedFor)
}

// Removes what a value that is not to be written would replace. A mark says more than an absent
// key, so it stays.
const discard = (key: string, region: RegionPolicy, { writtenAt }: Version, scripts: boolean) => {
  const { removedFor, replay } = region
  if (replay === "latest") return unlinkEarlier(key, writtenAt + 1, scripts)
  return removedFor === 0 ? unlink(key, region) : unlinkEarlier(key, Number.POSITIVE_INFINITY, scripts)
}

const nothing = { start: "", length: Scripts.absent }

const touch = (key: string, { askedAt, end, staleFor }: TouchIntent): RedisCommand.RedisCommand =>
  Scripts.call(Scripts.extend, key, [
    end === Number.POSITIVE_INFINITY ? 0 : end,
    staleFor === Number.POSITIVE_INFINITY ? 0 : staleFor,
    askedAt
  ])

// By how much the clocks of two processes may differ: a write loses at once only to what is later
// than that.
const tolerance = 50

// A larger value is not sent in a replay that may find that it has to be unlinked.
const largestCompared = 64 * 1024
