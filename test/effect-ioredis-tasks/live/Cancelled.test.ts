import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { Redis } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const Step = Task.make({
  name: "step",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  id: ({ n }) => String(n)
})

const base = "tasks:{steps}:"

// As many waiting tasks that were cancelled as somebody may offer by mistake.
const cancelled = 20_000
const fill = `
for n = 1, ${cancelled} do
  redis.call("HSET", ARGV[1] .. "tasks", "step:old" .. n, "")
  redis.call("RPUSH", ARGV[1] .. "waiting:normal", "step:old" .. n)
end`

describe("Many cancelled tasks", () => {
  it.live("are met by a thousand at a time, and keep nobody from what waits behind them", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.cli("EVAL", fill, 0, base)
      yield* Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        yield* queue.offer(Step, { n: 1 })
        yield* server.cli("CONFIG", "RESETSTAT")
        let runs = 0
        const handler = TaskWorker.handler(Step, () => Effect.sync(() => runs++))
        yield* Effect.scoped(
          Effect.andThen(
            Layer.build(TaskWorker.layer([handler])),
            Wait.until("it has run", () => runs === 1)
          )
        )
        const stats = String(yield* server.cli("INFO", "commandstats"))
        const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(stats) ?? []
        assert.isAtLeast(Number(calls), cancelled / 1200)
        assert.strictEqual(yield* server.cli("HLEN", `${base}tasks`), 0)
      }).pipe(Effect.provide(TaskQueue.layer({ name: "steps" }).pipe(Layer.provide(Redis.layer({ url: server.url })))))
    }).pipe(Effect.scoped)
  )
})
