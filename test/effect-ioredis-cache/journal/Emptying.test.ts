import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Schema } from "effect"
import { RedisError } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Emptying from "../../../packages/effect-ioredis-cache/src/internal/journal/Emptying.ts"
import { layerSimulated } from "../../suites/cacheLayers.ts"
import { SessionDouble } from "./DispatchDouble.ts"
import { type Harness, history, keyspace } from "./JournalHarness.ts"

describe("Emptying", () => {
  const clear = (h: Harness) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(h.region.clear)
      yield* TestClock.adjust("1 millis")
      h.check()
      return fiber
    })

  history("empties what was written before and nothing else", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.other("later", "theirs", { writtenAt: h.now() + 5000 })
      h.double.store.set("cache:others:v1:=a", { value: "1", expiresAt: h.now() + 1000 })
      const fiber = yield* clear(h)
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.payload("later"), "theirs")
      assert.isTrue(h.double.store.has("cache:others:v1:=a"))
    })
  )

  history("a region that is being emptied when its server changes is emptied from the beginning", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      const old = h.double.snapshot()
      let changed = false
      h.double.refuse = ({ name }) => {
        if (name !== "SCAN" || changed) return undefined
        changed = true
        h.double.changeHistory()
        queueMicrotask(() => h.double.restore(old))
        return undefined
      }
      h.double.store.clear()
      const fiber = yield* clear(h)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.double.countOf("SCAN"), 2)
    })
  )

  history("waits for what was sent before it and is still in flight", {}, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.set("a", "1"))
      const fiber = yield* clear(h)
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(h.double.countOf("SCAN"), 0)
      h.double.thaw()
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
    })
  )

  for (const [replay, options] of [
    ["ifUnchanged", {}],
    ["latest", { replay: "latest", removedFor: 600_000 }]
  ] as const) {
    history(`waits for what may bring a value back: ${replay}`, options, (h) =>
      Effect.gen(function* () {
        h.unanswered(() => h.set("a", "1"))
        h.away()
        h.double.isFrozen = false
        const fiber = yield* clear(h)
        h.double.connect()
        yield* h.settled
        assert.isTrue(yield* Fiber.join(fiber))
        h.double.runLate()
        assert.isUndefined(h.held("a"))
      })
    )
  }

  history("without scripts everything is unlinked", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.double.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      const fiber = yield* clear(h)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
    })
  )

  history("empties nothing before the other connections of the node have answered", {}, (h) =>
    Effect.gen(function* () {
      const { node } = h.double
      const { sessions } = node
      // The double answers on one session alone.
      Object.assign(node, { sessions: () => [...sessions(), new SessionDouble(node, 99, "run1")] })
      h.set("a", "1")
      const fiber = yield* clear(h)
      assert.strictEqual(h.double.countOf("SCAN"), 0)
      Object.assign(node, { sessions })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.isUndefined(h.held("a"))
    })
  )

  history("empties nothing while a lost session may still write to the region", {}, (h) =>
    Effect.gen(function* () {
      h.unanswered(() => h.set("a", "1"))
      h.away()
      h.double.isFrozen = false
      h.double.refuse = ({ name }) => (name === "CLIENT" ? "LOADING" : undefined)
      const fiber = yield* clear(h)
      h.double.connect()
      yield* h.settled
      assert.strictEqual(h.double.countOf("SCAN"), 0)
      h.double.runLate()
      h.double.refuse = () => undefined
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual(h.double.countOf("SCAN"), 1)
      assert.isUndefined(h.held("a"))
    })
  )

  history("one region does not hold up another", {}, (h) =>
    Effect.gen(function* () {
      const policy = { replay: "ifUnchanged", removedFor: 0 } as const
      const others = h.journal.region({ name: "others", keyspace: "cache:others:v1:", ...policy }, () => undefined)
      h.double.refuse = ({ args, name }) =>
        name === "SCAN" && String(args[2]).startsWith(keyspace) ? "LOADING" : undefined
      h.set("a", "1")
      const [ours] = Array.from(h.double.store.values())
      if (ours !== undefined) h.double.store.set("cache:others:v1:=a", { ...ours })
      h.away()
      h.double.isCircuitClosed = false
      yield* h.region.clear
      yield* others.clear
      h.double.isCircuitClosed = true
      yield* h.back
      assert.isFalse(h.double.store.has("cache:others:v1:=a"))
      assert.isDefined(h.held("a"))
      h.double.refuse = () => undefined
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(h.held("a"))
    })
  )

  history("empties nothing of a region that was held back before its turn came", {}, (h) =>
    Effect.gen(function* () {
      const policy = { replay: "ifUnchanged", removedFor: 0 } as const
      const others = h.journal.region({ name: "others", keyspace: "cache:others:v1:", ...policy }, () => undefined)
      h.set("a", "1")
      h.double.freeze()
      const theirs = yield* Effect.forkChild(others.clear)
      yield* TestClock.adjust("1 millis")
      const ours = yield* clear(h)
      h.region.hold(true)
      h.double.thaw()
      yield* h.settled
      assert.isTrue(yield* Fiber.join(theirs))
      assert.strictEqual(h.double.countOf("SCAN"), 1)
      assert.strictEqual(h.payload("a"), "1")
      h.region.hold(false)
      yield* h.settled
      assert.isTrue(yield* Fiber.join(ours))
      assert.isUndefined(h.held("a"))
    })
  )

  history("asks for the keys of its region, whatever its name means in a pattern", {}, (h) =>
    Effect.gen(function* () {
      const odd = { name: "odd", keyspace: "cache:a*b?[c]\\\\:v1:", replay: "ifUnchanged", removedFor: 0 } as const
      const clearing = yield* Effect.forkChild(h.journal.region(odd, () => undefined).clear)
      yield* h.settled
      yield* Fiber.join(clearing)
      const scans = h.double.received.filter(({ name }) => name === "SCAN")
      assert.strictEqual(scans[0]?.args[2], String.raw`cache:a\*b\?\[c\]\\\\:v1:*`)
    })
  )
})

