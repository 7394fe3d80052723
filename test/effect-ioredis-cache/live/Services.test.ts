import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Redis, RedisClient, type RedisConfig } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as Certificates from "../../support/Certificates.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisSentinels from "../../support/RedisSentinels.ts"
import * as Wait from "../../support/Wait.ts"

// What managed services are said to do differently from a cluster of one's own, one thing at a time, on real servers.

const cacheOn = (options: RedisConfig.Options) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(Redis.layer({ maxRetries: 1, resetTimeout: "200 millis", ...options }))
  )

const count = 300
const users = Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String, replay: "overwrite" })

const write = (value: string) =>
  Effect.gen(function* () {
    const region = yield* users
    return yield* region.setMany(Array.from({ length: count }, (_, id) => [id, value] as const))
  })

const read = Effect.gen(function* () {
  const region = yield* users
  return yield* region.getMany(Array.from({ length: count }, (_, id) => id))
})

const allAre = (found: ReadonlyArray<Option.Option<string>>, value: string) =>
  found.every((one) => Option.contains(one, value))

const writesAndReads = (value: string) =>
  Effect.gen(function* () {
    const outcomes = yield* write(value)
    return outcomes.every((outcome) => outcome === "Applied") && allAre(yield* read, value)
  })

const seeds = (cluster: RedisCluster.RedisCluster, host: string) => [{ host, port: cluster.node(4).port }]

describe("a cache on what services are like", () => {
  it.live("a cluster that speaks TLS alone, asks for certificates, and tells names in the place of addresses", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make
      const cluster = yield* RedisCluster.make({
        tls,
        config: ["cluster-announce-hostname localhost", "cluster-preferred-endpoint-type hostname"]
      })
      yield* Effect.gen(function* () {
        yield* Wait.until("everything can be written and read", writesAndReads("ada"))
        const masters = Dispatch.of(yield* RedisClient.RedisClient).nodes()
        assert.deepStrictEqual(
          masters.filter(({ name }) => !name.includes("localhost:")),
          []
        )
        yield* cluster.failover(cluster.replicaOf(0))
        yield* Wait.until("everything can be written and read again", writesAndReads("grace"))
      }).pipe(
        Effect.provide(
          cacheOn({
            cluster: seeds(cluster, "localhost"),
            tls: { caFile: tls.caFile, certFile: tls.client.certFile, keyFile: tls.client.keyFile }
          })
        )
      )
    })
  )

  it.live("a cluster whose nodes tell ports and no addresses, as behind one endpoint", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ config: ["cluster-preferred-endpoint-type unknown-endpoint"] })
      yield* Effect.gen(function* () {
        yield* Wait.until("everything can be written and read", writesAndReads("ada"))
        const told = JSON.stringify(yield* cluster.node(0).cli("CLUSTER", "SLOTS"))
        assert.include(told, "[null,")
        assert.notInclude(told, `["127.0.0.1"`)
        const slots = yield* cluster.slotsOf(cluster.node(0))
        yield* cluster.moveSlots(slots.slice(0, 100), cluster.node(1))
        yield* Wait.until("everything can be written and read again", writesAndReads("grace"))
      }).pipe(Effect.provide(cacheOn({ cluster: seeds(cluster, "127.0.0.1") })))
    })
  )

  it.live(
    "a cluster whose users may use neither CLIENT KILL nor INFO nor CLUSTER INFO, one of whose masters dies",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make({
          requireFullCoverage: false,
          config: ["user app on >secret ~* +@all -client|kill -client|id -info -cluster|info -time"]
        })
        yield* Effect.gen(function* () {
          yield* Wait.until("everything can be written and read", writesAndReads("ada"))
          yield* cluster.node(0).kill
          yield* write("grace")
          assert.isTrue(allAre(yield* read, "grace"))
          yield* cluster.nextOwnerOf(0, cluster.node(0))
          assert.isTrue(allAre(yield* read, "grace"))
          yield* Wait.until("everything can be written and read again", writesAndReads("mary"))
        }).pipe(Effect.provide(cacheOn({ cluster: seeds(cluster, "127.0.0.1"), username: "app", password: "secret" })))
      })
  )

  it.live("sentinels and servers that speak TLS alone and ask for certificates", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make
      const { failover, name, nextMaster, sentinels, server } = yield* RedisSentinels.make({ tls })
      yield* Effect.gen(function* () {
        yield* Wait.until("everything can be written and read", writesAndReads("ada"))
        yield* failover
        yield* nextMaster(server(0))
        yield* Wait.until("everything can be written and read again", writesAndReads("grace"))
      }).pipe(
        Effect.provide(
          cacheOn({
            sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
            sentinelMaster: name,
            tls: { caFile: tls.caFile, certFile: tls.client.certFile, keyFile: tls.client.keyFile }
          })
        )
      )
    })
  )
})
