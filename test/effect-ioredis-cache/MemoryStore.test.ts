import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { MemoryCache } from "effect-ioredis-cache"
import * as MemoryStore from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import { now } from "../../packages/effect-ioredis-cache/src/internal/now.ts"

const entry = (value: unknown, expiresAt = Number.POSITIVE_INFINITY, bytes = 1): MemoryStore.Entry => ({
  value,
  expiresAt,
  bytes
})

describe("MemoryStore", () => {
  it.effect("holds any value, undefined among them", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      for (const value of [undefined, null, 0, "", false]) {
        memory.set("k", entry(value))
        assert.deepStrictEqual(memory.get("k", 0), entry(value))
      }
      assert.isUndefined(memory.get("other", 0))
      assert.isTrue(memory.delete("k"))
      assert.isFalse(memory.delete("k"))
      assert.isUndefined(memory.get("k", 0))
    })
  )

  it.effect("an entry lives until its expiry and no longer, in the TestClock's time", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      const clock = yield* Clock.Clock
      assert.strictEqual(now(clock), 0)
      memory.set("k", entry("v", now(clock) + 1000))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(memory.get("k", now(clock))?.value, "v")
      assert.strictEqual(memory.size(), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(now(clock), 1000)
      assert.isUndefined(memory.get("k", now(clock)))
      assert.strictEqual(memory.size(), 0)
    })
  )

  it.effect("what was stored at time zero expires too", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      memory.set("k", entry("v", 0))
      assert.isUndefined(memory.get("k", 0))
    })
  )

  it.effect("1,000 entries by default; the least recently used go first", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      for (let i = 0; i < 1000; i++) memory.set(`k${i}`, entry(i))
      assert.strictEqual(memory.size(), 1000)
      memory.get("k0", 0)
      memory.set("new", entry("v"))
      assert.strictEqual(memory.size(), 1000)
      assert.isUndefined(memory.get("k1", 0))
      assert.strictEqual(memory.get("k0", 0)?.value, 0)
    })
  )

  it.effect("maxBytes bounds the sum", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxBytes: 10 })
      memory.set("a", entry("a", 1, 4))
      memory.set("b", entry("b", 1, 4))
      memory.set("c", entry("c", 1, 4))
      assert.isUndefined(memory.get("a", 0))
      assert.strictEqual(memory.get("b", 0)?.value, "b")
      assert.strictEqual(memory.get("c", 0)?.value, "c")
    })
  )

  it.effect("an entry above maxBytes is not held and drops the older one, and no other", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxBytes: 10 })
      memory.set("a", entry("old", 1, 4))
      memory.set("b", entry("b", 1, 4))
      memory.set("a", entry("new", 1, 11))
      assert.isUndefined(memory.get("a", 0))
      assert.strictEqual(memory.get("b", 0)?.value, "b")
    })
  )

  it.effect("odd sizes do not throw", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxBytes: 10 })
      for (const bytes of [0, -1, 0.5, 1.5, Number.NaN]) {
        memory.set("k", entry(bytes, 1, bytes))
        assert.isDefined(memory.get("k", 0))
      }
      memory.set("k", entry("v", 1, Number.POSITIVE_INFINITY))
      assert.isUndefined(memory.get("k", 0))
    })
  )

  it.effect("deletePrefix drops a region and leaves the others", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make()
      for (const key of ["p:a:v1:=1", "p:a:v1:=2", "p:a:v11:=1", "p:b:v1:=1"]) memory.set(key, entry(key))
      assert.strictEqual(memory.deletePrefix("p:a:v1:"), 2)
      assert.strictEqual(memory.deletePrefix("p:a:v1:"), 0)
      assert.strictEqual(memory.size(), 2)
      assert.isDefined(memory.get("p:a:v11:=1", 0))
    })
  )

  it.effect("what has expired leaves although nobody asks for it, and what is still held stays", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxEntries: 10_000 })
      for (let i = 0; i < 2500; i++) memory.set(`short-${i}`, entry(i, 30_000))
      for (let i = 0; i < 10; i++) {
        memory.set(`long-${i}`, entry(i, 3_600_000))
        memory.set(`stale-${i}`, { ...entry(i, 30_000), staleUntil: 3_600_000 })
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(memory.size(), 20)
      assert.strictEqual(memory.get("long-0", 60_000)?.value, 0)
      assert.strictEqual(memory.getStale("stale-9", 60_000)?.value, 9)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(memory.size(), 0)
    })
  )

  it.effect("what has expired leaves a memory too in which others have made room", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxEntries: 3 })
      for (const key of ["a", "b", "c", "d", "e"]) memory.set(key, entry(key, 30_000))
      assert.strictEqual(memory.size(), 3)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(memory.size(), 0)
    })
  )

  it.effect("looking for what has expired does not make it recently used", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryStore.make({ maxEntries: 3 })
      for (const key of ["a", "b", "c"]) memory.set(key, entry(key))
      memory.get("a", 0)
      yield* TestClock.adjust("1 minute")
      memory.set("d", entry("d"))
      assert.isUndefined(memory.get("b", 60_000))
      assert.strictEqual(memory.get("a", 60_000)?.value, "a")
    })
  )

  it.effect("nothing is looked for once the scope has closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const memory = yield* Effect.provideService(MemoryStore.make(), Scope.Scope, scope)
      memory.set("k", entry("v", 1))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(memory.size(), 1)
    })
  )

  it.live("keeps no process alive", () =>
    Effect.gen(function* () {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const before = timers()
      const scope = yield* Scope.make()
      yield* Effect.provideService(MemoryStore.make(), Scope.Scope, scope)
      yield* Effect.yieldNow
      assert.strictEqual(timers(), before)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("MemoryCache tells how many it holds", () =>
    Effect.gen(function* () {
      const memory = yield* MemoryCache.MemoryCache
      memory[MemoryStore.TypeId].set("k", entry("v"))
      assert.strictEqual(yield* memory.size, 1)
    }).pipe(Effect.provide(MemoryCache.layer()))
  )
})
