import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { RedisClient } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"

const Simulated = HybridCache.layer().pipe(
  Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
  Layer.provide(RedisClient.layer()),
  Layer.provideMerge(SimulatedRedis.layer({ scripts }))
)

it.effect("answers from memory while Redis is frozen", () =>
  Effect.gen(function* () {
    const redis = yield* SimulatedRedis.SimulatedRedis
    const users = yield* Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
    yield* users.set(1, "ada")

    yield* redis.inject(Fault.freeze)
    const fiber = yield* Effect.forkChild(users.get(1))
    yield* TestClock.adjust("2 seconds") // more than its patience: the connection counts as stalled
    assert.deepStrictEqual(fiber.pollUnsafe()?._tag, "Success")
    assert.deepStrictEqual(yield* users.get(1), Option.some("ada")) // the circuit is open: at once

    yield* redis.heal
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(yield* users.set(1, "grace"), "Applied")
  }).pipe(Effect.provide(Simulated))
)

// The example above is the one in the README, to the letter.
it("is the README's example", () => {
  const [, example = ""] = readFileSync(import.meta.filename, "utf8").split(
    /^import \{ readFileSync \}.*\n|\n\/\/ The example above/m
  )
  assert.include(readFileSync("README.md", "utf8"), `\`\`\`ts\n${example.trim()}\n\`\`\``)
})
