import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { commandSuite } from "../../suites/commands/index.ts"

describe("Typed commands on a simulated Redis", () => {
  commandSuite(Effect.provide(RedisClient.layer().pipe(Layer.provide(SimulatedRedis.layer()))))
})
