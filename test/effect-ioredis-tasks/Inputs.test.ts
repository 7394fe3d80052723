import { assert, describe } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schema, SchemaGetter } from "effect"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Failed, journal, kind, pass, startWorker, test } from "./harness.ts"

const task = kind()

const noting = ({ note }: { readonly note: (n: number) => Effect.Effect<void> }) =>
  TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))

/** How something ends: with its answer, or with the name of its defect. */
const endOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return exit.value
    const reason = Cause.squash(exit.cause)
    return reason instanceof Error ? reason.name : String(reason)
  })

describe("An offer", () => {
  test("of a task whose id throws dies when it is run, and not where it is written", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const broken = Task.make({
        ...task,
        id: (): string => {
          throw new SyntaxError("no id")
        }
      })
      const offer = queue.offer(broken, { n: 1 })
      assert.strictEqual(yield* endOf(offer), "SyntaxError")
    }))

  test("at no time at all is a mistake, and one that should have been begun already is begun at once", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      assert.strictEqual(yield* endOf(queue.offer(task, { n: 1 }, { delay: Number.NaN })), "RangeError")
      assert.strictEqual(yield* endOf(queue.offer(task, { n: 1 }, { expiresIn: Number.NaN })), "RangeError")
      assert.strictEqual(yield* endOf(queue.offer(task, { n: 1 }, { delay: "Infinity" })), "RangeError")
      assert.strictEqual(yield* queue.offer(task, { n: 1 }, { delay: -60_000 }), "Enqueued")
      yield* pass(1)
      assert.strictEqual((yield* queue.inspect).waiting.normal, 1)
      yield* startWorker([noting(log)])
      yield* pass(1)
      assert.deepStrictEqual(log.whats(), [1])
    }))

  test("that never expires keeps its priority", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      yield* queue.offer(task, { n: 1 }, { delay: "1 second" })
      yield* queue.offer(task, { n: 2 }, { delay: "2 seconds", expiresIn: "Infinity", priority: "high" })
      yield* pass(5)
      yield* startWorker([noting(log)], { concurrency: 1 })
      yield* pass(1)
      assert.deepStrictEqual(log.whats(), [2, 1])
    }))

  test("may have any text as its id", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal<string>()
      const named = Task.make({
        name: "named",
        version: 1,
        payload: Schema.String,
        success: Schema.String,
        id: (id) => id
      })
      const ids = ["", ":", "a:b", "{}", "}{", "\0", "\n", "ü😀", "x".repeat(10_000), "__proto__", "1 2 3 {", '/\\"']
      yield* startWorker([TaskWorker.handler(named, (text, { id }) => Effect.as(log.note(id), text))])
      for (const id of ids) yield* queue.offer(named, id)
      yield* pass(1)
      assert.deepStrictEqual(log.whats().toSorted(), ids.toSorted())
      for (const id of ids) {
        assert.deepStrictEqual(yield* queue.result(named, id, { timeout: "1 second" }), Option.some(id))
      }
    }))
})

describe("Dead letters", () => {
  test("are as many as were asked for, also none and all", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const hopeless = kind({ retry: { while: () => false } })
      yield* startWorker([TaskWorker.handler(hopeless, () => Effect.fail(new Failed({ code: 1 })))])
      for (const n of [1, 2, 3]) yield* queue.offer(hopeless, { n })
      yield* pass(1)
      const count = (page: { readonly limit?: number; readonly offset?: number }) =>
        endOf(Effect.map(queue.deadLetters(page), ({ length }) => length))
      assert.strictEqual(yield* count({ limit: 0 }), 0)
      assert.strictEqual(yield* count({ limit: 2 }), 2)
      assert.strictEqual(yield* count({ limit: Number.POSITIVE_INFINITY, offset: 1 }), 2)
      for (const page of [{ limit: -1 }, { limit: 1.5 }, { limit: Number.NaN }, { offset: -1 }, { offset: 0.5 }]) {
        assert.strictEqual(yield* count(page), "RangeError")
      }
    }))
})

describe("A queue", () => {
  test(
    "keeps results for a fraction of a millisecond longer rather than not at all",
    () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.succeed(n))])
        for (const n of [1, 2]) {
          yield* queue.offer(task, { n })
          yield* pass(1)
          assert.strictEqual(yield* queue.state(task, String(n)), "Over")
        }
      }),
    { keepResults: 100_000 / 7 }
  )

  test("that would keep any number of offers is a mistake that is said clearly", () =>
    Effect.gen(function* () {
      const made = TaskQueue.make({ name: "other", deferred: { limit: Number.POSITIVE_INFINITY } })
      assert.strictEqual(yield* endOf(made), "RangeError")
    }))
})

describe("A worker", () => {
  test("may begin as many tasks as there are", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      const endless = Number.POSITIVE_INFINITY
      yield* startWorker([noting(log)], { concurrency: endless, rateLimit: { limit: endless, window: 1000 } })
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      assert.deepStrictEqual(log.whats(), [1])
    }))

  test("has schemas that take their time", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      const later = (n: number) => Effect.as(Effect.sleep(1), n)
      const Slow = Schema.Int.pipe(
        Schema.decode({ decode: SchemaGetter.transformEffect(later), encode: SchemaGetter.transformEffect(later) })
      )
      const slow = Task.make({
        name: "slow",
        version: 1,
        payload: Schema.Struct({ n: Slow }),
        success: Slow,
        progress: Slow,
        error: Slow,
        id: ({ n }) => String(n),
        retry: { while: () => false }
      })
      yield* startWorker([
        TaskWorker.handler(slow, ({ n }, { progress }) =>
          progress(7).pipe(Effect.andThen(log.note(n)), Effect.andThen(n === 1 ? Effect.succeed(n) : Effect.fail(n)))
        )
      ])
      yield* Effect.forkChild(Effect.all([queue.offer(slow, { n: 1 }), queue.offer(slow, { n: 2 })]))
      yield* pass(2)
      assert.deepStrictEqual(log.whats(), [1, 2])
      const asking = yield* Effect.forkChild(
        Effect.all([
          queue.result(slow, "1", { timeout: "1 second" }),
          Effect.flip(queue.result(slow, "2", { timeout: "1 second" }))
        ])
      )
      yield* pass(2)
      assert.deepStrictEqual(yield* Fiber.join(asking), [Option.some(1), 2])
    }))

  test("that may not wait at Redis asks no more often than it must", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const log = journal()
      yield* server.inject(Fault.error("NOPERM", { commands: ["BLPOP"] }))
      yield* startWorker([noting(log)])
      yield* pass(10)
      const before = (yield* server.received).length
      yield* pass(60)
      // A BLPOP and a round in a second, and now and then something else.
      assert.isBelow((yield* server.received).length - before, 150)
      yield* queue.offer(task, { n: 1 })
      yield* pass(1.1)
      assert.deepStrictEqual(log.whats(), [1])
    }))
})
