import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { RedisClient, RedisCommand } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { Fault, SimulatedPersistence, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// Locks live for 90 seconds, as by Effect's default.
const Queues = PersistedQueue.layer.pipe(
  Layer.provide(PersistedQueue.layerStoreRedis()),
  Layer.provide(OnClient.layer()),
  Layer.provide(RedisClient.layer()),
  Layer.provideMerge(SimulatedRedis.layer({ scripts: SimulatedPersistence.scripts }))
)

const jobs = PersistedQueue.make({ name: "jobs", schema: Schema.Number })

// Long stretches of time at once would skip what happens in between.
const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds }), () => TestClock.adjust("1 second"), { discard: true })

describe("A PersistedQueue in virtual time", () => {
  for (const [name, fault] of [
    ["away", Fault.refuse],
    ["frozen", Fault.freeze]
  ] as const) {
    it.effect(
      `gives the jobs of lost workers back after ten minutes in which Redis was ${name}`,
      () =>
        Effect.gen(function* () {
          const redis = yield* SimulatedRedis.SimulatedRedis
          const queue = yield* jobs
          const taken = yield* Effect.forkChild(queue.take(Effect.succeed))
          yield* pass(31)
          yield* redis.inject(fault)
          yield* pass(600)
          yield* redis.heal
          const job = JSON.stringify({ id: "job", element: 7 })
          yield* redis.execute(RedisCommand.make("HSET", ["effectq:jobs:pending", "job", job]))
          yield* pass(60)
          assert.isDefined(taken.pollUnsafe())
          assert.strictEqual(yield* Fiber.join(taken), 7)
        }).pipe(Effect.provide(Queues)),
      { tags: ["long"] }
    )

    // The last time that it tries to end a job is when its lock has run out.
    for (const [seconds, becomes] of [
      [60, "is ended"],
      [120, "is done again"]
    ] as const) {
      it.effect(`a job in hand ${becomes} after ${seconds} seconds in which Redis was ${name}`, () =>
        Effect.gen(function* () {
          const redis = yield* SimulatedRedis.SimulatedRedis
          const queue = yield* jobs
          yield* queue.offer(7, { id: "job" })
          let done = 0
          const [isTaken, mayEnd] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
          const work = queue.take(() =>
            isTaken.open.pipe(Effect.andThen(mayEnd.await), Effect.andThen(Effect.sync(() => done++)))
          )
          const working = yield* Effect.forkChild(Effect.exit(work))
          yield* isTaken.await
          yield* redis.inject(fault)
          yield* TestClock.adjust("1 second")
          yield* mayEnd.open
          yield* pass(seconds)
          yield* redis.heal
          const again = yield* Effect.forkChild(queue.take(() => Effect.sync(() => done++)))
          yield* pass(100)
          const exit = yield* Fiber.join(working)
          assert.strictEqual(Exit.isSuccess(exit), seconds === 60, Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
          assert.strictEqual(done, seconds === 60 ? 1 : 2)
          yield* Fiber.interrupt(again)
        }).pipe(Effect.provide(Queues))
      )
    }
  }
})
