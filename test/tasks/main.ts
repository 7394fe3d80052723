import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Stage from "../../examples/job-matcher/src/demo/Stage.ts"
import * as Ledger from "../../examples/worker/src/demo/Ledger.ts"
import * as Report from "../../examples/worker/src/demo/Report.ts"
import * as Round from "../../examples/worker/src/demo/Round.ts"
import * as Screen from "../../examples/worker/src/demo/Screen.ts"
import * as Frozen from "./Frozen.ts"
import * as Million from "./Million.ts"
import * as Rounds from "./Rounds.ts"
import * as Variant from "./Variant.ts"

/** The promises of tasks on real servers: all parts, or those named as arguments. */
interface Sentence {
  readonly kept: boolean
  readonly says: string
}

type Part = Effect.Effect<ReadonlyArray<Sentence>, unknown, Effect.Services<ReturnType<typeof playRound>>>

const playRound = Effect.fnUntraced(function* (settings: Round.Settings) {
  const { live, style } = yield* Stage.make
  return yield* Effect.scoped(Round.play(settings, Screen.show(live, style)))
})

// First the ledger is seen to find what it looks for, with workers that are broken.
const variants: Part = Effect.forEach(Variant.all, ({ expects, found, name, stopShare, what }) =>
  Effect.gen(function* () {
    const program = new URL("brokenWorker.ts", import.meta.url)
    const played = yield* playRound({ ...Rounds.broken(stopShare), program, settings: { VARIANT: name } })
    const count = found(Ledger.of(played))
    return {
      kept: count > 0 === (expects === "some"),
      says:
        `With the worker ${name}, of which ${played.killed} were killed and ${played.stops.length} stood still, ` +
        `the ledger finds ${count} tasks ${what}.`
    }
  })
)

const big: Part = Effect.gen(function* () {
  const { print, style } = yield* Stage.make
  const played = yield* playRound(Rounds.big)
  const ledger = Ledger.of(played)
  yield* print("", ...Report.table(ledger, played, style), "")
  return Report.verdict(ledger, Rounds.big)
})

const frozen: Part = Effect.gen(function* () {
  const { beyondPatience, caughtUp, deferred, longest, notOnce, offers } = yield* Effect.scoped(Frozen.play(12, 20))
  return [
    {
      kept: beyondPatience <= 250 && deferred > 100,
      says:
        `Redis was frozen for 12 s: the longest of ${offers} offers took ${longest.toFixed(0)} ms, which is ` +
        `${Math.max(0, beyondPatience).toFixed(0)} ms beyond patience and what this process was late (allowed: 250 ms).`
    },
    {
      kept: notOnce.length === 0,
      says: `Of ${deferred} deferred tasks ${notOnce.length} were not run exactly once; all had been ${caughtUp.toFixed(0)} ms after the thaw. ${notOnce[0] ?? ""}`
    }
  ]
})

const million: Part = Effect.gen(function* () {
  const { bytesEach, fewUsec, inspectMillis, pingMillis, ratio, waiting } = yield* Effect.scoped(Million.play(1e6))
  return [
    {
      kept: ratio <= 1.2,
      says:
        `A round that settles ten tasks and takes ten costs Redis ${fewUsec.toFixed(0)} µs with ten waiting, and ` +
        `${ratio.toFixed(2)} times as much with ${waiting.toLocaleString("en-US")} (allowed: 1.2).`
    },
    {
      kept: inspectMillis <= 10,
      says:
        `Inspecting took Redis ${inspectMillis.toFixed(2)} ms at most (allowed: 10 ms), and a GET beside it ` +
        `${pingMillis.toFixed(1)} ms. A waiting task takes ${bytesEach.toFixed(0)} bytes.`
    }
  ]
})

const parts: Readonly<Record<string, Part>> = { variants, big, frozen, million }

const program = Effect.gen(function* () {
  const { style } = yield* Stage.make
  const named = process.argv.slice(2)
  const said: Array<Sentence> = []
  for (const [name, part] of Object.entries(parts)) {
    if (named.length > 0 && !named.includes(name)) continue
    yield* Console.log(`\n${name}`)
    said.push(...(yield* part))
  }
  yield* Console.log("")
  for (const { kept, says } of said) yield* Console.log(`${kept ? style.green("✔") : style.red("✘")} ${says}`)
  if (said.some(({ kept }) => !kept)) return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // What is broken has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(Stage.services), NodeRuntime.runMain)
