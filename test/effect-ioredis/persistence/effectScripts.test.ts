import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { RedisScript } from "effect-ioredis"
import { SimulatedPersistence } from "effect-ioredis/testing"
import {
  effectScripts,
  kindOfEffectScript
} from "../../../packages/effect-ioredis/src/internal/persistence/effectScripts.ts"

// Effect's modules name their scripts when they are made.
const sent = Effect.gen(function* () {
  const shas: Array<string> = []
  const Recording = Layer.mock(Redis.Redis, {
    eval: ({ lua }) => {
      shas.push(RedisScript.make({ lua }).sha)
      return () => Effect.never
    }
  })
  const Modules = Layer.mergeAll(
    Persistence.layerBackingRedis,
    RateLimiter.layerStoreRedis(),
    PersistedQueue.layerStoreRedis()
  )
  yield* Layer.build(Layer.provide(Modules, Recording))
  return shas.toSorted()
}).pipe(Effect.scoped)

const known = Object.values(effectScripts)

describe("The scripts that Effect's modules send", () => {
  it.effect("are those that are known, with a counterpart each", () =>
    Effect.gen(function* () {
      const shas = yield* sent
      assert.deepStrictEqual(known.map(({ sha }) => sha).toSorted(), shas)
      assert.deepStrictEqual(SimulatedPersistence.scripts.map(({ script }) => script.sha).toSorted(), shas)
    })
  )

  it("are never sent again once they may have run where they take something, nor is an unknown one", () => {
    const { adaptiveConsume, fixedWindow, take, tokenBucket } = effectScripts
    const effectful = known.filter(({ sha }) => kindOfEffectScript(sha) === "effectful")
    assert.sameMembers(effectful, [fixedWindow, tokenBucket, adaptiveConsume, take])
    assert.strictEqual(kindOfEffectScript("0".repeat(40)), "effectful")
  })
})
