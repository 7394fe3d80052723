import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Answers from "./answers.ts"
import { type Cell, isKept, type Played, play } from "./play.ts"

/** Plays every outage in every mode, and prints what was measured beside what is allowed. Arguments: outages, modes, `keys=200`. */
const program = Effect.gen(function* () {
  const named = process.argv.slice(2)
  const keys = Number(named.find((name) => name.startsWith("keys="))?.slice(5) ?? 200)
  const chosen = <A extends string>(all: ReadonlyArray<A>) => {
    const some = all.filter((one) => named.includes(one))
    return some.length === 0 ? all : some
  }
  const cells: Array<Cell> = []
  for (const outage of chosen(Answers.outages)) {
    for (const mode of chosen(Answers.modes)) {
      const played = yield* Effect.forEach(
        portions(outage, Answers.rowsOf(mode), keys),
        (rows) => play({ outage, mode, rows, keys, timeout: 2000, apart: true }),
        { concurrency: 2 }
      )
      yield* Console.log(`${outage} ${mode}: ${summary(played)}`)
      cells.push(...played.flatMap((one) => one.cells))
    }
  }
  yield* Console.log(["", ...table(cells), ""].join("\n"))
  const broken = cells.filter((cell) => !isKept(cell)).length
  if (broken > 0) {
    yield* Console.log(`✘ ${broken} of ${cells.length} cells are not as allowed.`)
    return yield* new NotAsAllowed()
  }
  yield* Console.log(`✔ All ${cells.length} cells of ${keys} keys are as allowed.`)
})

// A journal holds 10,000 writes, and so many keys are remembered: a region with more of them is
// emptied, and what is not remembered is not known. A frozen server runs late what the buffers of its
// sockets hold, some 64 kB: of much more, hardly anything would run late.
const portions = (outage: Answers.Outage, rows: ReadonlyArray<Answers.Row>, keys: number) => {
  const underWay = rows.flatMap(({ steps }) => steps).filter(({ how }) => how === "underWay").length
  const count = Math.ceil(Math.max((rows.length * keys) / 9500, outage === "Frozen" ? (underWay * keys) / 600 : 0))
  // Each has rows of all kinds.
  return Array.from({ length: count }, (_, n) => rows.filter((_, place) => place % count === n))
}

const summary = (played: ReadonlyArray<Played>): string => {
  const cells = played.flatMap((one) => one.cells)
  const total = (of: "sent" | "toSend") => played.reduce((sum, one) => sum + one[of], 0)
  return `${cells.filter(isKept).length} of ${cells.length} cells as allowed, ${total("sent")} of ${total("toSend")} commands sent before it`
}

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
