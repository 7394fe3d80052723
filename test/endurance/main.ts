import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Endurance from "./Endurance.ts"

/** Slots that move for 30 s, nodes that come and go, and twelve failovers, half of them of masters that were killed. */
const program = Effect.gen(function* () {
  const kept = yield* Endurance.play({ rounds: 2, movingSeconds: 15, kills: true, heapBytes: 3_000_000 })
  if (kept.length === 0) return yield* Console.log("✔ Nothing is kept.")
  yield* Console.log(["✘ Something is kept:", ...kept].join("\n  "))
  return yield* new SomethingKept()
})

class SomethingKept extends Data.TaggedError("SomethingKept") {
  // What is kept has been said.
  override readonly [Runtime.errorReported] = false
}

NodeRuntime.runMain(program)
