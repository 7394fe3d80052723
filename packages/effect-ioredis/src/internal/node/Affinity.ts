import type { Key } from "../keyText.ts"

/**
 * Chooses the lane that carries a key, so that the commands of one key stay in order.
 *
 * Keys are spread over buckets, and a bucket keeps to one lane. It changes its lane only when
 * nothing of it is in flight on a connection that lives: then no command can overtake an earlier
 * one of its key.
 */
export interface Affinity<Lane> {
  /** The bucket of a key. */
  readonly bucketOf: (key: Key) => Bucket<Lane>
  /** The lane that carries a bucket now, or `undefined` while no lane is open. */
  readonly laneOf: (bucket: Bucket<Lane>) => Lane | undefined
  /** Throws where a count cannot be right. For tests. */
  readonly checkInvariants: () => void
}

/** Keys that are carried together. `inFlight` counts their commands that have no reply yet. */
export interface Bucket<Lane> {
  readonly index: number
  lane: Lane | undefined
  inFlight: number
}

/** Spreads keys over `lanes`. Those of one hash keep together. */
export const make = <Lane>(
  lanes: ReadonlyArray<Lane>,
  isOpen: (lane: Lane) => boolean,
  hash: (key: Key) => number
): Affinity<Lane> => {
  const buckets = Array.from(
    { length: lanes.length * bucketsPerLane },
    (_, index): Bucket<Lane> => ({ index, lane: undefined, inFlight: 0 })
  )

  // A bucket's own lane where that is open, else the nearest open one after it.
  const choose = (bucket: Bucket<Lane>): Lane | undefined => {
    for (let step = 0; step < lanes.length; step++) {
      const lane = lanes[(bucket.index + step) % lanes.length]
      if (lane !== undefined && isOpen(lane)) return lane
    }
    return undefined
  }

  return {
    bucketOf: (key) => buckets[Math.abs(hash(key)) % buckets.length] as Bucket<Lane>, // The remainder is an index.
    laneOf: (bucket) => {
      const { lane } = bucket
      const mustStay = lane !== undefined && bucket.inFlight > 0 && isOpen(lane)
      if (!mustStay) bucket.lane = choose(bucket)
      return bucket.lane
    },
    checkInvariants: () => {
      for (const { index, inFlight } of buckets) {
        if (inFlight < 0) throw new Error(`bucket ${index} has ${inFlight} commands in flight`)
      }
    }
  }
}

// Enough of them that each is seldom busy, and a key can move back soon.
const bucketsPerLane = 64
