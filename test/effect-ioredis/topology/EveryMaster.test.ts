import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { RedisCommand, RetryPolicy } from "effect-ioredis"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { receivedBy, withCluster } from "../../support/VirtualCluster.ts"

const run = (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) => RedisCommand.make(name, args)

const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)

describe("A command that concerns every master", () => {
  it.effect("is sent to each, and answers for all of them", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        yield* Effect.forEach(keys, (key) => redis.set(key, 1))
        assert.strictEqual(yield* redis.run(run("DBSIZE")), 30)
        const found = yield* redis.run(run("KEYS", "k*"))
        assert.sameMembers(Array.isArray(found) ? found : [], keys)
        const sha = yield* redis.run(run("SCRIPT", "LOAD", "return 1"))
        for (const master of yield* cluster.masters) {
          assert.lengthOf(yield* receivedBy(master, "DBSIZE"), 1)
          assert.deepStrictEqual(yield* master.execute(run("SCRIPT", "EXISTS", String(sha))), [1])
        }
        const [forgetful] = yield* cluster.masters
        yield* forgetful?.execute(run("SCRIPT", "FLUSH")) ?? Effect.void
        assert.deepStrictEqual(yield* redis.run(run("SCRIPT", "EXISTS", String(sha))), [0])
        assert.strictEqual(yield* redis.run(run("FLUSHALL")), "OK")
        for (const key of keys) assert.isUndefined(yield* (yield* cluster.ownerOf(key)).peek(key))
      })
    )
  )

  it.effect("keeps its place among the other commands of a pipeline, on each of them", () =>
    withCluster()(({ redis }) =>
      Effect.gen(function* () {
        yield* Effect.forEach(keys, (key) => redis.set(key, 1))
        const results = yield* redis.pipeline([
          run("SET", "k0", 2),
          run("DBSIZE"),
          run("FLUSHALL"),
          run("DBSIZE"),
          ...keys.map((key) => run("SET", key, 3)),
          run("DBSIZE")
        ])
        const replies = results.map(Result.getOrThrow)
        assert.deepStrictEqual([...replies.slice(0, 4), replies.at(-1)], ["OK", 30, "OK", 0, 30])
      })
    )
  )

  it.effect("fails where one of them does not answer, and says so of what may have been done", () =>
    withCluster({ retry: RetryPolicy.none, cluster: { fullCoverage: false } })(({ cluster, redis }) =>
      Effect.gen(function* () {
        yield* Effect.forEach(keys, (key) => redis.set(key, 1))
        const lost = yield* cluster.ownerOf(0)
        yield* lost.inject(Fault.refuse)
        yield* lost.inject(Fault.cut({ executed: false }))
        yield* TestClock.adjust(100)
        const error = yield* Effect.flip(redis.run(run("FLUSHALL")))
        assert.strictEqual(error._tag, "RedisConnectionError")
        assert.deepInclude(error, { command: "FLUSHALL", sent: "unknown" })
      })
    )
  )

  it.effect("is not what names keys of several slots: the error says what to do", () =>
    withCluster()(({ redis }) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(redis.run(run("MSET", "a", 1, "b", 2)))
        assert.deepInclude(error, { code: "CROSSSLOT" })
        assert.include(error.message, "{user:1}:name")
        yield* redis.run(run("MSET", "{x}a", 1, "{x}b", 2))
      })
    )
  )
})
