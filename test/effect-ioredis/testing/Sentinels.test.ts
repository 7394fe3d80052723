import { Effect, Layer } from "effect"
import { SimulatedRedis } from "effect-ioredis/testing"
import { Sentinels, sentinelsSuite } from "../../suites/sentinels.ts"

const simulated = Layer.effect(
  Sentinels,
  Effect.gen(function* () {
    const redis = yield* SimulatedRedis.make()
    const group = yield* redis.sentinels()
    const master = yield* group.master
    const [replica = master] = yield* group.replicas
    const [sentinel = master] = group.sentinels
    return {
      connector: redis.connector,
      name: group.name,
      sentinel: sentinel.address,
      master: master.address,
      replica: replica.address,
      informed: Effect.void
    }
  })
)

sentinelsSuite("SimulatedRedis", simulated)
