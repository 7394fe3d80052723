import type { Style } from "../../../job-matcher/src/demo/Style.ts"
import type { Ledger } from "./Ledger.ts"
import * as Ledgers from "./Ledger.ts"

/** What was promised. */
export interface Limits {
  readonly leaseSeconds: number
  readonly resetTimeoutSeconds: number
}

/** How often workers were disturbed. */
export interface Disturbed {
  readonly killed: number
  readonly stops: ReadonlyArray<unknown>
}

/** The ledger, a line each. */
export const table = (ledger: Ledger, { killed, stops }: Disturbed, style: Style): ReadonlyArray<string> => {
  const dead = Object.entries(ledger.dead)
  const line = (name: string, value: number | string, note = "") =>
    `  ${name.padEnd(32)}${style.bold(String(value).padStart(8))}${note === "" ? "" : `   ${style.dim(note)}`}`
  const none = (name: string, ids: ReadonlyArray<string>) =>
    line(name, (ids.length === 0 ? style.green : style.red)(String(ids.length).padStart(8)), ids[0])
  const worst = ledger.again.length === 0 ? "none" : seconds(Math.max(...ledger.again))
  return [
    style.bold("  The ledger"),
    "",
    line("offered", ledger.offered, `${ledger.deferred} of them while Redis did not answer`),
    line("done once", ledger.doneOnce),
    line("done more than once", ledger.doneMore.length, "a worker was killed after the work, before it could say so"),
    line(
      "dead, as must be",
      dead.reduce((sum, [, count]) => sum + count, 0) - ledger.wrong.length,
      dead.map(([reason, count]) => `${count} ${reason}`).join(", ")
    ),
    none("dead or not, and should not be", ledger.wrong),
    none("lost", ledger.lost),
    none("refused", ledger.refused),
    none("settled twice", ledger.settledTwice),
    none("settled, and not done", ledger.unearned),
    line("overlaps", ledger.overlaps.length, `${ledger.stoodStill} of them with a run of a worker that stood still`),
    "",
    line("runs", ledger.runs, `${ledger.killed} of them cut off by a SIGKILL`),
    line("workers killed", killed, "and by the parcels that kill their worker"),
    line("workers that stood still", stops.length, "for longer than their lease"),
    ...ledger.resumed.map(({ after, name }) =>
      line(`went on, Redis ${name}`, seconds(after), "after it answered again")
    ),
    line("tasks of killed workers again", ledger.again.length, `the last of them after ${worst}`)
  ]
}

/** What was promised, in plain sentences, each with whether it was kept. */
export const verdict = (
  ledger: Ledger,
  { leaseSeconds, resetTimeoutSeconds }: Limits
): ReadonlyArray<{ readonly kept: boolean; readonly says: string }> => {
  const found = Ledgers.broken(ledger)
  const again = Math.max(0, ...ledger.again)
  return [
    found.length === 0
      ? { kept: true, says: "Every task was done or is dead as it must be; none is lost, and none was settled twice." }
      : { kept: false, says: `Tasks were ${found.join("; ")}.` },
    ...ledger.resumed.map(({ after, name }) => ({
      kept: after <= 2000 * resetTimeoutSeconds,
      says: `Redis ${name}: tasks began ${seconds(after)} after it answered again (allowed: ${2 * resetTimeoutSeconds} s, twice the reset timeout).`
    })),
    {
      kept: again <= 1000 * (leaseSeconds + 2),
      says: `Tasks of killed workers began again within ${seconds(again)} (allowed: ${leaseSeconds + 2} s, the lease and two seconds).`
    }
  ]
}

/** The last line, for machines. */
export const summary = (ledger: Ledger, { killed, stops }: Disturbed) => ({
  ...ledger,
  doneMore: ledger.doneMore.length,
  overlaps: ledger.overlaps.length,
  again: { count: ledger.again.length, longest: Math.round(Math.max(0, ...ledger.again)) },
  resumed: ledger.resumed.map(({ after, name }) => ({ name, after: Math.round(after) })),
  workersKilled: killed,
  workersStopped: stops.length
})

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`
