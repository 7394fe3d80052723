import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schedule, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { RedisClient } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"
import { scripts } from "effect-ioredis-tasks/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { taskStoreSuite } from "../../suites/taskStore.ts"
import { simulated } from "../../support/PersistenceHarness.ts"

const Server = RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ scripts })))

taskStoreSuite("a simulated Redis", Layer.provideMerge(simulated, Server), { time: "virtual" })

const Queues = PersistedQueue.layer.pipe(
  Layer.provideMerge(Persistence.layerStore({ lease: "30 seconds" })),
  Layer.provideMerge(Server)
)

// Long stretches of time at once would skip what happens in between.
const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds * 10 }), () => TestClock.adjust("100 millis"), { discard: true })

const jobs = PersistedQueue.make({
  name: "jobs",
  schema: Schema.Number,
  maxAttempts: 3,
  retrySchedule: Schedule.exponential("1 minute")
})

describe("Effect's queues over our store, in virtual time", () => {
  it.effect("tries an element again as its schedule says, as often as it may", () =>
    Effect.gen(function* () {
      const queue = yield* jobs
      yield* queue.offer(7, { id: "job" })
      const began: Array<number> = []
      let now = 0
      const failing = queue.take(() =>
        Effect.andThen(
          Effect.sync(() => began.push(now)),
          Effect.fail("no")
        )
      )
      const working = yield* Effect.forkChild(Effect.forever(Effect.exit(failing)))
      for (; now < 200_000; now += 1000) yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(working)
      assert.deepStrictEqual(
        began.map((at) => Math.round(at / 10_000) * 10),
        [0, 60, 180]
      )
    }).pipe(Effect.provide(Queues))
  )

  for (const [name, fault] of [
    ["away", Fault.refuse],
    ["frozen", Fault.freeze]
  ] as const) {
    it.effect(`goes on after ten minutes in which Redis was ${name}, and settles what was done meanwhile`, () =>
      Effect.gen(function* () {
        const redis = yield* SimulatedRedis.SimulatedRedis
        const queue = yield* jobs
        yield* queue.offer(1, { id: "one" })
        const done: Array<number> = []
        const work = queue.take((n) =>
          Effect.andThen(
            Effect.sleep("2 seconds"),
            Effect.sync(() => done.push(n))
          )
        )
        const working = yield* Effect.forkChild(Effect.forever(work))
        yield* pass(1)
        yield* redis.inject(fault)
        yield* pass(600)
        yield* redis.heal
        yield* pass(30)
        yield* queue.offer(2, { id: "two" })
        yield* pass(5)
        assert.deepStrictEqual(done, [1, 2])
        yield* Fiber.interrupt(working)
      }).pipe(Effect.provide(Queues))
    )
  }

  it.effect("refuses an offer within its patience while Redis is away, and says why", () =>
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.SimulatedRedis
      const queue = yield* jobs
      yield* redis.inject(Fault.freeze)
      const offering = yield* Effect.forkChild(Effect.flip(queue.offer(1, { id: "one" })))
      yield* pass(5)
      assert.isDefined(offering.pollUnsafe())
      const error = yield* Fiber.join(offering)
      assert.strictEqual(error._tag, "PersistedQueueError")
      yield* redis.heal
    }).pipe(Effect.provide(Queues))
  )

  it.effect("dies where its lease makes no sense", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.provide(jobs, Layer.fresh(Layer.provide(PersistedQueue.layer, short))))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

const short = Persistence.layerStore({ lease: "10 millis" }).pipe(Layer.provide(Server))
