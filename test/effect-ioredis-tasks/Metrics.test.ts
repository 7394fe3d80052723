import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { TestClock } from "effect/testing"
import { layer, Refused, valuesOf, Work } from "./simulatedQueue.ts"
import { inTime } from "../support/inTime.ts"

const worker = (handle: (n: number, attempt: number) => Effect.Effect<void, Refused>, options?: TaskWorker.Options) =>
  Layer.build(TaskWorker.layer([TaskWorker.handler(Work, ({ n }, { attempt }) => handle(n, attempt))], options))

describe("the metrics of a queue", () => {
  it.effect("count what comes of offers, also while Redis is away", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      yield* server.inject(Fault.refuse)
      yield* inTime(queue.offer(Work, { n: 2 }), "5 seconds")
      yield* inTime(Effect.exit(queue.offer(Work, { n: 3 })), "5 seconds")
      assert.deepStrictEqual(yield* valuesOf("messaging.client.sent.messages", "task.offer.outcome", "error.type"), {
        "enqueued -": 1,
        "duplicate -": 1,
        "deferred -": 1,
        "refused TaskQueueFullError": 1
      })
      assert.deepStrictEqual(
        yield* valuesOf("messaging.client.operation.duration", "messaging.operation.name", "error.type"),
        { "send -": 3, "send TaskQueueFullError": 1 }
      )
      assert.deepStrictEqual(yield* valuesOf("task.offers.deferred", "messaging.destination.name"), { jobs: 1 })
      assert.deepStrictEqual(yield* valuesOf("task.offers.limit"), { "": 1 })
      assert.deepStrictEqual(yield* valuesOf("task.offers.replayed"), { "": 0 })
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* valuesOf("task.offers.deferred"), { "": 0 })
      assert.deepStrictEqual(yield* valuesOf("task.offers.replayed"), { "": 1 })
      assert.deepStrictEqual(yield* valuesOf("task.offers.lost"), { "": 0 })
    }).pipe(Effect.provide(layer({ deferred: { limit: 1 } })))
  )

  it.effect("count how handlers end, and how long tasks wait for them", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      for (const n of [1, 2]) yield* inTime(queue.offer(Work, { n }), "1 second")
      yield* TestClock.adjust("10 seconds")
      yield* worker((n, attempt) => {
        if (n === 1 || attempt > 1) return Effect.sleep("3 seconds")
        return Effect.fail(new Refused({ n }))
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* valuesOf("messaging.client.consumed.messages", "task.name"), { work: 2 })
      assert.deepStrictEqual(yield* valuesOf("task.worker.running"), { "": 1 })
      assert.deepStrictEqual(yield* valuesOf("task.worker.concurrency"), { "": 10 })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* valuesOf("messaging.process.duration", "task.name", "error.type"), {
        "work -": 2,
        "work Refused": 1
      })
      assert.deepStrictEqual(yield* valuesOf("task.retries", "task.name"), { work: 1 })
      // The second attempt does not wait for its first beginning.
      assert.deepStrictEqual(yield* valuesOf("task.wait.duration", "task.name"), { work: 2 })
      assert.deepStrictEqual(yield* valuesOf("task.dead_letters", "task.reason"), {
        Failed: 0,
        Died: 0,
        Lost: 0,
        Undecodable: 0
      })
      for (const id of ["task.settlements.late", "task.leases.lapsed", "task.overlaps"]) {
        assert.deepStrictEqual(yield* valuesOf(id), { "": 0 }, id)
      }
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect(
    "count dead letters by why they are dead",
    () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        yield* TestClock.adjust("1 second")
        yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
        yield* inTime(queue.offer(Work, { n: 2 }), "1 second")
        yield* worker((n) => (n === 1 ? Effect.fail(new Refused({ n })) : Effect.die("a defect")))
        yield* TestClock.adjust("2 hours")
        assert.deepInclude(yield* valuesOf("task.dead_letters", "task.reason"), { Failed: 1, Died: 1 })
        assert.deepStrictEqual(yield* valuesOf("task.retries"), { "": 6 })
        assert.deepInclude(yield* valuesOf("task.queue.size", "task.state"), { dead: 2, waiting: 0 })
      }).pipe(Effect.scoped, Effect.provide(layer())),
    { tags: ["long"] }
  )

  it.effect("count a handler that loses its lease, and what it settles too late", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      // It cannot be interrupted, so that it runs on when another has the task.
      yield* worker(() => Effect.uninterruptible(Effect.sleep("2 minutes")), { lease: "10 seconds" })
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* TestClock.adjust("20 seconds")
      yield* server.heal
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(yield* valuesOf("task.leases.lapsed"), { "": 1 })
      assert.deepStrictEqual(yield* valuesOf("task.overlaps"), { "": 1 })
      assert.deepStrictEqual(yield* valuesOf("task.settlements.late"), { "": 1 })
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect("tell how many tasks there are, also where no worker is left, and nothing once that is not known", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      for (const n of [1, 2, 3]) yield* inTime(queue.offer(Work, { n }), "1 second")
      yield* inTime(queue.offer(Work, { n: 4 }, { delay: "1 hour" }), "1 second")
      assert.deepStrictEqual(yield* valuesOf("task.queue.size"), {})
      yield* TestClock.adjust("15 seconds")
      assert.deepInclude(yield* valuesOf("task.queue.size", "task.state"), { waiting: 3, delayed: 1 })
      yield* worker(() => Effect.never, { concurrency: 1 })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* valuesOf("task.queue.size", "task.state"), {
        waiting: 2,
        running: 1,
        delayed: 1,
        dead: 0
      })
      const { "": oldest } = yield* valuesOf("task.queue.oldest")
      assert.isTrue(oldest !== undefined && oldest >= 30 && oldest < 50, String(oldest))
      assert.deepStrictEqual(yield* valuesOf("task.queue.paused"), { "": 0 })
      const asked = (yield* server.received).length
      assert.isAbove(asked, 0)
      yield* server.inject(Fault.refuse)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* valuesOf("task.queue.size"), {})
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )
})
