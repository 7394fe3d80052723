import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, References, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Journal from "../../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { DispatchDouble } from "./DispatchDouble.ts"
import { type Harness, type HarnessOptions, history, make } from "./JournalHarness.ts"

describe("a clean journal", () => {
  history("keeps nothing of what Redis confirms", {}, (h) =>
    Effect.sync(() => {
      assert.deepStrictEqual(h.set("a", "1"), ["Applied"])
      assert.deepStrictEqual(h.remove("a"), ["Applied"])
      assert.isTrue(h.region.isEmpty())
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("answers nothing while a call is in flight whose reply will come, and everything when it did not", {}, (h) =>
    Effect.sync(() => {
      h.double.freeze()
      const told = h.set("a", "1")
      assert.deepStrictEqual(told, [])
      assert.strictEqual(h.read("a"), "1")
      h.double.thaw()
      assert.deepStrictEqual(told, ["Applied"])
      assert.strictEqual(h.journal.size(), 0)
    })
  )
})

describe("ifUnchanged", () => {
  history("a deferred value is written if the key holds what this process knew last", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      assert.deepStrictEqual(h.set("a", "2"), ["Deferred"])
      assert.strictEqual(h.read("a"), "2")
      yield* h.back
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(h.journal.size(), 0)
      assert.strictEqual(h.read("a"), "2")
    })
  )

  history("and for the rest of its life only", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.set("a", "2", 10_000)
      yield* TestClock.adjust("4 seconds")
      h.double.connect()
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(h.double.find(h.key("a"))?.expiresAt, h.now() - 1 + 6000)
    })
  )

  history("what this process has only read is known as well", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "theirs")
      assert.strictEqual(h.read("a"), "theirs")
      h.away()
      h.set("a", "mine")
      yield* h.back
      assert.strictEqual(h.payload("a"), "mine")
    })
  )

  history("the key is unlinked if another process wrote it meanwhile", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.set("a", "2")
      h.other("a", "theirs")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("an absent key is not written: it bears no trace of another's removal", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.set("a", "2")
      h.otherRemoves("a")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("so a value after an own removal is not written, nor one of an unknown key", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.remove("a")
      h.other("b", "theirs")
      h.away()
      h.set("a", "2")
      h.set("b", "2")
      yield* h.back
      assert.isUndefined(h.held("a"))
      assert.isUndefined(h.held("b"))
    })
  )

  history("a deferred removal unlinks whatever is there", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      assert.deepStrictEqual(h.remove("a"), ["Deferred"])
      assert.isUndefined(h.read("a"))
      h.other("a", "theirs")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("a value that expired meanwhile is unlinked, and one beyond 64 kB is", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.set("b", "1")
      h.away()
      h.set("a", "2", 1000)
      h.set("b", "2".repeat(65 * 1024))
      yield* TestClock.adjust("2 seconds")
      yield* h.back
      assert.isUndefined(h.held("a"))
      assert.isUndefined(h.held("b"))
    })
  )

  history("an own sending that ran late is its own: the value stays", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.unanswered(() => assert.deepStrictEqual(h.set("a", "2"), []))
      h.away()
      h.double.thaw()
      assert.strictEqual(h.payload("a"), "2")
      h.set("a", "3")
      yield* h.back
      assert.strictEqual(h.payload("a"), "3")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("without the permission to run scripts the key is unlinked", {}, (h) =>
    Effect.gen(function* () {
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      h.set("a", "1")
      h.away()
      h.set("a", "2")
      yield* h.back
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.journal.size(), 0)
      assert.isFalse(h.region.runsOnMemory())
    })
  )

  history("a permission that comes back is noticed", {}, (h) =>
    Effect.gen(function* () {
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      h.set("a", "1")
      h.away()
      h.set("a", "2")
      yield* h.back
      h.double.refuse = () => undefined
      assert.deepStrictEqual(h.touch("b", 1000), ["Deferred"])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(h.touch("b", 1000), ["Applied"])
    })
  )
})

describe("the other replays", () => {
  history("invalidate: the key is unlinked", { replay: "invalidate" }, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.away()
      h.set("a", "2")
      yield* h.back
      assert.isUndefined(h.held("a"))
    })
  )

  history("overwrite: the value is written", { replay: "overwrite" }, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "2")
      h.other("a", "theirs")
      yield* h.back
      assert.strictEqual(h.payload("a"), "2")
    })
  )

  for (const replay of ["ifUnchanged", "overwrite"] as const) {
    history(`${replay}: a value that Redis refuses is unlinked`, { replay }, (h) =>
      Effect.gen(function* () {
        h.set("a", "1")
        h.double.refuse = ({ name }) => (name === "SET" ? "OOM" : undefined)
        assert.deepStrictEqual(h.set("a", "2"), ["Deferred"])
        yield* h.settled
        assert.isUndefined(h.held("a"))
        assert.strictEqual(h.journal.size(), 0)
      })
    )
  }
})

