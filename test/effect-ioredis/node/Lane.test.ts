import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { type RedisConnection, RedisError } from "effect-ioredis"
import { TestClock } from "effect/testing"
import { unknown } from "../../../packages/effect-ioredis/src/internal/node/History.ts"
import * as Lane from "../../../packages/effect-ioredis/src/internal/node/Lane.ts"
import type { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import { fork, withRedis } from "../../support/VirtualRedis.ts"

describe("A login", () => {
  it.effect("that dies is tried again", () => {
    let logins = 0
    return withRedis({
      login: Effect.suspend(() => (logins++ === 1 ? Effect.die(new Error("boom")) : Effect.succeed({})))
    })((redis) =>
      Effect.gen(function* () {
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    ).pipe(Effect.asVoid)
  })
})

/** A lane whose node lets it log in each second, and what it told its node. */
const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const lane = Lane.make()
  const told: Array<string> = []
  const say = (what: string) => told.push(`${what}${lane.session === undefined ? "" : ", in a session"}`)
  const state = {
    refused: 0,
    depth: 0,
    lose: (_: RedisError.RedisConnectionError): void => assert.fail("nobody listens")
  }
  // A lane asks nothing else of a connection and of a session.
  const connection = {
    onLoss: (listener: typeof state.lose) => {
      state.lose = listener
      return () => {
        told.push("let go")
      }
    }
  } as unknown as RedisConnection.RedisConnection
  const session = { replaceBefore: () => undefined } as NodeSession
  const keeper: Lane.Keeper = {
    connect: Effect.acquireRelease(
      Effect.suspend(() =>
        state.refused-- > 0
          ? Effect.fail(error("Refused"))
          : Effect.succeed({
              address: { host: "localhost", port: 1 },
              database: 0,
              username: "default",
              connection,
              introduction
            })
      ),
      () => Effect.sync(() => say("released"))
    ),
    logins: {
      turn: Effect.gen(function* () {
        yield* Effect.sleep(1000)
        state.depth = yield* depth
        return clock.currentTimeMillisUnsafe()
      }),
      failed: (beganAt, { reason }) => say(`${beganAt}: failed, ${reason}`),
      ready: () => say("ready"),
      forget: () => assert.fail("a lane forgets nothing"),
      lost: (beganAt, _, isLast) => say(`${beganAt}: lost, ${isLast ? "the last" : "one of several"}`)
    },
    isLast: () => true,
    onReady: (lane) => {
      lane.session = session
      return session
    },
    onFailed: ({ reason }) => say(`node: failed, ${reason}`),
    onLost: (_, { reason }) => say(`node: lost, ${reason}`),
    onNotReplaced: ({ reason }) => say(`node: not replaced, ${reason}`),
    mostDraining: () => 2000
  }
  return { lane, session, state, told, keeping: yield* fork(Lane.keep(lane, keeper)) }
})

/** How much the fiber that asks has still to come back to, which is no part of its type. */
const depth = Effect.withFiber((fiber) =>
  Effect.succeed((fiber as typeof fiber & { readonly _stack: ReadonlyArray<unknown> })._stack.length)
)

const error = (reason: "Refused" | "Reset") => RedisError.connectionError("CONNECT", reason, "never")
const introduction = { id: 1, history: unknown }

describe("Lane", () => {
  it.effect("tries again in its turn, and tells the logins and the node of each failure", () =>
    Effect.gen(function* () {
      const { lane, session, state, told } = yield* make
      state.refused = 2
      yield* TestClock.adjust(2000)
      const failures = [
        "1000: failed, Refused",
        "node: failed, Refused",
        "2000: failed, Refused",
        "node: failed, Refused"
      ]
      assert.deepStrictEqual(told, failures)
      assert.deepInclude({ ...lane.lastError }, { reason: "Refused" })
      assert.isUndefined(lane.session)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(told.slice(4), ["ready, in a session"])
      assert.strictEqual(lane.session, session)
    })
  )

  it.effect("has no session from the loss on, before anybody is told of it, and then waits for its turn", () =>
    Effect.gen(function* () {
      const { lane, state, told } = yield* make
      yield* TestClock.adjust(1000)
      yield* TestClock.adjust(500)
      state.lose(error("Reset"))
      assert.deepStrictEqual(told, ["ready, in a session", "1000: lost, the last", "node: lost, Reset", "released"])
      assert.deepInclude({ ...lane.lastError }, { reason: "Reset" })
      yield* TestClock.adjust(999)
      assert.strictEqual(told.length, 4)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(told.slice(4), ["ready, in a session"])
    })
  )

  it.effect("keeps nothing of the attempts at a successor that came to nothing", () =>
    Effect.gen(function* () {
      const { lane, state, told } = yield* make
      yield* TestClock.adjust(1000)
      state.refused = 10_000
      lane.succession.openUnsafe()
      yield* TestClock.adjust("100 seconds")
      const before = state.depth
      yield* TestClock.adjust("1000 seconds")
      assert.lengthOf(
        told.filter((line) => line.startsWith("node: not replaced")),
        1100
      )
      assert.strictEqual(state.depth, before)
    })
  )

  it.effect("lets go of its connection when it is interrupted", () =>
    Effect.gen(function* () {
      const { keeping, told } = yield* make
      yield* TestClock.adjust(1000)
      yield* Fiber.interrupt(keeping)
      assert.deepStrictEqual(told, ["ready, in a session", "let go", "released, in a session"])
    })
  )
})
