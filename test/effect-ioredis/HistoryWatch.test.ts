import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as HistoryWatch from "../../packages/effect-ioredis/src/internal/HistoryWatch.ts"
import type { Topology } from "../../packages/effect-ioredis/src/internal/topology/Topology.ts"
import type { RedisNode } from "../../packages/effect-ioredis/src/internal/node/RedisNode.ts"

describe("HistoryWatch", () => {
  it.effect("asks each server once in each interval, as long as anybody watches", () =>
    Effect.gen(function* () {
      const asked = [{ times: 0 }, { times: 0 }]
      // A watch asks nothing else of a node.
      const nodes = asked.map((one) => ({ askHistory: Effect.sync(() => one.times++) }) as unknown as RedisNode)
      // A watch asks nothing else of a topology.
      const topology = { nodes: () => nodes } as unknown as Topology
      const watch = yield* HistoryWatch.make(topology, 1000)
      const askedAfter = (millis: number) =>
        Effect.map(TestClock.adjust(millis), () => asked.map(({ times }) => times).join())

      assert.strictEqual(yield* askedAfter(5000), "0,0", "nobody watches")
      const [one, other] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(watch, one)
      yield* Scope.provide(watch, other)
      assert.strictEqual(yield* askedAfter(999), "0,0")
      assert.strictEqual(yield* askedAfter(1), "1,1")
      assert.strictEqual(yield* askedAfter(2000), "3,3")
      yield* Scope.close(one, Exit.void)
      assert.strictEqual(yield* askedAfter(1000), "4,4", "the other still watches")
      yield* Scope.close(other, Exit.void)
      // The turn that has begun ends.
      yield* askedAfter(1000)
      assert.strictEqual(yield* askedAfter(10_000), "5,5")
    })
  )
})
