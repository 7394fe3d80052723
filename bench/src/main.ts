import { Console, Effect } from "effect"
import * as RedisServer from "../../test/support/RedisServer.ts"
import * as Prepare from "./prepare.ts"
import { type Cell, doesNotCount, firstLine, type Result, withoutFigure } from "./Result.ts"
import * as Save from "./Save.ts"
import type { Scenario } from "./Scenario.ts"
import { scenarios } from "./scenarios/index.ts"
import * as Table from "./Table.ts"
import * as Targets from "./Targets.ts"

const runOne = (scenario: Scenario) =>
  Effect.gen(function* () {
    const cells: Array<Cell> = []
    const start = performance.now()
    yield* Console.log(`\n== ${scenario.name}: ${scenario.title}`)
    // Its own server, so that nothing one scenario left there burdens the next.
    const server = yield* RedisServer.make()
    const redis = yield* Save.redisVersion(server)
    const emit = (cell: Cell) =>
      Effect.suspend(() => {
        cells.push(cell)
        return Console.log(`\n${Table.format(cell)}`)
      })
    // What a busy machine does to one scenario must not cost the others their figures.
    const failure = yield* Effect.scoped(scenario.run({ server, emit })).pipe(
      Effect.match({ onSuccess: () => undefined, onFailure: (error) => firstLine(asError(error)) })
    )
    if (failure !== undefined) yield* Console.log(`\nthe rest of ${scenario.name} ${doesNotCount}: ${failure}`)
    const result: Result = { scenario: scenario.name, cells, ...(failure !== undefined && { failure }) }
    yield* Save.write(result, redis)
    yield* Console.log(`\n(${Math.round((performance.now() - start) / 1000)} s)`)
    return result
  }).pipe(Effect.scoped)

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

const program = Effect.gen(function* () {
  const args = process.argv.slice(2)
  if (args.includes("--check")) return Prepare.check()
  const unknown = args.filter((arg) => !scenarios.some(({ name }) => name === arg))
  if (unknown.length > 0) {
    const names = scenarios.map(({ name, title }) => `  ${name.padEnd(12)} ${title}`)
    yield* Console.error([`There is no scenario ${unknown.join(", ")}. There are:`, ...names].join("\n"))
    process.exitCode = 1
    return
  }
  Prepare.prepare()
  const results: Array<Result> = []
  for (const scenario of scenarios) {
    if (args.length === 0 || args.includes(scenario.name)) results.push(yield* runOne(scenario))
  }
  yield* Console.log(`\n${Targets.format(results)}`)
  const missing = withoutFigure(results)
  if (missing.length > 0) yield* Console.log(["", "Does not count:", ...missing.map((line) => `  ${line}`)].join("\n"))
})

const fiber = Effect.runFork(program)
process.once("SIGINT", () => fiber.interruptUnsafe())
fiber.addObserver((exit) => {
  if (exit._tag === "Failure") {
    console.error(exit.cause.toString())
    process.exitCode = 1
  }
})
