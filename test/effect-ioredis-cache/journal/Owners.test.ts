import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import { TestClock } from "effect/testing"
import { SetIntent } from "../../../packages/effect-ioredis-cache/src/internal/journal/Ledger.ts"
import type { Loop } from "../../../packages/effect-ioredis-cache/src/internal/journal/Loop.ts"
import { Region, State, Write } from "../../../packages/effect-ioredis-cache/src/internal/journal/State.ts"
import { makeStampSource } from "../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { ClusterDouble, slotOf, slotOfLetter } from "./ClusterDouble.ts"
import type { DispatchDouble } from "./DispatchDouble.ts"
import { history } from "./ClusterHarness.ts"
import { history as single } from "./JournalHarness.ts"

// The slots of the keys of server A.
const slotsOfA = Array.from("abcdefghi", slotOfLetter)

describe("A slot that moves intact", () => {
  history("loses nothing, and what was confirmed is verified where it is now", {}, (h) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(h.set("a", "1"), ["Applied"])
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
      h.other("b", "theirs")
      h.set("c", "1")
      yield* TestClock.adjust("1 second")
      h.other("c", "later")
      h.cluster.move(Array.from("abc", slotOfLetter), h.B)
      h.check()
      assert.strictEqual(h.read("a"), "2")
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(h.payload("b"), "theirs")
      assert.strictEqual(h.payload("c"), "later")
      assert.isAbove(h.B.countOf("EVAL") + h.B.countOf("EVALSHA"), 0, "it was verified there")
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("loses nothing where the user may not run scripts either", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.cluster.move([0], h.B)
      h.B.refuse = ({ name }) => (name.startsWith("EVAL") ? "NOPERM" : undefined)
      yield* h.settled
      assert.strictEqual(h.payload("a"), "1")
      assert.strictEqual(h.B.countOf("UNLINK"), 0)
      h.other("a", "earlier", { writtenAt: h.now() - 60 * 60 * 1000 })
      assert.isUndefined(h.read("a"), "it is unverified for good")
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("a write that was in flight when it moved is confirmed as unverified", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "earlier", { writtenAt: h.now() - 1000 })
      const earlier = h.A.snapshot()
      h.A.freeze()
      const told = h.set("a", "1")
      h.cluster.give([0], h.B)
      h.B.restore(earlier)
      h.A.thaw()
      assert.deepStrictEqual(told, ["Applied"])
      assert.isUndefined(h.read("a"))
      yield* h.settled
      assert.isUndefined(h.held("a"), "it was verified")
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("what was deferred goes along", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.set("b", "1")
      h.A.lose()
      h.defer("a", "2")
      h.defer("b", "2")
      h.cluster.move([0], h.B)
      h.check()
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(h.payload("b"), "1")
      assert.strictEqual(h.journal.size(), 1)
      h.A.connect()
      yield* h.settled
      assert.strictEqual(h.payload("b"), "2")
      assert.isTrue(h.journal.isAtRest())
    })
  )
})

describe("A change of history of one node", () => {
  history("concerns its own keys", {}, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "k"]) {
        h.set(name, "1")
        h.other(name, "earlier", { writtenAt: h.now() - 1000 })
      }
      h.B.changeHistory()
      assert.strictEqual(h.read("a"), "earlier")
      assert.isUndefined(h.read("k"))
      yield* h.settled
      assert.strictEqual(h.payload("a"), "earlier")
      assert.isUndefined(h.held("k"))
    })
  )
})

describe("A change of history", () => {
  single("while a verification is in flight makes it one that came too early", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "earlier")
      const older = h.double.snapshot()
      yield* TestClock.adjust("1 second")
      h.set("a", "1")
      let verified = 0
      h.double.refuse = ({ name }) => {
        if (name === "EVAL") h.double.changeHistory()
        if (name === "EVALSHA" && ++verified === 2) h.double.restore(older)
        return undefined
      }
      h.double.changeHistory()
      yield* h.settled
      assert.isUndefined(h.held("a"))
    })
  )

  single("concerns nobody", {}, (h) =>
    Effect.sync(() => {
      h.set("a", "1")
      h.other("a", "earlier", { writtenAt: h.now() - 1000 })
      const node = { ...h.double.node, name: "replica" }
      for (const listener of h.double.listeners) listener({ _tag: "HistoryChanged", node })
      assert.strictEqual(h.read("a"), "earlier")
      for (const listener of h.double.listeners) listener({ _tag: "HistoryChanged", node: h.double.node })
      assert.isUndefined(h.read("a"))
    })
  )
})

