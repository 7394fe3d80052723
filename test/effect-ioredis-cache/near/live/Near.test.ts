import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema, type Scope } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { caches } from "../../../suites/cacheLayers.ts"
import * as Captured from "../../../support/Captured.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as TcpProxy from "../../../support/TcpProxy.ts"
import * as Wait from "../../../support/Wait.ts"

const maxStaleness = 600

const options = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  near: { maxStaleness }
} as const

/** A process of its own, with a client, a memory and a near region. */
interface Process {
  readonly region: Cache.Region<string, string>
  readonly client: RedisClient.RedisClient
  readonly read: (name: string) => Effect.Effect<string | undefined>
  /** Reads, and tells whether memory answered. */
  readonly isNear: (name: string) => Effect.Effect<boolean>
  readonly logs: ReadonlyArray<string>
}

const start = (url: string): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.gen(function* () {
    const captured = Captured.make()
    const layer = caches().pipe(
      Layer.provideMerge(Redis.layer({ url, commandTimeout: "500 millis" })),
      Layer.provideMerge(captured.layer)
    )
    const context = yield* Effect.orDie(Layer.build(Layer.fresh(layer)))
    const cache = Context.get(context, Cache.Cache)
    const region = yield* cache.region(options)
    const read = (name: string) => Effect.map(region.get(name), Option.getOrUndefined)
    return {
      region,
      client: Context.get(context, RedisClient.RedisClient),
      read,
      isNear: (name) =>
        Effect.gen(function* () {
          const before = yield* cache.stats
          yield* read(name)
          const after = yield* cache.stats
          return after.memoryHits > before.memoryHits && after.fallbacks === before.fallbacks
        }),
      logs: captured.logs
    }
  })

const becomesNear = ({ isNear }: Process, name: string) => Wait.until(`${name} to be near`, isNear(name))

const becomes = ({ read }: Process, name: string, value: string | undefined) =>
  Wait.until(
    `${name} to be ${value}`,
    Effect.map(read(name), (found) => found === value)
  )

const [, rules = ""] = /^ACL SETUSER app (.*)$/m.exec(readFileSync("docs/configuration.md", "utf8")) ?? []

describe("near regions on a real server", () => {
  it.live("the writes of one process are seen by the near reads of another", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const [one, other] = [yield* start(server.url), yield* start(server.url)]
      for (const value of ["1", "2", "3"]) {
        assert.strictEqual(yield* one.region.set("k", value), "Applied")
        yield* becomes(other, "k", value)
        yield* becomesNear(other, "k")
        assert.strictEqual(yield* other.read("k"), value)
        yield* becomesNear(one, "k")
      }
      yield* one.region.remove("k")
      yield* becomes(other, "k", undefined)
      yield* one.region.set("k", "4")
      yield* becomesNear(other, "k")
      yield* server.cli("FLUSHALL")
      yield* becomes(other, "k", undefined)
    })
  )

  it.live("nothing that was replaced maxStaleness ago is read over a link that is frozen, and it is replaced", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const one = yield* start(server.url)
      const other = yield* start(`redis://127.0.0.1:${proxy.port}`)
      yield* one.region.set("k", "old")
      yield* becomesNear(other, "k")
      const links = yield* proxy.connections
      const link = links.at(-1) ?? assert.fail("there is none")
      assert.strictEqual(links.length, 2)
      yield* link.freeze
      assert.strictEqual(yield* one.region.set("k", "new"), "Applied")
      const acknowledgedAt = performance.now()
      yield* Wait.until(
        "the new value to be read",
        Effect.gen(function* () {
          const isLate = performance.now() - acknowledgedAt >= maxStaleness
          const found = yield* other.read("k")
          if (isLate) assert.strictEqual(found, "new")
          return isLate && found === "new"
        })
      )
      yield* becomesNear(other, "k")
      assert.strictEqual(yield* other.read("k"), "new")
    })
  )

  it.live("a server that is frozen is not believed longer than that, and heard again when it goes on", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const one = yield* start(server.url)
      yield* one.region.set("k", "old")
      yield* becomesNear(one, "k")
      yield* server.freeze
      yield* Wait.until(
        "memory to answer for Redis",
        Effect.map(one.isNear("k"), (isNear) => !isNear)
      )
      yield* server.thaw
      yield* server.cli("UNLINK", "cache:texts:v1:=k")
      yield* becomes(one, "k", undefined)
      yield* one.region.set("k", "new")
      yield* becomesNear(one, "k")
    })
  )

  it.live("a user who may not hear works as without it, and one warning says what is missing", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.cli("ACL", "SETUSER", "app", ...rules.split(" "), "resetchannels")
      const one = yield* start(`redis://app:secret@127.0.0.1:${server.port}`)
      const warnings = () => one.logs.filter((line) => line.includes("Near regions"))
      yield* Wait.until("the warning", () => warnings().length > 0)
      yield* one.region.set("k", "v")
      assert.strictEqual(yield* one.read("k"), "v")
      assert.isFalse(yield* one.isNear("k"))
      yield* server.cli("ACL", "SETUSER", "app", "&__redis__:invalidate")
      yield* one.client.reconnect
      yield* becomesNear(one, "k")
      assert.strictEqual(warnings().length, 1)
      assert.include(warnings()[0], "&__redis__:invalidate")
    })
  )

  it.live("the user of docs/configuration.md may hear", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.cli("ACL", "SETUSER", "app", ...rules.split(" "))
      const one = yield* start(`redis://app:secret@127.0.0.1:${server.port}`)
      yield* one.region.set("k", "v")
      yield* becomesNear(one, "k")
      assert.deepStrictEqual(yield* server.cli("ACL", "LOG"), [])
    })
  )
})
