import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { RedisClient } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"

const prefix = "kv[*]?:"

/** What Effect's `KeyValueStore` promises over a client of one kind of server. */
export const keyValueStoreSuite = <E>(name: string, client: Layer.Layer<RedisClient.RedisClient, E>): void => {
  describe(`Effect's KeyValueStore over ${name}`, () => {
    const Store = Layer.provideMerge(OnClient.layerKeyValueStore({ prefix }), client)
    it.layer(Store, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
      it.effect("keeps texts and bytes under its prefix, and removes them", () =>
        Effect.gen(function* () {
          const store = yield* KeyValueStore.KeyValueStore
          const redis = yield* RedisClient.RedisClient
          assert.isUndefined(yield* store.get("a"))
          assert.isUndefined(yield* store.getUint8Array("a"))
          yield* store.set("a", "ä")
          assert.strictEqual(yield* redis.exists(`${prefix}a`), 1)
          assert.strictEqual(yield* store.get("a"), "ä")
          assert.deepStrictEqual(Array.from((yield* store.getUint8Array("a")) ?? []), [0xc3, 0xa4])
          yield* store.set("b", Uint8Array.of(0, 255, 128))
          assert.deepStrictEqual(Array.from((yield* store.getUint8Array("b")) ?? []), [0, 255, 128])
          assert.isTrue(yield* store.has("a"))
          yield* store.remove("a")
          assert.isFalse(yield* store.has("a"))
          yield* store.clear
        })
      )

      it.effect("counts, lists and clears its own entries alone, wherever they are", () =>
        Effect.gen(function* () {
          const store = yield* KeyValueStore.KeyValueStore
          const redis = yield* RedisClient.RedisClient
          yield* redis.set("kv_anything?:other", "1")
          assert.isTrue(yield* store.isEmpty)
          const names = Array.from({ length: 1200 }, (_, n) => `${n % 2 === 0 ? "even" : "odd"}:${n}`)
          yield* Effect.forEach(names, (name) => store.set(name, "1"), { concurrency: "unbounded" })
          assert.strictEqual(yield* store.size, 1200)
          assert.isFalse(yield* store.isEmpty)
          assert.deepStrictEqual((yield* store.keys).toSorted(), names.toSorted())
          yield* store.clearPrefix("even:")
          assert.strictEqual(yield* store.size, 600)
          yield* store.clear
          assert.strictEqual(yield* store.size, 0)
          assert.strictEqual(yield* redis.exists("kv_anything?:other"), 1)
        })
      )

      it.effect("changes what is there, and nothing else", () =>
        Effect.gen(function* () {
          const store = yield* KeyValueStore.KeyValueStore
          assert.isUndefined(yield* store.modify("changed", (text) => `${text}!`))
          yield* store.set("changed", "hello")
          assert.strictEqual(yield* store.modify("changed", (text) => `${text}!`), "hello!")
          assert.strictEqual(yield* store.get("changed"), "hello!")
        })
      )
    })
  })
}
