import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Fault from "./Fault.ts"
import * as Picture from "./Picture.ts"
import * as Recording from "./Recording.ts"

const file = "docs/outage.png"

/** Kills a Redis for half a minute, and has what Prometheus recorded of it drawn for the guides. */
const program = Effect.gen(function* () {
  const killed = Fault.all.filter(({ name }) => name === "killed")
  const recording = yield* Recording.make(killed, { healthy: 20, fault: 30, after: 20 })
  yield* Picture.draw(recording, file)
  yield* Console.log(`${file} is drawn.`)
})

NodeRuntime.runMain(Effect.scoped(program))
