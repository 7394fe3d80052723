import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect } from "effect"
import * as HostileProxy from "../support/HostileProxy.ts"
import * as Round from "./Round.ts"

/** A server that says what it likes, for so many seconds (default 60), and only of the kinds that are named after them. */
const [seconds = "60", ...named] = process.argv.slice(2)
const mischiefs = HostileProxy.mischiefs.filter((mischief) => named.length === 0 || named.includes(mischief))

const program = Effect.gen(function* () {
  yield* Console.log(`A hostile server for ${seconds} seconds`)
  const figures = yield* Round.play(Number(seconds), mischiefs)
  yield* Console.log(
    `${figures.calls} calls, ${figures.tampered} replies tampered with, ${figures.wrong} wrong values, ${figures.failed} failed calls, ` +
      `${figures.telling.length} of ${figures.lines} lines tell, ${Math.round(figures.fromRedis * 100)} % from Redis between the faults, ` +
      `${Math.round(figures.rss / 2 ** 20)} MiB at most`
  )
  const broken = Round.broken(figures)
  if (broken.length > 0) return yield* new Round.PromiseBroken({ message: broken.join("\n") })
  yield* Console.log("✔ Every promise was kept.")
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
