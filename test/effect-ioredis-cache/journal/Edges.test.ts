import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Result, Scope } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import { TestClock } from "effect/testing"
import { Write as TierWrite, Version } from "../../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import * as Journal from "../../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { remove, SetIntent } from "../../../packages/effect-ioredis-cache/src/internal/journal/Ledger.ts"
import type { Loop } from "../../../packages/effect-ioredis-cache/src/internal/journal/Loop.ts"
import { Region, State, Write } from "../../../packages/effect-ioredis-cache/src/internal/journal/State.ts"
import { makeStampSource } from "../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { DispatchDouble } from "./DispatchDouble.ts"
import { history, make } from "./JournalHarness.ts"

describe("at the edges of the journal", () => {
  history("a touch of a deferred value that has expired does not bring it back", {}, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "1", 1000)
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(h.read("a"))
      h.touch("a", 60_000)
      assert.isUndefined(h.read("a"))
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("a touch for ever lets a value live for ever", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1", 10_000)
      assert.deepStrictEqual(h.touch("a", Number.POSITIVE_INFINITY), ["Applied"])
      const held = h.held("a")
      assert.isTrue(held?._tag === "Value" && held.header.life === Number.POSITIVE_INFINITY)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(h.payload("a"), "1")
    })
  )

  history("a touch before a deferred value leaves it its base", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "theirs")
      h.away()
      h.touch("a", 400_000)
      h.double.connect()
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "MISCONF" : undefined)
      assert.strictEqual(h.read("a"), "theirs")
      h.away()
      h.set("a", "2")
      h.double.refuse = () => undefined
      yield* h.back
      assert.strictEqual(h.payload("a"), "2")
    })
  )

  history("a touch before a deferred value, and another's write meanwhile: unlinked", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.touch("a", 400_000)
      h.set("a", "2")
      h.other("a", "theirs")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("after an own deferred removal a deferred value is not written", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.remove("a")
      h.set("a", "2")
      assert.strictEqual(h.read("a"), "2")
      yield* h.back
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("after an own deferred removal of an unknown key neither", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "0")
      h.away()
      h.set("a", "1")
      h.remove("a")
      h.set("a", "2")
      h.set("a", "3")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  const makeState = (now: () => number) => {
    const double = new DispatchDouble({ now })
    const loop: Loop = { wake: () => {}, recover: () => {}, stop: () => {}, run: Effect.never }
    const state = new State({
      dispatch: double,
      source: makeStampSource(Math.random),
      bounds: { maxEntries: 10, maxBytes: 1000 },
      now,
      log: () => {},
      onOverflow: () => {},
      onLost: () => {},
      onReplay: () => {},
      startNode: () => loop,
      startRegion: () => loop
    })
    const policy = { name: "texts", keyspace: "cache:texts:v1:", replay: "ifUnchanged", removedFor: 0 } as const
    const region = new Region(policy, () => loop)
    state.regions.push(region)
    return { double, state, region }
  }

  it("a full journal keeps nothing for the replay either", () => {
    const { double, state, region } = makeState(() => 0)
    for (let n = 0; n < 1000; n++) {
      const key = `cache:texts:v1:=${n}`
      state.release(state.record(region, key, undefined, remove))
    }
    assert.isAtMost(state.ledger.size(), 10)
    assert.isAtMost(state.nodeState(double.node).pending.size, 10)
  })

  it("a deferred value that changes in place is later than all that is known, though the clock goes back", () => {
    let now = 1000
    const { region, state } = makeState(() => now)
    const defer = (key: string) => state.defer(region, undefined, new TierWrite(key, "1", "1", 60_000), 0, 60_000)
    const writtenAt = (key: string) => state.ledger.get(key)?.version.writtenAt
    defer("a")
    assert.strictEqual(writtenAt("a"), 1000)
    now = 400
    defer("a")
    assert.strictEqual(writtenAt("a"), 1000, "no earlier than what it replaces")
    defer("b")
    assert.strictEqual(writtenAt("b"), 400, "what another key had does not count")
    state.trust.confirm("a", new Version(state.source.next(), 5000), undefined, true)
    defer("a")
    assert.strictEqual(writtenAt("a"), 5001)
    now = 6000
    defer("a")
    assert.strictEqual(writtenAt("a"), 6000)
    state.mark(region)
    defer("a")
    assert.isAbove(writtenAt("a") ?? 0, region.state.clearedAt)
  })

  it("a value that is deferred changes nothing of one that is on its way", () => {
    const { double, region, state } = makeState(() => 0)
    const { session } = double
    if (session === undefined) return assert.fail("there is no session")
    const key = "cache:texts:v1:=a"
    const defer = (text: string) => state.defer(region, undefined, new TierWrite(key, text, text, 60_000), 0, 60_000)
    defer("1")
    const entry = state.ledger.get(key)
    if (entry === undefined) return assert.fail("nothing was recorded")
    const { intent } = entry
    const stamps = [entry.version.stamp]
    defer("2")
    assert.strictEqual(entry.intent, intent, "nothing was sent, and so it changed in place")
    stamps.push(entry.version.stamp)
    const write = new Write(state, entry, RedisCommand.make("SET", [key, "2"]))
    assert.isTrue(write.begin())
    defer("3")
    stamps.push(entry.version.stamp)
    assert.strictEqual(stamps[1], stamps[0], "nobody has seen what was replaced")
    assert.notStrictEqual(stamps[2], stamps[1])
    assert.deepInclude(intent, { value: "2", payload: "2" })
    assert.strictEqual(write.version.stamp, stamps[1])
    write.end(session, { _tag: "Confirmed", result: Result.succeed("OK") })
    assert.isTrue(state.ledger.has(entry), "what Redis confirmed is not what was written last")
    assert.isFalse(write.begin(), "what was overtaken is not sent again")
    assert.deepInclude(entry.intent, { value: "3", payload: "3" })
    assert.deepStrictEqual(state.checkInvariants(), [])
  })

  it("a value that lives for ever is not in doubt for ever", () => {
    let now = 0
    const { double, region, state } = makeState(() => now)
    const life = { life: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY }
    const intent = new SetIntent({ ...life, value: "1", payload: "1", staleFor: 0, lookupTime: 0 })
    const entry = state.record(region, "cache:texts:v1:=a", undefined, intent, { stamp: "mine--000001", writtenAt: 1 })
    const write = new Write(state, entry, RedisCommand.make("SET", [entry.key, "1"]))
    const { session } = double
    if (session === undefined) return assert.fail("there is no session")
    assert.isTrue(write.begin())
    write.end(session, { _tag: "Doubtful", error: RedisError.connectionError("SET", "Reset", "unknown") })
    now = 60 * 60 * 1000
    state.expireDoubts(session)
    assert.isTrue(state.doubts.hasRegion("texts", "double"))
    now *= 24
    state.expireDoubts(session)
    assert.isFalse(state.doubts.hasRegion("texts", "double"))
  })

  history(
    "a region does not hold up the others where its mark cannot be read",
    { replay: "latest", removedFor: 60_000 },
    (h) =>
      Effect.gen(function* () {
        const other = h.journal.region({ name: "o", keyspace: "cache:o:v1:", replay: "overwrite", removedFor: 0 })
        h.double.refuse = ({ name }) => (name === "GETRANGE" ? "WRONGTYPE" : undefined)
        h.away()
        h.set("a", "1")
        const expiresAt = other.now() + 60_000
        const intent = new SetIntent({ value: "1", payload: "1", life: 60_000, staleFor: 0, lookupTime: 0, expiresAt })
        other.set("cache:o:v1:=a", intent, 1000, () => {})
        yield* h.back
        assert.isTrue(h.double.store.has("cache:o:v1:=a"))
      })
  )

  history("latest: without marks what runs late is fenced", { replay: "latest", removedFor: 0 }, (h) =>
    Effect.gen(function* () {
      h.set("a", "0")
      h.unanswered(() => h.set("a", "1"))
      h.reconnect()
      h.remove("a")
      yield* h.settled
      h.double.runLate()
      assert.isUndefined(h.held("a"))
    })
  )

  history("one value from the end of time does not end a region", {}, (h) =>
    Effect.gen(function* () {
      h.other("b", "theirs", { writtenAt: 64 ** 7 - 1 })
      h.read("b")
      const fiber = yield* Effect.forkChild(h.region.clear)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.deepStrictEqual(h.set("a", "1"), ["Applied"])
      assert.strictEqual(h.read("a"), "1")
    })
  )

  for (const [life, staleFor] of [
    [3, 0],
    [2, 1],
    [3, Number.POSITIVE_INFINITY]
  ] as const) {
    const years = (n: number) => n * 365 * 24 * 60 * 60 * 1000
    history(`a touch for ${life} years and ${staleFor} more is not written in the future`, {}, (h) =>
      Effect.sync(() => {
        h.set("a", "1")
        const touch = { timeToLive: years(life), staleFor: years(staleFor) }
        assert.deepStrictEqual(
          h.start((done) => h.region.touch(h.key("a"), touch, 1000, done)),
          ["Applied"]
        )
        const held = h.held("a")
        assert.isTrue(held?._tag === "Value" && held.header.writtenAt <= h.now())
        assert.isTrue(held?._tag === "Value" && held.header.life >= years(2))
      })
    )
  }

  it.effect("a journal is made once for caches that are built at once", () =>
    Effect.gen(function* () {
      const slow = new DispatchDouble({ now: () => 0 })
      const dispatch = new Proxy(slow, {
        get: (target, name) => (name === "watchHistory" ? Effect.yieldNow : Reflect.get(target, name))
      })
      const [one, other] = yield* Effect.all([Journal.shared(dispatch, "p"), Journal.shared(dispatch, "p")], {
        concurrency: "unbounded"
      })
      assert.strictEqual(one, other)
    }).pipe(Effect.scoped)
  )

  it.effect("after the end nobody waits for a clear", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const h = yield* Scope.provide(make(), scope)
      yield* Scope.close(scope, Exit.void)
      const fiber = yield* Effect.forkChild(h.region.clear, { startImmediately: true })
      yield* Effect.yieldNow
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(false))
    })
  )

  it.effect("a region that the user may not empty is told of, once", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const h = yield* make()
      h.double.refuse = ({ name }) => (name === "SCAN" ? "NOPERM" : undefined)
      for (let n = 0; n < 3; n++) {
        yield* Effect.forkChild(h.region.clear)
        yield* TestClock.adjust("1 minute")
        h.set("a", "1")
        assert.strictEqual(h.read("a"), "1")
      }
      assert.strictEqual(lines.filter((line) => line.includes("empty")).length, 1, String(lines))
      h.double.refuse = () => undefined
      const fiber = yield* Effect.forkChild(h.region.clear)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(yield* Fiber.join(fiber))
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])))
  })

  history("a server whose clock is behind takes what is written, and nothing from before a clear", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.set("b", "1")
      const data = h.double.snapshot()
      const fiber = yield* Effect.forkChild(h.region.clear)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      h.clock.behind = 60 * 60 * 1000
      h.double.restart(data)
      h.double.connect()
      assert.isUndefined(h.read("a"))
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
      assert.strictEqual(h.read("a"), "2")
      assert.deepStrictEqual(h.set("a", "3"), ["Applied"])
      assert.strictEqual(h.read("a"), "3")
      assert.deepStrictEqual(h.remove("a"), ["Applied"])
      assert.deepStrictEqual(h.fill("a", "found"), ["Applied"])
      assert.strictEqual(h.read("a"), "found")
      yield* h.settled
      assert.strictEqual(h.read("a"), "found")
      assert.isUndefined(h.read("b"))
      const again = yield* Effect.forkChild(h.region.clear)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(again))
      assert.isUndefined(h.held("a"))
    })
  )

  it.effect("what a caller still waits for when the journal closes is not counted, if it is confirmed in time", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const h = yield* Scope.provide(make(), scope)
      h.double.freeze()
      const told = h.set("a", "1")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("500 millis")
      h.double.thaw()
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(told, ["Applied"])
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])))
  })

  history("what was read while an intent was in flight is older than it", {}, (h) =>
    Effect.sync(() => {
      h.set("a", "1")
      h.double.freeze()
      const told = h.set("a", "2")
      h.other("a", "theirs", { writtenAt: h.now() + 5 })
      const data = h.double.snapshot()
      const held = h.held("a")
      assert.isTrue(held?._tag === "Value" && h.region.believes(h.key("a"), held.header, false))
      h.double.thaw()
      assert.deepStrictEqual(told, ["Applied"])
      assert.strictEqual(h.read("a"), "2")
      h.double.restore(data)
      assert.isUndefined(h.read("a"))
    })
  )

  history("with latest what was read meanwhile and is later stays", { replay: "latest", removedFor: 60_000 }, (h) =>
    Effect.sync(() => {
      h.set("a", "1")
      h.double.freeze()
      h.set("a", "2")
      h.other("a", "theirs", { writtenAt: h.now() + 100 })
      const held = h.held("a")
      assert.isTrue(held?._tag === "Value" && h.region.believes(h.key("a"), held.header, false))
      h.double.thaw()
      assert.strictEqual(h.read("a"), "theirs")
    })
  )
})
