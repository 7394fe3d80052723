import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Figure from "../Figure.ts"
import type { Measured } from "../Rpc.ts"
import type { Cell } from "./Cell.ts"
import type { Tree } from "./Tree.ts"

/** How long a burst of calls lasts. */
const burstMillis = 60
const bursts = 9
const warmMillis = 500

/**
 * One round: the ratio of `then` to `now` in processor time per call.
 *
 * **Details**
 *
 * Both are started anew, since what a process has compiled, and where its memory lies, stays with it: rounds of one
 * process would agree with each other more than with the truth. They work by turns, in bursts so short that what slows
 * the machine down slows both, and the median burst stands for each.
 */
export const round = (
  cell: Cell,
  then: Tree,
  now: Tree,
  serverPort: number,
  isNowFirst: boolean
): Effect.Effect<number, Error> =>
  Effect.gen(function* () {
    // A database for each, since they need not agree on the format of what they store.
    const sides = yield* Effect.all([start(cell, then, serverPort, 0), start(cell, now, serverPort, 1)], {
      concurrency: "unbounded"
    })
    const operations = Math.max(...sides.map((side) => side.operations))
    const micros: readonly [Array<number>, Array<number>] = [[], []]
    for (let burst = 0; burst < bursts; burst++) {
      const order = (burst % 2 === 0) === isNowFirst ? ([1, 0] as const) : ([0, 1] as const)
      for (const index of order) {
        const argument = { workload: cell.workload, operations }
        const measured = yield* request<Measured>(sides[index].child, "round", argument)
        micros[index].push(measured.cpuMicros)
      }
    }
    return Figure.median(micros[0]) / Figure.median(micros[1])
  }).pipe(Effect.scoped)

const start = Effect.fnUntraced(function* ({ contender, workload }: Cell, { worker }: Tree, port: number, db: number) {
  const child = yield* Child.start(contender, { port, url: `redis://127.0.0.1:${port}/${db}` }, { worker })
  yield* request(child, "prepare", workload)
  yield* request(child, "warm", { workload, millis: warmMillis })
  const operations = yield* request<number>(child, "warm", { workload, millis: burstMillis })
  return { child, operations }
})

const limit = "60 seconds"

const request = <A = unknown>(child: Child.Child, method: string, argument: unknown): Effect.Effect<A, Error> =>
  Effect.timeoutOrElse(child.request<A>(method, argument), {
    duration: limit,
    orElse: () => Effect.fail(new Error(`${child.name}: no end of ${method} within ${limit}`))
  })