describe("latest", () => {
  const latest: HarnessOptions = { replay: "latest", removedFor: 600_000 }

  history("of two values the one written later stays", latest, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "mine")
      h.set("b", "mine")
      yield* TestClock.adjust("10 millis")
      h.other("b", "theirs")
      h.other("a", "theirs", { writtenAt: h.now() - 20 })
      yield* h.back
      assert.strictEqual(h.payload("a"), "mine")
      assert.strictEqual(h.payload("b"), "theirs")
    })
  )

  history("equal stays, and an absent key is written", latest, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "mine")
      h.set("b", "mine")
      h.other("a", "theirs")
      yield* h.back
      assert.strictEqual(h.payload("a"), "theirs")
      assert.strictEqual(h.payload("b"), "mine")
    })
  )

  history("at once it loses only to what is more than 50 ms later", latest, (h) =>
    Effect.sync(() => {
      h.other("a", "theirs", { writtenAt: h.now() + 40 })
      h.other("b", "theirs", { writtenAt: h.now() + 60 })
      assert.deepStrictEqual(h.set("a", "mine"), ["Applied"])
      assert.deepStrictEqual(h.set("b", "mine"), ["Applied"])
      assert.strictEqual(h.payload("a"), "mine")
      assert.strictEqual(h.payload("b"), "theirs")
    })
  )

  history("a removal leaves a mark, which only what was written later replaces", latest, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "deferred")
      yield* TestClock.adjust("1 second")
      h.other("a", "", { kind: "removed" })
      yield* h.back
      assert.strictEqual(h.held("a")?._tag, "Removed")
      h.set("a", "later")
      assert.strictEqual(h.payload("a"), "later")
      assert.deepStrictEqual(h.remove("a"), ["Applied"])
      assert.strictEqual(h.held("a")?._tag, "Removed")
    })
  )

  history("what runs late harms no later write, which waits for nothing", latest, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.unanswered(() => h.set("a", "2"))
      h.away()
      h.double.connect()
      h.double.isFrozen = false
      assert.deepStrictEqual(h.set("a", "3"), ["Applied"])
      h.double.runLate()
      assert.strictEqual(h.payload("a"), "3")
    })
  )

  history("a region that another process cleared meanwhile drops what was written before", latest, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "before")
      yield* TestClock.adjust("1 second")
      const other = yield* Journal.make(h.double)
      const region = other.region({ name: "texts", keyspace: "cache:texts:v1:", replay: "latest", removedFor: 600_000 })
      h.double.connect()
      h.double.isCircuitClosed = true
      yield* Effect.forkChild(region.clear)
      yield* TestClock.adjust("1 millis")
      h.set("b", "after")
      yield* h.settled
      assert.strictEqual(h.payload("b"), "after")
    })
  )
})

