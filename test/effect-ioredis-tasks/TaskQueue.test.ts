import { assert, describe } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Option, Result, Schedule, Scope } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Failed, journal, kind, longTest, pass, reasonOf, resultOf, startWorker, test } from "./harness.ts"

const task = kind({ retry: { schedule: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 })) } })

/** A handler that notes which task it runs, and takes no time. */
const noting = ({ note }: { readonly note: (n: number) => Effect.Effect<void> }) =>
  TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))

describe("A task", () => {
  test("is begun after its delay, to the millisecond", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      yield* startWorker([noting(log)])
      yield* pass(1)
      yield* queue.offer(task, { n: 1 }, { delay: "90 seconds" })
      yield* queue.offer(task, { n: 2 }, { delay: 7 })
      yield* queue.offer(task, { n: 3 }, { delay: "20 minutes" })
      yield* pass(1300)
      assert.deepStrictEqual(log.entries, [
        [1007, 2],
        [91_000, 1],
        [1_201_000, 3]
      ])
    }))

  test("expires in the millisecond after which it is not worth running", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      yield* queue.offer(task, { n: 1 }, { expiresIn: "10 seconds" })
      yield* queue.offer(task, { n: 2 }, { expiresIn: 10_001 })
      yield* queue.offer(task, { n: 3 }, { expiresIn: "1 minute", delay: "2 minutes" })
      yield* pass(10)
      yield* startWorker([noting(log)])
      yield* pass(200)
      assert.deepStrictEqual(log.entries, [[10_000, 2]])
      assert.strictEqual(reasonOf(yield* resultOf(task, "1")), "Expired")
      assert.strictEqual(reasonOf(yield* resultOf(task, "3")), "Expired")
      assert.strictEqual(yield* queue.offer(task, { n: 1 }), "Duplicate")
    }))

  longTest("expires however many others do, and Redis serves others between them", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { store } = queue[TaskQueue.TypeId]
      for (let n = 0; n < 2500; n++) yield* queue.offer(task, { n }, { expiresIn: 1 })
      yield* queue.offer(task, { n: -1 })
      yield* pass(1)
      const call = { worker: "w", lease: 1000, want: 10, rate: { limit: 0, window: 0 }, settlements: [] }
      const counts: Array<number> = []
      for (let number = 1; number <= 3; number++) {
        const { due, taken } = yield* store.work({ ...call, call: number })
        assert.strictEqual(taken.length, number === 3 ? 1 : 0)
        if (number < 3) assert.strictEqual(due, 1)
        counts.push((yield* queue.inspect).waiting.normal)
      }
      assert.deepStrictEqual(counts, [1501, 501, 0])
    })
  )

  test(
    "can be offered again once its id is forgotten, although it was cancelled and nobody has met it since",
    () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const { entries, note } = journal()
        yield* queue.pause
        yield* queue.offer(task, { n: 1 })
        yield* queue.cancel(task, "1")
        yield* pass(7100)
        assert.strictEqual(yield* queue.offer(task, { n: 1 }), "Duplicate")
        yield* pass(200)
        assert.strictEqual(yield* queue.offer(task, { n: 1 }, { delay: "10 seconds", priority: "high" }), "Enqueued")
        yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
        yield* queue.resume
        yield* pass(60)
        assert.deepStrictEqual(entries, [[7310 * 1000, 1]])
      }),
    { remember: "2 hours" }
  )

  test("of a higher priority goes first, and of one priority whoever came first", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      for (const [n, priority] of (["low", "normal", "high", "low", "normal", "high"] as const).entries()) {
        yield* queue.offer(task, { n }, { priority })
      }
      assert.deepStrictEqual((yield* queue.inspect).waiting, { high: 2, normal: 2, low: 2 })
      yield* startWorker([noting(log)], { concurrency: 1 })
      yield* pass(1)
      assert.deepStrictEqual(log.whats(), [2, 5, 1, 4, 0, 3])
    }))

  test("that nobody here has a handler for is left to others every thirty seconds, uncounted", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const other = Task.make({ ...task, name: "other", id: ({ n }) => String(n) })
      const newer = Task.make({ ...task, version: 2, id: ({ n }) => `v2 ${n}` })
      const log = journal<string>()
      const notes = (name: string, task: typeof other) =>
        TaskWorker.handler(task, ({ n }, { attempt }) => Effect.as(log.note(`${name} ${n}, attempt ${attempt}`), n))
      const ours = yield* startWorker([notes("ours", task)])
      yield* queue.offer(other, { n: 1 })
      yield* queue.offer(newer, { n: 2 })
      yield* pass(100)
      assert.strictEqual((yield* queue.inspect).delayed, 2)
      yield* ours.stop
      yield* startWorker([notes("theirs", other), notes("newer", newer)])
      yield* pass(100)
      assert.deepStrictEqual(log.entries.map(([, what]) => what).toSorted(), [
        "newer 2, attempt 1",
        "theirs 1, attempt 1"
      ])
      assert.deepStrictEqual(log.times(), [120_000, 120_000])
    }))
})

