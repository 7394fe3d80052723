import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as TaskHealth from "effect-ioredis-tasks/TaskHealth"
import { TestClock } from "effect/testing"
import { layer, Work } from "./simulatedQueue.ts"
import { inTime } from "../support/inTime.ts"

const conditionOf = (health: Health.Health) =>
  Effect.map(inTime(health.check, "1 second"), ({ parts }) => parts[0]?.condition)

const offer = (n: number) =>
  Effect.flatMap(TaskQueue.TaskQueue, (queue) => inTime(queue.offer(Work, { n }), "1 second"))

describe("TaskHealth.queue", () => {
  it.effect("is degraded while the oldest task waits for longer than the limit", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const health = yield* Health.make([TaskHealth.queue()])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      yield* offer(1)
      yield* TestClock.adjust("40 seconds")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      // The limit, and what was asked may be fifteen seconds old.
      yield* TestClock.adjust("35 seconds")
      const condition = yield* conditionOf(health)
      assert.deepInclude(condition, { _tag: "Degraded", cause: "Aging" })
      assert.match(JSON.stringify(condition), /The oldest of 1 tasks waits for 1m \d+s/)
      assert.strictEqual((yield* health.report).parts[0]?.name, "tasks jobs")
      yield* inTime(queue.pause, "20 seconds")
      assert.deepInclude(yield* conditionOf(health), { _tag: "Degraded", cause: "Paused" })
      yield* inTime(queue.resume, "1 second")
      yield* Layer.build(TaskWorker.layer([TaskWorker.handler(Work, () => Effect.void)]))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect("says that a worker whose handlers are all busy takes nothing", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      const health = yield* Health.make([TaskHealth.queue({ limit: "1 minute", name: "mails" })])
      yield* offer(1)
      yield* Layer.build(TaskWorker.layer([TaskWorker.handler(Work, () => Effect.never)], { concurrency: 1, drain: 0 }))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      yield* offer(2)
      yield* TestClock.adjust("15 seconds")
      const condition = yield* conditionOf(health)
      assert.deepInclude(condition, { _tag: "Degraded", cause: "NothingTaken" })
      assert.include(JSON.stringify(condition), "all of its 1 handlers are busy")
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect("is degraded where Redis does not answer", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const { breaker } = yield* RedisClient.RedisClient
      const health = yield* Health.make([TaskHealth.queue()])
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* breaker.trip
      yield* TestClock.adjust("15 seconds")
      assert.deepInclude(yield* conditionOf(health), { _tag: "Degraded", cause: "NotAnswered" })
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.effect("refuses a limit that makes no sense", () =>
    Effect.gen(function* () {
      for (const limit of [0, "-1 seconds", "Infinity"] as const) {
        const exit = yield* Effect.exit(TaskHealth.queue({ limit }))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.include(defect.message, `TaskHealth.queue: limit is ${limit}. Make it a time of 1ms or more`)
      }
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )
})
