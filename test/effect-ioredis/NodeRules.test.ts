import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Effect } from "effect"
import { RedisCommand, type RedisConnection } from "effect-ioredis"
import type { RedisHistory } from "effect-ioredis/dispatch"
import { TestClock } from "effect/testing"
import * as Deadlines from "../../packages/effect-ioredis/src/internal/Deadlines.ts"
import * as Monotonic from "../../packages/effect-ioredis/src/internal/Monotonic.ts"
import * as Affinity from "../../packages/effect-ioredis/src/internal/node/Affinity.ts"
import * as History from "../../packages/effect-ioredis/src/internal/node/History.ts"
import * as LoginPace from "../../packages/effect-ioredis/src/internal/node/LoginPace.ts"
import type { NodeSession } from "../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import * as RedisTime from "../../packages/effect-ioredis/src/internal/node/RedisTime.ts"
import * as StallRule from "../../packages/effect-ioredis/src/internal/node/StallRule.ts"
import * as Split from "../../packages/effect-ioredis/src/internal/Split.ts"
import * as SeededRandom from "../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"

// The pure rules of a node, each on its own.

const none = "0".repeat(40)

describe("History", () => {
  const before: RedisHistory = { runId: "run1", role: "master", replid: "a", replid2: none }
  const cases: ReadonlyArray<readonly [what: string, after: Partial<RedisHistory>, mayHaveLost: boolean]> = [
    ["nothing", {}, false],
    ["the first replica attached, or an hour passed without any", { replid: "b" }, false],
    ["it was switched to a replica and back, or resynchronised in place", { replid: "b", replid2: "a" }, true],
    ["it was started anew", { runId: "run2", replid: "b" }, true],
    ["it was started anew and had its replication id restored", { runId: "run2" }, true],
    ["it is a replica now", { role: "replica", replid: "b" }, true]
  ]
  for (const [what, after, mayHaveLost] of cases) {
    it(`${mayHaveLost ? "may have lost data" : "has lost nothing"} where this happened: ${what}`, () => {
      assert.strictEqual(History.mayHaveLost(before, { ...before, ...after }), mayHaveLost)
    })
  }

  it("of a replica changes with the replication id of its master", () => {
    const replica: RedisHistory = { ...before, role: "replica" }
    assert.isTrue(History.mayHaveLost(replica, { ...replica, replid: "b" }))
    assert.isFalse(History.mayHaveLost(replica, { ...replica }))
  })

  it("of a user who may ask for nothing never changes by itself", () => {
    assert.isFalse(History.mayHaveLost(History.unknown, History.unknown))
  })

  it("is read from INFO and from HELLO", () => {
    const info =
      "# Server\r\nrun_id:abc\r\n\r\n# Replication\r\nrole:slave\r\nmaster_replid:d1\r\nmaster_replid2:e2\r\n"
    assert.deepStrictEqual(History.parse(info), { runId: "abc", role: "replica", replid: "d1", replid2: "e2" })
    assert.deepStrictEqual(History.parse(""), History.unknown)
    assert.strictEqual(History.roleInHello(["proto", 2, "role", "master", "modules", []]), "master")
    assert.strictEqual(History.roleInHello(["proto", 2]), undefined)
    assert.strictEqual(History.roleInHello(null), undefined)
  })
})

describe("Affinity", () => {
  interface Lane {
    open: boolean
    readonly queue: Array<{ readonly key: string; readonly n: number; readonly done: () => void }>
  }

  it("never lets a command overtake an earlier one of its key on a connection that lives", () => {
    for (const seed of Arr.range(1, 200)) {
      const random = SeededRandom.make(seed)
      const below = (n: number) => Math.floor(random() * n)
      const lanes = Array.from({ length: 1 + below(5) }, (): Lane => ({ open: true, queue: [] }))
      const affinity = Affinity.make(lanes, ({ open }) => open)
      const executed = new Map<string, number>()
      const lose = (lane: Lane) => {
        lane.open = false
        for (const { done } of lane.queue.splice(0)) done()
      }
      for (let n = 0; n < 300; n++) {
        const lane = lanes[below(lanes.length)]
        if (lane === undefined) continue
        const what = random()
        if (what < 0.5) {
          const key = `k${below(20)}`
          const bucket = affinity.bucketOf(key)
          const chosen = affinity.laneOf(bucket)
          assert.strictEqual(
            chosen === undefined,
            lanes.every(({ open }) => !open)
          )
          if (chosen === undefined) continue
          assert.isTrue(chosen.open, "it chose a lane that is not open")
          bucket.inFlight++
          chosen.queue.push({ key, n, done: () => bucket.inFlight-- })
        } else if (what < 0.85) {
          const next = lane.queue.shift()
          if (next === undefined) continue
          next.done()
          assert.isAbove(next.n, executed.get(next.key) ?? -1, `seed ${seed}: an order was lost`)
          executed.set(next.key, next.n)
        } else if (what < 0.95) lane.open = true
        else lose(lane)
        affinity.checkInvariants()
      }
    }
  })

  it("spreads keys over all lanes", () => {
    const lanes = [0, 1, 2, 3, 4]
    const affinity = Affinity.make(lanes, () => true)
    const counts = lanes.map(() => 0)
    for (let n = 0; n < 5000; n++) {
      const lane = affinity.laneOf(affinity.bucketOf(`user:${n}`)) ?? -1
      counts[lane] = (counts[lane] ?? 0) + 1
    }
    for (const count of counts) assert.isAbove(count, 600)
  })
})