describe("Cancelling", () => {
  test("ends what waits and what is delayed, at once and for good", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      yield* queue.offer(task, { n: 1 })
      yield* queue.offer(task, { n: 2 }, { delay: "1 minute" })
      yield* queue.offer(task, { n: 3 })
      assert.strictEqual(yield* queue.cancel(task, "1"), "Cancelled")
      assert.strictEqual(yield* queue.cancel(task, "2"), "Cancelled")
      assert.strictEqual(yield* queue.cancel(task, "4"), "Unknown")
      for (const id of ["1", "2"]) assert.strictEqual(reasonOf(yield* resultOf(task, id)), "Cancelled")
      assert.strictEqual(yield* queue.offer(task, { n: 1 }), "Duplicate")
      yield* startWorker([noting(log)])
      yield* pass(100)
      assert.deepStrictEqual(log.whats(), [3])
      assert.strictEqual(yield* queue.cancel(task, "3"), "Over")
      assert.strictEqual(yield* queue.cancel(task, "1"), "Cancelled")
    }))

  for (const where of ["waits", "is delayed", "is dead"]) {
    test(`of what ${where} is answered alike where its first answer was lost`, () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* queue.offer(task, { n: 1 }, where === "is delayed" ? { delay: "1 hour" } : {})
        if (where === "is dead") {
          yield* startWorker([TaskWorker.handler(task, () => Effect.die("broken"))])
          yield* pass(300)
        }
        // Redis has the script by then.
        assert.strictEqual(yield* queue.cancel(task, "0"), "Unknown")
        const isCancel = ({ args, name }: Fault.Target) =>
          name.startsWith("EVAL") && args.some((arg) => arg.endsWith(":cancelled")) && args.includes("count:1")
        yield* server.inject(Fault.cut({ executed: true, at: isCancel }))
        const cancelling = yield* Effect.forkChild(queue.cancel(task, "1"))
        yield* pass(10)
        assert.strictEqual(yield* Fiber.join(cancelling), "Cancelled")
      }))
  }

  test("interrupts what runs, with the next renewal of its lease", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal<string>()
      yield* startWorker([
        TaskWorker.handler(task, () => Effect.onInterrupt(Effect.never, () => log.note("interrupted")))
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      assert.strictEqual(yield* queue.cancel(task, "1"), "Cancelling")
      yield* pass(60)
      assert.deepStrictEqual(log.entries, [[10_000, "interrupted"]])
      assert.strictEqual(reasonOf(yield* resultOf(task, "1")), "Cancelled")
      assert.strictEqual((yield* queue.inspect).running, 0)
    }))

  test("leaves no dead letter of what fails for the last time before it is interrupted", () =>
    Effect.gen(function* () {
      const once = kind({ retry: { while: () => false } })
      const queue = yield* TaskQueue.TaskQueue
      yield* startWorker([
        TaskWorker.handler(once, () => Effect.andThen(Effect.sleep("2 seconds"), Effect.fail(new Failed({ code: 1 }))))
      ])
      yield* queue.offer(once, { n: 1 })
      yield* pass(1)
      assert.strictEqual(yield* queue.cancel(once, "1"), "Cancelling")
      yield* pass(20)
      assert.deepStrictEqual(yield* queue.deadLetters(), [])
      assert.strictEqual(reasonOf(yield* resultOf(once, "1")), "Cancelled")
    }))

  test("holds for what fails before it is interrupted, and is too late for what succeeds", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) =>
          Effect.andThen(
            Effect.andThen(log.note(n), Effect.sleep("2 seconds")),
            n === 1 ? Effect.fail(new Failed({ code: 1 })) : Effect.succeed(n)
          )
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* queue.offer(task, { n: 2 })
      yield* pass(1)
      for (const id of ["1", "2"]) assert.strictEqual(yield* queue.cancel(task, id), "Cancelling")
      yield* pass(600)
      assert.deepStrictEqual(log.whats(), [1, 2])
      assert.strictEqual(reasonOf(yield* resultOf(task, "1")), "Cancelled")
      assert.deepStrictEqual(yield* resultOf(task, "2"), Result.succeed(Option.some(2)))
    }))

  test("ends a dead letter", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* startWorker([TaskWorker.handler(task, () => Effect.fail(new Failed({ code: 1 })))])
      yield* queue.offer(task, { n: 1 })
      yield* pass(600)
      const letters = yield* queue.deadLetters()
      assert.strictEqual(letters.length, 1)
      assert.strictEqual(yield* queue.cancel(task, "1"), "Cancelled")
      assert.deepStrictEqual(yield* queue.deadLetters(), [])
      assert.strictEqual(yield* queue.replay(letters), 0)
      assert.strictEqual(yield* queue.state(task, "1"), "Over")
    }))
})

