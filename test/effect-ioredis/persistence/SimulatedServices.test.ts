import { Effect, Fiber, Layer, Schedule } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { SimulatedPersistence, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness, persistenceSuite, scripts } from "../../suites/persistence.ts"

// Time goes by in small steps for as long as a test has something to do.
const play: Harness["play"] = (test) =>
  Effect.gen(function* () {
    const playing = yield* Effect.forkScoped(test)
    while (playing.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
    return yield* Fiber.join(playing)
  })

const everyMoment = Schedule.spaced("5 millis")

const simulated = Layer.effect(
  Harness,
  Effect.map(SimulatedRedis.SimulatedRedis, (server) => {
    const ask = (name: string, ...args: ReadonlyArray<string>) =>
      Effect.orDie(server.execute(RedisCommand.make(name, args)))
    return {
      play,
      waitFor: (condition) => Effect.repeat(condition, { until: (holds) => holds, schedule: everyMoment }),
      isAwaited: (key) =>
        Effect.map(server.received, (all) => all.some(({ args, name }) => name === "BLPOP" && args.includes(key))),
      listeners: (channel) =>
        Effect.map(ask("PUBSUB", "NUMSUB", channel), (reply) => (Array.isArray(reply) ? Number(reply[1]) : 0)),
      forgetScripts: Effect.asVoid(ask("SCRIPT", "FLUSH"))
    }
  })
)

persistenceSuite(
  "a simulated Redis",
  Layer.provideMerge(OnClient.layer(), simulated).pipe(
    Layer.provide(RedisClient.layer()),
    Layer.provide(SimulatedRedis.layer({ scripts: [...SimulatedPersistence.scripts, ...scripts] }))
  ),
  { time: "virtual" }
)
