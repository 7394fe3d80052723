import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Round from "../failover/Round.ts"
import * as Rows from "../failover/Rows.ts"
import * as StandIn from "../failover/StandIn.ts"
import * as Subject from "../failover/Subject.ts"
import * as Verdict from "../failover/Verdict.ts"

/** What a row finds broken. How long anything took is left to `pnpm test:failover`: this machine may be busy. */
const brokenIn = Effect.fnUntraced(function* (name: string, subject: Round.Settings["subject"]) {
  const row = Rows.all.find((row) => row.name === name)
  if (row === undefined) return yield* Effect.die(new Error(`there is no row ${name}`))
  const figures = yield* Round.play(row, { rate: 200, cacheKeys: 1000, subject })
  return Verdict.of(row.limits, figures).flatMap(({ holds, measured, what }) =>
    holds || timed.has(what) ? [] : [`${what}: ${measured}`]
  )
})

const timed = new Set(["back within", "undisturbed from", "longest wait", "calls of the cache not answered"])

describe("failovers", () => {
  it.live(
    "a sentinel's and a cluster's master are killed: nothing is executed twice, lost or left in the journal",
    () =>
      Effect.gen(function* () {
        const played = ["sentinel-killed", "cluster-killed"].map((name) => brokenIn(name, Subject.make))
        assert.deepStrictEqual(yield* Effect.all(played, { concurrency: "unbounded" }), [[], []])
      }),
    60_000
  )

  it.live(
    "slots move: no call fails, and nothing is executed twice or lost",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* brokenIn("slots-moved", Subject.make), [])
      }),
    60_000
  )

  it.live(
    "the driver's own cluster is seen to execute twice where replies are cut",
    () =>
      Effect.gen(function* () {
        const broken = yield* brokenIn("replies-cut", StandIn.make)
        assert.match(broken.join(), /^executed twice: \d+$/)
      }),
    60_000
  )
})
