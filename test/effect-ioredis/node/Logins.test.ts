import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { fork, result, type Server, withRedis } from "../../support/VirtualRedis.ts"

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
