import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { RedisError } from "effect-ioredis"
import { unknown } from "../../../packages/effect-ioredis/src/internal/node/History.ts"
import type { Connect } from "../../../packages/effect-ioredis/src/internal/node/Lane.ts"
import type { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import * as Replacement from "../../../packages/effect-ioredis/src/internal/node/Replacement.ts"

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const state = { role: "master" as "master" | "replica", runId: "new", fails: false, looks: 0 }
  const destroyed: Array<string> = []
  const sessions = ["old", "new"].map(
    // A replacement asks nothing else of a session.
    (runId) => ({ runId, connection: { destroy: () => destroyed.push(runId) } }) as unknown as NodeSession
  )
  const connect = Effect.suspend(() => {
    state.looks++
    const { fails, role, runId } = state
    if (fails) return Effect.fail(RedisError.connectionError("CONNECT", "Refused", "never"))
    return Effect.succeed({ introduction: { id: 1, history: { ...unknown, role, runId } } } as never)
  }) as Connect
  const replacement = Replacement.make({
    connect,
    now: () => clock.currentTimeMillisUnsafe(),
    sessions: () => sessions,
    fork: (effect) => assert.isTrue(Exit.isSuccess(Effect.runSyncExitWith(context)(effect)))
  })
  return { state, destroyed, consider: replacement.consider }
})

describe("Replacement", () => {
  it.effect("replaces the connections to other servers where the address shows a master", () =>
    Effect.gen(function* () {
      const { consider, destroyed } = yield* make
      consider()
      assert.deepStrictEqual(destroyed, ["old"])
    })
  )

  for (const [what, change] of [
    ["a replica", { role: "replica" }],
    ["nobody", { fails: true }]
  ] as const) {
    it.effect(`leaves all as it is where the address shows ${what}`, () =>
      Effect.gen(function* () {
        const { consider, destroyed, state } = yield* make
        Object.assign(state, change)
        consider()
        assert.deepStrictEqual(destroyed, [])
        assert.strictEqual(state.looks, 1)
      })
    )
  }

  it.effect("looks ever more seldom, and soon again after a while of silence", () =>
    Effect.gen(function* () {
      const { consider, state } = yield* make
      state.role = "replica"
      const looksIn = Effect.fnUntraced(function* (seconds: number) {
        const before = state.looks
        for (let second = 0; second < seconds; second++) {
          consider()
          yield* TestClock.adjust("1 second")
        }
        return state.looks - before
      })
      // At 0, 1, 3, 7, 15, 31 and 61 seconds, and then each 30.
      assert.strictEqual(yield* looksIn(62), 7)
      assert.strictEqual(yield* looksIn(60), 2)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* looksIn(4), 3)
    })
  )
})
