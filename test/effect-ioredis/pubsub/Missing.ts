import { DateTime } from "effect"
import type { RedisPubSub } from "effect-ioredis"

/** A message that was published between two moments of this process. */
export interface Published {
  readonly payload: string
  readonly from: number
  readonly to: number
}

/**
 * What was published, did not come, and lies in no gap that stands where it would have stood. What came twice or out of
 * its order is told too.
 */
export const unreported = (
  published: ReadonlyArray<Published>,
  events: ReadonlyArray<RedisPubSub.Message | RedisPubSub.Gap>
): ReadonlyArray<string> => {
  const places = new Map(published.map(({ payload }, index) => [payload, index]))
  const faults: Array<string> = []
  let next = 0
  let gaps: Array<RedisPubSub.Gap> = []
  const skip = (to: number): void => {
    for (const { from, payload, to: until } of published.slice(next, to)) {
      const isTold = gaps.some(
        (gap) => DateTime.toEpochMillis(gap.since) <= until && from <= DateTime.toEpochMillis(gap.until)
      )
      if (!isTold) faults.push(`${payload} is missing`)
    }
    next = to + 1
    gaps = []
  }
  for (const event of events) {
    if (event._tag === "Gap") gaps.push(event)
    else {
      const place = places.get(event.payload)
      if (place === undefined || place < next) faults.push(`${event.payload} came out of its order`)
      else if (place > next || gaps.length > 0) skip(place)
      else next++
    }
  }
  if (next < published.length) skip(published.length)
  return faults
}