describe("A queue", () => {
  test("that is paused hands nothing out, and goes on at once when it is resumed", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal<string>()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }) =>
          Effect.as(
            Effect.andThen(log.note(`${n} begins`), Effect.andThen(Effect.sleep("5 seconds"), log.note(`${n} ends`))),
            n
          )
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(2)
      yield* queue.pause
      yield* queue.offer(task, { n: 2 })
      yield* pass(98.123)
      assert.deepStrictEqual([(yield* queue.inspect).paused, (yield* queue.inspect).waiting.normal], [true, 1])
      yield* queue.resume
      yield* pass(10)
      assert.deepStrictEqual(log.entries, [
        [0, "1 begins"],
        [5000, "1 ends"],
        [100_123, "2 begins"],
        [105_123, "2 ends"]
      ])
    }))

  test("with a rate limit begins so many in every window, and no fewer", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const log = journal()
      const rateLimit = { limit: 3, window: "10 seconds" } as const
      yield* startWorker([noting(log)], { rateLimit })
      yield* startWorker([noting(log)], { rateLimit })
      yield* pass(1)
      yield* queue.offer(task, { n: 0 })
      yield* pass(4)
      for (let n = 1; n <= 8; n++) yield* queue.offer(task, { n })
      yield* pass(100)
      assert.deepStrictEqual(
        log.times(),
        [1, 5, 5, 11, 15, 15, 21, 25, 25].map((at) => at * 1000)
      )
    }))

  test("tells for how long a task waits that a worker has handed back", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const worker = yield* startWorker([TaskWorker.handler(task, () => Effect.never)])
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      yield* worker.stop
      yield* pass(59)
      const { oldest, waiting } = yield* queue.inspect
      assert.deepStrictEqual([waiting.normal, Duration.toMillis(oldest)], [1, 60_000])
    }))

  test("tells for how long the oldest task waits that was never begun", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* queue.offer(task, { n: 1 }, { delay: "5 seconds" })
      yield* pass(8)
      yield* queue.offer(task, { n: 2 })
      yield* pass(4)
      assert.strictEqual(Duration.toMillis((yield* queue.inspect).oldest), 7000)
    }))
})

