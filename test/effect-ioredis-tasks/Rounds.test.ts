import { assert, describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as Rounds from "../../packages/effect-ioredis-tasks/src/internal/Rounds.ts"
import * as VirtualTime from "../model/VirtualTime.ts"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

const fill = (count: number) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    yield* Effect.forEach(Array.from({ length: count }), (_, n) => queue.offer(task, { n }), { concurrency: 50 })
    return queue
  })

describe("Rounds that go out before the handlers of the one before begin", () => {
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

  test("are settled when the last that was asked for is, also while another was on its way", () =>
    Effect.gen(function* () {
      const { client, store } = (yield* TaskQueue.TaskQueue)[TaskQueue.TypeId]
      const server = yield* SimulatedRedis.SimulatedRedis
      let answered = 0
      const rounds = Rounds.make(store, Dispatch.of(client), {
        worker: "one",
        lease: 30_000,
        rate: { limit: 0, window: 0 },
        attempts: 1,
        capacity: () => 0,
        atOnce: 1,
        take: () => {},
        confirmed: () => {},
        worked: () => answered++,
        after: () => {}
      })
      yield* pass(1)
      yield* server.inject(Fault.delay("1 second"))
      yield* Effect.forkScoped(rounds.run)
      yield* pass(0.5)
      rounds.look()
      yield* VirtualTime.passUntilDone(rounds.settled)
      assert.strictEqual(answered, 2)
    }))
})
