import { assert, describe, it } from "@effect/vitest"
import { Data, Effect } from "effect"
import type { Child } from "../../bench/src/Child.ts"
import * as Result from "../../bench/src/Result.ts"
import * as Rounds from "../../bench/src/Rounds.ts"
import * as Targets from "../../bench/src/Targets.ts"

class WriteNotApplied extends Data.TaggedError("WriteNotApplied")<{ readonly message: string }> {}

/** A contender that does a thousand operations in a second, or whose `failing` method fails. */
const contender = (name: string, failing?: string): Child => ({
  name,
  pid: 0,
  // What each method answers is known here alone, as in `Child`.
  request: <A>(method: string) =>
    method === failing
      ? Effect.fail(new WriteNotApplied({ message: `${name}: a write was not applied\n    at somewhere` }))
      : (Effect.succeed(
          method === "warm" ? 1000 : { operations: 1000, millis: 1000, cpuMicros: 1 }
        ) as Effect.Effect<A>)
})

const workload = { operation: "get", size: "200 B", inFlight: 256 } as const
const baseline = "ioredis:autoPipelining"

describe("a benchmark in which calls fail", () => {
  for (const method of ["prepare", "warm", "round"]) {
    it.effect(`goes on without the contender that fails in ${method}, and says so`, () =>
      Effect.gen(function* () {
        const contenders = [contender(baseline), contender("ours", method), contender("persistence")]
        const cell = yield* Rounds.measure({ workload, contenders, baseline })
        const results = [{ scenario: "get", cells: [cell] }]
        assert.strictEqual(Result.find(results, cell.name, baseline), 1000)
        assert.strictEqual(Result.find(results, cell.name, "persistence"), 1000)
        assert.strictEqual(Result.find(results, cell.name, "ours"), undefined)
        assert.deepStrictEqual(Result.withoutFigure(results), [
          "get, 200 B, 256 in flight, ours does not count: ours: a write was not applied"
        ])
        assert.include(
          Targets.format(results),
          "does not count: get, 200 B, 256 in flight, ours / ioredis:autoPipelining"
        )
      })
    )
  }

  it("names the scenario that ended early", () => {
    assert.deepStrictEqual(Result.withoutFigure([{ scenario: "heap", cells: [], failure: "no reply" }]), [
      "the rest of heap does not count: no reply"
    ])
  })
})

describe("a target that is of a detail", () => {
  const row = (contender: string, cpu: number) => ({
    contender,
    figure: { median: 1, min: 1, max: 1 },
    detail: { "cpu µs": cpu, "server µs": cpu }
  })
  const linesOf = (ours: number, raw: number) => {
    const rows = [row("ours:near", ours), row(baseline, raw)]
    const cells = [{ name: "near, 84 % from memory", unit: "ops/s" as const, baseline, rows }]
    return Targets.format([{ scenario: "near", cells }]).split("\n")
  }

  it("is met or not by that detail, whatever the figures are", () => {
    const met = linesOf(1, 4).filter((line) => line.startsWith("  met"))
    assert.strictEqual(met.length, 2)
    assert.match(met[0] ?? "", /ioredis:autoPipelining \/ ours:near, cpu µs +4\.00 x {2}\(at least 2\.5 x\)/)
    assert.match(met[1] ?? "", /ours:near \/ ioredis:autoPipelining, server µs +0\.25 x {2}\(at most 0\.25 x\)/)
    assert.strictEqual(linesOf(1, 2).filter((line) => line.startsWith("  NOT MET")).length, 2)
  })
})
