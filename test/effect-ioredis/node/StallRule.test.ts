import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import type { RedisConnection } from "effect-ioredis"
import { TestClock } from "effect/testing"
import * as Deadlines from "../../../packages/effect-ioredis/src/internal/Deadlines.ts"
import * as Monotonic from "../../../packages/effect-ioredis/src/internal/Monotonic.ts"
import type { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import * as StallRule from "../../../packages/effect-ioredis/src/internal/node/StallRule.ts"

describe("StallRule", () => {
  const commandTimeout = 1000

  const fakeSession = () => {
    const state = { activity: 0, inFlight: 1, open: true, replies: 0 }
    const connection = { activity: () => state.activity, inFlight: () => state.inFlight, isOpen: () => state.open }
    // The rule reads nothing else of a session.
    const session = {
      connection: connection as unknown as RedisConnection.RedisConnection,
      get replies() {
        return state.replies
      },
      watch: undefined
    } as unknown as NodeSession
    return { session, state }
  }

  const rule = Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const now = () => Monotonic.millis(clock)
    const stalls: Array<readonly [at: number, since: number]> = []
    const startedAt = now()
    const deadlines = yield* Deadlines.make(() => 0)
    const made = StallRule.make({
      commandTimeout,
      deadlines,
      now,
      onStall: (_, since) => stalls.push([now() - startedAt, since - startedAt])
    })
    const suspect = (session: NodeSession, activity: number, since: number) =>
      made.suspect(session, activity, since, now())
    return { suspect, now, stalls }
  })

  it.effect("finds a stall at once where the silence has lasted long enough", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session } = fakeSession()
      const since = now()
      yield* TestClock.adjust(commandTimeout)
      suspect(session, 0, since)
      assert.deepStrictEqual(stalls, [[1000, 0]])
    })
  )

  it.effect("waits for the rest of the time after a short deadline, and is told of it once", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session } = fakeSession()
      const since = now()
      yield* TestClock.adjust(100)
      suspect(session, 0, since)
      suspect(session, 0, since)
      yield* TestClock.adjust(899)
      assert.deepStrictEqual(stalls, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(stalls, [[1000, 0]])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(stalls.length, 1)
    })
  )

  it.effect("lets go of a connection that speaks and has nothing in flight, or that was lost", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const answered = fakeSession()
      const lost = fakeSession()
      suspect(answered.session, 0, now())
      suspect(lost.session, 0, now())
      answered.state.activity++
      answered.state.inFlight = 0
      lost.state.open = false
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(stalls, [])
    })
  )

  it.effect("finds one that only trickles after five times as long, and none where replies are completed", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const trickling = fakeSession()
      const slow = fakeSession()
      suspect(trickling.session, 0, now())
      suspect(slow.session, 0, now())
      for (let n = 0; n < 20 && stalls.length === 0; n++) {
        yield* TestClock.adjust(500)
        trickling.state.activity++
        slow.state.activity++
        if (n % 4 === 0) slow.state.replies++
      }
      assert.deepStrictEqual(stalls, [[5000, 0]])
    })
  )

  it.effect("counts the silence anew from the last byte on", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session, state } = fakeSession()
      suspect(session, 0, now())
      yield* TestClock.adjust(999)
      state.activity++
      yield* TestClock.adjust(1001)
      assert.deepStrictEqual(stalls, [[2000, 1000]])
    })
  )

  it.effect("does not wait longer for a silence because it watched the connection before", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session, state } = fakeSession()
      suspect(session, 0, now())
      yield* TestClock.adjust(300)
      state.activity++ // an answer: what follows is the silence
      const since = now()
      yield* TestClock.adjust(500)
      suspect(session, 1, since)
      yield* TestClock.adjust(499)
      assert.deepStrictEqual(stalls, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(stalls, [[1300, 300]])
      state.open = false
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(stalls.length, 1)
    })
  )

  it.effect("takes the word of the one who has waited longest", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session } = fakeSession()
      const since = now()
      yield* TestClock.adjust(400)
      suspect(session, 0, now())
      suspect(session, 0, since)
      suspect(session, 0, now())
      yield* TestClock.adjust(600)
      assert.deepStrictEqual(stalls, [[1000, 0]])
    })
  )

  it.effect("finds one that trickles also where callers report each pause", () =>
    Effect.gen(function* () {
      const { now, stalls, suspect } = yield* rule
      const { session, state } = fakeSession()
      suspect(session, 0, now())
      for (let n = 0; n < 20 && stalls.length === 0; n++) {
        const since = now()
        yield* TestClock.adjust(500)
        suspect(session, state.activity, since)
        yield* TestClock.adjust(250)
        state.activity++
      }
      assert.deepStrictEqual(stalls, [[5000, 0]])
    })
  )
})
