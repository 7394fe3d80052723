import { Effect } from "effect"
import type { Child } from "./Child.ts"
import * as Figure from "./Figure.ts"
import { type Cell, doesNotCount, firstLine } from "./Result.ts"
import type { Measured } from "./Rpc.ts"
import * as Settings from "./Settings.ts"
import * as Traffic from "./Traffic.ts"
import * as Workload from "./Workload.ts"

export interface Options {
  readonly workload: Workload.Workload
  readonly baseline: string
  readonly contenders: ReadonlyArray<Child>
  /** Default: operations per second. */
  readonly unit?: "ops/s" | "ns"
  readonly name?: string
  readonly roundMillis?: number
  /** The servers whose traffic has to show the work, if it is to be done there. */
  readonly servers?: Traffic.Servers
}

/**
 * One cell: each contender is warmed up, which also finds how many operations make a round, and then they take turns, A B C A B C, so that
 * what disturbs the machine disturbs them alike.
 */
export const measure = ({
  baseline,
  contenders,
  unit = "ops/s",
  workload,
  ...options
}: Options): Effect.Effect<Cell, Error> =>
  Effect.gen(function* () {
    // One in flight mostly waits for the kernel to wake the other side, which varies more than the work does: more rounds, shorter ones.
    const waits = workload.inFlight === 1 && unit !== "ns"
    const rounds = waits ? Settings.rounds * 2 + 1 : Settings.rounds
    const millis = (options.roundMillis ?? Settings.roundMillis) / (waits ? 2 : 1)
    const entries: Array<Entry> = []
    for (const child of contenders) {
      const entry: Entry = { child, operations: 0, figures: [], cpuMicros: [], failure: undefined }
      entries.push(entry)
      yield* unlessFailed(
        entry,
        Effect.gen(function* () {
          yield* child.request("prepare", workload)
          entry.operations = yield* child.request<number>("warm", { workload, millis })
        })
      )
    }
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        const servers = round === 0 ? options.servers : undefined
        yield* unlessFailed(entry, oneRound(entry, workload, unit, servers))
      }
    }
    return {
      name: options.name ?? Workload.name(workload),
      unit,
      baseline,
      rows: entries.map(({ child, cpuMicros, failure, figures }) => ({
        contender: child.name,
        figure: failure === undefined ? Figure.make(figures) : `${doesNotCount}: ${failure}`,
        // What other processes do to the machine is hardly seen in it.
        ...(failure === undefined && unit !== "ns" && { detail: { "cpu µs": Figure.median(cpuMicros) } })
      }))
    }
  })

/** One contender in one cell. What failed is not asked again, and has no figure. */
interface Entry {
  readonly child: Child
  operations: number
  readonly figures: Array<number>
  /** Microseconds of processor time for each operation. */
  readonly cpuMicros: Array<number>
  failure: string | undefined
}

const unlessFailed = (entry: Entry, effect: Effect.Effect<void, Error>): Effect.Effect<void> =>
  entry.failure === undefined
    ? Effect.catch(effect, (error) =>
        Effect.sync(() => {
          entry.failure = firstLine(error)
        })
      )
    : Effect.void

const oneRound = Effect.fnUntraced(function* (
  { child, cpuMicros, figures, operations }: Entry,
  workload: Workload.Workload,
  unit: "ops/s" | "ns",
  servers: Traffic.Servers | undefined
) {
  const before = servers === undefined ? undefined : yield* Traffic.of(servers)
  const measured = yield* child.request<Measured>("round", { workload, operations })
  if (servers !== undefined && before !== undefined) {
    yield* Traffic.check(child.name, workload, operations, before, yield* Traffic.of(servers))
  }
  const perSecond = (measured.operations / measured.millis) * 1000
  cpuMicros.push(measured.cpuMicros / measured.operations)
  figures.push(unit === "ns" ? 1e9 / perSecond : perSecond)
})
