import { Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { SimulatedPersistence, SimulatedRedis } from "effect-ioredis/testing"
import { persistenceSuite, scripts } from "../../suites/persistence.ts"
import { simulated } from "../../support/PersistenceHarness.ts"

persistenceSuite(
  "a simulated Redis",
  Layer.provideMerge(OnClient.layer(), simulated).pipe(
    Layer.provide(RedisClient.layer()),
    Layer.provide(SimulatedRedis.layer({ scripts: [...SimulatedPersistence.scripts, ...scripts] }))
  ),
  { time: "virtual" }
)