describe("A replica that is promoted", () => {
  history("and has lost a confirmed write: what is older is a miss", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      h.other("b", "theirs")
      yield* TestClock.adjust("1 second")
      const behind = h.A.snapshot()
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
      assert.deepStrictEqual(h.set("b", "2"), ["Applied"])
      const replica = h.cluster.add("A2")
      h.A.lose()
      h.cluster.promote(replica, h.A, behind)
      h.cluster.remove(h.A)
      h.check()
      assert.isUndefined(h.read("a"))
      assert.isUndefined(h.read("b"))
      yield* h.settled
      assert.isUndefined(h.held("a"))
      assert.isUndefined(h.held("b"))
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("takes what is in doubt on the dead master, and nothing stays in the journal", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      const data = h.A.snapshot()
      h.loseUnanswered(h.A, () => h.set("a", "2"))
      yield* h.settled
      assert.strictEqual(h.journal.size(), 1, "it waits for the doubt")
      const replica = h.cluster.add("A2")
      h.cluster.promote(replica, h.A, data)
      h.check()
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(h.journal.size(), 0)
      h.cluster.remove(h.A)
      yield* h.settled
      assert.isFalse(h.journal.isAtRest(), "the doubt is parked")
      yield* TestClock.adjust("6 minutes")
      h.check()
      assert.isTrue(h.journal.isAtRest(), "and waited out")
    })
  )

  history("takes what is lost only after the promotion", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      const data = h.A.snapshot()
      h.A.freeze()
      h.set("a", "2")
      h.A.giveUp()
      h.cluster.promote(h.cluster.add("A2"), h.A, data)
      yield* h.settled
      assert.strictEqual(h.journal.size(), 1, "a sending of it is open")
      h.cluster.remove(h.A)
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2")
      assert.strictEqual(h.journal.size(), 0)
    })
  )
})

describe("A slot that moves away and back", () => {
  history("with a write in doubt: what was confirmed elsewhere meanwhile outlives it", {}, (h) =>
    Effect.gen(function* () {
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move([0], h.B)
      yield* h.settled
      assert.strictEqual(h.journal.size(), 0)
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
      h.cluster.move([0], h.A)
      h.check()
      h.A.runLate()
      assert.isUndefined(h.read("a"))
      h.A.isFrozen = false
      h.A.connect()
      yield* h.settled
      assert.isUndefined(h.held("a"))
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("with a write in doubt: what is deferred waits until it is fenced", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "0")
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move([0], h.B)
      h.B.lose()
      yield* h.settled
      assert.strictEqual(h.journal.size(), 1)
      h.defer("a", "2")
      h.cluster.move([0], h.A)
      h.check()
      h.A.isFrozen = false
      const refuse = h.A.refuse
      h.A.refuse = (command) => (command.name === "CLIENT" ? "LOADING" : refuse(command))
      h.A.connect()
      yield* h.settled
      assert.strictEqual(h.payload("a"), "0")
      assert.strictEqual(h.read("a"), "2")
      h.A.refuse = refuse
      yield* TestClock.adjust("10 seconds")
      h.check()
      assert.strictEqual(h.payload("a"), "2")
      h.A.runLate()
      assert.strictEqual(h.payload("a"), "2", "the lost session was ended")
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("and what the new owner executed meanwhile is done again", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "0")
      // Two sendings: one is in doubt on A, one is open on C for as long as the test says.
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move([0], h.C)
      h.C.freeze()
      h.set("a", "2")
      h.cluster.move([0], h.A)
      h.check()
      h.C.thaw()
      h.A.isFrozen = false
      h.A.connect()
      yield* h.settled
      assert.strictEqual(h.journal.size(), 0)
      assert.oneOf(h.read("a"), ["2", undefined])
    })
  )
})

describe("A slot that comes back to a doubt that can only be waited out", () => {
  history("is verified when that is over", { info: false }, (h) =>
    Effect.gen(function* () {
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move([0], h.B)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(h.set("a", "2"), ["Applied"])
      h.cluster.move([0], h.A)
      h.A.isFrozen = false
      h.A.connect()
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2")
      h.A.runLate()
      assert.strictEqual(h.payload("a"), "1")
      yield* TestClock.adjust("4 minutes")
      h.check()
      assert.isUndefined(h.held("a"))
      assert.isTrue(h.journal.isAtRest())
    })
  )
})

