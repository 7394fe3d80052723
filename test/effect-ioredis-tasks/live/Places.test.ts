import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schedule, Schema } from "effect"
import { Redis, type RedisConfig } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const Double = Task.make({
  name: "double",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  success: Schema.Int,
  progress: Schema.Int,
  id: ({ n }) => String(n),
  retry: { schedule: Schedule.recurs(3) }
})

const double = TaskWorker.handler(Double, ({ n }, { attempt, progress }) =>
  Effect.gen(function* () {
    yield* progress(attempt)
    if (n % 2 === 1 && attempt === 1) return yield* Effect.die(new Error("odd"))
    return 2 * n
  })
)

/** Offers tasks, has them run, one of them twice, and waits for what comes of them. */
const works = (options: RedisConfig.Options) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    for (const n of [1, 2, 3]) assert.strictEqual(yield* queue.offer(Double, { n }), "Enqueued")
    assert.strictEqual(yield* queue.offer(Double, { n: 4 }, { delay: "100 millis", priority: "high" }), "Enqueued")
    for (const n of [1, 2, 3, 4]) {
      const result = yield* queue.result(Double, String(n), { timeout: "15 seconds" })
      assert.deepStrictEqual(result, Option.some(2 * n))
    }
    assert.strictEqual((yield* queue.inspect).running, 0)
    assert.strictEqual(yield* queue.offer(Double, { n: 1 }), "Duplicate")
  }).pipe(
    Effect.provide(
      TaskWorker.layer([double], { drain: "0 millis" }).pipe(
        Layer.provideMerge(TaskQueue.layer({ name: "numbers" })),
        Layer.provide(Redis.layer(options))
      )
    )
  )

describe("A queue", () => {
  it.live("lives on a cluster, and on several connections to it", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ replicas: 0 })
      const nodes = cluster.nodes().map(({ port }) => ({ host: "127.0.0.1", port }))
      yield* works({ cluster: nodes, maxConnections: 3 })
    }).pipe(Effect.scoped)
  )

  it.live("lives on a pool, by TLS, with a user who may use its keys and its channels only", () =>
    Effect.gen(function* () {
      const rules = "~tasks:* &tasks:* +@all -@admin -@dangerous"
      const server = yield* RedisServer.make({ tls: true, users: [{ name: "tasks", password: "p", rules }] })
      yield* works({
        host: "127.0.0.1",
        port: server.port,
        username: "tasks",
        password: "p",
        tls: { ca: server.ca ?? "", servername: "localhost" },
        maxConnections: 4
      })
    }).pipe(Effect.scoped)
  )
})
