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
  /** Another process for each contender, by its name, which writes meanwhile: one write to a hundred of its reads. Memory may answer then. */
  readonly writers?: ReadonlyMap<string, Child>
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
      const writer = options.writers?.get(child.name)
      const entry = new Entry(child, writer)
      entries.push(entry)
      yield* unlessFailed(
        entry,
        Effect.gen(function* () {
          yield* child.request("prepare", workload)
          if (writer !== undefined) yield* writer.request("prepare", writing(workload))
          entry.operations = yield* child.request<number>("warm", { workload, millis })
        })
      )
    }
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        yield* unlessFailed(entry, oneRound(entry, workload, unit, millis, options.servers))
      }
    }
    return {
      name: options.name ?? Workload.name(workload),
      unit,
      baseline,
      rows: entries.map(({ child, details, failure, figures }) => ({
        contender: child.name,
        figure: failure === undefined ? Figure.make(figures) : `${doesNotCount}: ${failure}`,
        ...(failure === undefined && unit !== "ns" && { detail: medians(details) })
      }))
    }
  })

/** One contender in one cell. What failed is not asked again, and has no figure. */
class Entry {
  operations = 0
  failure: string | undefined
  readonly figures: Array<number> = []
  readonly details: Array<Record<string, number>> = []
  readonly child: Child
  readonly writer: Child | undefined

  constructor(child: Child, writer: Child | undefined) {
    this.child = child
    this.writer = writer
  }
}

const writing = (workload: Workload.Workload): Workload.Workload => ({ ...workload, operation: "set" })

const medians = (details: ReadonlyArray<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.keys(details[0] ?? {}).map((name) => [name, Figure.median(details.map((detail) => detail[name] as number))])
  )

const unlessFailed = (entry: Entry, effect: Effect.Effect<void, Error>): Effect.Effect<void> =>
  entry.failure === undefined
    ? Effect.catch(effect, (error) =>
        Effect.sync(() => {
          entry.failure = firstLine(error)
        })
      )
    : Effect.void

const oneRound = Effect.fnUntraced(function* (
  { child, details, figures, operations, writer }: Entry,
  workload: Workload.Workload,
  unit: "ops/s" | "ns",
  millis: number,
  servers: Traffic.Servers | undefined
) {
  const before = servers === undefined ? undefined : yield* Traffic.of(servers)
  const writes = { workload: writing(workload), operations: Math.round(operations / 100), millis }
  const [measured] = yield* Effect.all(
    [child.request<Measured>("round", { workload, operations }), writer?.request("paced", writes) ?? Effect.void],
    { concurrency: 2 }
  )
  // What other processes do to the machine is hardly seen in processor time.
  const detail: Record<string, number> = { "cpu µs": measured.cpuMicros / measured.operations }
  if (servers !== undefined && before !== undefined) {
    const after = yield* Traffic.of(servers)
    detail["server µs"] = (after.cpuMicros - before.cpuMicros) / operations
    if (writer === undefined) yield* Traffic.check(child.name, workload, operations, before, after)
    else detail["from memory %"] = 100 * (1 - (after.hits - before.hits) / operations)
  }
  const perSecond = (measured.operations / measured.millis) * 1000
  details.push(detail)
  figures.push(unit === "ns" ? 1e9 / perSecond : perSecond)
})
