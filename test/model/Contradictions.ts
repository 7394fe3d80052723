/**
 * Promise 2: a later read in a process never returns a value that this process, through any cache of
 * its client, wrote or read before its last acknowledged intent for that key.
 */
import { type Place, regions } from "./History.ts"
import { concerns, type Facts, type Intent, type Moment, placeOf } from "./Log.ts"
import type { Rule, Violation } from "./Reference.ts"

interface Read extends Place {
  readonly value: string
  readonly process: number
  readonly cache: number
  readonly from: Moment
  readonly to: Moment
  readonly what: string
}

/** A value: its place, by whom it was written, and since when. */
interface Origin extends Place {
  readonly process: number
  readonly from: Moment
  readonly by: string
}

export const check = (facts: Facts, reads: ReadonlyArray<Read>, rule: Rule): ReadonlyArray<Violation> => {
  const origins = originsOf(facts)
  const known = knownSince(facts)
  return reads.flatMap((read): ReadonlyArray<Violation> => {
    const origin = origins.get(read.value)
    const at = placeOf(read)
    if (origin === undefined) return [{ rule: "crossed", message: `${read.what} found in ${at} what nobody wrote` }]
    if (placeOf(origin) !== at) {
      const from = placeOf(origin)
      return [{ rule: "crossed", message: `${read.what} found in ${at} the value of ${from} (${origin.by})` }]
    }
    const against = facts
      .intentsAt(read)
      .find(
        (intent) =>
          isContradicted(facts, read, origin, intent, known) &&
          !isMissed(facts, intent, rule) &&
          !isForgotten(facts, read, intent, rule)
      )
    if (against === undefined) return []
    const message = `${read.what}, at ${read.from.at} ms, has in ${at} the value of ${origin.by}, which this process knew before ${against.what}`
    return [{ rule, message }]
  })
}

const isContradicted = (facts: Facts, read: Read, origin: Origin, intent: Intent, known: Known): boolean =>
  intent.process === read.process &&
  (intent.outcome === "Applied" || intent.outcome === "Deferred") &&
  intent.value !== read.value &&
  intent.to !== undefined &&
  intent.to.order < read.from.order &&
  known(read.process, read.value) < intent.from.order &&
  !isExempt(facts, read, origin, intent)

// A `clear` takes the intents before it into itself, and so does a journal that is full, or whose user may not
// write. What was written by then is a miss, and a server that remembers it again is not emptied again.
const isMissed = (facts: Facts, intent: Intent, rule: Rule): boolean =>
  rule === "stored" &&
  facts.lostSince(intent.from) &&
  (facts.history.cramped || facts.mayBeDenied || facts.intentsAt(intent).some((later) => clears(facts, later, intent)))

const clears = (facts: Facts, { _tag, from, process }: Intent, intent: Intent): boolean =>
  _tag === "Clear" && process === intent.process && from.order >= intent.from.order && facts.lostSince(from)

// The script of `latest` compares with what is there: a later value or mark that has expired holds back nothing.
const isForgotten = (facts: Facts, read: Read, against: Intent, rule: Rule): boolean => {
  if (rule !== "stored" || regions[read.region]?.replay !== "latest") return false
  return facts.executedAt(read).some(({ at, value }) => value === read.value && facts.isForgotten(against, at))
}

/** The bounds of the promise, all of which concern other processes. */
const isExempt = (facts: Facts, read: Read, origin: Origin, intent: Intent): boolean => {
  if (origin.process === read.process) return false
  // "overwrite" is for one writer.
  if (regions[read.region]?.replay === "overwrite") return true
  // The other may have written it again, or late: it is later than the intent then.
  if (facts.executedAt(read).some(({ at, value }) => value === read.value && at >= intent.from.at)) return true
  if (Math.abs(origin.from.at - intent.from.at) <= facts.clockError) return true
  // A server that was resynchronised in place is noticed within a second, and without INFO not at all.
  return facts.log.losses.some(
    ({ inPlace, moment, node, slots }) =>
      inPlace &&
      concerns({ slots }, read) &&
      moment.order < read.to.order &&
      (facts.denied.has("INFO") ||
        !facts.log.notices.some(
          (notice) =>
            notice.process === read.process &&
            (node === undefined || notice.node.endsWith(node)) &&
            notice.moment.order > moment.order &&
            notice.moment.order < read.from.order
        ))
  )
}

const originsOf = ({ intents, log }: Facts): ReadonlyMap<string, Origin> => {
  const origins = new Map<string, Origin>()
  for (const { from, key, process, region, value, what } of intents) {
    if (value !== undefined) origins.set(value, { region, key, process, from, by: what })
  }
  for (const { from, id, key, process, region, step } of log.lookups) {
    origins.set(id, { region, key, process, from, by: `the lookup of call ${step}` })
  }
  return origins
}

/** From which place in the order on a process knows a value, by writing or by reading it. */
type Known = (process: number, value: string) => number

const knownSince = ({ intents, log }: Facts): Known => {
  const known = new Map<string, number>()
  const learn = (process: number, value: string | undefined, moment: Moment | undefined): void => {
    if (value === undefined || moment === undefined) return
    const id = `${process} ${value}`
    known.set(id, Math.min(known.get(id) ?? Number.POSITIVE_INFINITY, moment.order))
  }
  for (const { process, to, value } of intents) learn(process, value, to)
  for (const { process, result, to } of log.calls) {
    if (result._tag === "Values") for (const value of result.values) learn(process, value, to)
  }
  // An intent detaches the lookups that run: what they find is older than it. The other cache's run on.
  const hasTwoCaches = log.calls.some(({ cache }) => cache > 0)
  for (const { from, id, process, to } of log.lookups) learn(process, id, hasTwoCaches ? to : from)
  return (process, value) => known.get(`${process} ${value}`) ?? Number.POSITIVE_INFINITY
}
