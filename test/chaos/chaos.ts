import * as Fs from "node:fs"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Fault from "./Fault.ts"
import * as Figures from "./Figures.ts"
import * as Report from "./Report.ts"
import * as Round from "./Round.ts"

/**
 * Every fault, or those named as arguments, one after the other under load; `chaos-report.html` and `.json` say what came
 * of it. CHAOS_CONNECTIONS (default 3) and CHAOS_CACHES (default 2) say how a process is made up.
 */
const settings: Round.Settings = {
  calm: "3 seconds",
  fault: "9 seconds",
  after: "6 seconds",
  workers: ["a", "b"],
  fibers: 200,
  rate: 600,
  ownKeys: 1500,
  sharedKeys: 300,
  patienceMillis: 1000,
  // Short, so that an outage of a few seconds is probed more than once: the library's default is 30 s.
  resetTimeoutMillis: 1000,
  connections: Number(process.env.CHAOS_CONNECTIONS ?? 3),
  caches: Number(process.env.CHAOS_CACHES ?? 2)
}

const program = Effect.gen(function* () {
  const named = process.argv.slice(2)
  const faults = named.length === 0 ? Fault.all : Fault.all.filter(({ name }) => named.includes(name))
  const unknown = named.filter((name) => !Fault.all.some((fault) => fault.name === name))
  if (unknown.length > 0) {
    yield* Console.error(
      `No such fault: ${unknown.join(", ")}. There are ${Fault.all.map(({ name }) => name).join(", ")}.`
    )
    return yield* new PromiseBroken()
  }
  yield* Console.log(
    `Chaos: ${faults.length} faults, ${settings.workers.length} processes of ${settings.fibers} fibers, ${settings.rate} calls a second each\n`
  )
  const { logs, outcomes } = yield* Round.play(faults, settings, (line) => Console.log(line))
  const figures = outcomes.map(Figures.make)
  const broken = Figures.broken(figures, settings)
  yield* Effect.sync(() => {
    Fs.writeFileSync("chaos-report.html", Report.html({ outcomes, figures, broken, settings }))
    Fs.writeFileSync("chaos-report.json", `${JSON.stringify({ settings, broken, figures }, undefined, 2)}\n`)
  })
  yield* Console.log(["", ...Report.text(figures), ""].join("\n"))
  if (broken.length === 0) {
    return yield* Console.log("✔ Every promise was kept. See chaos-report.html.")
  }
  yield* Console.log([...broken.map((sentence) => `✘ ${sentence}`), "", "See chaos-report.html."].join("\n"))
  const said = logs.flat().filter((line) => /level=(ERROR|FATAL)|rror:/.test(line))
  if (said.length > 0) yield* Console.log(["", "The workers' errors:", ...said.slice(0, 20)].join("\n"))
  return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // What is broken has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
