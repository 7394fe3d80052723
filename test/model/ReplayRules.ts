/**
 * What has to be in Redis, and what must not be, once everything is well again and every journal has
 * replayed what it had.
 */
import { type Place, regions, removedFor } from "./History.ts"
import { expiryOf, type Facts, type Intent, type Moment, placeOf } from "./Log.ts"
import type { Violation } from "./Reference.ts"

/** What Redis holds under a key in the end. */
interface End extends Place {
  readonly value: string | undefined
  readonly moment: Moment
}

export const check = (facts: Facts): ReadonlyArray<Violation> => {
  const { end } = facts.log
  if (end === undefined) return []
  return [
    ...facts.log.stored.flatMap((stored): ReadonlyArray<Violation> => {
      const one = { ...stored, moment: end }
      return [
        ...resurrected(facts, one),
        ...outlivedByOlder(facts, one),
        ...missing(facts, one),
        ...deleted(facts, one),
        ...followed(facts, one)
      ]
    }),
    ...replayed(facts),
    ...late(facts)
  ]
}

const replayIn = ({ region }: Place) => regions[region]?.replay

const writerOf = (facts: Facts, place: Place, value: string | undefined): Intent | undefined =>
  value === undefined
    ? undefined
    : facts.intentsAt(place).find((intent) => intent.value === value && intent.process >= 0)

/**
 * A deferred value is written only where the key holds what its process last knew. What another process
 * has done since, and Redis confirmed, stays done.
 */
const resurrected = (facts: Facts, end: End): ReadonlyArray<Violation> => {
  const replay = replayIn(end)
  const writer = writerOf(facts, end, end.value)
  if (writer?.to === undefined || (replay !== "ifUnchanged" && replay !== "invalidate")) return []
  const { order } = writer.to
  const sent = facts.submissionsOf(writer.value ?? "")
  const against = facts.intentsAt(end).find(
    (other) =>
      other.process !== writer.process &&
      other._tag !== "Clear" &&
      other.outcome === "Applied" &&
      other.to !== undefined &&
      other.from.order > order &&
      sent.every(({ moment }) => moment.order > (other.to?.order ?? 0)) &&
      // The key may since hold what the writer knew: by a late execution, or because data were lost.
      !facts.lostSince(writer.from, end) &&
      !facts
        .executedAt(end)
        .some(({ at, value }) => value !== writer.value && value !== other.value && at >= other.from.at)
  )
  return against === undefined
    ? []
    : [
        {
          rule: "resurrected",
          message: `in the end Redis has in ${placeOf(end)} the value of ${writer.what}, replayed after ${against.what}`
        }
      ]
}

/** With `latest`, of two the one that was written later stays, outside the clocks' error. */
const outlivedByOlder = (facts: Facts, end: End): ReadonlyArray<Violation> => {
  const writer = writerOf(facts, end, end.value)
  const written = writer?.to
  if (writer === undefined || written === undefined || replayIn(end) !== "latest" || !facts.hasScripts) return []
  const sent = facts.submissionsOf(writer.value ?? "")
  const clears = facts.intentsAt(end).filter(({ _tag }) => _tag === "Clear")
  const against = facts.intentsAt(end).find(
    (other) =>
      other.process >= 0 &&
      // What a `clear` has taken out holds back nothing: that is for the `clear` to do.
      (other._tag === "Clear" || !clears.some(({ from }) => from.order > other.from.order)) &&
      (other.outcome === "Applied" || (other.outcome === "Deferred" && facts.isAlive(other.process))) &&
      other.to !== undefined &&
      other.from.at > written.at + facts.clockError &&
      (other._tag !== "Clear" || expiryOf(other) > end.moment.at + margin) &&
      !facts.isForgotten(other, end.moment.at + margin) &&
      !facts.lostSince(writer.from) &&
      // A `clear` is asked for by replays alone.
      (other._tag !== "Clear" || sent.every(({ moment }) => moment.order > (other.to?.order ?? 0)))
  )
  return against === undefined
    ? []
    : [
        {
          rule: "older stays",
          message: `in the end Redis has in ${placeOf(end)} the value of ${writer.what}, although it was written before ${against.what}`
        }
      ]
}

/**
 * The last value of a process that alone writes a key is there for the rest of its life, if the key held
 * what the process knew. `touch` makes that longer.
 */
const missing = (facts: Facts, end: End): ReadonlyArray<Violation> => {
  const replay = replayIn(end)
  const intents = facts.intentsAt(end)
  const last = intents.reduce<Intent | undefined>(
    (later, one) => (later === undefined || one.from.order > later.from.order ? one : later),
    undefined
  )
  if (last === undefined || last._tag !== "Set" || last.to === undefined || last.outcome === "Rejected") return []
  const { from, process } = last
  if (last.outcome === undefined || !facts.isAlive(process) || !facts.isSoleWriter(end, process)) return []
  if (!facts.hasScripts || facts.denied.size > 0 || facts.history.cramped || facts.log.losses.length > 0) return []
  const others = intents.filter((one) => one !== last)
  if (others.some(({ to }) => to === undefined || to.order > from.order)) return []
  if (extendedExpiryOf(facts, end, last) <= end.moment.at + margin || end.value === last.value) return []
  const isDeferred = last.outcome === "Deferred"
  if (isDeferred && replay === "invalidate") return []
  if (isDeferred && replay === "ifUnchanged") {
    // The key held what this process knew: a value that Redis had confirmed and that it has still.
    const isKnown = others.some(
      (one) => one._tag === "Set" && one.outcome === "Applied" && one.from.at + one.life > end.moment.at + margin
    )
    if (!isKnown || others.some(({ _tag, life }) => _tag !== "Set" || life < 600_000)) return []
  }
  return [
    {
      rule: "not written",
      message: `in the end Redis has in ${placeOf(end)} ${end.value ?? "nothing"}, and not the value of ${last.what}`
    }
  ]
}