describe("doubts", () => {
  history("a write is applied only when no earlier one of its key is in doubt", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.unanswered(() => h.set("a", "2"))
      h.reconnect()
      assert.deepStrictEqual(h.set("a", "3"), ["Deferred"])
      // The server executes the doubt after the later write, and only then is its session ended.
      h.double.runLate()
      yield* h.settled
      assert.strictEqual(h.double.countOf("CLIENT"), 1)
      assert.strictEqual(h.payload("a"), "3")
      assert.strictEqual(h.journal.size(), 0)
      assert.deepStrictEqual(h.set("a", "4"), ["Applied"])
    })
  )

  history("a session is ended only on the very server that it was of", {}, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.set("a", "1"))
      h.double.restart(new Map())
      yield* h.back
      assert.strictEqual(h.double.countOf("CLIENT"), 0)
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("where nobody may say which server it is, it is waited out", { info: false }, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.set("a", "1", 60_000))
      h.away()
      h.double.isFrozen = false
      yield* h.back
      h.remove("a")
      assert.strictEqual(h.double.countOf("CLIENT"), 0)
      h.double.runLate()
      assert.isUndefined(h.read("a"))
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(h.journal.size(), 1)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(h.journal.size(), 0)
      assert.isUndefined(h.payload("a"))
    })
  )

  history("a server that may not be asked to end a session is not asked again and again", {}, (h) =>
    Effect.gen(function* () {
      h.double.refuse = ({ name }) => (name === "CLIENT" ? "NOPERM" : undefined)
      h.unanswered(() => h.set("a", "1", 60_000))
      h.away()
      h.double.isFrozen = false
      yield* h.back
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(h.double.countOf("CLIENT"), 1)
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  for (const [which, options] of [
    ["that unlinks", {}],
    ["that leaves a mark", { removedFor: 600_000 }]
  ] as const) {
    history(`a write is applied only when no removal of its key is in doubt: one ${which}`, options, (h) =>
      Effect.gen(function* () {
        h.set("a", "1")
        h.unanswered(() => h.remove("a"))
        h.reconnect()
        assert.deepStrictEqual(h.set("a", "2"), ["Deferred"])
        yield* h.settled
        assert.strictEqual(h.double.countOf("CLIENT"), 1)
        h.double.runLate()
        assert.strictEqual(h.payload("a"), "2")
        assert.strictEqual(h.journal.size(), 0)
        assert.deepStrictEqual(h.set("a", "3"), ["Applied"])
      })
    )
  }

  history("the unlinking of a value that is not written is one", { replay: "invalidate" }, (h) =>
    Effect.gen(function* () {
      h.away()
      h.set("a", "1")
      h.double.freeze()
      yield* h.back
      h.reconnect()
      assert.deepStrictEqual(h.set("a", "2"), ["Deferred"])
      yield* h.settled
      assert.strictEqual(h.double.countOf("CLIENT"), 1)
      assert.deepStrictEqual(h.set("a", "3"), ["Applied"])
      h.double.runLate()
      assert.strictEqual(h.payload("a"), "3")
    })
  )

  history("a removal that nobody may fence is not waited for", { info: false }, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.unanswered(() => h.remove("a"))
      h.away()
      h.double.isFrozen = false
      yield* h.back
      assert.strictEqual(h.double.countOf("CLIENT"), 0)
      assert.strictEqual(h.journal.size(), 0)
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
    })
  )

  history("of a fill is fenced, and a fill is never replayed", {}, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.fill("a", "looked up"))
      h.reconnect()
      assert.deepStrictEqual(h.set("a", "1"), ["Deferred"])
      yield* h.settled
      assert.strictEqual(h.double.countOf("CLIENT"), 1)
      assert.strictEqual(h.payload("a"), "1")
      assert.strictEqual(h.journal.size(), 0)
    })
  )
})

describe("touch", () => {
  const lifeOf = (h: Harness, name: string) => (h.double.find(h.key(name))?.expiresAt ?? 0) - h.now()

  history("extends what is there and never shortens it", {}, (h) =>
    Effect.sync(() => {
      h.set("a", "1", 60_000)
      assert.deepStrictEqual(h.touch("a", 120_000), ["Applied"])
      assert.strictEqual(lifeOf(h, "a"), 120_000)
      assert.deepStrictEqual(h.touch("a", 1000), ["Applied"])
      assert.strictEqual(lifeOf(h, "a"), 120_000)
      assert.strictEqual(h.read("a"), "1")
    })
  )

  history("of an absent key is no failure, and makes nothing", {}, (h) =>
    Effect.sync(() => {
      assert.deepStrictEqual(h.touch("a", 1000), ["Applied"])
      assert.isUndefined(h.held("a"))
    })
  )

  history("is deferred, counted from when it was asked for, and conflicts with nobody", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1", 60_000)
      h.away()
      assert.deepStrictEqual(h.touch("a", 120_000), ["Deferred"])
      h.other("a", "theirs", { life: 60_000 })
      yield* TestClock.adjust("10 seconds")
      yield* h.back
      assert.strictEqual(h.payload("a"), "theirs")
      assert.strictEqual(lifeOf(h, "a"), 107_000)
    })
  )

  history("of a value in flight follows it where nothing deferred is written", { replay: "invalidate" }, (h) =>
    Effect.gen(function* () {
      h.double.freeze()
      const set = h.set("a", "1", 60_000)
      assert.deepStrictEqual(h.touch("a", 120_000), ["Deferred"])
      assert.deepStrictEqual(h.touch("a", 90_000), ["Deferred"])
      h.double.thaw()
      assert.deepStrictEqual(set, ["Applied"])
      yield* h.settled
      assert.strictEqual(h.payload("a"), "1")
      assert.strictEqual(lifeOf(h, "a"), 117_000)
      assert.strictEqual(h.read("a"), "1")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("of a value in flight that is lost brings nothing back", { replay: "invalidate" }, (h) =>
    Effect.gen(function* () {
      h.set("a", "0")
      h.unanswered(() => h.set("a", "1", 60_000))
      h.touch("a", 120_000)
      h.away()
      h.double.isFrozen = false
      yield* h.back
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("of a deferred value extends that one, and of a deferred removal does nothing", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1", 60_000)
      h.set("b", "1", 60_000)
      h.away()
      h.set("a", "2", 60_000)
      h.remove("b")
      assert.deepStrictEqual(h.touch("a", 120_000), ["Deferred"])
      assert.deepStrictEqual(h.touch("b", 120_000), ["Applied"])
      yield* h.back
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(lifeOf(h, "a"), 117_000)
      assert.isUndefined(h.held("b"))
    })
  )

  history("of a value in doubt extends it although an earlier sending ran late", { replay: "latest" }, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.set("a", "2", 60_000))
      h.away()
      assert.deepStrictEqual(h.touch("a", 120_000), ["Deferred"])
      h.double.thaw()
      yield* h.back
      assert.strictEqual(lifeOf(h, "a"), 117_000)
    })
  )

  history("without scripts is deferred, and at replay nothing", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1", 60_000)
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      assert.deepStrictEqual(h.touch("a", 120_000), ["Deferred"])
      yield* h.settled
      assert.strictEqual(h.journal.size(), 0)
      assert.strictEqual(lifeOf(h, "a"), 57_000)
    })
  )
})

