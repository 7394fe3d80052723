import { Console, Effect } from "effect"
import { firstLine } from "../Result.ts"
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
 * A round of the one is followed by a round of the other, so that both see the machine in the same mood. A first pass
 * gives each cell its rounds. Further passes give as many again to what is not settled yet, up to `maxRounds`, so that a
 * noisy cell takes no time from those that come after it. No round begins once the time is over.
 */
export const measure = Effect.fnUntraced(function* (
  cells: ReadonlyArray<Cell>,
  then: Tree,
  now: Tree,
  { maxRounds, minutes, rounds, serverPort }: Options
) {
  const all = cells.map((cell): Running => ({ cell, same: [], now: [], failure: undefined }))
  const end = performance.now() + minutes * 60_000
  const extend = Effect.fnUntraced(function* ({ cell, now: ratios, same }: Running, wanted: number) {
    while (same.length < wanted && performance.now() < end) {
      const isOtherFirst = same.length % 2 === 1
      const ratio = yield* Pair.round(cell, then, then, serverPort, isOtherFirst)
      ratios.push(yield* Pair.round(cell, then, now, serverPort, isOtherFirst))
      same.push(ratio)
    }
  })
  for (let wanted = rounds; ; wanted = Math.min(wanted + rounds, maxRounds)) {
    for (const running of all) {
      if (isDone(running) || performance.now() >= end) continue
      yield* Console.error(`${running.cell.name}: up to ${wanted} rounds`)
      yield* Effect.catch(extend(running, wanted), (error) =>
        Effect.sync(() => {
          running.failure = firstLine(error)
        })
      )
    }
    if (wanted >= maxRounds || all.every(isDone) || performance.now() >= end) break
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

const isDone = ({ failure, now, same }: Running): boolean =>
  failure !== undefined || (Interval.isSame(Interval.make(same)) && Interval.isSettled(Interval.make(now)))
