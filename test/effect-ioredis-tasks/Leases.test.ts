import { assert, describe } from "@effect/vitest"
import { Effect, Fiber, Option, Result, Schedule } from "effect"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { journal, kind, otherProcess, pass, reasonOf, resultOf, startWorker, test } from "./harness.ts"

const task = kind({ retry: { schedule: Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 })) } })

const untried = kind({ retry: { schedule: Schedule.recurs(0) } })

/** Takes a task as a worker does that is never heard of again, and gives what it took. */
const takeAndDie = (worker: string, lease = 30_000) =>
  Effect.flatMap(TaskQueue.TaskQueue, (queue) => {
    const round = { worker, call: 1, lease, want: 1, rate: { limit: 0, window: 0 }, settlements: [] }
    return Effect.map(queue[TaskQueue.TypeId].store.work(round), ({ taken }) => taken)
  })

/** A worker that has no handler for what there is: it hands that back for half a minute. */
const startStranger = startWorker([{ ...TaskWorker.handler(kind(), ({ n }) => Effect.succeed(n)), version: 2 }])

/** When a task is begun that a worker had which is gone, and at which attempt, where another is there after so many seconds. */
const begunAgain = Effect.fnUntraced(function* (seconds: number) {
  const queue = yield* TaskQueue.TaskQueue
  const { entries, note } = journal()
  yield* queue.offer(task, { n: 1 })
  yield* takeAndDie("gone")
  yield* pass(seconds)
  yield* startWorker([TaskWorker.handler(task, ({ n }, { attempt }) => Effect.as(note(attempt), n))])
  yield* pass(60)
  return entries
})

