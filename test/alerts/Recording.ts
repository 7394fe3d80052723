import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Os from "node:os"
import { Clock, Console, Effect } from "effect"
import { alerts } from "../../scripts/operations/alerts.ts"
import { rules } from "../../scripts/operations/rules.ts"
import { taskAlerts } from "../../scripts/operations/tasks.ts"
import * as Prometheus from "../support/Prometheus.ts"
import type { Fault } from "./Fault.ts"
import * as Subject from "./Subject.ts"

/** How much shorter than in the shipped rules all times are. */
export const scale = 30

/** In seconds since 1970, when the faults began and ended, and what Prometheus has recorded from the beginning on. */
export interface Recording {
  readonly prometheus: Prometheus.Prometheus
  readonly startedAt: number
  readonly beganAt: number
  readonly healedAt: number
  readonly endedAt: number
}

export interface Phases {
  readonly healthy: number
  readonly fault: number
  readonly after: number
}

const seconds = Effect.map(Clock.currentTimeMillis, (millis) => millis / 1000)

// Each subject has a server, a link and a process, which may not all be started at once on a small machine.
const atOnce = 4

const writeRules = Effect.acquireRelease(
  Effect.sync(() => {
    const dir = Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-rules-"))
    Fs.writeFileSync(Path.join(dir, "alerts.yml"), rules([...alerts(scale), ...taskAlerts(scale)]))
    return dir
  }),
  (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true }))
)

/** Lets every fault befall a program of its own, all at the same time. */
export const make = Effect.fnUntraced(function* (faults: ReadonlyArray<Fault>, phases: Phases) {
  const subjects = yield* Effect.forEach(faults, Subject.make, { concurrency: atOnce })
  const dir = yield* writeRules
  const prometheus = yield* Prometheus.make({
    targets: Object.fromEntries(subjects.map(({ job, target }) => [job, target])),
    rules: Path.join(dir, "alerts.yml"),
    every: "1s"
  })
  yield* Console.log(`${subjects.length} programs are healthy for ${phases.healthy} s`)
  const startedAt = yield* seconds
  yield* Effect.forEach(subjects, ({ fault, world }) => fault.prepare?.(world) ?? Effect.void, { discard: true })
  yield* Effect.sleep(phases.healthy * 1000)
  const beganAt = yield* seconds
  yield* Console.log(`${faults.map(({ name }) => name).join(", ")}: ${phases.fault} s`)
  const healedAt = yield* Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.forEach(subjects, ({ fault, world }) => fault.begin(world), { concurrency: "unbounded" })
      yield* Effect.sleep(phases.fault * 1000)
      const at = yield* seconds
      yield* Effect.forEach(subjects, ({ fault, world }) => fault.end(world), { concurrency: "unbounded" })
      return at
    })
  )
  yield* Console.log(`All is well again: ${phases.after} s`)
  yield* Effect.sleep(phases.after * 1000)
  const endedAt = yield* seconds
  return { prometheus, startedAt, beganAt, healedAt, endedAt } satisfies Recording
})
