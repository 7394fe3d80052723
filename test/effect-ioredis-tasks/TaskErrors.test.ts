import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schedule, Schema } from "effect"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Task, TaskError, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { TestClock } from "effect/testing"
import { layer, Refused, Work } from "./simulatedQueue.ts"
import { inTime } from "../support/inTime.ts"

const resultOf = (queue: TaskQueue.TaskQueue, n: number) =>
  inTime(Effect.exit(queue.result(Work, `secret-${n}`, { timeout: "5 seconds" })), "5 seconds")

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return error instanceof TaskError.TaskFailedError ? error.reason : undefined
}

// The client of a queue asks its server every second, so that a day of virtual time takes some seconds to pass.
const minutes: Partial<TaskQueue.Options> = {
  remember: "10 minutes",
  keepResults: "1 minute",
  deferred: { longest: "5 minutes" }
}

describe("The errors of a queue", () => {
  it.effect("say that a result was kept long enough, unless there was nothing to keep", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      const Answering = Task.make({ ...Work, name: "answering", success: Schema.Int })
      const ended = <P, S, E, G>(task: Task.Task<P, S, E, G>) =>
        inTime(Effect.exit(queue.result(task, "secret-1", { timeout: "5 seconds" })), "5 seconds")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      yield* inTime(queue.offer(Answering, { n: 1 }), "1 second")
      yield* Layer.build(
        TaskWorker.layer([
          TaskWorker.handler(Work, () => Effect.void),
          TaskWorker.handler(Answering, ({ n }) => Effect.succeed(n + 1))
        ])
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* ended(Work), Exit.succeed(Option.some(undefined)))
      assert.deepStrictEqual(yield* ended(Answering), Exit.succeed(Option.some(2)))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* ended(Work), Exit.succeed(Option.some(undefined)))
      assert.strictEqual(reasonOf(yield* ended(Answering)), "Forgotten")
      yield* TestClock.adjust("9 minutes")
      assert.deepStrictEqual(yield* ended(Work), Exit.succeed(Option.none()))
    }).pipe(Effect.scoped, Effect.provide(layer(minutes)))
  )

  it.effect("say that there is no room for another offer, until Redis is back", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* TaskQueue.make({ name: "small", deferred: { limit: 1 } })
      assert.isTrue(TaskQueue.TypeId in queue)
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      assert.strictEqual(yield* inTime(queue.offer(Work, { n: 1 }), "2 seconds"), "Deferred")
      const error = yield* Effect.flip(inTime(queue.offer(Work, { n: 2 }), "2 seconds"))
      assert.instanceOf(error, TaskError.TaskQueueFullError)
      assert.strictEqual(error.message, "Redis does not answer, and 1 tasks of the queue small wait for it already")
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* inTime(queue.offer(Work, { n: 1 }), "1 second"), "Duplicate")
      assert.strictEqual(yield* inTime(queue.offer(Work, { n: 2 }), "1 second"), "Enqueued")
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect("say why there is no result", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      for (const n of [1, 2]) yield* inTime(queue.offer(Work, { n }), "1 second")
      yield* inTime(queue.offer(Work, { n: 3 }, { expiresIn: "1 second" }), "2 seconds")
      yield* inTime(queue.cancel(Work, "secret-2"), "1 second")
      const once = Task.make({ ...Work, retry: { schedule: Schedule.recurs(0) } })
      yield* Layer.build(TaskWorker.layer([TaskWorker.handler(once, () => Effect.die("a defect"))]))
      yield* TestClock.adjust("10 seconds")
      const reasons = yield* Effect.forEach([1, 2, 3], (n) => Effect.map(resultOf(queue, n), reasonOf))
      assert.deepStrictEqual(reasons, ["Died", "Cancelled", "Expired"])
      // That is known for as long as the id.
      yield* TestClock.adjust("9 minutes")
      assert.deepStrictEqual(yield* Effect.forEach([2, 3], (n) => Effect.map(resultOf(queue, n), reasonOf)), [
        "Cancelled",
        "Expired"
      ])
      assert.deepStrictEqual(yield* resultOf(queue, 4), Exit.succeed(Option.none()))
    }).pipe(Effect.scoped, Effect.provide(layer(minutes)))
  )

  it.effect("do not say that what was cancelled is done, when its id is forgotten before anybody meets it", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      assert.strictEqual(yield* inTime(queue.cancel(Work, "secret-1"), "1 second"), "Cancelled")
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(reasonOf(yield* resultOf(queue, 1)), "Cancelled")
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* resultOf(queue, 1), Exit.succeed(Option.none()))
      assert.strictEqual(yield* inTime(queue.state(Work, "secret-1"), "1 second"), "Unknown")
    }).pipe(Effect.scoped, Effect.provide(layer(minutes)))
  )

  it("are those of a task that says nothing else after three retries", () => {
    const plain = Task.make({ name: "plain", version: 1, payload: Schema.Int, error: Refused, id: String })
    assert.strictEqual(plain.retry.schedule, Task.defaultRetry)
  })
})
