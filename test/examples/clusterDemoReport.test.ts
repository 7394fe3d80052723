import { assert, describe, it } from "@effect/vitest"
import * as Phase from "../../examples/cluster/src/demo/Phase.ts"
import * as Report from "../../examples/cluster/src/demo/Report.ts"
import * as Shards from "../../examples/cluster/src/demo/Shards.ts"

const counts = (lookups: number, memoryHits = 0) => ({ redisHits: 0, memoryHits, lookups })

const part = (answered: number, changes: Partial<Phase.Part["notes"]> = {}): Phase.Part => {
  const { notes, questions } = Phase.part()
  return {
    questions: { ...questions, requests: answered, answered, latencies: [3] },
    notes: { ...notes, applied: 10, ...changes }
  }
}

const phase = (name: string, changes: Partial<Phase.Phase> = {}): Phase.Phase => ({
  name,
  lost: part(5),
  others: part(9),
  before: counts(240),
  after: counts(240),
  ...changes
})

const away = { lost: part(5, { applied: 1, deferred: 4, behindDeferred: 4 }) }

const run = (changes: Partial<Report.Run> = {}, awayChanges: Partial<Phase.Phase> = {}): Report.Run => ({
  phases: [phase("all up"), phase("A away", { ...away, ...awayChanges }), phase("A replaced")],
  found: { promotedAfter: 3190, servedAfter: [90, 120] },
  truth: { notes: 24, inRedis: 24, inFirst: 24, inSecond: 24 },
  ...changes
})

const broken = (run: Report.Run) =>
  Report.verdict(run)
    .filter(({ kept }) => !kept)
    .map(({ says }) => says)

describe("the report of the demo of a cluster", () => {
  it("finds every promise kept, and says so for machines too", () => {
    assert.deepStrictEqual(broken(run()), [])
    assert.deepStrictEqual(Report.summary(run()), {
      requests: 42,
      answered: 42,
      errors: 0,
      promotedMs: 3190,
      servedMs: [90, 120],
      notes: { applied: 51, deferred: 4, contradictions: 0 },
      truth: { notes: 24, inRedis: 24, inFirst: 24, inSecond: 24 }
    })
  })

  it("names an answer that was wrong", () => {
    const lost = part(5)
    lost.questions.requests++
    lost.questions.errors.push("a wrong answer: []")
    const phases = [phase("all up", { lost }), phase("A away", away)]
    assert.deepStrictEqual(broken(run({ phases })), ["1 of 29 questions were not answered right: a wrong answer: []"])
  })

  it("names what had to be computed anew while the master was away", () => {
    assert.match(broken(run({}, { after: counts(243) }))[0] ?? "", /^While A was away, .* and 3 were computed anew/)
  })

  it("names writes to other masters that had to wait", () => {
    assert.match(broken(run({}, { others: part(9, { deferred: 2 }) }))[0] ?? "", /2 writes had to wait for Redis/)
  })

  it("names a promotion or a return that came too late, or never", () => {
    const found = (promotedAfter: number | undefined, second: number | undefined) =>
      broken(run({ found: { promotedAfter, servedAfter: [90, second] } })).join("\n")
    assert.match(found(3190, 2001), /within 90 ms and 2001 ms of the promotion.*allowed: 2,000 ms/)
    assert.match(found(3190, undefined), /did not serve the keys of A again within 15 s/)
    assert.match(found(undefined, undefined), /The replica was not promoted within 15 s/)
  })

  it("names notes that are not there afterwards", () => {
    const truth = { notes: 24, inRedis: 23, inFirst: 24, inSecond: 24 }
    assert.match(broken(run({ truth }))[0] ?? "", /Redis holds the last note of 23, the first process of 24/)
  })

  it("names a process that contradicts itself, and reads older than what Redis had confirmed", () => {
    const contradictions = ["candidate-1: the process that wrote 7 read 6"]
    assert.match(broken(run({}, { lost: part(5, { deferred: 1, contradictions }) }))[0] ?? "", /wrote 7 read 6/)
    const behind = { lost: part(5, { deferred: 1, behindApplied: 2 }) }
    assert.match(broken(run({}, behind))[0] ?? "", /in "A away": 2 reads were older .* only 0 came from memory/)
    assert.match(broken(run({}, { ...behind, after: counts(240, 1) }))[0] ?? "", /only 1 came from memory/)
    assert.deepStrictEqual(broken(run({}, { ...behind, after: counts(240, 2) })), [])
  })

  it("writes slots as operators do", () => {
    assert.strictEqual(Shards.slotText([7, 1, 2, 3, 9, 10]), "1–3, 7, 9–10")
    assert.strictEqual(Shards.slotText([]), "")
  })
})
