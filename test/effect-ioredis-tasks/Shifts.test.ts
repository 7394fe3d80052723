import { assert, describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as VirtualTime from "../model/VirtualTime.ts"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

const fill = (count: number) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    yield* Effect.forEach(Array.from({ length: count }), (_, n) => queue.offer(task, { n }), { concurrency: 50 })
    return queue
  })

describe("The shifts of a worker", () => {
  test("take no more than the worker may have in hand", () =>
    Effect.gen(function* () {
      const queue = yield* fill(20)
      const { entries, note } = journal()
      const slow = TaskWorker.handler(task, ({ n }) =>
        Effect.as(Effect.andThen(note(n), Effect.sleep("10 seconds")), n)
      )
      yield* startWorker([slow], { concurrency: 5 })
      yield* pass(5)
      assert.strictEqual(entries.length, 5)
      assert.strictEqual((yield* queue.inspect).running, 5)
      yield* pass(10)
      assert.strictEqual(entries.length, 10)
      assert.strictEqual((yield* queue.inspect).running, 5)
    }))

  test("are woken as long as one of them has room, and leave what comes then to another worker", () =>
    Effect.gen(function* () {
      const queue = yield* fill(1)
      const { entries, note, whats } = journal<string>()
      const begins = (worker: string) =>
        TaskWorker.handler(task, ({ n }) =>
          Effect.as(Effect.andThen(note(`${worker} ${n}`), Effect.sleep("1 hour")), n)
        )
      yield* startWorker([begins("first")], { concurrency: 3 })
      yield* pass(0.1)
      for (const n of [1, 2, 3]) {
        if (n === 3) yield* startWorker([begins("second")], { concurrency: 1 })
        yield* pass(0.1)
        yield* queue.offer(task, { n })
        yield* pass(0.1)
        assert.strictEqual(entries.length, n + 1)
      }
      assert.deepStrictEqual(whats(), ["first 0", "first 1", "first 2", "second 3"])
    }))

  test("lose nothing of a worker that ends, and begin nothing twice", () =>
    Effect.gen(function* () {
      const queue = yield* fill(400)
      const begun: Array<readonly [n: number, attempt: number]> = []
      const half = { reached: () => {} }
      const isHalf = Effect.callback<void>((resume) => {
        half.reached = () => resume(Effect.void)
      })
      const quick = TaskWorker.handler(task, ({ n }, { attempt }) =>
        Effect.sync(() => {
          begun.push([n, attempt])
          if (begun.length === 200) half.reached()
          return n
        })
      )
      // A client that waits for what is to be told, as those of programs do.
      const own = yield* Layer.build(
        Layer.fresh(
          TaskQueue.layer({ name: "work" }).pipe(
            Layer.provide(RedisClient.layer({ requireReady: false })),
            Layer.provide(SimulatedRedis.layerConnector)
          )
        )
      )
      const first = yield* Effect.provide(startWorker([quick], { concurrency: 50 }), own)
      yield* isHalf
      yield* VirtualTime.passUntilDone(first.stop)
      const { running, waiting } = yield* queue.inspect
      assert.strictEqual(running, 0)
      assert.strictEqual(waiting.normal, 400 - begun.length)
      assert.isAbove(waiting.normal, 0)
      yield* startWorker([quick], { concurrency: 50 })
      yield* pass(5)
      assert.strictEqual(new Set(begun.map(([n]) => n)).size, 400)
      assert.deepStrictEqual(
        begun.filter(([, attempt]) => attempt !== 1),
        []
      )
      assert.strictEqual(begun.length, 400)
    }))
})
