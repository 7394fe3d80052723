import { Effect, Fiber, Layer, Schedule } from "effect"
import { RedisCommand } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness } from "../suites/persistence.ts"
import type * as RedisServer from "./RedisServer.ts"
import * as Wait from "./Wait.ts"

/** What the suite of Effect's modules asks of real servers: of all masters, wherever a key is. */
export const ofServers = (masters: ReadonlyArray<Pick<RedisServer.RedisServer, "cli">>): Harness => {
  const askAll = (...args: ReadonlyArray<string>) =>
    Effect.orDie(Effect.forEach(masters, (master) => master.cli(...args)))
  return {
    play: (test) => test,
    waitFor: (condition) => Wait.until("it holds", condition),
    isAwaited: () =>
      Effect.map(askAll("INFO", "clients"), (all) => all.some((info) => /blocked_clients:1/.test(String(info)))),
    listeners: (channel) =>
      Effect.map(askAll("PUBSUB", "NUMSUB", channel), (all) =>
        all.reduce((sum: number, reply) => sum + (Array.isArray(reply) ? Number(reply[1]) : 0), 0)
      ),
    forgetScripts: Effect.asVoid(askAll("SCRIPT", "FLUSH"))
  }
}

// Time goes by in small steps for as long as a test has something to do.
const play: Harness["play"] = (test) =>
  Effect.gen(function* () {
    const playing = yield* Effect.forkScoped(test)
    while (playing.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
    return yield* Fiber.join(playing)
  })

const everyMoment = Schedule.spaced("5 millis")

/** What it asks of a simulated server, in virtual time. */
export const simulated = Layer.effect(
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