describe("Emptying.barrier", () => {
  const answered = Result.succeed("PONG")
  const refused = Result.fail(new RedisError.RedisOperationError({ command: "PING", code: "NOPERM", message: "no" }))
  const lost = Result.fail(RedisError.connectionError("PING", "Reset", "unknown"))

  for (const [what, last, ends] of [
    ["every other session has answered", answered, "Success"],
    ["the last one may not be asked, which is an answer too", refused, "Success"],
    ["one was lost, which is none", lost, "Failure"]
  ] as const) {
    it.effect(`waits until ${what}: ${ends}`, () =>
      Effect.gen(function* () {
        const sessions = ["own", "first", "second"]
        const asked = new Map<unknown, (result: unknown) => void>()
        // A barrier asks nothing else of its state and its node.
        const dispatch = {
          send: (_: unknown, { session }: { readonly session: string }, done: (result: unknown) => void) => {
            asked.set(session, done)
            return () => {}
          }
        }
        const barrier = Emptying.barrier({ dispatch } as never, { sessions: () => sessions } as never, "own" as never)
        const waiting = yield* Effect.forkChild(Effect.exit(barrier), { startImmediately: true })
        assert.deepStrictEqual(Array.from(asked.keys()), ["first", "second"])
        asked.get("first")?.(answered)
        yield* TestClock.adjust(0)
        assert.isUndefined(waiting.pollUnsafe())
        asked.get("second")?.(last)
        assert.strictEqual((yield* Fiber.join(waiting))._tag, ends)
      })
    )
  }
})

describe("a user who may not write", () => {
  history("runs on memory, until the permission comes back without a new connection", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "old")
      const noWrites = new Set(["SET", "UNLINK"])
      h.double.refuse = ({ name }) => (noWrites.has(name) ? "NOPERM" : undefined)
      assert.deepStrictEqual(h.set("a", "1"), ["Deferred"])
      assert.isTrue(h.region.runsOnMemory())
      const sent = h.double.countOf("SET")
      assert.deepStrictEqual(h.set("a", "2"), ["Deferred"])
      assert.strictEqual(h.double.countOf("SET"), sent)
      assert.deepStrictEqual(h.region.answer(h.key("a")), { _tag: "Memory" })
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(h.double.countOf("SET"), sent + 7)
      // However long it was away.
      yield* TestClock.adjust("10 minutes")
      h.double.refuse = () => undefined
      yield* TestClock.adjust("31 seconds")
      assert.isFalse(h.region.runsOnMemory())
      assert.isUndefined(h.read("a"))
      assert.isUndefined(h.held("a"), "memory had a newer one")
      assert.deepStrictEqual(h.set("a", "3"), ["Applied"])
      assert.strictEqual(h.read("a"), "3")
    })
  )
})

describe("A region that cannot be emptied", () => {
  it.effect("for want of room for its mark makes room first", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const texts = { version: 1, key: Schema.String, value: Schema.String }
      const drafts = yield* Cache.region({ ...texts, name: "drafts", replay: "latest" })
      yield* drafts.set("a", "1")
      yield* server.inject(Fault.error("OOM"))
      const clear = yield* Effect.forkChild(drafts.clear)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(clear), "Deferred")
      assert.strictEqual((yield* server.entries).size, 0)
      yield* server.heal
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(Array.from((yield* server.entries).keys()), ["cache:drafts:v1!cleared"])
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("slows down no other", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const texts = { version: 1, key: Schema.String, value: Schema.String }
      const drafts = yield* Cache.region({ ...texts, name: "drafts", replay: "latest" })
      const jobs = yield* Cache.region({ ...texts, name: "jobs" })
      yield* jobs.set("a", "1")
      // Redis has no room for the mark that a region of `latest` leaves.
      yield* server.inject(Fault.error("OOM"))
      const clear = yield* Effect.forkChild(drafts.clear)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* Fiber.join(clear), "Deferred")
      assert.strictEqual(yield* jobs.clear, "Applied")
    }).pipe(Effect.provide(layerSimulated()))
  )
})
