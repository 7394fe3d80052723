import { assert, describe } from "@effect/vitest"
import { Cause, Cron, Duration, Effect, Exit, Layer, Schedule } from "effect"
import { TaskQueue, TaskSchedule, TaskWorker } from "effect-ioredis-tasks"
import { Failed, journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind({ retry: { schedule: Schedule.recurs(0) } })

const succeeding = TaskWorker.handler(task, ({ n }) => Effect.succeed(n))

/** The message of the mistake that an effect dies of. */
const mistakeOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
    return defect instanceof RangeError ? defect.message : undefined
  })

type Timing = Pick<TaskSchedule.Options<never, never, never, never>, "name" | "cron" | "lease" | "missed">

const schedule = (options: Partial<Timing>) =>
  TaskSchedule.layer({
    name: "ticks",
    cron: Cron.parseUnsafe("* * * * *", "UTC"),
    task,
    payload: (at) => ({ n: at.getTime() }),
    ...options
  })

describe("A mistake in the options", () => {
  test("of an offer is refused, and what has no end or is below zero is what it says", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { note, entries } = journal()
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
      assert.include(yield* mistakeOf(queue.offer(task, { n: 1 }, { delay: Duration.infinity })), "delay")
      yield* pass(1)
      yield* queue.offer(task, { n: 2 }, { expiresIn: Duration.infinity, delay: "1 second" })
      yield* queue.offer(task, { n: 3 }, { delay: "-1 seconds" })
      yield* queue.offer(task, { n: 4 }, { delay: Duration.millis(0.4) })
      yield* pass(10)
      assert.deepStrictEqual(entries, [
        [1000, 3],
        [1001, 4],
        [2000, 2]
      ])
    }))

  test("of a worker is refused, and a rate without a limit is none", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      assert.include(yield* mistakeOf(startWorker([succeeding, succeeding])), "count@1")
      const rateLimit = { limit: Number.POSITIVE_INFINITY, window: "1 second" } as const
      yield* startWorker([succeeding], { rateLimit })
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      assert.strictEqual(yield* queue.state(task, "1"), "Over")
    }))

  test("of a schedule is refused", () =>
    Effect.gen(function* () {
      const never = Cron.parseUnsafe("0 0 30 2 *", "UTC")
      const mistakes = [
        [{ name: "" }, "name"],
        [{ lease: 0 }, "lease"],
        [{ missed: "-1 seconds" }, "missed"],
        [{ cron: never }, "cron"]
      ] as const
      for (const [options, what] of mistakes) assert.include(yield* mistakeOf(Layer.build(schedule(options))), what)
      yield* Layer.build(schedule({ missed: Duration.infinity }))
    }))

  test("of a page of dead letters shows none", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* startWorker([TaskWorker.handler(task, () => Effect.fail(new Failed({ code: 1 })))])
      for (const n of [1, 2]) yield* queue.offer(task, { n })
      yield* pass(1)
      const pages = yield* Effect.forEach([0, 1, 2], (limit) => queue.deadLetters({ limit }))
      assert.deepStrictEqual(
        pages.map(({ length }) => length),
        [0, 1, 2]
      )
    }))
})