describe("Split", () => {
  const placeOf = (key: RedisCommand.Argument) => String(key).charCodeAt(1) % 3
  const keys = Arr.range(0, 25).map((n) => `k${String.fromCharCode(97 + ((n * 7) % 26))}`)

  it("and join give each key its own value, in order", () => {
    const command = RedisCommand.make("MGET", keys, { reply: "bytes" })
    const parts = Split.split(command, placeOf)
    assert.strictEqual(parts.length, 3)
    for (const part of parts) {
      assert.strictEqual(part.command.reply, "bytes")
      assert.strictEqual(part.command.kind, command.kind)
      assert.isTrue(part.command.args.every((key) => placeOf(key) === part.place))
    }
    const replies = parts.map((part) => part.command.args.map((key) => `value of ${key}`))
    assert.deepStrictEqual(
      Split.join(command, parts, replies),
      keys.map((key) => `value of ${key}`)
    )
  })

  it("and join add counts up", () => {
    for (const name of ["DEL", "UNLINK", "EXISTS", "TOUCH"]) {
      const command = RedisCommand.make(name, [...keys, "ka"])
      const parts = Split.split(command, placeOf)
      const replies = parts.map((part) => part.command.args.length)
      assert.strictEqual(Split.join(command, parts, replies), 27)
    }
  })

  it("send what belongs to one place as it is", () => {
    const command = RedisCommand.make("UNLINK", keys)
    const [part, ...others] = Split.split(command, () => "one")
    assert.strictEqual(part?.command, command)
    assert.strictEqual(others.length, 0)
  })
})

describe("RedisTime", () => {
  it("goes by the quickest answer, until it is refreshed", () => {
    let wall = 1_000_000
    const time = RedisTime.make(() => wall)
    const told = (millis: number) => [String(Math.floor(millis / 1000)), String((millis % 1000) * 1000)]
    assert.strictEqual(time.now(), wall)
    time.learn(told(wall + 5000), wall - 100, wall)
    assert.strictEqual(time.now(), wall + 5050)
    time.learn(told(wall + 9000), wall - 200, wall)
    assert.strictEqual(time.now(), wall + 5050, "a slower answer was taken")
    time.learn(told(wall + 5001), wall - 2, wall)
    assert.strictEqual(time.now(), wall + 5002)
    time.refresh()
    wall += 60_000
    assert.strictEqual(time.now(), wall + 5002, "refreshing forgot what was known")
    time.learn(told(wall + 7000), wall - 500, wall)
    assert.strictEqual(time.now(), wall + 7250)
  })

  it("takes no answer that is none, and none from a clock that was set back meanwhile", () => {
    const time = RedisTime.make(() => 1000)
    for (const reply of [null, "OK", [], ["1"], ["x", "y"], ["1", "2", "3"]]) time.learn(reply, 900, 1000)
    time.learn(["50", "0"], 1000, 900)
    assert.strictEqual(time.now(), 1000)
  })
})

