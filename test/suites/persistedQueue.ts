import { assert, describe } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Latch, Schedule, Schema, type Scope } from "effect"
import { PersistedQueue } from "effect/persistence"
import type { Harness } from "./persistence.ts"

/** An element as a store keeps it. */
export interface Kept {
  readonly id: string
  readonly element: unknown
  readonly attempts: number
}

/** How the keys of a store are read, and how it is made to look as after a crash. */
export interface Inspection<R> {
  /** Counts what is to be handed out, now or later. */
  readonly waiting: (queue: string) => Effect.Effect<number, never, R>
  /** Counts what takers have. */
  readonly running: (queue: string) => Effect.Effect<number, never, R>
  /** Counts the ids that are known. */
  readonly remembered: (queue: string) => Effect.Effect<number, never, R>
  /** The dead letters. */
  readonly failed: (queue: string) => Effect.Effect<ReadonlyArray<Kept>, never, R>
  /** Leaves an element behind as a worker did that is gone. */
  readonly lose: (queue: string, element: Kept) => Effect.Effect<void, never, R>
  /** Leaves a dead letter behind that nobody can read. */
  readonly spoil: (queue: string) => Effect.Effect<void, never, R>
  /** Counts the keys of ids and of dead letters that are there. */
  readonly left: (queue: string) => Effect.Effect<number, never, R>
}

/** How one case is run. */
export type RunCase<R> = <E>(
  title: string,
  body: (
    harness: Harness
  ) => Effect.Effect<
    void,
    E,
    R | PersistedQueue.PersistedQueueFactory | PersistedQueue.PersistedQueueStore | Scope.Scope
  >
) => void

const Job = Schema.Struct({ n: Schema.Number })

const immediately = Schedule.spaced("1 millis")

const queueOf = (name: string, maxAttempts = 10) =>
  PersistedQueue.make({ name, schema: Job, maxAttempts, retrySchedule: immediately })

