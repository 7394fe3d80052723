import { Effect, Schedule } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import * as Monitor from "../Monitor.ts"
import type { Row } from "../Result.ts"
import type { Measured } from "../Rpc.ts"
import type { Scenario } from "../Scenario.ts"
import * as Settings from "../Settings.ts"
import * as Traffic from "../Traffic.ts"

const { bullmq, queues } = Contenders

const count = 20_000
const waits = 200
/** As long as two of the rounds that our idle workers make. */
const idleSeconds = 30

/** One that is measured, on a server of its own: what is kept of tasks differs. */
interface Entry {
  readonly child: Child.Child
  readonly server: RedisServer.RedisServer
  readonly perSecond: Array<number>
  readonly details: Array<Record<string, number>>
}

const start = Effect.fnUntraced(function* (name: string) {
  const server = yield* RedisServer.make()
  const child = yield* Child.start(name, { port: server.port, url: server.url })
  const entry: Entry = { child, server, perSecond: [], details: [] }
  return entry
})

export const tasks: Scenario = {
  name: "tasks",
  title: `background tasks with leases, ids and retries: ${count} of 200 B at concurrency 50, from offer to handler, idle, waiting`,
  run: ({ emit }) =>
    Effect.gen(function* () {
      const entries = yield* Effect.all(queues.map(start))
      yield* emit({
        name: "bytes in Redis per waiting task",
        unit: "bytes",
        baseline: bullmq,
        rows: yield* each(entries, weigh)
      })
      // What was weighed, and a round that does not count, so that all is compiled.
      for (const entry of entries) {
        yield* work(entry, count)
        yield* round(entry)
        entry.perSecond.length = 0
        entry.details.length = 0
      }
      for (let n = 0; n < Settings.rounds; n++) for (const entry of entries) yield* round(entry)
      yield* emit({ name: "tasks, concurrency 50", unit: "ops/s", baseline: bullmq, rows: entries.map(rowOf) })
      const others = yield* Effect.forEach(entries, ({ child, server: { port, url } }) =>
        Child.start(child.name, { port, url })
      )
      const shares = entries.map(() => [] as number[])
      for (let n = 0; n <= Settings.rounds; n++) {
        for (const [at, entry] of entries.entries()) {
          const perSecond = yield* share(entry, [entry.child, others[at] as Child.Child])
          if (n > 0) shares[at]?.push(perSecond)
        }
      }
      yield* emit({
        name: "tasks, two processes of concurrency 50",
        unit: "ops/s",
        baseline: bullmq,
        rows: entries.map(({ child }, at) => ({ contender: child.name, figure: Figure.make(shares[at] ?? []) }))
      })
      yield* emit({
        name: "from offer to handler, idle queue",
        unit: "ms",
        baseline: bullmq,
        rows: yield* each(entries, wait)
      })
      yield* emit({
        name: "commands per second, idle worker",
        unit: "ops/s",
        baseline: bullmq,
        rows: yield* Effect.forEach(entries, idle, { concurrency: "unbounded" })
      })
    }).pipe(Effect.timeout("9 minutes"))
}

const each = (entries: ReadonlyArray<Entry>, measure: (entry: Entry) => Effect.Effect<Row, Error>) =>
  Effect.forEach(entries, measure)

const rowOf = ({ child, details, perSecond }: Entry): Row => ({
  contender: child.name,
  figure: Figure.make(perSecond),
  detail: Object.fromEntries(
    Object.keys(details[0] ?? {}).map((name) => [
      name,
      Figure.median(details.map((detail) => detail[name] ?? Number.NaN))
    ])
  )
})

/** With what is asked of Redis for each of the operations. */
const observed = Effect.fnUntraced(function* ({ child, server }: Entry, task: string, count: number) {
  const before = yield* Traffic.of([server])
  const { cpuMicros, millis } = yield* child.request<Measured>(task, { count })
  const after = yield* Traffic.of([server])
  return { millis, cpu: cpuMicros / count, server: (after.cpuMicros - before.cpuMicros) / count }
})

const work = Effect.fnUntraced(function* (entry: Entry, count: number) {
  const worked = yield* observed(entry, "drain", count)
  yield* entry.child.request("end")
  return worked
})

const round = Effect.fnUntraced(function* (entry: Entry) {
  const filled = yield* observed(entry, "fill", count)
  const worked = yield* work(entry, count)
  entry.perSecond.push((count / worked.millis) * 1000)
  entry.details.push({
    "cpu µs": worked.cpu,
    "server µs": worked.server,
    "offer cpu µs": filled.cpu,
    "offer server µs": filled.server
  })
})

const share = Effect.fnUntraced(function* ({ child }: Entry, workers: ReadonlyArray<Child.Child>) {
  yield* child.request("fill", { count })
  const shared = Effect.map(
    Effect.forEach(workers, (worker) => worker.request<number>("shared")),
    (all) => all.reduce((sum, one) => sum + one, 0)
  )
  const before = yield* shared
  const start = performance.now()
  yield* Effect.forEach(workers, (worker) => worker.request("share"), { concurrency: "unbounded" })
  yield* Effect.repeat(shared, { until: (sum) => sum - before >= count, schedule: Schedule.spaced("5 millis") })
  const perSecond = (count / (performance.now() - start)) * 1000
  yield* Effect.forEach(workers, (worker) => worker.request("end"))
  return perSecond
})

const memory = (entry: Entry) =>
  Effect.map(
    Effect.mapError(entry.server.cli("INFO", "memory"), (error) => new Error(error.message)),
    (info) => Number(/^used_memory:(\d+)/m.exec(String(info))?.[1])
  )

const weigh = Effect.fnUntraced(function* (entry: Entry) {
  const before = yield* memory(entry)
  yield* entry.child.request("fill", { count })
  const bytes = ((yield* memory(entry)) - before) / count
  return { contender: entry.child.name, figure: Figure.make([bytes]) }
})

const wait = Effect.fnUntraced(function* ({ child }: Entry) {
  const millis = yield* child.request<ReadonlyArray<number>>("wait", { count: waits })
  return { contender: child.name, figure: Figure.make(millis), detail: { p99: Figure.percentile(millis, 0.99) } }
})

// The workers of the cell before have nothing to do. What a script calls is not sent by a worker.
const idle = Effect.fnUntraced(function* ({ child, server }: Entry) {
  const monitor = yield* Monitor.make(server.port)
  const before = yield* Traffic.of([server])
  yield* Effect.sleep(idleSeconds * 1000)
  const after = yield* Traffic.of([server])
  // INFO itself is one, and was seen twice.
  const sent = (monitor.sent() - 2) / idleSeconds
  const detail = { "with those in scripts": (after.commands - before.commands - 1) / idleSeconds }
  return { contender: child.name, figure: Figure.make([sent]), detail }
}, Effect.scoped)
