import { Effect, Option, Schedule } from "effect"
import * as RedisServer from "../../../test/support/RedisServer.ts"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Cell, Row } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"
import type { Begun, Produced } from "../TaskRunner.ts"

const { bullmq, persistedQueue, persistedQueueOurs, tasks } = Contenders
const names = [tasks, persistedQueueOurs, bullmq, persistedQueue]

const lease = "5 seconds"
/** 20 a second. */
const every = 50
/** How long a task takes. */
const each = 20
/** For how long each of them is waited for, in seconds. */
const patience = 40

const cells = {
  before: "a killed worker's task begins again, before an outage",
  killed: "after Redis was killed for 3 s, the slower worker goes on",
  frozen: "after Redis was frozen for 12 s, the slower worker goes on",
  after: "a killed worker's task begins again, after the outages",
  offers: "the longest of 20 offers a second, from the first to the last of it"
}

type Rows = Readonly<Record<keyof typeof cells, Row>>

export const taskOutage: Scenario = {
  name: "task-outage",
  title: `background tasks over a lost worker, a killed Redis, a frozen one and another lost worker; a task is a worker's own for ${lease}`,
  run: ({ emit }) =>
    Effect.gen(function* () {
      // Together: they mostly wait.
      const all = yield* Effect.forEach(names, (name) => Effect.scoped(script(name)), { concurrency: "unbounded" })
      for (const [key, name] of Object.entries(cells)) {
        const rows = all.map((rows) => rows[key as keyof typeof cells])
        const cell: Cell = { name, unit: "ms", baseline: bullmq, rows }
        yield* emit(cell)
      }
    }).pipe(Effect.timeout("6 minutes"))
}

const script = Effect.fnUntraced(function* (contender: string) {
  const server = yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
  const start = Child.start(contender, { port: server.port, url: server.url, lease })
  const startWorker = Effect.tap(start, (child) => child.request("begin", { each }))
  const producer = yield* start
  let workers = [yield* startWorker, yield* startWorker]
  // What a killed one began is known no more.
  const begun: Array<Begun> = []
  yield* producer.request("produce", { every })

  const row = (millis: Option.Option<number>, detail?: Row["detail"]): Row => ({
    contender,
    figure: Option.match(millis, {
      onNone: () => `not within ${patience} s`,
      onSome: (millis) => Figure.make([millis])
    }),
    ...(detail !== undefined && { detail })
  })

  const losingOne = Effect.fnUntraced(function* (id: string) {
    yield* Effect.forkChild(Effect.ignore(producer.request("offer", { id })))
    const had = yield* firstThat(workers, (begun) => begun.id === id)
    if (Option.isNone(had)) return row(Option.none())
    const { worker } = had.value
    begun.push(...(yield* worker.request<ReadonlyArray<Begun>>("die")))
    const lostAt = Date.now()
    const others = workers.filter((other) => other !== worker)
    const again = yield* firstThat(others, (begun) => begun.id === id)
    workers = [...others, yield* startWorker]
    return row(Option.map(again, ({ at }) => at - lostAt))
  })

  const outlasting = Effect.fnUntraced(function* (
    begin: Effect.Effect<void, RedisServer.RedisServerError>,
    seconds: number,
    end: Effect.Effect<void, RedisServer.RedisServerError>
  ) {
    yield* begin
    yield* Effect.sleep(seconds * 1000)
    yield* end
    const since = Date.now()
    const found = yield* Effect.forEach(workers, (worker) => firstThat([worker], ({ at }) => at > since), {
      concurrency: "unbounded"
    })
    const slower = Option.map(Option.all(found), (all) => Math.max(...all.map(({ at }) => at - since)))
    // What has waited for it all is not to be in the way of what comes next.
    yield* Effect.sleep("5 seconds")
    return row(slower)
  })

  yield* Effect.sleep("3 seconds")
  const before = yield* losingOne("long-before")
  const killed = yield* outlasting(server.kill, 3, server.start)
  const frozen = yield* outlasting(server.freeze, 12, server.thaw)
  const after = yield* losingOne("long-after")
  yield* producer.request("halt")
  const offers = yield* told(
    producer,
    Effect.map(Effect.forEach(workers, begunBy), (all) => [...begun, ...all.flat()])
  )
  const rows: Rows = { before, killed, frozen, after, offers: { contender, ...offers } }
  return rows
})

const begunBy = (worker: Child.Child) => worker.request<ReadonlyArray<Begun>>("begun")

/** The first task that is so, and the worker that began it, within `patience`. */
const firstThat = (workers: ReadonlyArray<Child.Child>, is: (begun: Begun) => boolean) =>
  Effect.gen(function* () {
    for (const worker of workers) {
      const found = (yield* begunBy(worker)).find(is)
      if (found !== undefined) return Option.some({ worker, at: found.at })
    }
    return Option.none<{ readonly worker: Child.Child; readonly at: number }>()
  }).pipe(
    Effect.repeat({ until: Option.isSome, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOption(patience * 1000),
    Effect.map(Option.flatten)
  )

/** What the producer saw, once all that was accepted has begun, or has not within `patience`. */
const told = Effect.fnUntraced(function* (producer: Child.Child, allBegun: Effect.Effect<ReadonlyArray<Begun>, Error>) {
  const look = Effect.gen(function* () {
    const produced = yield* producer.request<Produced>("produced")
    const begun = new Map<string, number>()
    for (const { id } of yield* allBegun) begun.set(id, (begun.get(id) ?? 0) + 1)
    return {
      produced,
      missing: produced.accepted.filter((id) => !begun.has(id)).length,
      twice: produced.accepted.filter((id) => (begun.get(id) ?? 0) > 1).length
    }
  })
  yield* look.pipe(
    Effect.repeat({
      until: ({ missing, produced }) => missing + produced.pending === 0,
      schedule: Schedule.spaced("200 millis")
    }),
    Effect.timeoutOption(patience * 1000)
  )
  const { missing, produced, twice } = yield* look
  const outcomes = Object.entries(produced.outcomes).map(([outcome, times]) => `${outcome} ${times}`)
  return {
    figure: Figure.make([Math.max(...produced.millis)]),
    detail: {
      "p99 ms": Figure.percentile(produced.millis, 0.99),
      offers: [...outcomes, ...(produced.pending > 0 ? [`pending ${produced.pending}`] : [])].join(", "),
      "accepted and not begun": missing,
      "begun twice": twice
    }
  }
})
