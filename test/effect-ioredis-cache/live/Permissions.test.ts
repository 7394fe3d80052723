import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Schema } from "effect"
import { Redis, RedisClient, RedisCommand } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const [, rules = ""] = /^ACL SETUSER app (.*)$/m.exec(readFileSync("docs/configuration.md", "utf8")) ?? []

const cacheOn = (port: number) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(Redis.layer({ url: `redis://app:secret@127.0.0.1:${port}/1` }))
  )

const options = { version: 1, key: Schema.Int, value: Schema.String } as const

// What the ordinary calls and the background work send. The rest is sent after faults, and is asked for with DRYRUN.
const program = Effect.gen(function* () {
  for (const replay of ["ifUnchanged", "latest"] as const) {
    const users = yield* Cache.region({ ...options, name: replay, replay })
    assert.strictEqual(yield* users.set(1, "ada"), "Applied")
    assert.strictEqual(yield* users.touch(1, { timeToLive: Duration.hours(1) }), "Applied")
    assert.deepStrictEqual(yield* users.get(1), Option.some("ada"))
    assert.strictEqual((yield* users.getMany([1, 2])).length, 2)
    assert.strictEqual(yield* users.getOrSet(3, Effect.succeed("grace")), "grace")
    assert.strictEqual(yield* users.remove(1), "Applied")
    assert.strictEqual(yield* users.getOrSet(1, Effect.succeed("mary")), "mary")
    assert.strictEqual(yield* users.clear, "Applied")
  }
  const leased = yield* Cache.region({ ...options, name: "leased", lease: true, staleFor: "1 hour" })
  for (const value of ["ada", "grace"]) {
    // It is looked up for as long as it takes to renew the lease.
    assert.strictEqual(yield* leased.getOrSet(1, Effect.as(Effect.sleep("400 millis"), value)), value)
    yield* Wait.until(
      "the value is stored",
      Effect.map(leased.get(1), (found) => Option.contains(found, value))
    )
    // What has expired is replaced.
    yield* leased.set(1, "old", { timeToLive: 1 })
    yield* Wait.until("it has expired", Effect.map(leased.get(1), Option.isNone))
  }
  assert.strictEqual(yield* leased.remove(1), "Applied")
  const redis = yield* RedisClient.RedisClient
  yield* redis.ping
})

it.live("the user of docs/configuration.md may do all that a client and its caches ask for", () =>
  Effect.gen(function* () {
    const server = yield* RedisServer.make()
    yield* server.cli("ACL", "SETUSER", "app", ...rules.split(" "))
    yield* program.pipe(Effect.provide(cacheOn(server.port)))
    assert.deepStrictEqual(yield* server.cli("ACL", "LOG"), [])
    for (const command of [
      ["CLIENT", "KILL", "ID", "1"],
      ["STRLEN", "cache:users:v1:=1"],
      ["SETRANGE", "cache:users:v1:=1", "0", "E1"],
      ["PEXPIREAT", "cache:users:v1:=1", "1", "GT"],
      ["GETRANGE", "cache:users:v1!cleared", "0", "43"]
    ]) {
      assert.strictEqual(yield* server.cli("ACL", "DRYRUN", "app", ...command), "OK")
    }
  })
)

it.live("a user who may run scripts and may not look at what is stored is one who may run none", () =>
  Effect.gen(function* () {
    const server = yield* RedisServer.make({
      users: [{ name: "app", password: "secret", rules: "~* &* +@all -getrange" }]
    })
    const one = yield* Layer.build(Layer.fresh(cacheOn(server.port)))
    const region = { ...options, name: "users" }
    yield* Effect.gen(function* () {
      const users = yield* Cache.region(region)
      assert.strictEqual(yield* users.set(1, "ada"), "Applied")
      assert.strictEqual(yield* users.touch(1, { timeToLive: "1 hour" }), "Deferred")
      assert.strictEqual(yield* users.clear, "Applied")
      assert.deepStrictEqual(yield* users.get(1), Option.none())
      const latest = yield* Cache.region({ ...options, name: "drafts", replay: "latest" })
      assert.strictEqual(yield* latest.set(1, "ada"), "Applied")
      assert.deepStrictEqual(yield* latest.get(1), Option.some("ada"))
    }).pipe(Effect.provideContext(one))
  }).pipe(Effect.scoped)
)

// Calls until one of them runs no lookup, and tells how many did.
const lookupsUntilKnown = <E>(call: (lookup: Effect.Effect<string>) => Effect.Effect<string, E>) =>
  Effect.gen(function* () {
    let lookups = 0
    const lookup = Effect.sync(() => `value ${++lookups}`)
    yield* Wait.until(
      "a call needs no lookup",
      Effect.suspend(() => {
        const before = lookups
        return Effect.map(call(lookup), () => lookups === before)
      })
    )
    return lookups
  })

describe("a region whose user lacks a command of its scripts", () => {
  const regions = [
    { ...options, name: "plain" },
    { ...options, name: "latest", replay: "latest" },
    { ...options, name: "leased", lease: true }
  ] as const

  for (const [missing, rules] of [
    ["set", "-set"],
    ["scripts", "-eval -evalsha"],
    ["get and mget", "-get -mget"]
  ] as const) {
    it.live(`${missing}: what was looked up is not looked up again`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({
          users: [{ name: "app", password: "secret", rules: `~* &* +@all ${rules}` }]
        })
        yield* Effect.gen(function* () {
          for (const region of regions) {
            const users = yield* Cache.region(region)
            // Nothing is there.
            assert.isAtMost(yield* lookupsUntilKnown((lookup) => users.getOrSet(1, lookup)), 5, region.name)
          }
        }).pipe(Effect.provide(cacheOn(server.port)))
      })
    )
  }

  for (const region of regions) {
    it.live(`set: ${region.name}, where a script would replace what is there`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({
          users: [{ name: "app", password: "secret", rules: "~* &* +@all -set" }]
        })
        yield* Effect.gen(function* () {
          const redis = yield* RedisClient.RedisClient
          // It is no value of a cache, so that a script has to take its place.
          yield* redis.run(RedisCommand.make("SETEX", [`cache:${region.name}:v1:=1`, 1000, "of somebody else"]))
          const users = yield* Cache.region(region)
          assert.isAtMost(yield* lookupsUntilKnown((lookup) => users.getOrSet(1, lookup)), 5)
          assert.strictEqual(yield* users.set(1, "mine"), "Deferred")
          assert.deepStrictEqual(yield* users.get(1), Option.some("mine"))
          // It stays so, and Redis is not asked.
          const read = () => Effect.map(redis.info("commandstats"), (stats) => stats.cmdstat_get ?? "")
          const before = yield* read()
          assert.deepStrictEqual(yield* users.get(1), Option.some("mine"))
          assert.strictEqual(yield* read(), before)
        }).pipe(Effect.provide(cacheOn(server.port)))
      })
    )
  }
})
