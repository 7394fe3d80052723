import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as Stage from "../../job-matcher/src/demo/Stage.ts"
import * as Ledger from "./demo/Ledger.ts"
import * as Report from "./demo/Report.ts"
import * as Round from "./demo/Round.ts"
import * as Screen from "./demo/Screen.ts"

// The lease and the reset timeout are short, so that a minute holds all of it: the defaults are 30 s.
const settings: Round.Settings = {
  parcels: 600,
  perSecond: 20,
  workers: 4,
  concurrency: 10,
  leaseSeconds: 3,
  resetTimeoutSeconds: 1,
  killEvery: 3,
  stopShare: 0.4,
  steps: [
    { name: "killed", after: 5, seconds: 4 },
    { name: "frozen", after: 6, seconds: 6 }
  ],
  longest: 60
}

const demo = Effect.gen(function* () {
  const stage = yield* Stage.make
  const { live, print, style } = stage
  yield* print("", style.bold("Tasks that survive: workers are killed, Redis is killed and frozen"), "")
  yield* print(
    `Producer   offers ${settings.parcels} parcels, ${settings.perSecond} a second`,
    `Workers    ${settings.workers} processes of ${settings.concurrency} tasks at once, a lease of ${settings.leaseSeconds} s`,
    "Redis      a private one, which writes each change to its disk before it answers",
    ""
  )
  const played = yield* Effect.scoped(Round.play(settings, Screen.show(live, style)))
  const ledger = Ledger.of(played)
  yield* Stage.end(stage, {
    table: Report.table(ledger, played, style),
    verdict: Report.verdict(ledger, settings),
    summary: Report.summary(ledger, played),
    logged: { by: "the workers", lines: played.log }
  })
})

demo.pipe(Effect.provide(Stage.services), NodeRuntime.runMain)
