import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import * as Certificates from "../Certificates.ts"
import * as RedisSentinels from "../RedisSentinels.ts"
import type * as RedisServer from "../RedisServer.ts"
import * as Wait from "../Wait.ts"

const isAlive = (pid: number): boolean => Result.isSuccess(Result.try(() => process.kill(pid, 0)))

const setOnBoth = Effect.fnUntraced(function* (master: RedisServer.RedisServer, replica: RedisServer.RedisServer) {
  yield* master.cli("SET", "a", "1")
  yield* Wait.until(
    "replicated",
    Effect.map(replica.cli("GET", "a"), (value) => value === "1")
  )
})

describe("RedisSentinels", () => {
  it.effect("names the master at once, and another when it is frozen", () =>
    Effect.gen(function* () {
      const redis = yield* RedisSentinels.make({ downAfter: 500 })
      const [master, replica] = [redis.server(0), redis.server(1)]
      assert.strictEqual(yield* redis.master, master)
      yield* setOnBoth(master, replica)
      yield* redis.sentinel(2).freeze
      yield* master.freeze
      assert.strictEqual(yield* redis.promoted(master), replica)
      assert.strictEqual(yield* redis.nextMaster(master), replica)
      assert.strictEqual(yield* replica.cli("GET", "a"), "1")
    })
  )

  it.effect("hands over when asked to, with passwords and over TLS", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make
      const redis = yield* RedisSentinels.make({ tls, password: "secret", sentinelPassword: "other" })
      yield* setOnBoth(redis.server(0), redis.server(1))
      yield* redis.failover
      const next = yield* redis.nextMaster(redis.server(0))
      assert.strictEqual(next, redis.server(1))
      assert.strictEqual(yield* next.cli("GET", "a"), "1")
    })
  )

  it.effect("a partitioned master goes on for who reaches it, until it is healed", () =>
    Effect.gen(function* () {
      const redis = yield* RedisSentinels.make({ proxied: true, downAfter: 500 })
      const master = redis.server(0)
      yield* master.partition
      const next = yield* redis.nextMaster(master)
      assert.strictEqual(yield* master.cli("SET", "a", "lost"), "OK")
      assert.strictEqual(yield* next.cli("GET", "a"), null)
      yield* master.heal
      const seen = redis.sentinel(0).cli("SENTINEL", "REPLICAS", redis.name)
      yield* Wait.until(
        "the sentinels reach it again",
        Effect.map(seen, (replicas) => /"flags","slave"/.test(JSON.stringify(replicas)))
      )
      assert.deepInclude(redis.addressMap, {
        from: { host: "127.0.0.1", port: master.announcedPort },
        to: { host: "127.0.0.1", port: master.port }
      })
    })
  )

  it.effect("leaves no process behind, dead or frozen", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const redis = yield* Scope.provide(RedisSentinels.make(), scope)
      const pids = yield* Effect.forEach([...redis.servers, ...redis.sentinels], (server) => server.pid)
      yield* redis.server(0).freeze
      yield* redis.sentinel(0).kill
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(pids.filter(isAlive), [])
    })
  )
})