describe("A node that is gone", () => {
  history("leaves what waits to the owners although nobody told of them", {}, (h) =>
    Effect.gen(function* () {
      h.A.lose()
      h.defer("a", "1")
      h.cluster.assign(slotsOfA, h.C)
      h.cluster.remove(h.A)
      h.check()
      yield* h.settled
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("leaves what waits to the owners, and nothing of it is kept", {}, (h) =>
    Effect.gen(function* () {
      h.A.lose()
      h.defer("a", "1")
      h.cluster.move(slotsOfA, h.C)
      h.cluster.remove(h.A)
      h.check()
      yield* h.settled
      assert.isTrue(h.journal.isAtRest())
      assert.strictEqual(h.journal.size(), 0)
    })
  )

  history("comes back as another object of the same name, which gets what waits", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      const data = h.A.snapshot()
      h.loseUnanswered(h.A, () => h.set("a", "2"))
      h.defer("b", "1")
      h.cluster.remove(h.A)
      const back = h.cluster.add("A")
      h.cluster.promote(back, h.A, data)
      h.check()
      yield* h.settled
      assert.strictEqual(h.payload("a"), "2", "the very same server says that the lost session is ended")
      assert.strictEqual(h.journal.size(), 0)
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("slows no other down while it is dead", {}, (h) =>
    Effect.gen(function* () {
      h.set("k", "0")
      h.A.lose()
      h.defer("a", "1")
      yield* TestClock.adjust("3 minutes")
      h.defer("k", "1")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(h.payload("k"), "1")
      assert.strictEqual(h.journal.size(), 1)
      h.check()
    })
  )
})

describe("The state of the journal", () => {
  const version = (number: number) => ({ stamp: `mine--${String(number).padStart(6, "-")}`, writtenAt: number })
  const key = "cache:texts:v1:=a"
  const ok = { _tag: "Confirmed", result: Result.succeed("OK") } as const
  const lost = { _tag: "Doubtful", error: RedisError.connectionError("SET", "Reset", "unknown") } as const

  const make = () => {
    const cluster = new ClusterDouble(() => 0, ["A", "B", "C"])
    const stopped: Array<string> = []
    const loopOf = (name: string): Loop => ({
      wake: () => {},
      recover: () => {},
      stop: () => stopped.push(name),
      run: Effect.void
    })
    const state = new State({
      dispatch: cluster,
      source: makeStampSource(Math.random),
      bounds: { maxEntries: 10, maxBytes: 1000 },
      now: () => 0,
      log: () => {},
      onOverflow: () => {},
      onLost: () => {},
      onReplay: () => {},
      startNode: ({ node }) => loopOf(node.name),
      startRegion: ({ name }) => loopOf(name)
    })
    const policy = { name: "texts", keyspace: "cache:texts:v1:", replay: "ifUnchanged", removedFor: 0 } as const
    const region = new Region(policy, () => loopOf("texts"))
    state.regions.push(region)
    const send = (number: number): Write => {
      const life = { life: 60_000, expiresAt: 60_000, staleFor: 0, lookupTime: 0 }
      const text = String(number)
      const intent = new SetIntent({ ...life, value: text, payload: text })
      const entry = state.record(region, key, undefined, intent, version(number))
      const write = new Write(state, entry, RedisCommand.make("SET", [key, text]))
      write.begin()
      return write
    }
    const [A, B, C] = Array.from(cluster.servers.values())
    if (A?.session === undefined || B?.session === undefined || C?.session === undefined) throw new Error("no sessions")
    const sessions = { A: A.session, B: B.session, C: C.session }
    return { A, B, C, cluster, region, send, sessions, state, stopped }
  }

  it("does again what a node executed that owned the key between two turns of one with a doubt", () => {
    const { A, B, C, send, sessions, state } = make()
    const slots = new Set([0])
    const move = (to: DispatchDouble, cluster: ClusterDouble) => {
      cluster.assign([0], to)
      state.moveSlots(slots, to.node)
    }
    const { dispatch } = state
    if (!(dispatch instanceof ClusterDouble)) return assert.fail("it was made on a cluster")
    const first = send(1)
    first.end(sessions.A, lost)
    move(C, dispatch)
    const second = send(2)
    move(B, dispatch)
    const third = send(3)
    third.end(sessions.B, ok)
    assert.isTrue(state.ledger.has(third.entry), "the second one is open")
    move(A, dispatch)
    state.settle(sessions.A)
    second.end(sessions.C, lost)
    assert.isTrue(state.ledger.has(third.entry), "the first one may have run on A after the third on B")
    for (let n = 0; n < 3; n++) state.release(third.entry)
    assert.isTrue(state.nodeState(A.node).pending.has(third.entry))
    assert.deepStrictEqual(state.checkInvariants(), [])
  })

  it("forgets a node that is gone, when it has left nothing", () => {
    const { A, B, cluster, send, sessions, state, stopped } = make()
    const write = send(1)
    write.end(sessions.A, lost)
    state.release(write.entry)
    cluster.assign(slotsOfA, B)
    state.moveSlots(new Set([0]), B.node)
    state.leave(state.nodeState(A.node))
    assert.isTrue(state.nodes.has("A"), "it has a doubt")
    assert.deepStrictEqual(stopped, [])
    state.settle(sessions.A)
    assert.isFalse(state.nodes.has("A"))
    assert.deepStrictEqual(stopped, ["A"])
    assert.isTrue(state.nodeState(B.node).pending.has(write.entry))
    assert.deepStrictEqual(state.checkInvariants(), [])
  })
})

const clear = Effect.fnUntraced(function* (h: { readonly region: { readonly clear: Effect.Effect<boolean> } }) {
  const fiber = yield* Effect.forkChild(h.region.clear)
  yield* TestClock.adjust("1 millis")
  return fiber
})

describe("A region on several nodes", () => {
  history("that is cleared again is emptied on all of them again", {}, (h) =>
    Effect.gen(function* () {
      h.C.lose()
      yield* clear(h)
      h.other("a", "theirs")
      yield* clear(h)
      h.C.connect()
      yield* h.settled
      assert.isUndefined(h.held("a"))
    })
  )

  history("is emptied again on a node that changes after it was emptied", {}, (h) =>
    Effect.gen(function* () {
      h.set("a", "1")
      const older = h.A.snapshot()
      h.C.refuse = ({ name }) => {
        if (name === "SCAN") {
          h.C.refuse = () => undefined
          h.A.restore(older)
          h.A.changeHistory()
        }
        return undefined
      }
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.B.countOf("SCAN"), 1)
    })
  )

  history("is emptied again on a node whose turn was cut short by the change of another", {}, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "b"]) h.other(name, "theirs")
      const { A, C } = h
      const run = A.run.bind(A)
      A.run = (name, args) => {
        if (name !== "SCAN") return run(name, args)
        const [cursor] = args
        if (cursor === "0") C.changeHistory()
        return cursor === "0" ? ["1", [h.key("a")]] : ["0", [h.key("b")]]
      }
      const fiber = yield* clear(h)
      A.run = run
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("b"))
    })
  )

  history("is emptied on a node although a write of what that owns no longer is in doubt there", {}, (h) =>
    Effect.gen(function* () {
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move([0], h.B)
      h.other("b", "theirs")
      h.A.isFrozen = false
      h.A.refuse = ({ name }) => (name === "CLIENT" ? "LOADING" : undefined)
      h.A.connect()
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      assert.isUndefined(h.held("b"))
    })
  )

  history("is emptied on each master, and leaves one mark", { replay: "latest", removedFor: 60_000 }, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "k", "t"]) h.set(name, "1")
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      for (const name of ["a", "k", "t"]) assert.isUndefined(h.held(name))
      const keys = [h.A, h.B, h.C].flatMap(({ store }) => Array.from(store.keys()))
      assert.deepStrictEqual(keys, ["cache:texts:v1!cleared"])
      assert.isTrue(h.A.store.has("cache:texts:v1!cleared"), "where it is owned")
      assert.isTrue(h.journal.isAtRest())
    })
  )

  history("waits for a dead node alone, and empties no other again because of it", {}, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "k", "t"]) h.set(name, "1")
      h.A.lose()
      const fiber = yield* clear(h)
      assert.isUndefined(h.held("k"))
      assert.isUndefined(h.held("t"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(h.B.countOf("SCAN"), 1)
      assert.isUndefined(fiber.pollUnsafe())
      h.A.connect()
      yield* h.settled
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
      assert.strictEqual(h.B.countOf("SCAN"), 1)
    })
  )

  history("is emptied where no write is in doubt", {}, (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "k"]) h.set(name, "1")
      h.loseUnanswered(h.A, () => h.set("a", "2"))
      h.A.isFrozen = false
      h.A.refuse = ({ name }) => (name === "CLIENT" ? "LOADING" : undefined)
      h.A.connect()
      const fiber = yield* clear(h)
      assert.isUndefined(h.held("k"))
      assert.strictEqual(h.payload("a"), "1")
      h.A.refuse = () => undefined
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("a"))
    })
  )

  history("a doubt of a node that is gone does not keep it from being emptied", {}, (h) =>
    Effect.gen(function* () {
      h.loseUnanswered(h.A, () => h.set("a", "1"))
      h.cluster.move(slotsOfA, h.B)
      h.cluster.remove(h.A)
      h.other("b", "theirs")
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      assert.isUndefined(h.held("b"))
    })
  )

  history("waits until every slot has an owner", {}, (h) =>
    Effect.gen(function* () {
      h.other("t", "theirs")
      const slotsOfC = Array.from("stuvwxyz", slotOfLetter)
      h.cluster.forget(slotsOfC)
      const fiber = yield* clear(h)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(fiber.pollUnsafe())
      h.cluster.give(slotsOfC, h.C)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(yield* Fiber.join(fiber))
      assert.isUndefined(h.held("t"))
    })
  )

  history("a node that gets slots after it was emptied is emptied again", {}, (h) =>
    Effect.gen(function* () {
      h.other("t", "theirs")
      h.B.refuse = ({ name }) => {
        if (name === "SCAN") {
          h.B.refuse = () => undefined
          h.cluster.move([slotOf("t")], h.A)
        }
        return undefined
      }
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      assert.isUndefined(h.held("t"))
      assert.strictEqual(h.A.countOf("SCAN"), 2)
      assert.strictEqual(h.B.countOf("SCAN"), 1)
    })
  )

  history("is emptied of slots that had moved before, unknown to the client", {}, (h) =>
    Effect.gen(function* () {
      h.set("t", "1")
      const moved = h.C.snapshot()
      h.C.store.clear()
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      yield* TestClock.adjust("10 seconds")
      h.A.restore(moved)
      h.cluster.give([slotOf("t")], h.A)
      h.check()
      yield* h.settled
      assert.isUndefined(h.held("t"))
      assert.strictEqual(h.B.countOf("SCAN"), 1, "the others are not")
      yield* TestClock.adjust("10 seconds")
      h.cluster.give([slotOf("t")], h.B)
      yield* h.settled
      assert.strictEqual(h.B.countOf("SCAN"), 1, "what moves later held nothing any more")
    })
  )

  history("what has gone to another node since it was found is unlinked there", {}, (h) =>
    Effect.gen(function* () {
      h.other("a", "theirs")
      h.A.refuse = ({ name }) => {
        if (!name.startsWith("EVAL")) return undefined
        const stored = h.A.find(h.key("a"))
        if (stored !== undefined) h.B.store.set(h.key("a"), stored)
        h.A.store.delete(h.key("a"))
        h.cluster.give([0], h.B)
        return "MOVED"
      }
      assert.isTrue(yield* Fiber.join(yield* clear(h)))
      assert.isUndefined(h.held("a"))
    })
  )

  const latest = { replay: "latest", removedFor: 60_000 } as const
  history("is replayed only where its mark can be asked for, and holds up no other region", latest, (h) =>
    Effect.gen(function* () {
      const other = h.journal.region({ name: "o", keyspace: "cache:o:v1:", replay: "overwrite", removedFor: 0 })
      h.B.lose()
      h.defer("k", "1")
      h.B.isCircuitClosed = false
      const intent = { life: 60_000, staleFor: 0, lookupTime: 0, expiresAt: other.now() + 60_000 }
      other.defer(
        { key: "cache:o:v1:=k", value: "1", payload: "1", timeToLive: 60_000, extension: "" },
        0,
        intent.expiresAt
      )
      h.A.lose()
      h.B.connect()
      yield* h.settled
      assert.isTrue(h.B.store.has("cache:o:v1:=k"))
      assert.isUndefined(h.held("k"), "another process may have cleared the region")
      h.A.connect()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(h.payload("k"), "1")
      assert.isTrue(h.journal.isAtRest())
    })
  )
})