describe("What is offered while Redis is away", () => {
  test("is deferred after patience, and goes out once when Redis is there again", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const log = journal()
      yield* startWorker([noting(log)])
      yield* pass(1)
      for (const fault of [Fault.refuse, Fault.freeze, Fault.mute]) {
        yield* server.inject(fault)
        const offers: Array<readonly [number, string]> = []
        const offer = (n: number) =>
          Effect.gen(function* () {
            const at = yield* Clock.currentTimeMillis
            const answer = yield* queue.offer(task, { n })
            offers.push([(yield* Clock.currentTimeMillis) - at, answer])
          })
        const base = log.entries.length * 10
        const offering = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 240 }), (_, n) =>
            Effect.forkChild(offer(base + n)).pipe(Effect.andThen(Effect.sleep(50)))
          )
        )
        yield* pass(14)
        yield* Fiber.join(offering)
        assert.strictEqual(offers.length, 240, fault._tag)
        for (const [took, answer] of offers) {
          assert.isAtMost(took, 1000, fault._tag)
          assert.strictEqual(answer, "Deferred", fault._tag)
        }
        assert.strictEqual(yield* queue.offer(task, { n: base }), "Duplicate", fault._tag)
        assert.strictEqual((yield* queue.deferred).waiting, 240)
        const before = log.entries.length
        yield* server.heal
        yield* pass(60)
        assert.deepStrictEqual(
          log
            .whats()
            .slice(before)
            .toSorted((one, other) => one - other),
          Array.from({ length: 240 }, (_, n) => base + n),
          fault._tag
        )
        assert.strictEqual((yield* queue.deferred).waiting, 0)
      }
      assert.strictEqual((yield* queue.deferred).lost, 0)
    }))

  test("has its delay and its life from the moment at which it was offered", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const log = journal()
      yield* startWorker([noting(log)])
      yield* pass(1)
      yield* server.inject(Fault.refuse)
      const offering = yield* Effect.forkChild(
        Effect.all(
          [
            queue.offer(task, { n: 1 }, { delay: "1 minute" }),
            queue.offer(task, { n: 2 }, { expiresIn: "10 seconds" }),
            queue.offer(task, { n: 3 }, { delay: "5 seconds", expiresIn: "2 minutes" })
          ],
          { concurrency: 3 }
        )
      )
      yield* pass(20)
      assert.deepStrictEqual(yield* Fiber.join(offering), ["Deferred", "Deferred", "Deferred"])
      yield* server.heal
      yield* pass(100)
      assert.deepStrictEqual(log.whats(), [3, 1])
      assert.strictEqual(log.times()[1], 61_000)
    }))

  test("is not enqueued twice where only the reply was lost", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* queue.offer(task, { n: 0 })
      yield* server.inject(Fault.cut({ executed: true, at: ({ name }) => name === "EVALSHA" }))
      const offering = yield* Effect.forkChild(queue.offer(task, { n: 1 }))
      yield* pass(5)
      assert.strictEqual(yield* Fiber.join(offering), "Enqueued")
      const waiting = queue[TaskQueue.TypeId].store.keys.waiting[1]
      assert.deepStrictEqual(yield* server.execute(RedisCommand.make("LRANGE", [waiting, 0, -1])), [
        "count:0",
        "count:1"
      ])
    }))

  test(
    "is refused by a typed error where too much waits already, and what waits is not",
    () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* pass(1)
        yield* server.inject(Fault.refuse)
        const offers = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3, 4], (n) => Effect.result(queue.offer(task, { n })), { concurrency: 4 })
        )
        yield* pass(2)
        const answers = yield* Fiber.join(offers)
        assert.strictEqual(answers.filter(Result.isSuccess).length, 3)
        assert.strictEqual(answers.find(Result.isFailure)?.failure._tag, "TaskQueueFullError")
        yield* server.heal
        yield* pass(30)
        assert.strictEqual((yield* queue.inspect).waiting.normal, 3)
      }),
    { deferred: { limit: 3 } }
  )

  test("is not accepted any more while its queue closes, for nobody would tell Redis", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const scope = yield* Scope.make()
      const queue = yield* Effect.provideService(TaskQueue.make({ name: "other" }), Scope.Scope, scope)
      yield* pass(1)
      yield* server.inject(Fault.freeze)
      const offering = yield* Effect.forkChild(Effect.result(queue.offer(task, { n: 1 })))
      yield* pass(0.5)
      yield* Scope.close(scope, Exit.void)
      yield* pass(2)
      assert.isTrue(Result.isFailure(yield* Fiber.join(offering)))
    }))

  test("and is refused by Redis at once, is not asked for in a tight loop", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* pass(1)
      yield* server.inject(Fault.error("OOM", { commands: ["EVALSHA", "EVAL"] }))
      const offers = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), (_, n) => queue.offer(task, { n }), { concurrency: 100 })
      )
      yield* pass(5)
      yield* Fiber.join(offers)
      const before = (yield* server.received).length
      yield* pass(10)
      assert.isBelow((yield* server.received).length - before, 1200)
      yield* server.heal
      yield* pass(3)
      assert.strictEqual((yield* queue.inspect).waiting.normal, 100)
    }))

  longTest("for too long is lost in one go, however much there is", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* pass(1)
      yield* server.inject(Fault.refuse)
      yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 500 }), (_, n) => queue.offer(task, { n }), { concurrency: 500 })
      )
      yield* pass(3600 + 60)
      assert.deepStrictEqual(yield* queue.deferred, { waiting: 0, replayed: 0, lost: 500 })
    })
  )
})
