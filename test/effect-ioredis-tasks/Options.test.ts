import { assert, describe, it } from "@effect/vitest"
import { Cause, Cron, Duration, Effect, Exit, Layer } from "effect"
import { Task, TaskQueue, TaskSchedule, TaskWorker } from "effect-ioredis-tasks"
import { layer, Work } from "./simulatedQueue.ts"

/** The mistake of the program that a layer on a queue dies of. */
const mistakeIn = (built: Layer.Layer<never, unknown, TaskQueue.TaskQueue>) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Layer.build(built))
    const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(defect, RangeError)
    return defect.message
  }).pipe(Effect.scoped, Effect.provide(layer()))

describe("Mistakes in options", () => {
  it.effect("a worker takes one handler of each kind and version, and one at least", () =>
    Effect.gen(function* () {
      const none = "TaskWorker: there is no handler. Give one at least"
      assert.strictEqual(yield* mistakeIn(TaskWorker.layer([])), none)
      const handler = TaskWorker.handler(Work, () => Effect.void)
      assert.strictEqual(
        yield* mistakeIn(TaskWorker.layer([handler, handler])),
        "TaskWorker: two handlers are of work, version 1. Give one for each kind and version"
      )
      const next = TaskWorker.handler(Task.make({ ...Work, version: 2 }), () => Effect.void)
      yield* Layer.build(TaskWorker.layer([handler, next])).pipe(Effect.scoped, Effect.provide(layer()))
    })
  )

  it.effect("a queue keeps results for no longer than it knows whose they are", () =>
    Effect.gen(function* () {
      const queue = (options: Partial<TaskQueue.Options>) =>
        Layer.provide(TaskQueue.layer({ name: "kept", ...options }), layer())
      assert.strictEqual(
        yield* mistakeIn(queue({ keepResults: "2 days" })),
        "TaskQueue: keepResults is 2 days. Make it no longer than remember, which is 1 day"
      )
      yield* Layer.build(queue({ keepResults: "2 days", remember: "2 days" })).pipe(Effect.scoped)
    })
  )

  it.effect("a schedule has a lease and a lateness that make sense", () =>
    Effect.gen(function* () {
      const schedule = { name: "hourly", cron: Cron.parseUnsafe("0 * * * *"), task: Work, payload: () => ({ n: 1 }) }
      assert.strictEqual(
        yield* mistakeIn(TaskSchedule.layer({ ...schedule, lease: 0 })),
        "TaskSchedule: lease is 0. Make it a time of 1s or more"
      )
      assert.strictEqual(
        yield* mistakeIn(TaskSchedule.layer({ ...schedule, missed: "-1 seconds" })),
        "TaskSchedule: missed is -1 seconds. Make it a time of 0 or more"
      )
      for (const missed of ["Infinity", Duration.infinity] as const) {
        yield* Layer.build(TaskSchedule.layer({ ...schedule, missed })).pipe(Effect.scoped, Effect.provide(layer()))
      }
    })
  )

  it.effect("a schedule has a name that can be part of a key, and an expression that fits some time", () =>
    Effect.gen(function* () {
      const schedule = { name: "never", cron: Cron.parseUnsafe("0 0 30 2 *"), task: Work, payload: () => ({ n: 1 }) }
      assert.include(yield* mistakeIn(TaskSchedule.layer(schedule)), "cron fits no time")
      assert.include(yield* mistakeIn(TaskSchedule.layer({ ...schedule, name: "" })), "name")
    })
  )
})
