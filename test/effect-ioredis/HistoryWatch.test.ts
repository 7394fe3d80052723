import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Scope } from "effect"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as HistoryWatch from "../../packages/effect-ioredis/src/internal/HistoryWatch.ts"
import type { Topology } from "../../packages/effect-ioredis/src/internal/topology/Topology.ts"
import type { RedisNode } from "../../packages/effect-ioredis/src/internal/node/RedisNode.ts"
import { withCluster } from "../support/VirtualCluster.ts"

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

  it.effect("waits for no server to ask the others, and asks none that has still to answer", () =>
    Effect.gen(function* () {
      const asked = [0, 0]
      const nodes = ["1 millis", "2500 millis"].map(
        // A watch asks nothing else of a node.
        (answersIn, index) =>
          ({
            askHistory: Effect.andThen(
              Effect.sync(() => (asked[index] = (asked[index] ?? 0) + 1)),
              Effect.sleep(answersIn as Duration.Input)
            )
          }) as unknown as RedisNode
      )
      // A watch asks nothing else of a topology.
      const watch = yield* HistoryWatch.make({ nodes: () => nodes } as unknown as Topology, 1000)
      yield* watch
      yield* TestClock.adjust(3000)
      assert.deepStrictEqual(asked, [3, 1])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(asked, [4, 2])
    }).pipe(Effect.scoped)
  )

  it.effect("finds out the change of one server's history while another one is silent", () =>
    withCluster({ commandTimeout: "30 seconds", operationTimeout: "30 seconds" })(({ cluster, dispatch, network }) =>
      Effect.gen(function* () {
        yield* dispatch.watchHistory
        const [changed, silent] = yield* cluster.masters
        if (changed === undefined || silent === undefined) return assert.fail("there are three masters")
        const other = yield* network.server({ host: "other", port: 1 })
        yield* changed.attachReplica
        yield* silent.inject(Fault.freeze)
        yield* TestClock.adjust("3 seconds")
        yield* changed.replicaOf({ address: other.address })
        yield* changed.promote
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(
          dispatch.nodes().map((node) => node.generation()),
          [1, 0, 0]
        )
      })
    )
  )
})
