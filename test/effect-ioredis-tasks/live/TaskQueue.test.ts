import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
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
})
