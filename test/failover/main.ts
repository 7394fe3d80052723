import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Data, Effect, Exit, Runtime } from "effect"
import * as Report from "./Report.ts"
import * as Round from "./Round.ts"
import type { Row } from "./Row.ts"
import * as Rows from "./Rows.ts"
import * as StandIn from "./StandIn.ts"
import * as Subject from "./Subject.ts"
import * as Verdict from "./Verdict.ts"

/**
 * Every fault of the table, or those named as arguments, one after the other under load, on real servers. `--short` plays
 * one of each kind. `--stand-in` plays the driver's own Sentinel and Cluster, which break the promises: so the checks are
 * seen to fail.
 */
const options = process.argv.slice(2).filter((argument) => argument.startsWith("--"))
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
const isShort = options.includes("--short")

const settings: Round.Settings = {
  rate: 200,
  cacheKeys: isShort ? 1000 : 10_000,
  subject: options.includes("--stand-in") ? StandIn.make : Subject.make
}

const chosen = (row: Row): boolean => (named.length > 0 ? named.includes(row.name) : row.short || !isShort)

const playAndTell = Effect.fnUntraced(function* (row: Row): Effect.fn.Return<Report.Played> {
  yield* Console.log(`\n${row.name}: ${row.title}`)
  const exit = yield* Effect.exit(Round.play(row, settings))
  if (Exit.isFailure(exit)) {
    yield* Console.log(`  ✘ could not be played: ${Cause.pretty(exit.cause)}`)
    return { row, figures: undefined, findings: [] }
  }
  const figures = exit.value
  const findings = Verdict.of(row.limits, figures)
  yield* Console.log(Report.details(findings, figures).join("\n"))
  return { row, figures, findings }
})

const program = Effect.gen(function* () {
  const unknown = named.filter((name) => !Rows.all.some((row) => row.name === name))
  if (unknown.length > 0) {
    yield* Console.error(
      `No such row: ${unknown.join(", ")}. There are ${Rows.all.map(({ name }) => name).join(", ")}.`
    )
    return yield* new PromiseBroken()
  }
  const played = yield* Effect.forEach(Rows.all.filter(chosen), playAndTell)
  const broken = played.filter((one) => !Report.holds(one))
  yield* Console.log(["", ...Report.table(played), ""].join("\n"))
  if (broken.length === 0) return yield* Console.log("✔ Every row holds.")
  yield* Console.log(`✘ These rows do not hold: ${broken.map(({ row }) => row.name).join(", ")}.`)
  return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // What is broken has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
