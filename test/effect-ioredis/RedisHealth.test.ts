import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Effect, Exit, Layer } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"

const layer = (options?: RedisHealth.Options) =>
  RedisHealth.layer(options).pipe(
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer())
  )

describe("RedisHealth", () => {
  it.effect("bad options are a defect that names each of them", () =>
    Effect.gen(function* () {
      for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer({ interval: bad, timeout: bad }))))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, Config.ConfigError)
        assert.include(defect.message, `interval is ${bad}: expected a duration above zero`)
        assert.include(defect.message, `timeout is ${bad}: expected a duration above zero`)
      }
    })
  )
})
