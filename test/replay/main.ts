import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Answers from "./answers.ts"
import { type Cell, isKept, play } from "./play.ts"

/** Plays every outage in every mode, and prints what was measured beside what is allowed. Arguments: outages, modes, `keys=200`. */
const program = Effect.gen(function* () {
  const named = process.argv.slice(2)
  const keys = Number(named.find((name) => name.startsWith("keys="))?.slice(5) ?? 200)
  const chosen = <A extends string>(all: ReadonlyArray<A>) => {
    const some = all.filter((one) => named.includes(one))
    return some.length === 0 ? all : some
  }
  const runs = chosen(Answers.outages).flatMap((outage) =>
    chosen(Answers.modes).map((mode) => ({
      outage,
      mode,
      keys,
      timeout: 3000,
      apart: mode === "latest" || mode === "ifUnchanged"
    }))
  )
  const cells: Array<Cell> = []
  for (const run of runs) {
    const { cells: played, sent, toSend } = yield* play(run)
    const broken = played.filter((cell) => !isKept(cell)).length
    yield* Console.log(
      `${run.outage} ${run.mode}${run.apart ? ", B a process of its own" : ""}: ${played.length - broken} of ${played.length} cells as allowed, ${sent} of ${toSend} commands sent before it`
    )
    cells.push(...played)
  }
  yield* Console.log(["", ...table(cells), ""].join("\n"))
  const broken = cells.filter((cell) => !isKept(cell)).length
  if (broken > 0) {
    yield* Console.log(`✘ ${broken} of ${cells.length} cells are not as allowed.`)
    return yield* new NotAsAllowed()
  }
  yield* Console.log(`✔ All ${cells.length} cells of ${keys} keys are as allowed.`)
})

/** What was asked for, by prior, then one line for each mode and outage. */
const table = (cells: ReadonlyArray<Cell>): ReadonlyArray<string> =>
  Answers.rows.flatMap((row) => {
    const here = cells.filter((cell) => cell.row === row)
    return here.length === 0 ? [] : [`${row.name}   (${row.prior})`, ...here.map(line)]
  })

const line = (cell: Cell): string => {
  const found = Array.from(cell.found, ([state, count]) => `${state} ${count}`).join(", ")
  const otherwise = cell.readOtherwise === 0 ? "" : `; a cache reads ${cell.readOtherwise} otherwise`
  const measured = `${found}${otherwise}`
  return `  ${isKept(cell) ? "✔" : "✘"} ${cell.outage.padEnd(8)}${cell.mode.padEnd(13)}${measured.padEnd(34)} allowed: ${cell.allowed.join(" or ")}`
}

class NotAsAllowed extends Data.TaggedError("NotAsAllowed") {
  // What is not as allowed has been said.
  override readonly [Runtime.errorReported] = false
}

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
