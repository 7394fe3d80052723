import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"
import * as Regions from "../../packages/effect-ioredis-cache/src/internal/Regions.ts"

const lives: ReadonlyArray<readonly [of: Duration.Input, millis: number | undefined]> = [
  [1000, 1000],
  ["5 minutes", 300_000],
  [0.4, 1],
  [1.6, 2],
  [Duration.infinity, Number.POSITIVE_INFINITY],
  [0, undefined],
  [-1, undefined],
  [Number.NaN, undefined]
]

const marks: ReadonlyArray<
  readonly [options: Pick<Cache.RegionOptions<string, string>, "removedFor" | "replay">, millis: number]
> = [
  [{}, 0],
  [{ replay: "ifUnchanged" }, 0],
  [{ replay: "latest" }, 600_000],
  [{ replay: "latest", removedFor: 0 }, 0],
  [{ removedFor: "1 minute" }, 60_000],
  [{ removedFor: Duration.infinity }, 64 ** 6 - 2]
]

describe("Regions", () => {
  for (const [of, millis] of lives) {
    it(`a life of ${of} is ${millis} ms`, () => assert.strictEqual(Regions.lifetime(of), millis))
  }

  for (const [options, millis] of marks) {
    it(`a removal of ${JSON.stringify(options)} is marked for ${millis} ms`, () =>
      assert.strictEqual(Regions.removedMillis(options), millis))
  }

  it.effect("builds a region once for a cache, and shares only its definition with other caches", () =>
    Effect.gen(function* () {
      const definitions: Regions.Definitions = new Map()
      const built: Array<string> = []
      const make = (cache: string) =>
        Regions.make<never>(({ name }) => {
          built.push(`${cache} ${name}`)
          // Nobody uses it.
          return {} as never
        }, definitions)
      const [one, other] = [make("one"), make("other")]
      const users = { name: "users", version: 1, key: Schema.String, value: Schema.String }
      assert.strictEqual(yield* one.get(users), yield* one.get({ ...users }))
      assert.notStrictEqual(yield* one.get(users), yield* other.get(users))
      yield* one.get({ ...users, version: 2, value: Schema.Int })
      assert.deepStrictEqual(built, ["one users", "other users", "one users"])
      assert.sameMembers(Array.from(definitions.keys()), ["users:v1", "users:v2"])
    })
  )
})
