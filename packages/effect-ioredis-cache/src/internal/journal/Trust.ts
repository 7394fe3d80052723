/**
 * Judges whether a reply may be believed, by what this process knows of the keys it wrote last.
 *
 * Redis can lose what it confirmed: it is started anew from an older dump, or a replica that lags
 * is promoted. No field of the server tells of every such change, but the values themselves tell of
 * most. A reply that this process itself has replaced cannot come from a server that has kept its
 * data.
 */
import type { Version } from "../CacheTier.ts"
import { type Stamp, type StampSource, writerOf } from "../StoredValue.ts"
import * as Recent from "../Recent.ts"

/**
 * Tells what a reply is worth.
 *
 * - `Trusted`: it may be believed.
 * - `Older`: it is older than what this process has confirmed, which is a miss.
 * - `Changed`: likewise, and it shows that the server has lost data.
 */
export type Verdict = "Trusted" | "Older" | "Changed"

/** Holds what is known of one key. */
export class Known {
  /** The last `set` or `remove` of this process that Redis confirmed. */
  confirmed: Version
  /** The stamp that this process knew before it. */
  before: Stamp | undefined
  /** Says what this process knew last: its own write, or what it has read since. */
  last: Version
  /** Says whether no server can have lost it since the confirmation, and no other owns the key. */
  isVerified: boolean
  /** Counts how often it became unverified, so that a verification knows if it came too late. */
  changes = 0

  constructor(confirmed: Version, before: Stamp | undefined, isVerified: boolean) {
    this.confirmed = confirmed
    this.before = before
    this.last = confirmed
    this.isVerified = isVerified
  }

  confirm(confirmed: Version, before: Stamp | undefined, isVerified: boolean): void {
    this.confirmed = confirmed
    this.before = before
    this.last = confirmed
    this.isVerified = isVerified
  }
}

/**
 * Judges what was found for a key that is known.
 *
 * It uses no clock but the one that both values were written by, so it does not matter when the
 * data were lost. The written-at decides only where it is known that data may have been lost,
 * because two processes write within their clocks' error: a false alarm then costs a miss of such a
 * key and nothing else.
 */
export const judge = (known: Known, found: Version, isOwn: (stamp: Stamp) => boolean): Verdict => {
  const { stamp } = found
  const { confirmed } = known
  if (stamp === confirmed.stamp || (known.isVerified && stamp === known.last.stamp)) return "Trusted"
  if (stamp === known.before) return "Changed"
  if (writerOf(stamp) === writerOf(confirmed.stamp)) return stamp < confirmed.stamp ? "Changed" : "Trusted"
  return !known.isVerified && !isOwn(stamp) && found.writtenAt < confirmed.writtenAt ? "Older" : "Trusted"
}

/** Keeps what is known of the last keys that were confirmed. */
export interface Trust {
  /** Tells whether nothing is known, so that every reply is believed. */
  readonly isEmpty: () => boolean
  /** Records that Redis has confirmed an intent. */
  readonly confirm: (key: string, confirmed: Version, before: Stamp | undefined, isVerified: boolean) => void
  /** Judges a reply, and remembers it where it is trusted. */
  readonly judge: (key: string, found: Version) => Verdict
  /** Tells what is known of a key. */
  readonly get: (key: string) => Known | undefined
  /** Makes the keys of some slots, or every key, unverified and returns them. */
  readonly unverify: (slots: Iterable<number> | undefined) => ReadonlyArray<string>
}

/** Makes a record of at least `size` keys. */
export const make = (source: StampSource, size: number, slotOf?: (key: string) => number): Trust => {
  const keys = Recent.make<Known>(size, slotOf)
  return {
    isEmpty: keys.isEmpty,
    confirm: (key, confirmed, before, isVerified) => {
      // Most keys that are written again are still young, and change in place: ten thousand objects
      // that are replaced again and again cost the collector more than all the rest of it.
      const young = keys.young(key)
      if (young === undefined) keys.add(key, new Known(confirmed, before, isVerified))
      else young.confirm(confirmed, before, isVerified)
    },
    judge: (key, found) => {
      const known = keys.get(key)
      if (known === undefined) return "Trusted"
      const verdict = judge(known, found, source.isOwn)
      if (verdict === "Trusted" && found.stamp !== known.last.stamp) {
        known.last = found
      }
      return verdict
    },
    get: keys.get,
    unverify: (slots) => {
      const concerned = slots === undefined ? keys.all() : keys.inSlots(slots)
      for (const [, known] of concerned) {
        known.isVerified = false
        known.changes++
      }
      return concerned.map(([key]) => key)
    }
  }
}
