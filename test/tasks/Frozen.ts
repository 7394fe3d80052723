import { Effect, Fiber, Layer, Schedule, Schema } from "effect"
import { Redis } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisServer from "../support/RedisServer.ts"

/** What was seen of offers to a Redis that is frozen. */
export interface Frozen {
  readonly offers: number
  readonly deferred: number
  /** The longest offer, and how much longer than its patience one took beside what this process was late. */
  readonly longest: number
  readonly beyondPatience: number
  /** Deferred tasks that were not run exactly once. */
  readonly notOnce: ReadonlyArray<string>
  /** After how many milliseconds all of them had been run. */
  readonly caughtUp: number
}

const patience = 1000

/** Offers so many tasks a second while Redis is frozen for so many seconds, and for two before and after. */
export const play = Effect.fnUntraced(function* (seconds: number, perSecond: number) {
  const server = yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
  const runs = new Map<string, number>()
  const handler = TaskWorker.handler(Count, ({ n }) =>
    Effect.sync(() => runs.set(String(n), (runs.get(String(n)) ?? 0) + 1))
  )
  const queues = yield* Layer.build(
    TaskWorker.layer([handler], { drain: "0 millis" }).pipe(
      Layer.provideMerge(TaskQueue.layer({ name: "counts", patience })),
      Layer.provide(Redis.layer({ url: server.url, resetTimeout: "1 second" }))
    )
  )
  const offers: Array<Offer> = []
  const offer = Effect.fnUntraced(function* (n: number) {
    const queue = yield* TaskQueue.TaskQueue
    const from = performance.now()
    const answer = yield* queue.offer(Count, { n })
    offers.push({ id: String(n), answer, from, until: performance.now() })
  })
  const late = yield* makeLate
  const fibers: Array<Fiber.Fiber<void, unknown>> = []
  const load = Effect.gen(function* () {
    for (let n = 0; n < (seconds + 4) * perSecond; n++) {
      fibers.push(yield* Effect.forkChild(offer(n)))
      yield* Effect.sleep(1000 / perSecond)
    }
    yield* Fiber.joinAll(fibers)
  }).pipe(Effect.provideContext(queues))
  const loading = yield* Effect.forkScoped(load)
  yield* Effect.sleep("2 seconds")
  yield* server.freeze
  yield* Effect.sleep(`${seconds} seconds`)
  yield* server.thaw
  const thawed = performance.now()
  yield* Fiber.join(loading)
  const deferred = offers.filter(({ answer }) => answer === "Deferred")
  yield* Effect.repeat(
    Effect.sync(() => deferred.every(({ id }) => runs.has(id))),
    { until: (all) => all, schedule: Schedule.spaced("20 millis") }
  ).pipe(Effect.timeoutOption("30 seconds"))
  const caughtUp = performance.now() - thawed
  // What would run again does so within this.
  yield* Effect.sleep("2 seconds")
  const frozen: Frozen = {
    offers: offers.length,
    deferred: deferred.length,
    longest: Math.max(...offers.map(({ from, until }) => until - from)),
    beyondPatience: Math.max(...offers.map(({ from, until }) => until - from - patience - late(from, until))),
    notOnce: deferred.flatMap(({ id }) => (runs.get(id) === 1 ? [] : [`${id} ran ${runs.get(id) ?? 0} times`])),
    caughtUp
  }
  return frozen
})

interface Offer {
  readonly id: string
  readonly answer: string
  readonly from: number
  readonly until: number
}

const Count = Task.make({
  name: "count",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  id: ({ n }) => String(n)
})

// How late the event loop was at most between two moments.
const makeLate = Effect.gen(function* () {
  const samples: Array<{ readonly at: number; readonly late: number }> = []
  yield* Effect.suspend(() => {
    const due = performance.now() + 5
    return Effect.andThen(
      Effect.sleep("5 millis"),
      Effect.sync(() => samples.push({ at: performance.now(), late: performance.now() - due }))
    )
  }).pipe(Effect.forever, Effect.forkScoped)
  return (from: number, until: number): number =>
    Math.max(0, ...samples.flatMap(({ at, late }) => (at >= from && at - late <= until ? [late] : [])))
})
