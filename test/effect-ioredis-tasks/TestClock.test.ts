import { assert, describe, it, type TestOptions } from "@effect/vitest"
import { Clock, Cron, Effect, Layer, Logger, Result, Schedule } from "effect"
import { TaskError, TaskQueue, TaskSchedule, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as harness from "./harness.ts"
import { Failed, journal, kind } from "./harness.ts"
import { layer } from "./simulatedQueue.ts"
import { inTime } from "../support/inTime.ts"

// What a user's own test sees, who moves TestClock on by as much as he likes at once.

const second = 1000

/** A test in which a worker, if there is one, is connected and waits. */
const test = <E>(title: string, body: () => Effect.Effect<void, E, Services>, options?: TestOptions) =>
  it.effect(title, () => Effect.provide(body(), layer({}, Logger.layer([]))), options)

type Services = TaskQueue.TaskQueue | SimulatedRedis.SimulatedRedis | Effect.Services<ReturnType<typeof startWorker>>

const startWorker = (handlers: ReadonlyArray<TaskWorker.Handler>, options?: TaskWorker.Options) =>
  Effect.tap(harness.startWorker(handlers, options), () => TestClock.adjust("1 second"))

const now = Clock.currentTimeMillis

describe("Under TestClock", () => {
  test("five retries come after 60, 120, 240, 480 and 600 seconds", () =>
    Effect.gen(function* () {
      const doubling = Schedule.min([Schedule.exponential("1 minute"), Schedule.spaced("10 minutes")])
      const task = kind({ retry: { schedule: doubling.pipe(Schedule.upTo({ times: 5 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) => Effect.andThen(note(n), Effect.fail(new Failed({ code: 1 }))))
      ])
      const offered = yield* now
      yield* inTime(queue.offer(task, { n: 1 }), "1 hour")
      assert.deepStrictEqual(
        times(),
        [0, 60, 180, 420, 900, 1500].map((at) => offered + at * second)
      )
    }))

  test("a delay ends, and a task expires, in its millisecond", () =>
    Effect.gen(function* () {
      const task = kind()
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* startWorker(
        [TaskWorker.handler(task, ({ n }) => Effect.as(Effect.andThen(note(n), Effect.sleep("10 minutes")), n))],
        { concurrency: 1 }
      )
      const offered = yield* now
      yield* inTime(
        Effect.all([
          queue.offer(task, { n: 1 }, { delay: 12_345 }),
          queue.offer(task, { n: 2 }, { delay: 20_000, expiresIn: 612_345 }),
          queue.offer(task, { n: 3 }, { delay: 20_000, expiresIn: 612_346 })
        ]),
        "1 hour"
      )
      assert.deepStrictEqual(entries, [
        [offered + 12_345, 1],
        [offered + 612_345, 3]
      ])
      const expired = yield* inTime(Effect.result(queue.result(task, "2", { timeout: "1 second" })), "1 second")
      assert.strictEqual(
        Result.isFailure(expired) && expired.failure instanceof TaskError.TaskFailedError && expired.failure.reason,
        "Expired"
      )
    }))

  test("a handler is interrupted a tenth before its lease lapses, and begins again once Redis is back", () =>
    Effect.gen(function* () {
      const task = kind()
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const { entries, note } = journal<string>()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }, { attempt }) =>
          Effect.as(attempt === 1 ? Effect.onInterrupt(Effect.never, () => note("interrupted")) : note("again"), n)
        )
      ])
      yield* inTime(queue.offer(task, { n: 1 }), "15 seconds")
      yield* server.inject(Fault.freeze)
      yield* TestClock.adjust("10 minutes")
      // The worker has renewed its leases of 30 seconds at 10.
      assert.deepStrictEqual(entries, [[37 * second, "interrupted"]])
      yield* server.heal
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(entries[1]?.[1], "again")
    }))

  test("a worker that ends gives back what its drain does not suffice for, in that millisecond", () =>
    Effect.gen(function* () {
      const task = kind()
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal<string>()
      const handler = (worker: string) =>
        TaskWorker.handler(task, ({ n }) =>
          Effect.as(Effect.andThen(note(`${worker} begins`), worker === "old" ? Effect.never : Effect.void), n)
        )
      const old = yield* startWorker([handler("old")], { drain: "10 seconds" })
      const offered = yield* now
      yield* inTime(queue.offer(task, { n: 1 }), "1 second")
      const told = yield* now
      yield* Effect.forkChild(old.stop, { startImmediately: true })
      yield* startWorker([handler("new")])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(entries, [
        [offered, "old begins"],
        [told + 10 * second, "new begins"]
      ])
    }))

  test(
    "a schedule keeps each of a thousand times",
    () =>
      Effect.gen(function* () {
        const task = kind()
        const { entries, note } = journal()
        yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
        yield* Layer.build(
          TaskSchedule.layer({
            name: "ticks",
            cron: Cron.parseUnsafe("* * * * * *"),
            task,
            payload: (at) => ({ n: at.getTime() })
          })
        )
        yield* TestClock.adjust("1010 seconds")
        const scheduled = entries.slice(0, 1000)
        assert.strictEqual(scheduled.length, 1000)
        for (const [index, [at, n]] of scheduled.entries()) {
          assert.strictEqual(n, (scheduled[0]?.[1] ?? 0) + index * second)
          if (index > 0) assert.strictEqual(at, n)
        }
      }),
    { tags: ["long"] }
  )
})
