import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RedisClient, RedisConnector, RedisTopology } from "effect-ioredis"
import { TestClock } from "effect/testing"
import { withCluster } from "../../support/VirtualCluster.ts"
import { result } from "../../support/VirtualRedis.ts"

const start = (options: RedisClient.Options, connector: RedisConnector.RedisConnector["Service"]) =>
  Effect.forkChild(Effect.provideService(RedisClient.make(options), RedisConnector.RedisConnector, connector), {
    startImmediately: true
  })

describe("A client of a cluster, in trouble", () => {
  it.effect("is ready as soon as it knows the owners, although it was connected to all of them before", () =>
    withCluster()(({ cluster, network }) =>
      Effect.gen(function* () {
        const topology = RedisTopology.cluster({ seeds: cluster.seeds.slice(0, 3) })
        const building = yield* start({ topology }, network.connector)
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(result(building), "Success")
      })
    )
  )
})
