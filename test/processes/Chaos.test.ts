import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Checker from "../chaos/Checker.ts"
import * as Fault from "../chaos/Fault.ts"
import * as Figures from "../chaos/Figures.ts"
import * as Known from "../chaos/Known.ts"
import * as Report from "../chaos/Report.ts"
import * as Round from "../chaos/Round.ts"

// A look at what `pnpm chaos` does at length: two of the faults that would bring back the most.
const short: Round.Settings = {
  calm: "400 millis",
  fault: "2 seconds",
  // Long enough to see Redis used again, on a machine that does other things at once too.
  after: "6 seconds",
  workers: ["a", "b"],
  fibers: 200,
  rate: 600,
  ownKeys: 300,
  sharedKeys: 60,
  patienceMillis: 500,
  resetTimeoutMillis: 300,
  connections: 3,
  caches: 2
}

describe("chaos, a short round", { timeout: 120_000 }, () => {
  it.live(
    "contradicts nothing acknowledged and answers every call while Redis freezes and comes back with old data",
    () =>
      Effect.gen(function* () {
        const faults = Fault.all.filter(({ name }) => ["frozen", "old-data"].includes(name))
        const { outcomes } = yield* Round.play(faults, short, () => Effect.void)
        const figures = outcomes.map(Figures.make)
        for (const one of figures) {
          assert.strictEqual(one.contradicted, 0, JSON.stringify(one.contradictions))
          assert.strictEqual(one.shared.broughtBack, 0)
          assert.strictEqual(one.redisHoldsOlder, 0)
          assert.strictEqual(one.answered, one.calls)
          assert.isAtMost(one.slowestLessDelay.lessDelay, short.patienceMillis + 250)
          assert.isNotNull(one.backMillis)
          assert.isAbove(one.calls, 1000)
          assert.isAbove(one.checkedReads, 500)
          assert.isAbove(one.redisHolds, 0)
        }
        // The circuit was open for a part of the first, or it measured nothing. How fast those reads were is for the whole round to say, which
        // has the machine to itself.
        assert.isAbove(figures[0]?.openReads ?? 0, 100)

        const page = Report.html({ outcomes, figures, broken: Figures.broken(figures, short), settings: short })
        assert.include(page, "SIGSTOP, then SIGCONT")
        assert.notMatch(page, /NaN|undefined|Infinity|https?:/)
      }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("the checkers of chaos", { timeout: 120_000 }, () => {
  it.live("find what is not promised: two caches that do not stand on one client", () =>
    Effect.gen(function* () {
      const faults = Fault.all.filter(({ name }) => name === "killed")
      const { outcomes } = yield* Round.play(faults, { ...short, areClientsApart: true }, () => Effect.void)
      for (const one of outcomes.map(Figures.make)) {
        assert.isAbove(one.contradicted, 0)
        assert.isAbove(one.shared.broughtBack + one.shared.foreignBroughtBack, 0)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("find a value that was known before the last acknowledged write, and nothing else", () => {
    const known = Known.make()
    known.learn(1, "foreign")
    const mark = known.ask()
    known.learn(1, "own")
    // Not acknowledged yet: either may be read.
    assert.isFalse(known.contradicts(known.floor(1), 1, "foreign"))
    known.acknowledge(1, mark)
    assert.isTrue(known.contradicts(known.floor(1), 1, "foreign"))
    assert.isFalse(known.contradicts(known.floor(1), 1, "own"))
    assert.isFalse(known.contradicts(known.floor(1), 1, "unheard of"))
    assert.isFalse(known.contradicts(known.floor(2), 2, "foreign"))
  })

  const value = (key: number, version: number) => ({ key, version })

  it("finds a read that is older than what was acknowledged before it began, and nothing else", () => {
    const checker = Checker.make(2)
    const first = checker.write(1)
    checker.acknowledge(1, first)
    const second = checker.write(1)
    const floor = checker.floor(1)
    // Not acknowledged yet: either may be read.
    assert.isFalse(Checker.contradicts(floor, 1, value(1, first)))
    assert.isFalse(Checker.contradicts(floor, 1, value(1, second)))
    checker.acknowledge(1, second)
    // The read that began before may still return the older one, one that begins now may not.
    assert.isFalse(Checker.contradicts(floor, 1, value(1, first)))
    assert.isTrue(Checker.contradicts(checker.floor(1), 1, value(1, first)))
    assert.isFalse(Checker.contradicts(checker.floor(1), 1, value(1, second)))
  })

  it("finds another key's value", () => {
    assert.isTrue(Checker.contradicts(0, 1, value(0, 7)))
  })

  it("does not take an older write for the newest because its acknowledgement came later", () => {
    const checker = Checker.make(1)
    const [first, second] = [checker.write(0), checker.write(0)]
    checker.acknowledge(0, second)
    checker.acknowledge(0, first)
    assert.strictEqual(checker.floor(0), second)
    assert.strictEqual(checker.latest(0), second)
  })
})
