import type { Stats } from "../Status.ts"
import type { Style } from "./Style.ts"
import * as Tally from "./Tally.ts"

/** What the demo saw. */
export interface Run {
  readonly phases: ReadonlyArray<Phase>
  readonly breaker: States
  readonly resetTimeoutMs: number
}

/** `before` and `after` are the service's own counters. */
export interface Phase {
  readonly name: string
  readonly tally: Tally.Tally
  readonly before: typeof Stats.Type
  readonly after: typeof Stats.Type
  /** When the phase before this one was an outage: how long it took from a PING of the demo's own that Redis answered. */
  readonly recoveredMs: number | undefined
}

type States = (typeof Stats.Type)["breaker"]

/** The last line of the demo, for machines. */
export const summary = (run: Run) => ({
  ...Tally.total(run.phases.map(({ tally }) => tally)),
  phases: run.phases.map(({ name, tally, before, after }) => ({
    name,
    requests: tally.requests,
    p50Ms: rounded(Tally.percentile(tally, 0.5)),
    p99Ms: rounded(Tally.percentile(tally, 0.99)),
    maxMs: rounded(Tally.slowest(tally)),
    redisHits: after.redisHits - before.redisHits,
    memoryHits: after.memoryHits - before.memoryHits,
    lookups: after.lookups - before.lookups
  })),
  breaker: run.breaker,
  recoveredMs: Math.max(0, ...outages(run).map((outage) => outage.recoveredMs))
})

/** What was promised, in plain sentences, each with whether it was kept. */
export const verdict = (run: Run): ReadonlyArray<{ readonly kept: boolean; readonly says: string }> => {
  const ended = outages(run)
  return ended.length === 0
    ? [answers(run), { kept: false, says: "There was no Redis, so nothing could be killed: this run proves nothing." }]
    : [answers(run), ...ended.flatMap((outage) => [roundTrip(outage), recovery(outage, 2 * run.resetTimeoutMs)])]
}

export const table = (run: Run, style: Style): ReadonlyArray<string> => [
  style.bold(row(["phase", "requests", "p50 ms", "p99 ms", "max ms", "from Redis", "from memory", "lookups"])),
  ...summary(run).phases.map((phase) =>
    row([
      phase.name,
      count(phase.requests),
      phase.p50Ms.toFixed(1),
      phase.p99Ms.toFixed(1),
      phase.maxMs.toFixed(1),
      count(phase.redisHits),
      count(phase.memoryHits),
      count(phase.lookups)
    ])
  )
]

/** The states in order, the failed probes of an outage told together. */
export const path = (states: States): string => {
  const repeated = /(Open → HalfOpen)(?: → Open → HalfOpen)+/g
  return states
    .join(" → ")
    .replace(repeated, (all, pair: string) => `${(all.length + 3) / (pair.length + 3)} × (${pair})`)
}

export const count = (n: number): string => n.toLocaleString("en-US")

interface Outage {
  readonly name: string
  /** From the state before it. */
  readonly breaker: States
  readonly recoveredMs: number
}

const outages = ({ phases }: Run): ReadonlyArray<Outage> =>
  phases.flatMap(({ after, recoveredMs }, index) => {
    const outage = phases[index - 1]
    return outage === undefined || recoveredMs === undefined
      ? []
      : [
          {
            name: outage.name,
            breaker: after.breaker.slice(outage.before.breaker.length - 1),
            recoveredMs: Math.round(recoveredMs)
          }
        ]
  })

const answers = (run: Run) => {
  const { requests, answered, errors } = summary(run)
  const first = run.phases.flatMap(({ name, tally }) => tally.errors.map((error) => `while "${name}": ${error}`))[0]
  return answered === requests && first === undefined
    ? { kept: true, says: `All ${count(requests)} requests were answered, and every answer was right.` }
    : {
        kept: false,
        says: `${count(answered)} of ${count(requests)} requests were answered right, ${count(errors)} were not. The first, ${first}`
      }
}

const roundTrip = ({ name, breaker }: Outage) => {
  const kept =
    breaker[0] === "Closed" && breaker[1] === "Open" && breaker.at(-2) === "HalfOpen" && breaker.at(-1) === "Closed"
  const says = `Redis ${name}: the breaker went ${path(breaker)}`
  return { kept, says: kept ? `${says}.` : `${says}, which is not Closed → Open → HalfOpen → Closed.` }
}

const recovery = ({ name, recoveredMs }: Outage, atMost: number) => {
  const kept = recoveredMs <= atMost
  const says = `Redis ${name}: back in use ${kept ? "" : "only "}${count(recoveredMs)} ms after it answered again`
  return { kept, says: `${says} (allowed: ${count(atMost)} ms, twice the reset timeout).` }
}

const row = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(14) : cell.padStart(index < 5 ? 10 : 13))).join("")

const rounded = (ms: number): number => Math.round(ms * 10) / 10
