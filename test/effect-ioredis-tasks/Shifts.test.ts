import { assert, describe } from "@effect/vitest"
import { Effect, Latch, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { Server } from "effect-ioredis/commands"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import * as VirtualTime from "../model/VirtualTime.ts"
import { journal, kind, longTest, pass, startWorker, test } from "./harness.ts"

const task = kind()

const fill = (count: number) =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    yield* Effect.forEach(Array.from({ length: count }), (_, n) => queue.offer(task, { n }), { concurrency: 50 })
    return queue
  })

// The keys of the calls of workers, each of which is of one shift.
const calls = Effect.gen(function* () {
  const received = yield* (yield* SimulatedRedis.SimulatedRedis).received
  return received.flatMap(({ args }) => args.filter((arg) => String(arg).includes("}:call:")))
})

// A client that waits for what is to be told, as those of programs do.
const ownClient = Layer.build(
  Layer.fresh(
    TaskQueue.layer({ name: "work" }).pipe(
      Layer.provide(RedisClient.layer({ requireReady: false })),
      Layer.provide(SimulatedRedis.layerConnector)
    )
  )
)

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
      const own = yield* ownClient
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

  longTest("settle all that ends at once, however much that is", () =>
    Effect.gen(function* () {
      const queue = yield* fill(1000)
      const { entries, note } = journal()
      const gate = Latch.makeUnsafe()
      const waits = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.andThen(note(n), gate.await), n))
      yield* startWorker([waits], { concurrency: 1000 })
      yield* pass(1)
      assert.strictEqual(entries.length, 1000)
      yield* gate.open
      yield* pass(1)
      assert.strictEqual((yield* queue.inspect).running, 0)
      yield* pass(120)
      assert.strictEqual(entries.length, 1000)
    })
  )

  longTest("hand back all that a worker leaves off that ends, however much that is", () =>
    Effect.gen(function* () {
      const queue = yield* fill(1000)
      const never = TaskWorker.handler(task, () => Effect.never)
      const worker = yield* Effect.provide(startWorker([never], { concurrency: 1000 }), yield* ownClient)
      yield* pass(1)
      yield* VirtualTime.passUntilDone(worker.stop)
      const { running, waiting } = yield* queue.inspect
      assert.deepStrictEqual([running, waiting.normal], [0, 1000])
    })
  )

  for (const concurrency of [1, 2, 10]) {
    test(`go on when Redis has forgotten all that is in hand, and that is ${concurrency}`, () =>
      Effect.gen(function* () {
        const queue = yield* fill(concurrency)
        const client = yield* RedisClient.RedisClient
        const { entries, note, whats } = journal()
        const handler = TaskWorker.handler(task, ({ n }) =>
          Effect.as(Effect.andThen(note(n), n < 100 ? Effect.never : Effect.void), n)
        )
        yield* startWorker([handler], { concurrency })
        yield* pass(5)
        assert.strictEqual(entries.length, concurrency)
        yield* client.run(Server.flushall())
        yield* queue.offer(task, { n: 100 })
        // The leases are renewed by then.
        yield* pass(11)
        assert.strictEqual(whats().at(-1), 100)
      }))
  }

  test("are both at work on what comes at once, also where handlers take no time", () =>
    Effect.gen(function* () {
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.succeed(n))], { concurrency: 10 })
      yield* pass(1)
      const before = (yield* calls).length
      yield* fill(400)
      yield* pass(1)
      assert.strictEqual(new Set((yield* calls).slice(before)).size, 2)
    }))

  test("ask for nothing that they have asked for already", () =>
    Effect.gen(function* () {
      yield* fill(400)
      yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.delay("1 millis"))
      const handler = TaskWorker.handler(task, ({ n }) => Effect.as(Effect.sleep(3 + ((n * 7) % 5)), n))
      yield* startWorker([handler], { concurrency: 10 })
      yield* pass(10)
      assert.isBelow((yield* calls).length, 320)
    }))

  for (const [other, first] of [
    ["has no room", [1, 2, 3]],
    ["has room", [2]]
  ] as const) {
    test(`begin in time what is offered with a delay while the round of one is on its way and the other ${other}`, () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const internals = queue[TaskQueue.TypeId]
        const { store } = internals
        let replies: Effect.Effect<void> = Effect.void
        const work: typeof store.work = (call, options) =>
          Effect.suspend(() => {
            const reply = replies
            return Effect.tap(store.work(call, options), () => reply)
          })
        const { note, times } = journal()
        const handler = TaskWorker.handler(task, ({ n }) =>
          Effect.as(Effect.andThen(note(n), Effect.sleep(n === 2 ? "5 seconds" : "1 hour")), n)
        )
        const slow = { ...queue, [TaskQueue.TypeId]: { ...internals, store: { ...store, work } } }
        yield* Effect.provideService(startWorker([handler], { concurrency: 4 }), TaskQueue.TaskQueue, slow)
        for (const n of first) {
          yield* pass(0.1)
          yield* queue.offer(task, { n })
        }
        yield* pass(5 - first.length / 10)
        assert.strictEqual(times().length, first.length)
        replies = Effect.sleep("400 millis")
        yield* pass(0.3)
        yield* queue.offer(task, { n: 4 }, { delay: "1 second" })
        yield* pass(0.1)
        replies = Effect.void
        yield* pass(60)
        // It is due at 6300, and known to be by a reply that is late.
        assert.strictEqual(times().length, first.length + 1)
        assert.isBelow(times().at(-1) ?? 0, 6800)
      }))
  }
})
