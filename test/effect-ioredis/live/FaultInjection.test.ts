import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { liveHarness } from "../../suites/liveHarness.ts"
import { redisConnectionSuite } from "../../suites/redisConnection.ts"
import * as Faulty from "../../support/Faulty.ts"
import * as RedisServer from "../../support/RedisServer.ts"

redisConnectionSuite(
  "ioredis and a real server behind faults that are on, at a rate of 0",
  liveHarness((connector) => Faulty.behind()(connector, ({ turnOn }) => turnOn({ rate: 0, duration: "1 hour" })))
)

describe("FaultInjection on a real server", () => {
  it.live("fails a share of what is asked, and nothing from the moment at which it is off", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const live = Redis.layer({ url: server.url, maxConnections: 4, commandTimeout: "200 millis" }).pipe(
        Layer.provideMerge(FaultInjection.layer({ delay: "20 millis" }))
      )
      yield* Effect.gen(function* () {
        const faults = yield* FaultInjection.FaultInjection
        const redis = yield* RedisClient.RedisClient
        yield* redis.set("n", 0)
        yield* faults.turnOn({ rate: 0.1, duration: "1 hour" })
        // What a circuit turns away meets no fault, so that it takes as many calls as it takes.
        yield* Effect.ignore(redis.set("other", 1)).pipe(
          Effect.andThen(faults.injected),
          Effect.repeat({
            schedule: Schedule.spaced("2 millis"),
            until: ({ Cut, Delay, Mute }) => Math.min(Cut, Delay, Mute) >= 3
          }),
          Effect.timeout("40 seconds")
        )

        yield* faults.turnOff
        // A circuit that they have opened is closed by the first call that it lets through.
        yield* redis.ping.pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeout("10 seconds"))
        const after = yield* faults.injected
        for (let n = 0; n < 200; n++) assert.strictEqual(yield* redis.incr("n"), n + 1)
        assert.deepStrictEqual(yield* faults.injected, after)
      }).pipe(Effect.provide(live))
    })
  )
})
