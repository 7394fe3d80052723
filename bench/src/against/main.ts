import { parseArgs } from "node:util"
import { Cause, Console, Effect, Result } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Cell from "./Cell.ts"
import * as Measure from "./Measure.ts"
import * as Report from "./Report.ts"
import * as Tree from "./Tree.ts"

const usage = [
  "pnpm bench:against <commit> [cell …] [--rounds 9] [--max-rounds 45] [--minutes 12]",
  `Cells: ${Cell.cells.map(({ name }) => name).join(", ")}`,
  `Groups of them: ${[...new Set(Cell.cells.map(({ group }) => group))].join(", ")}`
].join("\n")

const argumentsOf = (args: ReadonlyArray<string>) =>
  Result.try(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "9" },
        "max-rounds": { type: "string", default: "45" },
        minutes: { type: "string", default: "12" }
      }
    })
  ).pipe(
    Result.map(({ positionals: [commit, ...names], values }) => ({
      commit,
      names,
      rounds: Number(values.rounds),
      maxRounds: Number(values["max-rounds"]),
      minutes: Number(values.minutes)
    })),
    Result.filterOrFail(
      ({ commit, maxRounds, minutes, names, rounds }) =>
        commit !== undefined && Cell.unknown(names).length === 0 && rounds >= 1 && maxRounds >= rounds && minutes > 0,
      () => new Error(usage)
    )
  )

/** The exit code: 1 where a cell that counts is slower than it may be. */
const program = Effect.gen(function* () {
  const { commit = "", names, ...options } = yield* Effect.fromResult(argumentsOf(process.argv.slice(2)))
  yield* Console.error("Checking out and building both commits …")
  const then = yield* Tree.ofCommit(commit)
  const now = yield* Tree.ofWorkTree
  const server = yield* RedisServer.make()
  const measurements = yield* Measure.measure(Cell.named(names), then, now, { ...options, serverPort: server.port })
  yield* Console.log(`\n${Report.format(commit, measurements)}`)
  return measurements.some(Report.isSlower) ? 1 : 0
}).pipe(Effect.scoped)

const fiber = Effect.runFork(program)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => fiber.interruptUnsafe())
fiber.addObserver((exit) => {
  if (exit._tag === "Success") process.exitCode = exit.value
  else {
    // Nothing was measured, which is another matter than a commit that is slower.
    console.error(
      Cause.prettyErrors(exit.cause)
        .map(({ message }) => message)
        .join("\n")
    )
    process.exitCode = 2
  }
})
