import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as Fault from "./Fault.ts"
import * as Round from "./Round.ts"

/** Near regions under faults of both links, for so many seconds (default 600), and only those that are named after them. */
const [seconds = "600", ...named] = process.argv.slice(2)
const faults = Fault.all.filter(({ name }) => named.length === 0 || named.includes(name))
const maxStaleness = 1000

const program = Effect.gen(function* () {
  yield* Console.log(`Near regions for ${seconds} seconds: ${faults.map(({ name }) => name).join(", ")}`)
  const figures = yield* Round.play({ millis: Number(seconds) * 1000, faults, fault: 2500, calm: 1500, maxStaleness })
  yield* Console.log(Round.summary(figures))
  const broken = Round.broken(figures, maxStaleness)
  if (broken.length > 0) return yield* new Round.PromiseBroken({ message: broken.join("\n") })
  yield* Console.log("✔ Every promise was kept.")
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
