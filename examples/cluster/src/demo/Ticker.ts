import { Clock, Effect, Schedule, Terminal } from "effect"
import { count } from "../../../job-matcher/src/demo/Report.ts"
import type { Style } from "../../../job-matcher/src/demo/Style.ts"
import type { Counts } from "./Pair.ts"

/** What has been counted since the start. */
export interface Totals extends Counts {
  readonly lostAnswered: number
  readonly othersAnswered: number
  readonly applied: number
  readonly deferred: number
  readonly errors: number
}

/** Prints a line a second with what was counted in it, until the scope closes; `say` prints what happened between. */
export const start = Effect.fnUntraced(function* (options: {
  readonly name: Effect.Effect<string>
  readonly totals: Effect.Effect<Totals, unknown>
  readonly style: Style
}) {
  const { style } = options
  const terminal = yield* Terminal.Terminal
  const begun = yield* Clock.currentTimeMillis
  const elapsed = Effect.map(Clock.currentTimeMillis, (now) => (now - begun) / 1000)
  const print = (text: string) => Effect.ignore(terminal.display(`${text}\n`))
  let before = yield* Effect.orElseSucceed(options.totals, () => none)

  const tick = Effect.gen(function* () {
    const now = yield* options.totals
    const cells = columns.map(([, of]) => count(of(now) - of(before)))
    before = now
    yield* print(row(yield* elapsed, yield* options.name, cells))
  })

  yield* print(
    style.bold(
      row(
        undefined,
        "each second",
        columns.map(([title]) => title)
      )
    )
  )
  yield* Effect.ignore(tick).pipe(
    Effect.delay("1 second"),
    Effect.repeat(Schedule.fixed("1 second")),
    Effect.forkScoped
  )
  return {
    say: (text: string) => Effect.flatMap(elapsed, (at) => print(style.yellow(`${time(at)}  ● ${text}`)))
  }
})

const columns: ReadonlyArray<readonly [title: string, of: (totals: Totals) => number]> = [
  ["answers A", ({ lostAnswered }) => lostAnswered],
  ["answers B, C", ({ othersAnswered }) => othersAnswered],
  ["from Redis", ({ redisHits }) => redisHits],
  ["from memory", ({ memoryHits }) => memoryHits],
  ["looked up", ({ lookups }) => lookups],
  ["notes applied", ({ applied }) => applied],
  ["deferred", ({ deferred }) => deferred],
  ["errors", ({ errors }) => errors]
]

const none: Totals = {
  redisHits: 0,
  memoryHits: 0,
  lookups: 0,
  lostAnswered: 0,
  othersAnswered: 0,
  applied: 0,
  deferred: 0,
  errors: 0
}

const row = (at: number | undefined, name: string, cells: ReadonlyArray<string>): string =>
  [
    at === undefined ? "      " : time(at),
    name.padEnd(13),
    ...cells.map((cell, index) => cell.padStart(columns[index]?.[0].length ?? 0))
  ].join("  ")

const time = (seconds: number): string => seconds.toFixed(1).padStart(6)
