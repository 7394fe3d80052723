import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Data, Effect, Exit, Runtime } from "effect"
import type * as Figures from "./Figures.ts"
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

const playAndTell = Effect.fnUntraced(function* (row: Row) {
  yield* Console.log(`\n${row.name}: ${row.title}`)
  const exit = yield* Effect.exit(Round.play(row, settings))
  if (Exit.isFailure(exit)) {
    yield* Console.log(`  ✘ could not be played: ${Cause.pretty(exit.cause)}`)
    return false
  }
  const findings = Verdict.of(row.limits, exit.value)
  yield* Console.log([...findings.map(lineOf), ...errorLines(exit.value)].join("\n"))
  return findings.every(({ holds }) => holds)
})

const lineOf = ({ asked, holds, measured, what }: Verdict.Finding): string =>
  `  ${holds ? "✔" : "✘"} ${what.padEnd(32)} ${measured.padEnd(58)} asked: ${asked}`

const errorLines = ({ calls, errors, failed, redirects }: Figures.Figures): ReadonlyArray<string> => [
  `    ${failed} of ${calls} calls failed; the raw writer was sent elsewhere ${redirects.moved} times by MOVED, ${redirects.ask} by ASK`,
  ...errors.slice(0, 4).map(([message, count]) => `    ${String(count).padStart(5)} × ${message}`)
]

const program = Effect.gen(function* () {
  const unknown = named.filter((name) => !Rows.all.some((row) => row.name === name))
  if (unknown.length > 0) {
    yield* Console.error(
      `No such row: ${unknown.join(", ")}. There are ${Rows.all.map(({ name }) => name).join(", ")}.`
    )
    return yield* new PromiseBroken()
  }
  const broken: Array<string> = []
  for (const row of Rows.all.filter(chosen)) {
    if (!(yield* playAndTell(row))) broken.push(row.name)
  }
  if (broken.length === 0) return yield* Console.log("\n✔ Every row holds.")
  yield* Console.log(`\n✘ These rows do not hold: ${broken.join(", ")}.`)
  return yield* new PromiseBroken()
})

class PromiseBroken extends Data.TaggedError("PromiseBroken") {
  // What is broken has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
