import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fault from "../near/Fault.ts"
import * as Register from "../near/Register.ts"
import * as Round from "../near/Round.ts"

// A look at what `pnpm near` does at length: the faults that nobody but a link notices, and that all notice.
const short = (names: ReadonlyArray<string>): Round.Settings => ({
  millis: 5000,
  faults: Fault.all.filter(({ name }) => names.includes(name)),
  fault: 900,
  calm: 400,
  maxStaleness: 500
})

describe("near regions, a short round", { timeout: 120_000 }, () => {
  it.live("answer nothing that was replaced maxStaleness ago, whatever is wrong with their links", () =>
    Effect.gen(function* () {
      const settings = short(["link frozen", "data cut", "flushed"])
      const figures = yield* Round.play(settings)
      // What is near again how soon is for the whole round to say, which has the machine to itself.
      assert.deepStrictEqual(Round.broken({ ...figures, notNear: [] }, settings.maxStaleness), [])
      assert.isAbove(figures.near, 500)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("the checker of near regions", { timeout: 120_000 }, () => {
  it.live("finds a stand-in that ignores what it is told", () =>
    Effect.gen(function* () {
      const figures = yield* Round.play({ ...short(["data cut"]), millis: 1000, isDeaf: true })
      assert.isAbove(figures.stale.length, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  const stamp = (version: number, at: number) => ({ key: "k", version, at })

  it("finds a version that was replaced too long before the read began, and nothing else", () => {
    const register = Register.make()
    register.acknowledge(stamp(1, 0))
    const stale = (version: number, at: number) => Register.staleOf(register, [stamp(version, at)], 500).length
    assert.strictEqual(stale(1, 10_000), 0)
    register.acknowledge(stamp(3, 1000))
    assert.strictEqual(stale(1, 1499), 0)
    assert.strictEqual(stale(1, 1500), 1)
    // Not acknowledged, and so perhaps the newest that Redis had.
    assert.strictEqual(stale(2, 999), 0)
    assert.strictEqual(stale(3, 10_000), 0)
    // A later version counts from when it was acknowledged itself, whichever came first.
    register.acknowledge(stamp(2, 2000))
    assert.strictEqual(stale(1, 1500), 1)
    register.forget()
    assert.strictEqual(stale(1, 1500), 0)
  })
})
