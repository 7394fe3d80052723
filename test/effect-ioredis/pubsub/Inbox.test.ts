import { assert, describe, it } from "@effect/vitest"
import { Cause, DateTime, Effect, Fiber } from "effect"
import { RedisError, type RedisPubSub } from "effect-ioredis"
import { Inbox } from "../../../packages/effect-ioredis/src/internal/pubsub/Inbox.ts"

const message = (n: number): RedisPubSub.Message => ({
  _tag: "Message",
  channel: "c",
  pattern: undefined,
  payload: String(n)
})

/** What is taken, a gap as its reason, its bounds and what it counts. */
const shown = (events: ReadonlyArray<RedisPubSub.Message | RedisPubSub.Gap>) =>
  events.map((event) =>
    event._tag === "Message"
      ? event.payload
      : [event.reason, DateTime.toEpochMillis(event.since), DateTime.toEpochMillis(event.until), event.missed]
  )

describe("Inbox", () => {
  it.effect("gives what came, in its order, and waits for more", () =>
    Effect.gen(function* () {
      const inbox = new Inbox(10, () => 0)
      const waiting = yield* Effect.forkChild(inbox.take)
      yield* Effect.yieldNow
      inbox.offer(message(1), 0)
      assert.deepStrictEqual(shown(yield* Fiber.join(waiting)), ["1"])
      inbox.offer(message(2), 0)
      inbox.offer(message(3), 0)
      assert.deepStrictEqual(shown(yield* inbox.take), ["2", "3"])
    })
  )

  it.effect("holds so many and counts the rest, until somebody takes them or more may be missing", () =>
    Effect.gen(function* () {
      let now = 0
      const inbox = new Inbox(2, () => now)
      for (let n = 1; n <= 5; n++) {
        now = n * 10
        inbox.offer(message(n), now - 5)
      }
      now = 100
      assert.deepStrictEqual(shown(yield* inbox.take), ["1", "2", ["Overflow", 25, 100, 3]])
      for (let n = 6; n <= 8; n++) inbox.offer(message(n), 100)
      now = 200
      inbox.miss("Reconnected", 150)
      inbox.offer(message(9), 200)
      now = 300
      assert.deepStrictEqual(shown(yield* inbox.take), [
        "6",
        "7",
        ["Overflow", 100, 200, 1],
        ["Reconnected", 150, 200, undefined],
        ["Overflow", 200, 300, 1]
      ])
    })
  )

  it.effect("holds that it begins besides as many messages as it may, and counts that as no loss", () =>
    Effect.gen(function* () {
      let now = 10
      const gaps: Array<string> = []
      const inbox = new Inbox(
        1,
        () => now,
        (reason) => gaps.push(reason)
      )
      inbox.begin(5)
      now = 20
      inbox.offer(message(1), 10)
      inbox.offer(message(2), 10)
      assert.deepStrictEqual(shown(yield* inbox.take), [["Subscribed", 5, 10, undefined], "1", ["Overflow", 10, 20, 1]])
      inbox.offer(message(3), 20)
      inbox.offer(message(4), 20)
      assert.deepStrictEqual(shown(yield* inbox.take), ["3", ["Overflow", 20, 20, 1]])
      assert.deepStrictEqual(gaps, ["Overflow", "Overflow"])
    })
  )

  it("tells of each gap when it begins", () => {
    const gaps: Array<string> = []
    const inbox = new Inbox(
      1,
      () => 0,
      (reason) => gaps.push(reason)
    )
    for (let n = 1; n <= 3; n++) inbox.offer(message(n), 0)
    inbox.miss("Reconnected", 0)
    inbox.miss("SlotMoved", 0)
    assert.deepStrictEqual(gaps, ["Overflow", "Reconnected", "SlotMoved"])
  })

  it.effect("makes one gap of several in a row, and of all of them beyond a hundred", () =>
    Effect.gen(function* () {
      let now = 0
      const inbox = new Inbox(2, () => now)
      for (now = 1; now <= 3; now++) inbox.miss("Reconnected", now - 1)
      assert.deepStrictEqual(shown(yield* inbox.take), [["Reconnected", 0, 3, undefined]])
      for (now = 10; now < 1000; now++) {
        for (let n = 0; n < 5; n++) inbox.offer(message(n), now)
        inbox.miss("Reconnected", now)
      }
      const events = shown(yield* inbox.take)
      assert.isAtMost(events.length, 103)
      assert.deepStrictEqual(events.slice(0, 3), ["0", "1", ["Overflow", 10, 10, 3]])
      assert.deepStrictEqual(events.at(-1)?.slice(2), [999, undefined])
    })
  )

  it.effect("fails after all that it holds, and for whoever waits", () =>
    Effect.gen(function* () {
      const error = RedisError.connectionError("CONNECT", "Closed", "never")
      const inbox = new Inbox(10, () => 0)
      inbox.offer(message(1), 0)
      inbox.fail(Cause.fail(error))
      assert.deepStrictEqual(shown(yield* inbox.take), ["1"])
      assert.strictEqual(yield* Effect.flip(inbox.take), error)
      const other = new Inbox(10, () => 0)
      const waiting = yield* Effect.forkChild(Effect.flip(other.take))
      yield* Effect.yieldNow
      other.fail(Cause.fail(error))
      assert.strictEqual(yield* Fiber.join(waiting), error)
    })
  )
})
