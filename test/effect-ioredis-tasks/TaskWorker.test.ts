import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import * as Captured from "../support/Captured.ts"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

/** What is told of workers that have ended, by the end of a program. */
const linesDuring = <E, R>(program: Effect.Effect<unknown, E, R>) => {
  const { layer, logs } = Captured.make()
  const lines = () => logs.filter((line) => line.includes("A worker has ended"))
  return Effect.provide(Effect.map(program, lines), layer)
}

/** Ends a worker, which takes less than a minute. */
const end = Effect.fnUntraced(function* (stop: Effect.Effect<void>) {
  const stopping = yield* Effect.forkChild(stop)
  yield* pass(60)
  yield* Fiber.join(stopping)
})

/** The lines that a worker wrote which ended a second after it had begun a task, and what came before its end. */
const linesAtTheEnd = <E, R>(before: Effect.Effect<unknown, E, R>) =>
  linesDuring(
    Effect.gen(function* () {
      const log = journal()
      const handler = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.andThen(log.note(n), Effect.never), n))
      const { stop } = yield* startWorker([handler])
      yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
      yield* pass(1)
      assert.deepStrictEqual(log.whats(), [1])
      yield* before
      yield* end(stop)
    })
  )

describe("a worker that ends", () => {
  test(
    "says so where Redis does not hear what became of its tasks",
    () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const [line = "", ...more] = yield* linesAtTheEnd(server.inject(Fault.freeze))
        assert.deepStrictEqual(more, [])
        assert.include(line, "before Redis knew what became of its tasks")
        assert.include(line, "queue=work")
        assert.include(line, "level=WARN")
      }),
    {},
    "5 seconds"
  )

  test(
    "says nothing of tasks where it has none, whether Redis is there or not",
    () =>
      Effect.gen(function* () {
        const lines = yield* linesDuring(
          Effect.gen(function* () {
            const { stop } = yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.succeed(n))])
            yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
            yield* pass(1)
            yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.freeze)
            yield* end(stop)
          })
        )
        assert.deepStrictEqual(lines, [])
      }),
    {},
    "5 seconds"
  )

  test(
    "says so where a handler goes on that cannot be interrupted",
    () =>
      Effect.gen(function* () {
        const stubborn = TaskWorker.handler(task, ({ n }) =>
          Effect.uninterruptible(Effect.as(Effect.sleep("50 seconds"), n))
        )
        const lines = yield* linesDuring(
          Effect.gen(function* () {
            const { stop } = yield* startWorker([stubborn])
            yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
            yield* pass(1)
            const stopping = yield* Effect.forkChild(stop)
            yield* pass(10)
            assert.isDefined(stopping.pollUnsafe())
          })
        )
        assert.strictEqual(lines.length, 1)
      }),
    {},
    "5 seconds"
  )

  test(
    "says so where it ends as Redis does not answer so many times",
    () =>
      Effect.gen(function* () {
        const slow = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.sleep("5 seconds"), n))
        const lines = yield* linesDuring(
          Effect.gen(function* () {
            yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
            const running = yield* Effect.forkChild(Effect.exit(TaskWorker.run([slow], { connectAttempts: 1 })))
            yield* pass(1)
            yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.freeze)
            yield* pass(120)
            assert.isDefined(running.pollUnsafe())
          })
        )
        assert.strictEqual(lines.length, 1)
      }),
    {},
    "5 seconds"
  )

  test(
    "says nothing where Redis does",
    () => Effect.map(linesAtTheEnd(Effect.void), (lines) => assert.deepStrictEqual(lines, [])),
    {},
    "5 seconds"
  )
})