describe("trust", () => {
  history("a reply with an own earlier write is a miss, and makes every key suspect", {}, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c"]) h.set(name, "1")
      const old = h.double.snapshot()
      for (const name of ["a", "b"]) h.set(name, "2")
      h.double.restore(old)
      assert.isUndefined(h.read("a"))
      yield* h.settled
      assert.isUndefined(h.held("b"), "nobody has read it, and it was verified")
      assert.strictEqual(h.payload("c"), "1", "nothing was lost of this one")
      assert.strictEqual(h.read("c"), "1")
    })
  )

  history("the stamp that was known before the last intent is a miss likewise", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "theirs")
      assert.strictEqual(h.read("a"), "theirs")
      const old = h.double.snapshot()
      h.set("a", "mine")
      h.double.restore(old)
      assert.isUndefined(h.read("a"))
      yield* h.settled
      assert.isUndefined(h.held("a"))
    })
  )

  for (const info of [true, false]) {
    const who = info ? "who may ask for it" : "who may ask for nothing"
    history(`a new session is ${info ? "no" : "a"} change of history for a user ${who}`, { info }, (h) =>
      Effect.gen(function* () {
        h.set("a", "mine")
        h.other("a", "earlier", { writtenAt: h.now() - 1000 })
        assert.strictEqual(h.read("a"), "earlier")
        h.reconnect()
        assert.strictEqual(h.read("a"), info ? "earlier" : undefined)
        yield* h.settled
        assert.strictEqual(h.payload("a"), info ? "earlier" : undefined)
      })
    )
  }

  history("after a change another's earlier value is a miss, and a later one stays", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "mine")
      h.set("b", "mine")
      h.remove("c")
      h.other("a", "earlier", { writtenAt: h.now() - 1000 })
      h.other("b", "later", { writtenAt: h.now() + 1000 })
      h.other("c", "earlier", { writtenAt: h.now() - 1000 })
      assert.strictEqual(h.read("a"), "earlier", "within the clocks' error it is another's business")
      h.double.changeHistory()
      assert.isUndefined(h.read("a"))
      assert.strictEqual(h.read("b"), "later")
      assert.isUndefined(h.read("c"))
      yield* h.settled
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.payload("b"), "later")
      assert.isUndefined(h.held("c"))
    })
  )

  history("a false alarm deletes nothing", {}, (h) =>
    Effect.gen(function* () {
      for (let n = 0; n < 1200; n++) h.set(`key${n}`, "1")
      h.double.changeHistory()
      yield* h.settled
      assert.strictEqual(h.double.store.size, 1200)
      assert.strictEqual(h.double.countOf("UNLINK"), 0)
    })
  )

  history("without scripts what is not verified is removed", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      h.double.changeHistory()
      yield* h.settled
      assert.isUndefined(h.held("a"))
    })
  )

  history("what was in flight when a change was noticed is confirmed as unverified", {}, (h) =>
    Effect.sync(() => {
      h.double.freeze()
      const told = h.set("a", "1")
      h.double.changeHistory()
      h.double.thaw()
      assert.deepStrictEqual(told, ["Applied"])
      h.other("a", "earlier", { writtenAt: h.now() - 1 })
      assert.isUndefined(h.read("a"))
    })
  )
})

