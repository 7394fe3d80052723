import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Logger, Option, Random, References, Result, Schedule, Schema } from "effect"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Failed, journal, kind, pass, reasonOf, resultOf, startWorker, test } from "./harness.ts"

const second = 1000

const doubling = Schedule.min([Schedule.exponential("1 minute"), Schedule.spaced("10 minutes")])

describe("Retries", () => {
  test("come after 60, 120, 240, 480 and 600 seconds, to the millisecond", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: doubling.pipe(Schedule.upTo({ times: 5 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* startWorker([
        TaskWorker.handler(task, (_, { attempt }) =>
          Effect.andThen(note(attempt), Effect.fail(new Failed({ code: 7 })))
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(7200)
      assert.deepStrictEqual(
        entries,
        [0, 60, 180, 420, 900, 1500].map((at, attempt) => [at * second, attempt + 1])
      )
      assert.strictEqual((yield* queue.inspect).dead, 1)
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.fail(new Failed({ code: 7 })))
      const [letter] = yield* queue.deadLetters()
      assert.deepStrictEqual(
        [letter?.attempts, letter?.payload, letter?.reason, letter?.diedAt.epochMilliseconds],
        [6, { n: 1 }, "Failed", 1500 * second]
      )
    }))

  test("are three by default, each with a fifth of jitter, and differ from one task to the next", () =>
    Effect.gen(function* () {
      const task = kind()
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* startWorker(
        [TaskWorker.handler(task, ({ n }) => Effect.andThen(note(n), Effect.fail(new Failed({ code: n }))))],
        { concurrency: 50 }
      )
      for (let n = 0; n < 50; n++) yield* queue.offer(task, { n })
      yield* pass(3600)
      const firsts = new Set<number>()
      for (let n = 0; n < 50; n++) {
        const times = entries.flatMap(([at, one]) => (one === n ? [at] : []))
        const delays = times.slice(1).map((at, index) => at - (times[index] ?? 0))
        assert.strictEqual(delays.length, 3)
        for (const [index, expected] of [60, 120, 240].entries()) {
          assert.isAtLeast(delays[index] ?? 0, expected * 800)
          assert.isAtMost(delays[index] ?? 0, expected * 1200)
        }
        firsts.add(delays[0] ?? 0)
      }
      assert.isAbove(firsts.size, 40)
      assert.strictEqual((yield* queue.inspect).dead, 50)
    }).pipe(Random.withSeed("retries")))

  test("end where the error says that none helps", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { while: ({ code }) => code !== 2 } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      yield* startWorker([
        TaskWorker.handler(task, (_, { attempt }) =>
          Effect.andThen(note(attempt), Effect.fail(new Failed({ code: attempt })))
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(3600)
      assert.strictEqual(times().length, 2)
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.fail(new Failed({ code: 2 })))
    }))

  test("count a handler that dies", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* startWorker([
        TaskWorker.handler(task, (_, { attempt }) => Effect.andThen(note(attempt), Effect.die(new Error("broken"))))
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(3600)
      assert.deepStrictEqual(entries, [
        [0, 1],
        [1 * second, 2],
        [2 * second, 3]
      ])
      assert.strictEqual(reasonOf(yield* resultOf(task, "1")), "Died")
      const [letter] = yield* queue.deadLetters()
      assert.include(letter?.message, "broken")
    }))

  test("count a handler that throws before it gives its effect", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const attempts: Array<number> = []
      yield* startWorker([
        TaskWorker.handler(task, (_, { attempt }) => {
          attempts.push(attempt)
          if (attempt < 3) throw new Error("broken")
          return Effect.succeed(attempt)
        })
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(10)
      assert.deepStrictEqual(attempts, [1, 2, 3])
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(3)))
    }))

  test("come after a millisecond", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.spaced("1 millis").pipe(Schedule.upTo({ times: 2 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) => Effect.andThen(note(n), Effect.fail(new Failed({ code: 1 }))))
      ])
      yield* pass(1)
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      assert.deepStrictEqual(times(), [1000, 1001, 1002])
    }))

  test("are none where what decides about them dies itself", () =>
    Effect.gen(function* () {
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.while(({ input }: { readonly input: Failed | undefined }) => {
          if (input === undefined) throw new Error("no error that has a code")
          return input.code > 0
        })
      )
      const task = kind({ retry: { schedule } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) => Effect.andThen(note(n), Effect.die("no error that has a code")))
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(60)
      assert.strictEqual(times().length, 1)
      const [letter] = yield* queue.deadLetters()
      assert.strictEqual(letter?.reason, "Died")
    }))

  test("look at the error of each attempt, and at none where nothing was lost", () =>
    Effect.gen(function* () {
      const schedule = Schedule.spaced("1 second").pipe(
        Schedule.while(({ input }: { readonly input: Failed | undefined }) => input !== undefined && input.code < 3)
      )
      const task = kind({ retry: { schedule } })
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* startWorker([
        TaskWorker.handler(task, (_, { attempt }) =>
          Effect.andThen(note(attempt), Effect.fail(new Failed({ code: attempt })))
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(20)
      assert.deepStrictEqual(entries, [
        [0, 1],
        [1000, 2],
        [2000, 3]
      ])
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.fail(new Failed({ code: 3 })))
    }))

  test("are the default ones where an option is not given after all", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: undefined, while: undefined } })
      const queue = yield* TaskQueue.TaskQueue
      const { times, note } = journal()
      yield* startWorker([
        TaskWorker.handler(task, () => Effect.andThen(note(1), Effect.fail(new Failed({ code: 1 }))))
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(3600)
      assert.strictEqual(times().length, 4)
    }))

  test("that would come at no time at all do not end the worker", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.spaced("Infinity") } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, whats } = journal()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) => (n === 1 ? Effect.fail(new Failed({ code: 1 })) : Effect.as(note(n), n)))
      ])
      for (const n of [1, 2]) {
        yield* queue.offer(task, { n })
        yield* pass(1)
      }
      assert.deepStrictEqual(whats(), [2])
      assert.strictEqual((yield* queue.inspect).delayed, 1)
    }))

  test("begin anew with a dead letter that is replayed as if it had just been offered, whatever its life was", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { while: () => false } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, whats } = journal()
      const failing = yield* startWorker([
        TaskWorker.handler(task, (_, { progress }) =>
          Effect.andThen(progress(50), Effect.fail(new Failed({ code: 1 })))
        )
      ])
      yield* queue.offer(task, { n: 1 }, { expiresIn: "1 minute", priority: "high" })
      yield* pass(600)
      yield* failing.stop
      assert.strictEqual(yield* queue.replay(yield* queue.deadLetters()), 1)
      yield* pass(3)
      const { oldest, waiting } = yield* queue.inspect
      assert.deepStrictEqual([Duration.toMillis(oldest), waiting.high], [3000, 1])
      assert.strictEqual((yield* queue[TaskQueue.TypeId].store.look("count:1")).progress, undefined)
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
      yield* pass(1)
      assert.deepStrictEqual(whats(), [1])
    }))

  test("begin anew with a dead letter that is replayed", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })) } })
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      let works = false
      yield* startWorker([
        TaskWorker.handler(task, ({ n }, { attempt }) =>
          Effect.andThen(note(attempt), works ? Effect.succeed(n) : Effect.fail(new Failed({ code: 1 })))
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(10)
      assert.strictEqual(yield* queue.offer(task, { n: 1 }), "Duplicate")
      works = true
      assert.strictEqual(yield* queue.replay(yield* queue.deadLetters()), 1)
      yield* pass(10)
      assert.deepStrictEqual(entries, [
        [0, 1],
        [1 * second, 2],
        [10 * second, 1]
      ])
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(1)))
      assert.deepStrictEqual(yield* queue.deadLetters(), [])
    }))

  test("begin anew with a dead letter whose life is over, which waits from then on", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { while: () => false } })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      const worker = yield* startWorker([
        TaskWorker.handler(task, ({ n }) => Effect.andThen(note(n), Effect.fail(new Failed({ code: 1 }))))
      ])
      yield* queue.offer(task, { n: 1 }, { expiresIn: "1 minute", priority: "high" })
      yield* pass(100)
      yield* worker.stop
      assert.strictEqual(yield* queue.replay(yield* queue.deadLetters()), 1)
      yield* pass(5)
      const { oldest, waiting } = yield* queue.inspect
      assert.deepStrictEqual([waiting.high, Duration.toSeconds(oldest)], [1, 5])
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
      yield* pass(1)
      assert.deepStrictEqual(times(), [0, 105 * second])
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(1)))
    }))

  test("are none for a payload that does not fit", () =>
    Effect.gen(function* () {
      const task = kind()
      const other = Task.make({ ...task, payload: Schema.Struct({ n: Schema.String }), id: ({ n }) => n })
      const queue = yield* TaskQueue.TaskQueue
      const { note, times } = journal()
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
      yield* queue.offer(other, { n: "one" })
      yield* pass(3600)
      assert.deepStrictEqual(times(), [])
      assert.strictEqual(reasonOf(yield* resultOf(task, "one")), "Undecodable")
      const [letter] = yield* queue.deadLetters()
      assert.deepStrictEqual([letter?.attempts, letter?.payload], [1, { n: "one" }])
    }))

  test("are in the log where a handler has died, and where nobody tries again", () =>
    Effect.gen(function* () {
      const task = kind({ retry: { schedule: Schedule.recurs(1) } })
      const queue = yield* TaskQueue.TaskQueue
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, logLevel, message }) => {
        const { attempt, queue, reason, task } = fiber.getRef(References.CurrentLogAnnotations)
        lines.push([logLevel, message, queue, task, attempt, reason])
      })
      const handler = TaskWorker.handler(task, ({ n }) => (n === 1 ? Effect.die("a defect") : new Failed({ code: n })))
      yield* Effect.provide(startWorker([handler]), Logger.layer([logger]))
      for (const n of [1, 2]) {
        lines.length = 0
        yield* queue.offer(task, { n })
        yield* pass(5)
        const letter = ["Warn", ["A task is a dead letter"], "work", "count", 2, n === 1 ? "Died" : "Failed"]
        const died = ["Error", ["A handler has died, and its task is tried again"], "work", "count", 1, undefined]
        assert.deepStrictEqual(lines, n === 1 ? [died, letter] : [letter])
      }
    }))
})
