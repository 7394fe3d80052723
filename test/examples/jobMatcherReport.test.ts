import { assert, describe, it } from "@effect/vitest"
import * as Report from "../../examples/job-matcher/src/demo/Report.ts"

type States = Report.Run["breaker"]

const stats = (breaker: States, hits: number) => ({ redisHits: hits, memoryHits: hits, misses: 0, lookups: 1, breaker })

const run = (options: {
  readonly breaker: States
  readonly recoveredMs?: number | undefined
  readonly errors?: Array<string>
}): Report.Run => {
  const errors = options.errors ?? []
  const tally = { requests: 3 + errors.length, answered: 3, errors, latencies: [1, 3, 2] }
  return {
    phases: [
      { name: "killed", tally, before: stats(["Closed"], 0), after: stats(options.breaker, 5), recoveredMs: undefined },
      {
        name: "restarted",
        tally: { requests: 1, answered: 1, errors: [], latencies: [4] },
        before: stats(options.breaker, 5),
        after: stats(options.breaker, 7),
        recoveredMs: options.recoveredMs
      }
    ],
    breaker: options.breaker,
    resetTimeoutMs: 1_000
  }
}

const broken = (run: Report.Run) =>
  Report.verdict(run)
    .filter(({ kept }) => !kept)
    .map(({ says }) => says)

describe("the demo's report", () => {
  const roundTrip: States = ["Closed", "Open", "HalfOpen", "Open", "HalfOpen", "Closed"]

  it("finds every promise kept", () => {
    assert.deepStrictEqual(broken(run({ breaker: roundTrip, recoveredMs: 2_000 })), [])
  })

  it("is the JSON that was agreed on", () => {
    assert.deepStrictEqual(Report.summary(run({ breaker: roundTrip, recoveredMs: 412.4 })), {
      requests: 4,
      answered: 4,
      errors: 0,
      phases: [
        { name: "killed", requests: 3, p50Ms: 2, p99Ms: 3, maxMs: 3, redisHits: 5, memoryHits: 5, lookups: 0 },
        { name: "restarted", requests: 1, p50Ms: 4, p99Ms: 4, maxMs: 4, redisHits: 2, memoryHits: 2, lookups: 0 }
      ],
      breaker: roundTrip,
      recoveredMs: 412
    })
  })

  it("tells the failed probes of an outage together", () => {
    assert.deepStrictEqual(
      Report.path([...roundTrip, "Open", "HalfOpen", "Closed"]),
      "Closed → 2 × (Open → HalfOpen) → Closed → Open → HalfOpen → Closed"
    )
  })

  it("names the first answer that was missing or wrong", () => {
    assert.deepStrictEqual(broken(run({ breaker: roundTrip, recoveredMs: 1, errors: ["status 500", "status 502"] })), [
      '4 of 6 requests were answered right, 2 were not. The first, while "killed": status 500'
    ])
  })

  it("names a breaker that did not open, did not probe, or did not close", () => {
    for (const breaker of [["Closed"], ["Closed", "Open", "Closed"], ["Closed", "Open", "HalfOpen"]] as const) {
      assert.deepStrictEqual(broken(run({ breaker, recoveredMs: 1 })), [
        `Redis killed: the breaker went ${breaker.join(" → ")}, which is not Closed → Open → HalfOpen → Closed.`
      ])
    }
  })

  it("names a recovery that took longer than twice the reset timeout", () => {
    assert.deepStrictEqual(broken(run({ breaker: roundTrip, recoveredMs: 2_001 })), [
      "Redis killed: back in use only 2,001 ms after it answered again (allowed: 2,000 ms, twice the reset timeout)."
    ])
  })

  it("does not pass a run without an outage", () => {
    assert.deepStrictEqual(broken(run({ breaker: [] })), [
      "There was no Redis, so nothing could be killed: this run proves nothing."
    ])
  })
})