describe("clear", () => {
  history("makes a miss of everything before it, at once, also of what this process never wrote", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.other("b", "ahead", { writtenAt: h.now() + 5000 })
      assert.strictEqual(h.read("b"), "ahead")
      h.away()
      h.double.isCircuitClosed = false
      assert.isFalse(yield* h.region.clear)
      h.double.connect()
      assert.isUndefined(h.read("a"))
      assert.isUndefined(h.read("b"), "it is later than all that was seen")
      h.set("a", "2")
      assert.strictEqual(h.read("a"), "2")
      yield* h.settled
      assert.strictEqual(h.read("a"), "2")
      assert.isUndefined(h.held("b"))
    })
  )
})

describe("bounds", () => {
  const logged = (lines: Array<string>) =>
    Layer.merge(
      Logger.layer([Logger.make(({ message }) => lines.push(String(message)))]),
      Layer.succeed(References.MinimumLogLevel, "Info")
    )

  it.effect("a full journal marks the region, and warns once per outage", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const h = yield* make({ maxEntries: 10 })
      h.set("key0", "old")
      h.away()
      for (let n = 0; n < 100; n++) h.set(`key${n}`, "new")
      assert.isAtMost(h.journal.size(), 10)
      assert.strictEqual(lines.filter((line) => line.includes("full")).length, 1)
      yield* h.back
      assert.isUndefined(h.read("key0"))
      assert.isUndefined(h.held("key0"))
      assert.strictEqual(h.journal.size(), 0)
    }).pipe(Effect.scoped, Effect.provide(logged(lines)))
  })

  it.effect("a full journal is warned of once, however long the outage lasts and whatever is tried in it", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const h = yield* make({ maxEntries: 10 })
      h.double.refuse = () => "MISCONF"
      for (let n = 0; n < 600; n++) {
        h.set(`key${n}`, "new")
        yield* TestClock.adjust("200 millis")
      }
      assert.strictEqual(lines.filter((line) => line.includes("full")).length, 1)
    }).pipe(Effect.scoped, Effect.provide(logged(lines)))
  })

  history("an outage is tried ever more slowly, however much is written", {}, (h) =>
    Effect.gen(function* () {
      h.double.refuse = () => "MISCONF"
      for (let n = 0; n < 60; n++) {
        h.set("a", String(n))
        yield* TestClock.adjust("1 second")
      }
      assert.isAtMost(h.double.countOf("UNLINK"), 7)
      h.double.refuse = () => undefined
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(h.journal.size(), 0)
    })
  )
})

describe("closing", () => {
  const closing = (h: Harness, scope: Scope.Closeable) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      return h
    })

  it.effect("confirms what it can", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const h = yield* Scope.provide(make(), scope)
      h.set("a", "1")
      h.double.refuse = () => "MISCONF"
      h.set("a", "2")
      yield* TestClock.adjust("100 millis")
      h.double.refuse = () => undefined
      yield* closing(h, scope)
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  it.effect("ends within its timeout, and takes no write afterwards", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const h = yield* Scope.provide(make(), scope)
      h.unanswered(() => h.set("a", "1"))
      yield* closing(h, scope)
      assert.deepStrictEqual(h.set("b", "1"), ["Rejected"])
      assert.strictEqual(h.double.listeners.size, 0)
    })
  )
})

describe("one journal for a client and prefix", () => {
  it.effect("is shared by its users and closes with the last", () =>
    Effect.gen(function* () {
      const double = new DispatchDouble({ now: () => 1000 })
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const one = yield* Scope.provide(Journal.shared(double, "cache"), first)
      const other = yield* Scope.provide(Journal.shared(double, "cache", { maxEntries: 10_000 }), second)
      assert.strictEqual(one, other)
      yield* Scope.close(first, Exit.void)
      assert.strictEqual(double.listeners.size, 1)
      yield* Scope.close(second, Exit.void)
      assert.strictEqual(double.listeners.size, 0)
      const third = yield* Effect.scoped(Journal.shared(double, "cache", { maxEntries: 1 }))
      assert.notStrictEqual(third, one)
    })
  )

  it.effect("options that differ are a defect; another prefix is another journal", () =>
    Effect.gen(function* () {
      const double = new DispatchDouble({ now: () => 1000 })
      const one = yield* Journal.shared(double, "cache")
      assert.notStrictEqual(yield* Journal.shared(double, "jobs", { maxEntries: 1 }), one)
      const exit = yield* Effect.exit(Journal.shared(double, "cache", { maxEntries: 1 }))
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(Effect.scoped)
  )
})
