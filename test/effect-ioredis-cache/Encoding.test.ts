import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Random, Result, Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"
import { unwrap } from "../../packages/effect-ioredis-cache/src/internal/Wrapped.ts"
import * as Encoding from "../../packages/effect-ioredis-cache/src/internal/Encoding.ts"

const users = { name: "users", version: 1, key: Schema.String, value: Schema.String }

const make = (options: Partial<Cache.RegionOptions<string, string>> = {}) =>
  Effect.map(Effect.context<never>(), (context) =>
    Encoding.make({ ...users, ...options }, "300 seconds", "cache:", context)
  )

describe("Encoding", () => {
  it.effect("renders keys under the keyspace of the region, and its hash does not depend on the prefix", () =>
    Effect.gen(function* () {
      const encoding = yield* make()
      assert.strictEqual(encoding.keyspace, "cache:users:v1:")
      const rendered = Result.getOrThrow(encoding.key("get", "a"))
      assert.strictEqual(rendered, "cache:users:v1:=a")
      const other = Encoding.make(users, "300 seconds", "another:", yield* Effect.context<never>())
      assert.strictEqual(other.hash("another:users:v1:=a"), encoding.hash(rendered))
    })
  )

  const lives: ReadonlyArray<
    readonly [
      what: string,
      of: Cache.RegionOptions<string, string>["timeToLive"],
      given: Duration.Input | undefined,
      millis: number
    ]
  > = [
    ["the cache's", undefined, undefined, 300_000],
    ["the region's", "1 minute", undefined, 60_000],
    ["that of key and value", (key, value) => key.length + value.length, undefined, 4],
    ["the call's", () => 5, "2 seconds", 2000],
    ["at least a millisecond", "1 micros", undefined, 1],
    ["for ever", Duration.infinity, undefined, Number.POSITIVE_INFINITY]
  ]
  for (const [what, timeToLive, given, millis] of lives) {
    it.effect(`a value's life is ${what}`, () =>
      Effect.gen(function* () {
        const written = (yield* make({ timeToLive })).value("set", "key", "a", "one", given)
        const { key, payload, timeToLive: life, value } = Result.getOrThrow(written)
        assert.deepStrictEqual([key, unwrap(value), payload, life], ["key", "one", '"one"', millis])
      })
    )
  }

  it.effect("jitter shortens a life by up to its share, and never to nothing", () =>
    Effect.gen(function* () {
      const lifeOf = (timeToLive: Duration.Input, jitter: number) =>
        Effect.map(
          make({ timeToLive, jitter }),
          ({ value }) => Result.getOrThrow(value("set", "key", "a", "1", undefined)).timeToLive
        )
      for (const seed of ["a", "b", "c", "d"]) {
        const life = yield* lifeOf(1000, 0.5).pipe(Random.withSeed(seed))
        assert.isTrue(life >= 500 && life < 1000, `${life}`)
      }
      assert.strictEqual(yield* lifeOf(1, 1).pipe(Random.withSeed("a")), 1)
    })
  )

  it.effect("says what does not fit, with the hash of the key and neither key nor value", () =>
    Effect.gen(function* () {
      const encoding = yield* make({ value: Schema.String.check(Schema.isMinLength(5)), timeToLive: () => 0 })
      const rows: ReadonlyArray<
        readonly [Result.Result<unknown, { readonly message: string; readonly keyHash: string }>, RegExp]
      > = [
        [encoding.key("get", 5 as never), /^get in region users: The key does not fit its schema/],
        [encoding.value("set", "hunter2", "a", "no", "1 second"), /^set in region users: The value does not fit/],
        [encoding.value("set", "hunter2", "a", "hunter2", undefined), /the timeToLive is not a duration above zero/],
        [encoding.life("touch", "hunter2", undefined), /^touch in region users: the timeToLive/]
      ]
      for (const [result, message] of rows) {
        const error = Result.isFailure(result) ? result.failure : assert.fail("it fits")
        assert.match(error.message, message)
        assert.notInclude(JSON.stringify(error), "hunter2")
      }
    })
  )
})
