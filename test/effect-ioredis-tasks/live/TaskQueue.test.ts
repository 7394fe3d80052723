import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Option, Schema, Stream } from "effect"
import { Redis } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const Double = Task.make({
  name: "double",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  success: Schema.Int,
  id: ({ n }) => String(n)
})

class Broken extends Schema.TaggedError<Broken>()("Broken", { file: Schema.String }) {}

const Copy = Task.make({
  name: "copy",
  version: 1,
  payload: Schema.Struct({ file: Schema.String }),
  error: Broken,
  progress: Schema.Int,
  id: ({ file }) => file,
  retry: { while: () => false }
})

describe("A queue on a real Redis", () => {
  it.live("runs each task once, and tells its result", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const Client = Redis.layer({ url })
      const Queue = TaskQueue.layer({ name: "numbers" }).pipe(Layer.provideMerge(Client))
      const runs: Array<number> = []
      const double = TaskWorker.handler(Double, ({ n }) =>
        Effect.sync(() => {
          runs.push(n)
          return 2 * n
        })
      )
      yield* Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        assert.strictEqual(yield* queue.offer(Double, { n: 1 }), "Enqueued")
        assert.strictEqual(yield* queue.offer(Double, { n: 1 }), "Duplicate")
        assert.strictEqual((yield* queue.inspect).waiting.normal, 1)
        yield* Effect.gen(function* () {
          assert.deepStrictEqual(yield* queue.result(Double, "1", { timeout: "5 seconds" }), Option.some(2))
          for (let n = 2; n <= 100; n++) yield* queue.offer(Double, { n })
          yield* Wait.until("all ran", () => runs.length === 100)
        }).pipe(Effect.provide(TaskWorker.layer([double])))
        assert.deepStrictEqual(
          runs.toSorted((a, b) => a - b),
          Array.from({ length: 100 }, (_, n) => n + 1)
        )
        const { delayed, running, waiting } = yield* queue.inspect
        assert.deepStrictEqual([delayed, running, waiting.normal], [0, 0, 0])
      }).pipe(Effect.provide(Queue))
    }).pipe(Effect.scoped)
  )

  it.live("tells how far a task is, and where, and why it is dead", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const Queue = TaskQueue.layer({ name: "work" }).pipe(Layer.provideMerge(Redis.layer({ url })))
      const mayEnd = Latch.makeUnsafe()
      const worker = TaskWorker.layer([
        TaskWorker.handler(Copy, (_, { progress }) =>
          Effect.gen(function* () {
            yield* progress(1)
            yield* mayEnd.await
            return yield* new Broken({ file: "a" })
          })
        )
      ])
      yield* Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const isAt = (state: TaskQueue.State) =>
          Effect.orDie(Effect.map(queue.state(Copy, "a"), (now) => now === state))
        assert.strictEqual(yield* queue.state(Copy, "a"), "Unknown")
        yield* queue.offer(Copy, { file: "a" }, { delay: "50 millis" })
        assert.strictEqual(yield* queue.state(Copy, "a"), "Delayed")
        const told = yield* Effect.forkChild(Stream.runCollect(queue.progress(Copy, "a")))
        const result = yield* Effect.forkChild(Effect.flip(queue.result(Copy, "a", { timeout: "5 seconds" })))
        yield* Wait.until("it runs", isAt("Running"))
        yield* mayEnd.open
        const error = yield* Fiber.join(result)
        assert.isTrue(error instanceof Broken)
        assert.deepStrictEqual(yield* Fiber.join(told), [1])
        assert.strictEqual(yield* queue.state(Copy, "a"), "Dead")
        const [letter] = yield* queue.deadLetters()
        assert.deepInclude(letter, { task: "copy", id: "a", attempts: 1, reason: "Failed", payload: { file: "a" } })
        assert.strictEqual(yield* queue.replay([{ task: "copy", id: "a" }]), 1)
        yield* Wait.until("it is dead again", isAt("Dead"))
        assert.strictEqual(yield* queue.cancel(Copy, "a"), "Cancelled")
        assert.strictEqual(yield* queue.state(Copy, "a"), "Over")
        assert.deepStrictEqual(yield* queue.deadLetters(), [])
      }).pipe(Effect.provide(Layer.provideMerge(worker, Queue)))
    }).pipe(Effect.scoped)
  )
})