/** What Redis confirmed and nobody has touched since is there as long as it lives. */
const deleted = (facts: Facts, end: End): ReadonlyArray<Violation> => {
  if (facts.denied.size > 0 || !facts.hasScripts || facts.history.cramped) return []
  const intents = facts.intentsAt(end)
  const good = intents.find(
    (one) =>
      one._tag === "Set" &&
      one.process >= 0 &&
      one.outcome === "Applied" &&
      one.from.at + one.life > end.moment.at + margin &&
      !facts.lostSince(one.from, end) &&
      intents.every((other) => other === one || isBehind(facts, other, one))
  )
  if (good === undefined || end.value === good.value) return []
  return [
    {
      rule: "good data deleted",
      message: `in the end Redis has in ${placeOf(end)} ${end.value ?? "nothing"}, and not the value of ${good.what}, which nobody has touched`
    }
  ]
}

// Whether another intent is done with, and older than this one by every clock.
const isBehind = (facts: Facts, other: Intent, one: Intent): boolean =>
  other.to !== undefined &&
  other.to.order < one.from.order &&
  (other.outcome === "Applied" || (other._tag === "Clear" && other.outcome === "Deferred")) &&
  (other.process === one.process || other.to.at + facts.clockError < one.from.at)

/** Where a removal leaves a mark, no fill that began before it follows it. */
const followed = (facts: Facts, end: End): ReadonlyArray<Violation> => {
  const lookup = facts.log.lookups.find(({ id }) => id === end.value)
  if (lookup === undefined || regions[end.region]?.marks !== true || !facts.hasScripts) return []
  const against = facts.intentsAt(end).find(
    (other) =>
      other._tag === "Remove" &&
      other.process >= 0 &&
      other.outcome === "Applied" &&
      other.from.order > lookup.from.order &&
      other.from.at + removedFor > end.moment.at + margin &&
      // Of two that are within the clocks' error the other may have come first.
      (other.process === lookup.process || other.from.at > lookup.from.at + facts.clockError) &&
      !facts.lostSince(lookup.from) &&
      facts
        .intentsAt(end)
        .every((later) => later._tag !== "Set" || later.to === undefined || later.to.order < other.from.order)
  )
  return against === undefined
    ? []
    : [
        {
          rule: "followed",
          message: `in the end Redis has in ${placeOf(end)} what the lookup of call ${lookup.step} found, which began before ${against.what}`
        }
      ]
}

/** `invalidate` never writes what was deferred. */
const replayed = (facts: Facts): ReadonlyArray<Violation> =>
  facts.intents.flatMap((intent): ReadonlyArray<Violation> => {
    const { to, value } = intent
    if (value === undefined || to === undefined || replayIn(intent) !== "invalidate" || intent.process < 0) return []
    const isReplayed = facts.submissionsOf(value).some(({ moment }) => moment.order > to.order)
    return isReplayed ? [{ rule: "replayed", message: `the value of ${intent.what} was sent after that` }] : []
  })

/**
 * Once an intent was `"Applied"`, nothing that the same process sent earlier runs any more. Where the
 * script of `latest` decides, it may.
 */
const late = (facts: Facts): ReadonlyArray<Violation> => {
  if (facts.hasErrors || facts.denied.size > 0) return []
  return facts.log.executed.flatMap(({ at, by, key, region, value }): ReadonlyArray<Violation> => {
    if (value === undefined || by === "script") return []
    const place = { region, key }
    // Where the key has had another master, what reached the old one was refused, or is lost.
    if (!facts.staysPut(place)) return []
    const written =
      by === "SET"
        ? facts.intentsAt(place).find((intent) => intent.value === value)
        : facts.log.lookups.find(({ id }) => id === value)
    // A fill gives way to whatever there is.
    const isFill = by === "SET NX"
    if (written?.to === undefined || (isFill && regions[region]?.marks === true)) return []
    const { order } = written.to
    const after = facts
      .intentsAt(place)
      .find(
        (intent) =>
          intent.process === written.process &&
          intent.outcome === "Applied" &&
          intent.from.order > order &&
          intent.to !== undefined &&
          intent.to.at < at &&
          !(isFill && intent._tag === "Set")
      )
    return after === undefined
      ? []
      : [
          {
            rule: "late",
            message: `at ${at} ms Redis executed in ${placeOf(place)} the ${by} of ${value}, which is older than ${after.what}`
          }
        ]
  })
}

// When the value of an intent expires at the earliest, with every `touch` that Redis confirmed.
const extendedExpiryOf = ({ log }: Facts, place: Place, { from, life, process }: Intent): number =>
  log.calls
    .filter(
      ({ call, process: by, result, from: at }) =>
        call._tag === "Touch" &&
        by === process &&
        placeOf(call) === placeOf(place) &&
        result._tag === "Outcomes" &&
        result.outcomes[0] === "Applied" &&
        at.order > from.order
    )
    .sort((one, other) => one.from.order - other.from.order)
    .reduce(
      // One that comes too late finds nothing; one in time only ever extends.
      (expiry, { call, from: at, to }) =>
        to !== undefined && to.at < expiry && "life" in call ? Math.max(expiry, at.at + call.life) : expiry,
      from.at + life
    )

// What expires while this looks is neither there nor missing.
const margin = 1000
