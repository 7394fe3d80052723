import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Ref, Schema } from "effect"
import { Redis } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as RedisSentinels from "../../support/RedisSentinels.ts"
import * as Wait from "../../support/Wait.ts"

const guide = readFileSync("docs/topologies.md", "utf8")
const [, app = ""] = /^ACL SETUSER app (.*)$/m.exec(guide) ?? []
const [, watcher = ""] = /^ACL SETUSER watcher (.*)$/m.exec(guide) ?? []

const cacheOn = (options: Parameters<typeof Redis.layer>[0]) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provide(Redis.layer({ ...options, username: "app", password: "secret" }))
  )

const users = { name: "users", version: 1, key: Schema.Int, value: Schema.String, replay: "latest" } as const

const writeAndRead = (count: number, value: string) =>
  Effect.gen(function* () {
    const region = yield* Cache.region(users)
    const written = yield* region.setMany(Array.from({ length: count }, (_, id) => [id, value] as const))
    const read = yield* region.getMany(Array.from({ length: count }, (_, id) => id))
    // What nobody has written is looked for where its slot goes next.
    yield* region.getMany(Array.from({ length: count }, (_, id) => id + count))
    return written.every((outcome) => outcome === "Applied") && read.every((found) => Option.contains(found, value))
  })

const denials = (nodes: ReadonlyArray<Pick<RedisCluster.ClusterNode, "cli">>) =>
  Effect.map(
    Effect.forEach(nodes, (node) => node.cli("ACL", "LOG")),
    (logs) => logs.flat()
  )

describe("the users of docs/topologies.md", () => {
  it.live(
    "on a cluster may do all that a cache asks for, also while slots move and masters change",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make({ config: [`user app ${app}`] })
        const cache = cacheOn({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }] })
        const begun = yield* Ref.make(0)
        yield* Effect.gen(function* () {
          const all = yield* cluster.slotsOf(cluster.node(0))
          const load = Effect.forever(
            Effect.andThen(
              writeAndRead(400, "moving"),
              Ref.update(begun, (n) => n + 1)
            )
          )
          yield* Effect.raceFirst(cluster.moveSlots(all.slice(0, 30), cluster.node(1), { linger: 50 }), load)
          yield* Effect.raceFirst(cluster.failover(cluster.replicaOf(2)), load)
          yield* Wait.until("everything can be written and read again", writeAndRead(400, "moved"))
          const region = yield* Cache.region(users)
          assert.strictEqual(yield* region.clear, "Applied")
        }).pipe(Effect.provide(cache))
        assert.isAbove(yield* Ref.get(begun), 0)
        assert.deepStrictEqual(yield* denials(cluster.nodes()), [])
      }),
    30_000
  )

  it.live(
    "behind sentinels may do all that a cache asks for, through a failover as well",
    () =>
      Effect.gen(function* () {
        const { failover, name, nextMaster, sentinels, server, servers } = yield* RedisSentinels.make({
          config: [`user app ${app}`]
        })
        for (const sentinel of sentinels) yield* sentinel.cli("ACL", "SETUSER", "watcher", ...watcher.split(" "))
        const cache = cacheOn({
          sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
          sentinelMaster: name,
          sentinelUsername: "watcher",
          sentinelPassword: "secret"
        })
        yield* Effect.gen(function* () {
          assert.isTrue(yield* writeAndRead(100, "before"))
          yield* failover
          yield* nextMaster(server(0))
          yield* Wait.until("everything can be written and read again", writeAndRead(100, "after"))
        }).pipe(Effect.provide(cache))
        assert.deepStrictEqual(yield* denials([...servers, ...sentinels]), [])
      }),
    30_000
  )
})
