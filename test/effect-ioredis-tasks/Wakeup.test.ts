import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Lists } from "effect-ioredis/commands"
import * as Dispatch from "effect-ioredis/dispatch"
import * as Wakeup from "../../packages/effect-ioredis-tasks/src/internal/Wakeup.ts"
import { journal, kind, pass, startWorker, test } from "./harness.ts"

/** A worker's wait, and how often it was told to look. */
const start = Effect.gen(function* () {
  const client = yield* RedisClient.RedisClient
  const looks = { count: 0 }
  const wakeup = Wakeup.make(client, Dispatch.of(client), "wake", 15_000, () => looks.count++)
  yield* Effect.forkScoped(wakeup.run)
  return { looks, wakeup }
})

const wakeOne = Effect.flatMap(RedisClient.RedisClient, ({ run }) => run(Lists.rpush("wake", ["1"])))
const left = Effect.flatMap(RedisClient.RedisClient, ({ run }) => run(Lists.llen("wake")))

describe("an idle worker", () => {
  test("looks once it is woken, and after the longest time that it waits", () =>
    Effect.gen(function* () {
      const { looks, wakeup } = yield* start
      wakeup.idle(undefined)
      yield* pass(1)
      yield* wakeOne
      yield* pass(1)
      assert.deepStrictEqual([looks.count, yield* left], [1, 0])
      wakeup.idle(undefined)
      yield* pass(14)
      assert.strictEqual(looks.count, 1)
      yield* pass(1.1)
      assert.strictEqual(looks.count, 2)
    }))

  test("that has enough to do by then passes on what woke it", () =>
    Effect.gen(function* () {
      const [full, other] = [yield* start, yield* start]
      full.wakeup.idle(undefined)
      yield* pass(1)
      full.wakeup.busy()
      other.wakeup.idle(undefined)
      yield* pass(1)
      // Whoever has waited longest is woken.
      yield* wakeOne
      yield* pass(1)
      assert.deepStrictEqual([other.looks.count, yield* left], [1, 0])
    }))

  test("leaves it there where nobody else waits, and goes on with it when it is idle again", () =>
    Effect.gen(function* () {
      const { looks, wakeup } = yield* start
      wakeup.idle(undefined)
      yield* pass(1)
      wakeup.busy()
      yield* wakeOne
      yield* pass(60)
      const before = looks.count
      assert.strictEqual(yield* left, 1)
      wakeup.idle(undefined)
      yield* pass(1)
      assert.deepStrictEqual([looks.count - before, yield* left], [1, 0])
    }))
})

describe("idle workers", () => {
  for (const [how, inSeconds] of [
    ["one after the other", [2, 3, 4, 5]],
    ["the last first", [5, 4, 3, 2]],
    ["two at once", [2, 2, 4, 4]],
    ["all at once", [3, 3, 3, 3]]
  ] as const) {
    test(`begin each delayed task in time, although whoever knew of it is at work: due ${how}`, () =>
      Effect.gen(function* () {
        const task = kind()
        const queue = yield* TaskQueue.TaskQueue
        const { note, times } = journal()
        const handler = TaskWorker.handler(task, ({ n }) =>
          Effect.as(Effect.andThen(note(n), Effect.sleep("1 hour")), n)
        )
        for (const _ of inSeconds) {
          yield* startWorker([handler], { concurrency: 1 })
          yield* pass(0.25)
        }
        for (const [n, delay] of inSeconds.entries()) yield* queue.offer(task, { n }, { delay: `${delay} seconds` })
        yield* pass(60)
        const due = inSeconds.map((delay) => 1000 + delay * 1000).toSorted()
        assert.strictEqual(times().length, due.length)
        for (const [nth, at] of times().entries()) assert.isAtMost(at, (due[nth] ?? 0) + 200)
      }))
  }

  test(
    "begin a delayed task in time of which only a worker knew that has ended",
    () =>
      Effect.gen(function* () {
        const task = kind()
        const queue = yield* TaskQueue.TaskQueue
        const { entries, note } = journal()
        const handler = TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))
        const first = yield* startWorker([handler], { concurrency: 1 })
        yield* pass(0.5)
        yield* startWorker([handler], { concurrency: 1 })
        yield* pass(0.5)
        yield* queue.offer(task, { n: 1 }, { delay: "3 seconds" })
        yield* pass(0.5)
        yield* first.stop
        yield* pass(60)
        assert.deepStrictEqual(entries, [[4000, 1]])
      }),
    {},
    "5 seconds"
  )

  test("ask no more than once a second together, where tasks are delayed and others are at work", () =>
    Effect.gen(function* () {
      const task = kind()
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const slow = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.sleep("1 hour"), n))
      for (let n = 0; n < 4; n++) yield* startWorker([slow], { concurrency: 1 })
      for (let n = 0; n < 2; n++) yield* queue.offer(task, { n })
      for (let n = 2; n < 4; n++) yield* queue.offer(task, { n }, { delay: "2 hours" })
      yield* pass(60)
      const before = (yield* server.received).length
      yield* pass(600)
      assert.isAtMost((yield* server.received).length - before, 600)
    }))
})
