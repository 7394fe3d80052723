import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { commandSuite, simulatedCommandSuite } from "../../suites/commands/index.ts"
import type { Provide } from "../../suites/commands/Row.ts"

const provide: Provide = Effect.provide(RedisClient.layer().pipe(Layer.provide(SimulatedRedis.layer())))

describe("Typed commands on a simulated Redis", () => {
  commandSuite(provide)
  simulatedCommandSuite(provide)
})
