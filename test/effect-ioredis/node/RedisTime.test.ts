import { assert, describe, it } from "@effect/vitest"
import * as RedisTime from "../../../packages/effect-ioredis/src/internal/node/RedisTime.ts"

describe("RedisTime", () => {
  it("goes by the quickest answer, until it is renewed", () => {
    let wall = 1_000_000
    let time = RedisTime.make(() => wall)
    const told = (millis: number) => [String(Math.floor(millis / 1000)), String((millis % 1000) * 1000)]
    assert.strictEqual(time.now(), wall)
    time.learn(told(wall + 5000), wall - 100, wall)
    assert.strictEqual(time.now(), wall + 5050)
    time.learn(told(wall + 9000), wall - 200, wall)
    assert.strictEqual(time.now(), wall + 5050, "a slower answer was taken")
    time.learn(told(wall + 5001), wall - 2, wall)
    assert.strictEqual(time.now(), wall + 5002)
    const before = time
    time = before.renewed()
    wall += 60_000
    assert.strictEqual(time.now(), wall + 5002, "renewing forgot what was known")
    before.learn(told(wall + 9000), wall - 1, wall)
    assert.strictEqual(time.now(), wall + 5002, "an answer to what was asked before was taken")
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
