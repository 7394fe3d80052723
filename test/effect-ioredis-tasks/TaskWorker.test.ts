import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import * as Captured from "../support/Captured.ts"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

const linesOf = ({ logs }: ReturnType<typeof Captured.make>) =>
  logs.filter((line) => line.includes("A worker has ended"))

/** The lines that a worker wrote which ended a second after it had begun a task, and what came before its end. */
const linesAtTheEnd = <E, R>(before: Effect.Effect<unknown, E, R>) => {
  const captured = Captured.make()
  return Effect.gen(function* () {
    const log = journal()
    const handler = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.andThen(log.note(n), Effect.never), n))
    const { stop } = yield* startWorker([handler])
    yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
    yield* pass(1)
    assert.deepStrictEqual(log.whats(), [1])
    yield* before
    const stopping = yield* Effect.forkChild(stop)
    yield* pass(60)
    yield* Fiber.join(stopping)
    return linesOf(captured)
  }).pipe(Effect.provide(captured.layer))
}

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
    () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const { stop } = yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.succeed(n))])
        yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
        yield* pass(1)
        yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.freeze)
        const stopping = yield* Effect.forkChild(stop)
        yield* pass(60)
        yield* Fiber.join(stopping)
        assert.deepStrictEqual(linesOf(captured), [])
      }).pipe(Effect.provide(captured.layer))
    },
    {},
    "5 seconds"
  )

  test(
    "says so where a handler goes on that cannot be interrupted",
    () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const stubborn = TaskWorker.handler(task, ({ n }) =>
          Effect.uninterruptible(Effect.as(Effect.sleep("50 seconds"), n))
        )
        const { stop } = yield* startWorker([stubborn])
        yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
        yield* pass(1)
        const stopping = yield* Effect.forkChild(stop)
        yield* pass(10)
        assert.isDefined(stopping.pollUnsafe())
        assert.strictEqual(linesOf(captured).length, 1)
      }).pipe(Effect.provide(captured.layer))
    },
    {},
    "5 seconds"
  )

  test(
    "says so where it ends as Redis does not answer so many times",
    () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const slow = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.sleep("5 seconds"), n))
        yield* (yield* TaskQueue.TaskQueue).offer(task, { n: 1 })
        const running = yield* Effect.forkChild(Effect.exit(TaskWorker.run([slow], { connectAttempts: 1 })))
        yield* pass(1)
        yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.freeze)
        yield* pass(120)
        assert.isDefined(running.pollUnsafe())
        assert.strictEqual(linesOf(captured).length, 1)
      }).pipe(Effect.provide(captured.layer))
    },
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
