import { assert, describe } from "@effect/vitest"
import { Cron, Effect, Exit, Latch, Layer, Logger, Scope } from "effect"
import { TaskQueue, TaskSchedule, TaskWorker } from "effect-ioredis-tasks"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { type Failed, journal, kind, longTest, otherProcess, pass, startWorker, test } from "./harness.ts"

const task = kind()
const second = 1000
const everySecond = Cron.parseUnsafe("* * * * * *")

type Options = Pick<
  TaskSchedule.Options<{ readonly n: number }, number, Failed, number>,
  "cron" | "payload" | "lease" | "missed"
>

/** A process that has the schedule, until `stop` is run. What it says of its leadership waits while the latch is closed. */
const startProcess = Effect.fnUntraced(function* (options: Partial<Options> = {}, runs = Latch.makeUnsafe(true)) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const other = yield* otherProcess
  const { store, ...rest } = other[TaskQueue.TypeId]
  const lead: typeof store.lead = (name, candidacy) => Effect.andThen(runs.await, store.lead(name, candidacy))
  const queue = { ...other, [TaskQueue.TypeId]: { ...rest, store: { ...store, lead } } }
  const ticks = TaskSchedule.layer({
    name: "ticks",
    cron: everySecond,
    task,
    payload: (at) => ({ n: at.getTime() }),
    ...options
  })
  yield* Layer.buildWithScope(Layer.provide(ticks, Layer.succeed(TaskQueue.TaskQueue, queue)), scope)
  return { stop: Scope.close(scope, Exit.void) }
})

/** A worker that notes the time of each task for which it was scheduled. */
const startNoting = Effect.gen(function* () {
  const { entries, note } = journal()
  yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n), n))])
  return entries
})

/** Lines of the log that are about schedules. */
const capture = () => {
  const all: Array<unknown> = []
  return {
    Lines: Logger.layer([Logger.make(({ message }) => all.push(message))]),
    lines: () => all.flat().filter((line) => String(line).startsWith("A schedule"))
  }
}

const seconds = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => (from + index) * second)

describe("A schedule", () => {
  longTest("of two processes enqueues each of a thousand ticks once, and it begins in that millisecond", () =>
    Effect.gen(function* () {
      yield* startProcess()
      yield* startProcess()
      const begun = yield* startNoting
      yield* pass(1000)
      assert.deepStrictEqual(
        begun,
        seconds(1, 1000).map((at) => [at, at])
      )
    })
  )

  longTest("goes on where its leader is gone, and enqueues late what came meanwhile, once", () =>
    Effect.gen(function* () {
      const begun = yield* startNoting
      const processes = [yield* startProcess(), yield* startProcess()]
      for (let round = 0; round < 20; round++) {
        yield* pass(50)
        yield* processes[round % 2]?.stop ?? Effect.void
        yield* pass(0.5)
        processes[round % 2] = yield* startProcess()
      }
      const scheduled = begun.map(([, n]) => n)
      assert.deepStrictEqual(
        [...scheduled].sort((one, other) => one - other),
        seconds(1, scheduled.length)
      )
      assert.isAtLeast(scheduled.length, 990)
      for (const [at, n] of begun) assert.isAtMost(at - n, 15 * second)
    })
  )

  longTest(
    "enqueues what came while Redis was away, as far as that is not missed, and says nothing of the outage",
    () => {
      const { Lines, lines } = capture()
      return Effect.gen(function* () {
        const begun = yield* startNoting
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* startProcess()
        yield* startProcess()
        yield* pass(10.5)
        yield* server.inject(Fault.refuse)
        yield* pass(40)
        yield* server.heal
        yield* pass(59.5)
        assert.deepStrictEqual(
          begun.map(([, n]) => n).sort((one, other) => one - other),
          seconds(1, 110)
        )
        yield* server.inject(Fault.refuse)
        yield* pass(300)
        yield* server.heal
        yield* pass(90)
        const late = begun.map(([, n]) => n).filter((n) => n > 115 * second && n < 410 * second)
        assert.isAbove(late.length, 40)
        assert.isAtLeast(Math.min(...late), 350 * second)
        assert.deepStrictEqual(lines(), [])
      }).pipe(Effect.provide(Lines))
    }
  )

  test(
    "goes on from what others have enqueued where a process leads again that stood still",
    () =>
      Effect.gen(function* () {
        const minute = 60_000
        const { entries, note } = journal()
        yield* startWorker([TaskWorker.handler(task, ({ n }) => Effect.as(note(n / minute), n))])
        const cron = Cron.parseUnsafe("*/10 * * * *", "UTC")
        const options = { cron, lease: "2 minutes", missed: "Infinity" } as const
        const runs = Latch.makeUnsafe(true)
        yield* startProcess(options, runs)
        yield* pass(15 * 60)
        runs.closeUnsafe()
        yield* pass(3 * 60)
        const { stop } = yield* startProcess(options)
        yield* pass(6 * 3600 + 4 * 60)
        yield* stop
        runs.openUnsafe()
        yield* pass(10 * 60)
        assert.deepStrictEqual(
          entries.map(([, n]) => n),
          Array.from({ length: 39 }, (_, n) => 10 * (n + 1))
        )
      }),
    // What was forgotten would run again.
    { remember: "2 hours" }
  )

  test("goes by a new expression at once, although the former one is a day ahead", () =>
    Effect.gen(function* () {
      const begun = yield* startNoting
      const former = yield* startProcess({ cron: Cron.parseUnsafe("0 0 * * *", "UTC") })
      yield* pass(30)
      yield* former.stop
      const cron = Cron.parseUnsafe("* * * * *", "UTC")
      const first = yield* startProcess({ cron })
      yield* pass(125)
      yield* first.stop
      yield* pass(60)
      yield* startProcess({ cron })
      yield* pass(120)
      assert.deepStrictEqual(
        begun.map(([, n]) => n),
        [1, 2, 3, 4, 5].map((minute) => minute * 60 * second)
      )
    }))

  test("goes on after a payload that could not be made, and tells of it once", () => {
    const { Lines, lines } = capture()
    return Effect.gen(function* () {
      const begun = yield* startNoting
      yield* startProcess({
        payload: (at: Date) => {
          if (at.getTime() === 5 * second) throw new Error("no payload")
          return { n: at.getTime() }
        }
      })
      yield* pass(120)
      const scheduled = begun.map(([, n]) => n)
      assert.notInclude(scheduled, 5 * second)
      assert.include(scheduled, 120 * second)
      assert.strictEqual(lines().length, 1)
    }).pipe(Effect.provide(Lines))
  })
})