describe("LoginPace", () => {
  const { began, delay, dropped, ended, initial, moment, refused, settledAfter, stayed } = LoginPace

  it("lets no server that drops logins see three in a second, however many lanes ask", () => {
    for (const seed of Arr.range(1, 60)) {
      const random = SeededRandom.make(seed)
      const lanes = Array.from({ length: 1 + Math.floor(random() * 5) }, () => 0)
      // Beyond the moment, so that the lanes of a pool may have followed the first.
      const lives = random() * 1000
      const logins: Array<number> = []
      let pace = initial
      let firstDropped = Number.POSITIVE_INFINITY
      for (let now = 0; now < 20_000; now++) {
        for (const [lane, until] of lanes.entries()) {
          if (until > 0 && now >= until) {
            const beganAt = until - lives
            firstDropped = Math.min(firstDropped, now)
            pace = dropped(pace, beganAt, now, random())
            lanes[lane] = 0
          } else if (until > 0) pace = stayed(pace, until - lives, Math.max(0, now - (until - lives)))
          else if (now >= pace.nextAt) {
            pace = began(pace, now, random())
            logins.push(now)
            lanes[lane] = now + lives
          }
        }
      }
      const after = logins.filter((at) => at > firstDropped)
      assert.isAbove(after.length, 15)
      for (const [n, at] of after.slice(2).entries()) assert.isAtLeast(at - (after[n] ?? at), 1000, `seed ${seed}`)
      if (lives < moment) assert.isAtMost(logins.filter((at) => at < 1000).length, 2)
    }
  })

  it("lets the others follow as soon as the first has stayed for a moment", () => {
    const first = began(initial, 1000, 0.5)
    assert.isAbove(first.nextAt, 1000 + moment)
    assert.strictEqual(stayed(first, 1010, moment - 1), first)
    const kept = stayed(first, 1010, moment)
    assert.strictEqual(kept.nextAt, 1010 + moment)
    assert.strictEqual(began(kept, 1200, 0.5), kept)
  })

  it("trusts a server that dropped a login only after one that is younger has stayed for seconds", () => {
    const kept = stayed(began(initial, 0, 0), 0, moment)
    const doubted = dropped(kept, 200, 300, 0)
    assert.strictEqual(doubted.nextAt, 315)
    assert.strictEqual(began(doubted, 315, 0).nextAt, 1415, "two came within a second")
    assert.strictEqual(stayed(doubted, 0, settledAfter), doubted, "an older session says nothing")
    assert.strictEqual(stayed(doubted, 800, moment), doubted)
    assert.strictEqual(stayed(doubted, 800, settledAfter).trust, "Keeps")
  })

  it("holds the others back where a session is dropped that is older than a failure, once the server has kept one", () => {
    const failed = refused(stayed(began(initial, 0, 0), 0, moment), 200, 0)
    const kept = stayed(began(failed, 220, 0), 220, moment)
    const doubted = dropped(kept, 0, 1000, 0)
    assert.deepStrictEqual([doubted.trust, doubted.nextAt], ["Drops", 1015])
    assert.strictEqual(dropped(doubted, 100, 1000, 0), doubted, "the others are dropped with it")
  })

  it("recovers from a blink at once", () => {
    const kept = stayed(began(initial, 0, 0), 0, moment)
    const one = ended(kept, false, 10_000, 0.5)
    assert.strictEqual(one.nextAt, 10_020)
    assert.strictEqual(began(one, 10_020, 0.5), one, "the others need not wait")
    const all = ended(kept, true, 10_000, 0.5)
    assert.strictEqual(all.nextAt, 10_020)
    assert.isAbove(began(all, 10_020, 0.5).nextAt, 10_500)
  })

  it("tries an address that refuses soon, and then ever more slowly", () => {
    for (const random of [0, 0.5, 0.999_999]) {
      assert.isAtMost(delay(1, random), 25)
      const delays = Arr.range(1, 1000).map((refusals) => delay(refusals, random))
      for (const delay of delays.slice(5)) assert.isAtLeast(delay, 500)
      for (const delay of delays) assert.isAtMost(delay, 750)
    }
    const thrice = Arr.range(1, 3).reduce((pace) => refused(pace, 1000, 0.5), began(initial, 1000, 0.5))
    assert.strictEqual(thrice.nextAt, 1080)
  })
})

describe("StallRule", () => {
  const commandTimeout = 1000

  const fakeSession = () => {
    const state = { activity: 0, inFlight: 1, open: true, replies: 0, watched: false }
    const connection = { activity: () => state.activity, inFlight: () => state.inFlight, isOpen: () => state.open }
    // The rule reads nothing else of a session.
    const session = {
      connection: connection as unknown as RedisConnection.RedisConnection,
      get replies() {
        return state.replies
      },
      watched: false
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
})
