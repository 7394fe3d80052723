import { assert, describe, it } from "@effect/vitest"
import { Array as Arr } from "effect"
import * as LoginPace from "../../../packages/effect-ioredis/src/internal/node/LoginPace.ts"
import * as SeededRandom from "../../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"

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
