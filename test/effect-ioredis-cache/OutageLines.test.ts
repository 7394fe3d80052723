import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schema } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// By night each second has the thousand calls that are promised; by day there are fewer.
const callsASecond = process.env.NIGHT === undefined ? 20 : 1000

it.effect(
  `an hour of outage at ${callsASecond} calls a second is fewer than 50 lines`,
  () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    return Effect.gen(function* () {
      const users = yield* Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      let calls = 0
      const second = Effect.gen(function* () {
        for (let n = 0; n < callsASecond / 4; n++) {
          yield* users.get(n)
          yield* users.getOrSet(n, Effect.succeed("ada"))
          yield* Effect.exit(users.getOrSet(1000 + n, Effect.fail("no such user")))
          yield* users.set(n, "grace")
          calls += 4
        }
      })
      for (let seconds = 0; seconds < 3_600; seconds++) {
        const calling = yield* Effect.forkChild(second)
        yield* TestClock.adjust("1 second")
        // Whatever the machine has to do besides, a second is over when its calls are.
        while (calling.pollUnsafe() === undefined) yield* TestClock.adjust(0)
      }
      assert.strictEqual(calls, 3_600 * callsASecond)
      assert.isBelow(lines.length, 50)
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("answer")),
        ["Redis does not answer", ...Array.from({ length: 5 }, () => "Redis still does not answer")]
      )
    }).pipe(
      Effect.provide(
        HybridCache.layer().pipe(
          Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
          Layer.provideMerge(RedisHealth.layer()),
          Layer.provide(RedisClient.layer({ closeTimeout: 0 })),
          Layer.provideMerge(SimulatedRedis.layer()),
          Layer.provide(Logger.layer([logger]))
        )
      )
    )
  },
  { tags: ["long"], timeout: 300_000 }
)
