import { assert, describe } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

describe("A worker without a connection to wait on", () => {
  test("begins a task within a second or so", () =>
    Effect.gen(function* () {
      const client = yield* Layer.build(
        Layer.fresh(
          RedisClient.layer({ maxReserved: 2, requireReady: false }).pipe(Layer.provide(SimulatedRedis.layerConnector))
        )
      )
      const { entries, note } = journal()
      const queues = yield* Effect.forEach([1, 2, 3], (n) =>
        Effect.provideService(
          TaskQueue.make({ name: `queue-${n}` }),
          RedisClient.RedisClient,
          Context.get(client, RedisClient.RedisClient)
        )
      )
      for (const queue of queues) {
        yield* Effect.provideService(
          startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))]),
          TaskQueue.TaskQueue,
          queue
        )
      }
      yield* pass(50)
      for (const [n, queue] of queues.entries()) yield* queue.offer(task, { n })
      yield* pass(60)
      assert.deepStrictEqual(
        entries.map(([, n]) => n),
        [0, 1, 2]
      )
      for (const [at] of entries) assert.isAtMost(at, 51_100)
    }))
})
