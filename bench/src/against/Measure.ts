import { Console, Effect } from "effect"
import type { Cell } from "./Cell.ts"
import * as Interval from "./Interval.ts"
import * as Pair from "./Pair.ts"
import type { Tree } from "./Tree.ts"

/** What came of a cell. A failed call ends its rounds; the cell then does not count. */
export interface Measurement {
  readonly cell: Cell
  readonly same: Interval.Interval
  readonly now: Interval.Interval
  readonly failure: string | undefined
}

export interface Options {
  readonly rounds: number
  readonly maxRounds: number
  readonly minutes: number
  readonly serverPort: number
}

interface Running {
  readonly cell: Cell
  readonly same: Array<number>
  readonly now: Array<number>
  failure: string | undefined
}

/**
 * Measures `then` against itself and against `now`, cell by cell.
 *
 * **Details**
 *
 * A first pass gives each cell its rounds. Further passes give as many again to what is not settled yet, up to
 * `maxRounds`, so that a noisy cell takes no time from those that come after it. No round begins once the time is over.
 */
export const measure = Effect.fnUntraced(function* (
  cells: ReadonlyArray<Cell>,
  then: Tree,
  now: Tree,
  options: Options
) {
  const all = cells.map((cell): Running => ({ cell, same: [], now: [], failure: undefined }))
  const end = performance.now() + options.minutes * 60_000
  const extend = (running: Running, ratios: Array<number>, other: Tree, wanted: number) =>
    Effect.gen(function* () {
      while (ratios.length < wanted && performance.now() < end) {
        ratios.push(yield* Pair.round(running.cell, then, other, options.serverPort, ratios.length % 2 === 1))
      }
    })
  for (let wanted = options.rounds; ; wanted = Math.min(wanted + options.rounds, options.maxRounds)) {
    for (const running of all) {
      if (isDone(running)) continue
      yield* Console.error(`${running.cell.name}: up to ${wanted} rounds`)
      yield* Effect.gen(function* () {
        if (!isSettled(running.same, Interval.sameAtLeast)) yield* extend(running, running.same, then, wanted)
        if (!isSettled(running.now, Interval.nowAtLeast)) yield* extend(running, running.now, now, wanted)
      }).pipe(
        Effect.catch((error) =>
          Effect.sync(() => {
            running.failure = error.message.split("\n", 1)[0]
          })
        )
      )
    }
    if (wanted >= options.maxRounds || all.every(isDone) || performance.now() >= end) break
  }
  return all.map(
    ({ cell, failure, now, same }): Measurement => ({
      cell,
      failure,
      same: Interval.make(same),
      now: Interval.make(now)
    })
  )
})

const isSettled = (ratios: ReadonlyArray<number>, bound: number): boolean =>
  Interval.isSettled(Interval.make(ratios), bound)

const isDone = ({ failure, now, same }: Running): boolean =>
  failure !== undefined || (isSettled(same, Interval.sameAtLeast) && isSettled(now, Interval.nowAtLeast))