/** What Effect promises of a `PersistedQueue` in Redis, whichever store keeps it; `lease` in milliseconds. */
export const persistedQueueCases = <R>(
  test: RunCase<R>,
  { inspection, lease }: { readonly inspection: Inspection<R>; readonly lease: number }
): void => {
  describe("PersistedQueue", () => {
    test("hands each job out once, in their order", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("order")
        for (const n of [1, 2, 3]) yield* queue.offer({ n })
        const taken = yield* Effect.replicateEffect(
          queue.take(({ n }) => Effect.succeed(n)),
          3
        )
        assert.deepStrictEqual(taken, [1, 2, 3])
      }))

    test("takes an id once, also when its job is done", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("ids")
        for (const n of [1, 2]) yield* queue.offer({ n }, { id: "same" })
        assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 1)
        yield* queue.offer({ n: 3 }, { id: "same" })
        assert.strictEqual(yield* inspection.waiting("ids"), 0)
      }))

    test("hands a job out again that failed, and keeps it where it fails too often", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("failing", 2)
        yield* queue.offer({ n: 1 }, { id: "job" })
        const attempt = Effect.flip(queue.take((_, { attempts }) => Effect.fail(attempts)))
        assert.deepStrictEqual([yield* attempt, yield* attempt], [1, 2])
        assert.deepStrictEqual(yield* inspection.failed("failing"), [{ attempts: 2, element: { n: 1 }, id: "job" }])
        assert.strictEqual(yield* inspection.running("failing"), 0)
      }))

    test("does not count an attempt that was interrupted", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("interrupted")
        yield* queue.offer({ n: 1 })
        const isTaken = Latch.makeUnsafe()
        const working = yield* Effect.forkChild(queue.take(() => Effect.andThen(isTaken.open, Effect.never)))
        yield* isTaken.await
        yield* Fiber.interrupt(working)
        assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 1)
      }))

    test("hands nothing out before its delay is over", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("delayed")
        const began = yield* Clock.currentTimeMillis
        yield* queue.offer({ n: 1 }, { delay: "300 millis" })
        yield* queue.offer({ n: 2 })
        const take = queue.take(({ n }) => Effect.succeed(n))
        assert.deepStrictEqual([yield* take, yield* take], [2, 1])
        assert.isAtLeast((yield* Clock.currentTimeMillis) - began, 300)
      }))

    test("gives back the jobs of a lost worker", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("lost")
        yield* inspection.lose("lost", { id: "job", element: { n: 7 }, attempts: 1 })
        const taken = yield* queue.take(({ n }, { attempts }) => Effect.succeed([n, attempts]))
        assert.deepStrictEqual(taken, [7, 2])
      }))

    test("takes an id once for a job that is delayed, whatever the id is", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("texts")
        for (const id of ['"q\\u"', "ä€😀", "\ud800", "new\nline"]) {
          yield* queue.offer({ n: 1 }, { id, delay: "10 millis" })
          yield* queue.offer({ n: 2 }, { id, delay: "10 millis" })
          const taken = yield* queue.take(({ n }, given) => Effect.succeed([n, given.id]))
          assert.deepStrictEqual(taken, [1, id.replace("\ud800", "\ufffd")])
        }
        assert.strictEqual(yield* inspection.waiting("texts"), 0)
      }))

    test("keeps a job that takes longer than its lease", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("long")
        yield* queue.offer({ n: 1 })
        const other = yield* Effect.forkChild(queue.take(Effect.succeed))
        yield* Fiber.interrupt(other)
        const attempts = yield* queue.take((_, { attempts }) => Effect.as(Effect.sleep(2 * lease), attempts))
        assert.strictEqual(attempts, 1)
        assert.strictEqual((yield* inspection.waiting("long")) + (yield* inspection.running("long")), 0)
      }))

    test("gives a lost worker's job up that was tried often enough, and removes what is old", (harness) =>
      Effect.gen(function* () {
        const { cleanup } = yield* PersistedQueue.PersistedQueueStore
        const queue = yield* queueOf("old", 1)
        yield* queue.offer({ n: 1 }, { id: "done" })
        yield* queue.take(Effect.succeed)
        yield* inspection.lose("old", { id: "ä", element: { n: 7 }, attempts: 1 })
        const taking = yield* Effect.forkChild(queue.take(Effect.succeed))
        yield* harness.waitFor(Effect.map(inspection.failed("old"), ({ length }) => length === 1))
        yield* Fiber.interrupt(taking)
        yield* inspection.spoil("old")
        assert.strictEqual(yield* inspection.remembered("old"), 2)
        const now = Duration.millis(0)
        yield* Effect.sleep("2 millis")
        yield* cleanup({ timeToLive: Duration.hours(1), failedTimeToLive: Duration.hours(1) })
        assert.strictEqual(yield* inspection.remembered("old"), 2)
        yield* cleanup({ timeToLive: now, failedTimeToLive: now })
        assert.strictEqual(yield* inspection.left("old"), 0)
      }))

    test("puts aside what it cannot read", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("unreadable")
        const store = yield* PersistedQueue.PersistedQueueStore
        yield* store.offer({ name: "unreadable", id: "job", element: { n: "seven" }, isCustomId: true })
        yield* queue.offer({ n: 8 })
        assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 8)
        assert.lengthOf(yield* inspection.failed("unreadable"), 1)
      }))

    test("hands out all jobs to many takers at once, each to one", () =>
      Effect.gen(function* () {
        const queue = yield* queueOf("many")
        const taken: Array<number> = []
        const takers = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 20 }, () =>
              Effect.replicateEffect(
                queue.take(({ n }) => Effect.sync(() => taken.push(n))),
                10
              )
            ),
            { concurrency: "unbounded" }
          )
        )
        const numbers = Array.from({ length: 200 }, (_, n) => n)
        yield* Effect.forEach(numbers, (n) => queue.offer({ n }, { id: `job-${n}` }), { concurrency: 20 })
        yield* Fiber.join(takers)
        assert.deepStrictEqual(
          taken.toSorted((a, b) => a - b),
          numbers
        )
        assert.strictEqual(yield* inspection.running("many"), 0)
      }))
  })
}
