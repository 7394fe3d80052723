import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../../suites/cacheLayers.ts"
import { history } from "./JournalHarness.ts"

describe("fills", () => {
  history("replace nothing that is there, and are no intent", {}, (h) =>
    Effect.sync(() => {
      h.other("a", "theirs")
      assert.deepStrictEqual(h.fill("a", "looked up"), ["Deferred"])
      assert.strictEqual(h.read("a"), "theirs")
      assert.deepStrictEqual(h.fill("b", "looked up"), ["Applied"])
      assert.strictEqual(h.read("b"), "looked up")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("give way to an intent", {}, (h) =>
    Effect.sync(() => {
      h.away()
      h.remove("a")
      h.double.connect()
      assert.deepStrictEqual(h.fill("a", "looked up"), ["Deferred"])
      assert.isUndefined(h.held("a"))
    })
  )

  history("after a clear in the same millisecond are believed", {}, (h) =>
    Effect.gen(function* () {
      const clearing = yield* Effect.forkChild(h.region.clear)
      yield* TestClock.adjust("0 millis")
      assert.isTrue(yield* Fiber.join(clearing))
      assert.deepStrictEqual(h.fill("a", "looked up"), ["Applied"])
      assert.strictEqual(h.read("a"), "looked up")
    })
  )

  history("replace exactly what the lookup's read found", {}, (h) =>
    Effect.sync(() => {
      const foundIn = (name: string) => {
        const stored = Buffer.from(h.double.find(h.key(name))?.value ?? "", "latin1")
        return { start: stored.subarray(0, 64), length: stored.length }
      }
      h.other("a", "expired")
      assert.deepStrictEqual(h.fill("a", "looked up", { found: foundIn("a") }), ["Applied"])
      assert.strictEqual(h.payload("a"), "looked up")
      const found = foundIn("a")
      h.other("a", "newer")
      assert.deepStrictEqual(h.fill("a", "older", { found }), ["Deferred"])
      assert.strictEqual(h.payload("a"), "newer")
    })
  )

  for (const [when, asked] of [
    ["before they are sent", 0],
    ["before their bytes leave", 1]
  ] as const) {
    history(`that something newer has overtaken ${when} are not sent`, {}, (h) =>
      Effect.sync(() => {
        let asks = 0
        assert.deepStrictEqual(h.fill("a", "older", { isCurrent: () => asks++ < asked }), ["Deferred"])
        assert.strictEqual(h.double.countOf("SET"), 0)
      })
    )
  }

  history("are what this process knows of a key that it sets in an outage", {}, (h) =>
    Effect.gen(function* () {
      h.fill("a", "looked up")
      h.fill("b", "looked up")
      h.away()
      h.set("a", "set")
      h.set("b", "set")
      h.other("b", "theirs")
      yield* h.back
      assert.strictEqual(h.payload("a"), "set")
      assert.isUndefined(h.held("b"))
    })
  )

  history("that Redis did not store tell nothing of a key", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "theirs")
      h.fill("a", "looked up")
      h.away()
      h.set("a", "set")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("are not replayed", {}, (h) =>
    Effect.gen(function* () {
      h.away()
      assert.deepStrictEqual(h.fill("a", "looked up"), ["Deferred"])
      assert.strictEqual(h.journal.size(), 0)
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("in doubt are fenced before a later write is confirmed", {}, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.fill("a", "looked up"))
      h.reconnect()
      assert.deepStrictEqual(h.set("a", "newer"), ["Deferred"])
      yield* h.settled
      h.double.runLate()
      assert.strictEqual(h.payload("a"), "newer")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("live from their end on, and count from the beginning of their lookup", {}, (h) =>
    Effect.sync(() => {
      h.fill("a", "looked up", { beganAt: h.now() - 1000, lookupTime: 1000 })
      const held = h.held("a")
      assert.isTrue(held?._tag === "Value")
      if (held?._tag !== "Value") return
      const { life, writtenAt } = held.header
      assert.deepStrictEqual([h.now() - writtenAt, life], [1000, 301_000])
      assert.strictEqual(h.double.find(h.key("a"))?.expiresAt, h.now() + 300_000)
    })
  )

  history("are not sent to a region whose user may not write", {}, (h) =>
    Effect.sync(() => {
      h.double.refuse = ({ name }) => (name === "SET" || name === "UNLINK" ? "NOPERM" : undefined)
      h.set("a", "1")
      assert.isTrue(h.region.runsOnMemory())
      const sent = h.double.countOf("SET")
      assert.deepStrictEqual(h.fill("b", "looked up"), ["Deferred"])
      assert.strictEqual(h.double.countOf("SET"), sent)
    })
  )
})

it.effect("a value that is set in an outage is written over what this process has looked up before", () =>
  Effect.gen(function* () {
    const server = yield* SimulatedRedis.SimulatedRedis
    const texts = yield* Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })
    assert.strictEqual(yield* texts.getOrSet("a", Effect.succeed("looked up")), "looked up")
    yield* TestClock.adjust("1 second")
    yield* server.inject(Fault.refuse)
    const set = yield* Effect.forkChild(texts.set("a", "set"))
    yield* TestClock.adjust("10 seconds")
    assert.strictEqual(yield* Fiber.join(set), "Deferred")
    yield* server.heal
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* server.entries).size, 1)
    assert.deepStrictEqual(yield* texts.get("a"), Option.some("set"))
  }).pipe(Effect.provide(layerSimulated()))
)