describe("Leases", () => {
  test("last for as long as the handler runs", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal<string>()
      const slow = (name: string) =>
        TaskWorker.handler(task, ({ n }) => Effect.as(Effect.andThen(note(name), Effect.sleep("10 minutes")), n))
      yield* startWorker([slow("one")])
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      yield* startWorker([slow("other")])
      yield* pass(598.999)
      assert.strictEqual((yield* queue.inspect).running, 1)
      yield* pass(0.001)
      assert.strictEqual((yield* queue.inspect).running, 0)
      assert.deepStrictEqual(entries, [[0, "one"]])
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(1)))
    }))

  test("of a worker that is gone lapse, and its task begins again in that millisecond and counts", () =>
    Effect.map(begunAgain(3), (entries) => assert.deepStrictEqual(entries, [[30_000, 2]])))

  test("lapse a second and a half after the next worker was heard, where none was for long: all may have been cut off", () =>
    Effect.map(begunAgain(60), (entries) => assert.deepStrictEqual(entries, [[61_500, 2]])))

  for (const [apart, renews] of [25, 60].flatMap((apart) => [false, true].map((renews) => [apart, renews] as const))) {
    const how = renews ? " and renews before it asks" : ""
    test(`lapse while more than enough waits and a worker is heard only every ${apart} seconds${how}`, () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const { store } = queue[TaskQueue.TypeId]
        yield* queue.offer(task, { n: 0 })
        yield* takeAndDie("gone")
        for (let n = 1; n <= 10; n++) yield* queue.offer(task, { n })
        const taken: Array<string> = []
        let settlements: Parameters<typeof store.work>[0]["settlements"] = []
        for (let call = 1; call <= 5; call++) {
          yield* pass(apart)
          if (renews) {
            yield* store.renew({ lease: 30_000, held: settlements })
            yield* pass(0.1)
          }
          const round = { worker: "computes", call, lease: 30_000, want: 1, rate: { limit: 0, window: 0 }, settlements }
          const worked = yield* store.work(round)
          taken.push(...worked.taken.map(({ id }) => id))
          const done = { token: `computes:${call}`, kind: "done", delay: 0, value: "" } as const
          settlements = worked.taken.map(({ id }) => ({ id, ...done }))
        }
        assert.include(taken, "count:0")
      }))
  }

  test("of a second are not over before they have lapsed, where nobody was heard for two thirds of one", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { store } = queue[TaskQueue.TypeId]
      yield* queue.offer(task, { n: 1 })
      const held = (yield* takeAndDie("holder", 1000)).map(({ id }) => ({ id, token: "holder:1" }))
      yield* pass(0.333)
      assert.deepStrictEqual(yield* store.renew({ lease: 1000, held }), ["Held"])
      yield* pass(0.667)
      assert.deepStrictEqual(yield* takeAndDie("other", 1000), [])
      assert.deepStrictEqual(yield* store.renew({ lease: 1000, held }), ["Held"])
    }))

  test("that lapse leave a dead letter of what may not be tried again, though another has handed it back meanwhile", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal()
      yield* queue.offer(untried, { n: 1 })
      yield* takeAndDie("gone")
      const { stop } = yield* startStranger
      yield* pass(40)
      yield* stop
      yield* startWorker([TaskWorker.handler(untried, ({ n }, { attempt }) => Effect.as(note(attempt), n))])
      yield* pass(100)
      assert.deepStrictEqual(entries, [])
      assert.strictEqual(reasonOf(yield* resultOf(untried, "1")), "Lost")
      const [letter] = yield* queue.deadLetters()
      assert.strictEqual(letter?.attempts, 1)
      assert.strictEqual(letter?.message, "its worker was gone, at attempt 1")
    }))

  test("that lapse each time leave a dead letter, as the retries say", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { times, note } = journal()
      yield* queue.offer(task, { n: 1 })
      for (const worker of ["one", "two", "three"]) {
        yield* takeAndDie(worker)
        yield* pass(15)
        yield* queue[TaskQueue.TypeId].store.renew({ lease: 30_000, held: [] })
        yield* pass(15)
      }
      yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
      yield* pass(60)
      assert.deepStrictEqual(times(), [])
      assert.strictEqual(reasonOf(yield* resultOf(task, "1")), "Lost")
    }))

  test("end a tenth before they lapse where they cannot be renewed, and nobody else has begun by then", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const { entries, note } = journal<string>()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }, { attempt }) =>
          Effect.sleep(attempt === 1 ? "1 hour" : 0).pipe(
            Effect.onInterrupt(() => note("interrupted")),
            Effect.andThen(note(`attempt ${attempt}`)),
            Effect.as(n)
          )
        )
      ])
      yield* queue.offer(task, { n: 1 })
      yield* pass(15)
      yield* server.inject(Fault.freeze)
      yield* pass(60)
      // Renewed at 10 seconds for 30.
      assert.deepStrictEqual(entries, [[37_000, "interrupted"]])
      yield* server.heal
      yield* pass(60)
      assert.deepStrictEqual(
        entries.map(([, what]) => what),
        ["interrupted", "attempt 2"]
      )
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(1)))
    }))

  test("lapse under a handler that cannot be interrupted: what it ends with then is refused", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const { entries, note } = journal<string>()
      const stubborn = TaskWorker.handler(task, ({ n }) =>
        Effect.uninterruptible(
          Effect.andThen(
            note("stubborn begins"),
            Effect.as(Effect.andThen(Effect.sleep("2 minutes"), note("stubborn ends")), n)
          )
        )
      )
      yield* startWorker([stubborn], { concurrency: 1 })
      yield* queue.offer(task, { n: 1 })
      yield* pass(1)
      yield* server.inject(Fault.freeze)
      yield* pass(31)
      yield* server.heal
      const other = yield* otherProcess
      yield* startWorker([
        TaskWorker.handler(task, ({ n }, { attempt }) => Effect.as(note(`other, attempt ${attempt}`), n + 100))
      ]).pipe(Effect.provideService(TaskQueue.TaskQueue, other))
      yield* pass(300)
      assert.deepStrictEqual(
        entries.map(([, what]) => what),
        ["stubborn begins", "other, attempt 2", "stubborn ends"]
      )
      assert.deepStrictEqual(yield* resultOf(task, "1"), Result.succeed(Option.some(101)))
    }))

  test("are given back when a worker ends: what it lets finish is done, the rest begins elsewhere at once, uncounted", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const { entries, note } = journal<string>()
      const handler = (worker: string) =>
        TaskWorker.handler(task, ({ n }, { attempt }) =>
          Effect.andThen(
            note(`${worker} begins ${n}, attempt ${attempt}`),
            worker === "old" ? Effect.as(Effect.sleep(n * 1000), n) : Effect.succeed(-n)
          )
        )
      const old = yield* startWorker([handler("old")], { drain: "10 seconds" })
      yield* queue.offer(task, { n: 14 })
      yield* queue.offer(task, { n: 60 })
      yield* pass(5)
      const stopping = yield* Effect.forkChild(old.stop)
      yield* pass(1)
      yield* startWorker([handler("new")])
      yield* queue.offer(task, { n: 1 })
      yield* pass(60)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(entries, [
        [0, "old begins 14, attempt 1"],
        [0, "old begins 60, attempt 1"],
        [6000, "new begins 1, attempt 1"],
        [15_000, "new begins 60, attempt 1"]
      ])
      assert.deepStrictEqual(yield* resultOf(task, "14"), Result.succeed(Option.some(14)))
      assert.deepStrictEqual(yield* resultOf(task, "60"), Result.succeed(Option.some(-60)))
    }))

  for (const seconds of [8, 15]) {
    test(`of a second are not begun with by a call whose reply was lost with Redis, for ${seconds} seconds`, () =>
      Effect.gen(function* () {
        const queue = yield* TaskQueue.TaskQueue
        const server = yield* SimulatedRedis.SimulatedRedis
        const { entries, note } = journal()
        const handler = TaskWorker.handler(untried, ({ n }, { attempt }) => Effect.as(note(attempt), n))
        yield* startWorker([handler], { lease: "1 second" })
        yield* pass(2)
        const isTaking = ({ args, name }: Fault.Target) =>
          name.startsWith("EVAL") &&
          args.some((arg) => arg.endsWith(":wake")) &&
          args.some((arg) => arg.endsWith(":leases"))
        yield* server.inject(Fault.cut({ executed: true, at: isTaking }))
        yield* queue.offer(untried, { n: 1 })
        yield* pass(0.001)
        yield* server.inject(Fault.refuse)
        yield* pass(seconds)
        yield* server.heal
        yield* pass(60)
        assert.deepStrictEqual(
          entries.map(([, attempt]) => attempt),
          [1]
        )
        assert.deepStrictEqual(yield* queue.deadLetters(), [])
      }))
  }

  test("are kept by a call whose reply was lost", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      const { entries, note } = journal<string>()
      yield* startWorker([
        TaskWorker.handler(task, ({ n }, { attempt }) => Effect.as(note(`${n}, attempt ${attempt}`), n))
      ])
      yield* pass(1)
      const isWork = ({ args, name }: Fault.Target) =>
        name.startsWith("EVAL") &&
        args.some((arg) => arg.endsWith(":leases")) &&
        args.some((arg) => arg.endsWith(":wake"))
      for (let n = 1; n <= 20; n++) {
        yield* server.inject(Fault.cut({ executed: true, at: isWork }))
        yield* queue.offer(task, { n })
        yield* pass(5)
      }
      assert.deepStrictEqual(
        entries.map(([, what]) => what),
        Array.from({ length: 20 }, (_, n) => `${n + 1}, attempt 1`)
      )
      for (const [index, [at]] of entries.entries()) assert.isBelow(at - 1000 - index * 5000, 2000)
    }))
})
