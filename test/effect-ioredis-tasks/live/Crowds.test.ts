import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, type Scope } from "effect"
import { Redis } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const Echo = Task.make({
  name: "echo",
  version: 1,
  payload: Schema.Struct({ id: Schema.String, text: Schema.String }),
  success: Schema.String,
  id: ({ id }) => id,
  retry: { while: () => false }
})

// Results are kept for a third of a minute, which is no whole number of milliseconds.
const Queue = Layer.unwrap(
  Effect.map(RedisServer.make({ config: ["appendonly yes"] }), ({ url }) =>
    Layer.provide(
      TaskQueue.layer({ name: "echoes", patience: "20 seconds", keepResults: 61_000 / 3 }),
      Redis.layer({ url })
    )
  )
)

const test = <E>(title: string, body: () => Effect.Effect<void, E, TaskQueue.TaskQueue | Scope.Scope>) =>
  it.live(title, () => Effect.scoped(Effect.provide(Effect.scoped(body()), Queue)))

/** A worker that notes what it runs. */
const startWorker = Effect.fnUntraced(function* (options: TaskWorker.Options = {}) {
  const ran: Array<string> = []
  const handler = TaskWorker.handler(Echo, ({ text }, { id }) =>
    Effect.sync(() => {
      ran.push(id)
      return text
    })
  )
  yield* Layer.build(TaskWorker.layer([handler], options))
  return ran
})

const ids = (count: number) => Array.from({ length: count }, (_, n) => String(n))

const offerAll = Effect.fnUntraced(function* (all: ReadonlyArray<string>, options?: TaskQueue.OfferOptions) {
  const queue = yield* TaskQueue.TaskQueue
  yield* Effect.forEach(all, (id) => queue.offer(Echo, { id, text: id }, options), { concurrency: 500, discard: true })
})

const isEmpty = Effect.flatMap(TaskQueue.TaskQueue, ({ inspect }) =>
  Effect.map(inspect, ({ delayed, running, waiting: { high, low, normal } }) => {
    return delayed + running + high + normal + low === 0
  })
)

describe("A queue on a real Redis", () => {
  test("hands ten thousand tasks that are offered at once to three workers, each once, and tells each result", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const workers = yield* Effect.replicateEffect(startWorker({ concurrency: 50 }), 3)
      const all = ids(10_000)
      yield* offerAll(all)
      yield* Wait.until("all are over", isEmpty)
      assert.deepStrictEqual(workers.flat().toSorted(), all.toSorted())
      const some = all.slice(0, 1000)
      const results = yield* Effect.forEach(some, (id) => queue.result(Echo, id, { timeout: "10 seconds" }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(results.map(Option.getOrUndefined), some)
    }))

  test("begins what was offered while it was paused by priority and then in its order, without what was cancelled", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* queue.pause
      const all = ids(3000)
      const [high, low] = [all.filter((id) => Number(id) % 3 === 0), all.filter((id) => Number(id) % 3 > 0)]
      for (const id of all.slice(0, 300)) yield* offerAll([id], { priority: high.includes(id) ? "high" : "low" })
      yield* offerAll(all.slice(300), { priority: "low" })
      yield* Effect.forEach(all.slice(300), (id) => queue.cancel(Echo, id), { concurrency: 500 })
      const ran = yield* startWorker({ concurrency: 1 })
      yield* queue.resume
      yield* Wait.until("all are over", isEmpty)
      const isEarly = (id: string) => Number(id) < 300
      assert.deepStrictEqual(ran, [...high.filter(isEarly), ...low.filter(isEarly)])
    }))

  test("takes any text as an id and as a payload, and a payload of millions of characters", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const ran = yield* startWorker()
      const long = "é😀".repeat(500_000)
      for (const id of ["", " ", "a:b", "a\u0000b", "a\nb", "{x}", "é😀", '"\\', "%", "__proto__", "\ud800", long]) {
        assert.strictEqual(yield* queue.offer(Echo, { id, text: id }), "Enqueued")
        assert.deepStrictEqual(yield* queue.result(Echo, id, { timeout: "10 seconds" }), Option.some(id))
        assert.strictEqual(yield* queue.offer(Echo, { id, text: "" }), "Duplicate")
        assert.strictEqual(ran.at(-1), id.replace("\ud800", "\ufffd"))
      }
    }))
})
