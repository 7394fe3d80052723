import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { RedisError } from "effect-ioredis"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Logins from "../../../packages/effect-ioredis/src/internal/node/Logins.ts"
import type { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import { fork, result, type Server, settled, withRedis } from "../../support/VirtualRedis.ts"

/** The commands that callers asked for. */
const commands = (server: Server) =>
  Effect.map(server.received, (all) =>
    all.filter(({ name }) => !["PING", "CLIENT", "INFO", "TIME", "HELLO", "SCRIPT"].includes(name))
  )

describe("A server that lets clients log in and drops them", () => {
  for (const [when, fault, connections] of [
    ["at once", Fault.dropLogins(), 1],
    ["after 20 ms", Fault.dropLogins({ after: 20 }), 1],
    ["after 20 ms, of a pool", Fault.dropLogins({ after: 20 }), 5],
    ["after 300 ms, of a pool", Fault.dropLogins({ after: 300 }), 5],
    ["at the first command", Fault.cut({ executed: false, at: "GET" }), 1]
  ] as const) {
    it.effect(`${when}: at most two logins a second, few commands, and it recovers`, () =>
      withRedis({ connections })((redis, server) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("10 seconds")
          const healthy = (yield* server.attempts).length
          assert.strictEqual(healthy, connections)
          const before = (yield* commands(server)).length
          yield* server.inject(fault)
          for (let n = 0; n < 600; n++) {
            if (fault._tag === "Cut") yield* server.inject(fault)
            yield* fork(Effect.exit(redis.get(`k${n}`)))
            yield* TestClock.adjust(100)
          }
          const all = (yield* server.attempts).slice(healthy)
          // What answers for 300 ms is used for as long, and the others of a pool have followed the first by then.
          const isUsed = when.startsWith("after 300 ms")
          const logins = isUsed ? all.slice(connections) : all
          assert.isAbove(logins.length, fault._tag === "Cut" ? 10 : 60)
          for (const [n, at] of logins.slice(2).entries()) assert.isAbove(at - (logins[n] ?? at), 1000)
          assert.isAtMost((yield* commands(server)).length - before, isUsed ? 300 : 60)
          yield* server.heal
          yield* TestClock.adjust("40 seconds")
          const after = yield* fork(redis.get("k"))
          yield* TestClock.adjust("1 second")
          assert.strictEqual(result(after), "Success")
        })
      )
    )
  }
})

/** The turns of a node whose deadlines are in the hands of the test. */
const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const stays: Array<() => void> = []
  const deadlines = {
    add: (_at: number, _millis: number, expire: () => void) => {
      stays.push(expire)
      return { cancel: () => {} }
    },
    isCatchingUp: () => false,
    checkInvariants: () => {}
  }
  const logins = yield* Logins.make(deadlines, () => clock.currentTimeMillisUnsafe())
  /** Waits for a turn, for so long at most, and tells when it came. */
  const turn = Effect.fnUntraced(function* (millis: number) {
    const waiting = yield* fork(logins.turn)
    yield* TestClock.adjust(millis)
    return yield* settled(waiting)
  })
  return { logins, stays, turn }
})

// Logins ask nothing else of a session.
const sessionOf = (openedAt: number, isReplaced = false, isOpen = true) =>
  ({ openedAt, isReplaced, isOpen: () => isOpen }) as unknown as NodeSession

const refused = RedisError.connectionError("CONNECT", "Refused", "never")
const reset = RedisError.connectionError("CONNECT", "Reset", "never")

describe("Logins", () => {
  it.effect("let one lane show that the server keeps it, and then the others follow at once", () =>
    Effect.gen(function* () {
      const { logins, stays } = yield* make
      assert.strictEqual(yield* logins.turn, 0)
      const others = yield* Effect.forEach([1, 2], () => fork(logins.turn))
      logins.ready(sessionOf(10))
      yield* TestClock.adjust(110)
      assert.deepStrictEqual(others.map(result), ["waiting", "waiting"])
      stays[0]?.()
      yield* TestClock.adjust(0)
      for (const other of others) assert.strictEqual(yield* settled(other), 110)
    })
  )

  it.effect("let nobody follow a session that was lost in its first moment", () =>
    Effect.gen(function* () {
      const { logins, stays } = yield* make
      yield* logins.turn
      const other = yield* fork(logins.turn)
      logins.ready(sessionOf(10, false, false))
      yield* TestClock.adjust(110)
      stays[0]?.()
      yield* TestClock.adjust(0)
      assert.strictEqual(result(other), "waiting")
    })
  )

  it.effect("let who waits try as soon as an attempt was refused, and not when a login would have ended", () =>
    Effect.gen(function* () {
      const { logins } = yield* make
      yield* logins.turn
      const other = yield* fork(logins.turn)
      yield* TestClock.adjust(100)
      logins.failed(0, refused)
      yield* TestClock.adjust(25)
      assert.isAtLeast(yield* settled(other), 115)
    })
  )

  it.effect("try again at once what the server dropped, and the third time a second later", () =>
    Effect.gen(function* () {
      const { logins, turn } = yield* make
      yield* logins.turn
      logins.failed(0, reset)
      const second = yield* turn(25)
      const third = yield* turn(1101)
      assert.isAtLeast(third - second, 1100)
    })
  )

  for (const [what, age, isReplaced, follow] of [
    ["for longer than a server takes to drop it", 5000, false, "Success"],
    ["for a moment, and was replaced by this program", 200, true, "Success"],
    ["for a moment, and was dropped", 200, false, "waiting"]
  ] as const) {
    it.effect(`after a session that lived ${what}, the other lanes: ${follow}`, () =>
      Effect.gen(function* () {
        const { logins, stays, turn } = yield* make
        yield* logins.turn
        logins.ready(sessionOf(0))
        yield* TestClock.adjust(100)
        stays[0]?.()
        yield* TestClock.adjust(age - 100)
        logins.lost(0, sessionOf(0, isReplaced), false)
        yield* turn(25)
        assert.strictEqual(result(yield* fork(logins.turn)), follow)
      })
    )
  }
})
