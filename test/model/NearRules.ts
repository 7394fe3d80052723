/**
 * Promise 3: a read of a near region never returns a value that another process's write has replaced, if
 * Redis acknowledged that write `maxStaleness` or longer before the read began.
 */
import { keysOf, type Place, regions } from "./History.ts"
import { type CallRecord, type Facts, type Intent, placeOf } from "./Log.ts"
import type { Violation } from "./Reference.ts"

export const check = (facts: Facts): ReadonlyArray<Violation> => {
  const { near } = facts.history
  return near === undefined ? [] : facts.log.calls.flatMap((record) => stale(facts, record, near))
}

const stale = (facts: Facts, record: CallRecord, maxStaleness: number): ReadonlyArray<Violation> => {
  const { call, fellBack, from, process, result, step } = record
  // In an outage memory answers with what it has, and so where a user may not write.
  if (result._tag !== "Values" || fellBack || facts.mayBeDenied) return []
  return keysOf(call).flatMap((key, index): ReadonlyArray<Violation> => {
    const place = { region: call.region, key }
    const value = result.values[index]
    if (value === undefined || isOwnDeferred(facts, record, place) || isLookedUp(facts, record, value)) return []
    const since = storedAt(facts, place, value)
    const by = facts
      .intentsAt(place)
      .find(
        (intent) =>
          intent.process !== process &&
          intent.outcome === "Applied" &&
          intent.value !== value &&
          intent.to !== undefined &&
          intent.to.at + maxStaleness + unnoticed(facts, record) <= from.at &&
          since !== undefined &&
          since < intent.from.at - marginOf(facts, intent) &&
          !facts.lostSince(intent.from, place) &&
          !isSplit(facts, intent, record)
      )
    if (by === undefined) return []
    const message = `call ${step} (process ${process}), at ${from.at} ms, found in ${placeOf(place)} ${value}, which ${by.what} had replaced at ${by.to?.at} ms`
    return [{ rule: "stale", message }]
  })
}

// When Redis was last given the value, if it was, and everybody who wrote it has been told so.
const storedAt = (facts: Facts, place: Place, value: string): number | undefined => {
  const written = facts.intentsAt(place).find((intent) => intent.value === value)
  if (written !== undefined && written.outcome !== "Applied") return undefined
  const executed = facts.executedAt(place).flatMap((one) => (one.value === value ? [one.at] : []))
  const foreign = written !== undefined && written.process < 0 ? [written.from.at] : []
  const all = [...executed, ...foreign]
  return all.length === 0 ? undefined : Math.max(...all)
}

// What this process wants of the key and Redis has not confirmed comes first.
const isOwnDeferred = (facts: Facts, { from, process, to, wasJournaling }: CallRecord, place: Place): boolean =>
  facts
    .intentsAt(place)
    .some(
      (intent) =>
        intent.process === process &&
        intent.from.order < (to?.order ?? from.order) &&
        (intent.to === undefined || intent.to.order > from.order || (wasJournaling && intent.outcome !== "Applied"))
    )

// A lookup that ended while the call waited says what there is outside of Redis.
const isLookedUp = (facts: Facts, { from }: CallRecord, value: string): boolean =>
  facts.log.lookups.some(({ id, to }) => id === value && (to === undefined || to.order > from.order))

// What a suspension of up to a second takes goes unnoticed.
const unnoticed = ({ log }: Facts, { process }: CallRecord): number =>
  log.suspensions.reduce((sum, { from, process: by, to }) => {
    const took = by === process && to !== undefined ? to.at - from.at : 0
    return took <= 1000 ? sum + took : sum
  }, 0)

// By how much the clocks may decide what is replaced: by a `clear`, and where marks of removals are compared.
const marginOf = ({ clockError }: Facts, { _tag, process, region }: Intent): number =>
  process >= 0 && (_tag === "Clear" || regions[region]?.marks === true) ? clockError : 0

// A master that is cut off and still answers does not know what was written elsewhere.
const isSplit = ({ log }: Facts, { to: written }: Intent, { from }: CallRecord): boolean =>
  log.splits.some(
    (split) =>
      (written === undefined || split.from.order < written.order) &&
      split.from.order < from.order &&
      (split.to === undefined || from.at < split.to.at + untilNoticed)
  )

const untilNoticed = 12_000
