import { assert, describe, it } from "@effect/vitest"
import * as Entries from "../../examples/worker/src/demo/Entries.ts"
import * as History from "../../examples/worker/src/demo/History.ts"
import * as Ledger from "../../examples/worker/src/demo/Ledger.ts"
import type { Fate } from "../../examples/worker/src/Parcel.ts"

const success = (run: string) => `{"_tag":"Success","value":"${run}"}`

/** The ledger of one task, from lines of a diary and from commands of Redis' file. */
const ledgerOf = (
  fate: Fate,
  diary: ReadonlyArray<string>,
  commands: ReadonlyArray<string>,
  gone: ReadonlyMap<number, number> = new Map()
) =>
  Ledger.of({
    plan: new Map([["ship:1", fate]]),
    entries: Entries.parse(["0 1 offered ship:1 Enqueued 0.5", ...diary, ""].join("\n")),
    history: History.of(
      commands.map((command) => command.split(" ")),
      "q:"
    ),
    gone,
    outages: [],
    stops: []
  })

const run = (name: string, from: number, until: number, how: string, pid = 7) => [
  `${from * 1e6} ${pid} began ${name} ship:1 1`,
  `${until * 1e6} ${pid} ${how} ${name}`
]
const script = (...commands: ReadonlyArray<string>) => ["MULTI", ...commands, "EXEC"]
const over = (name: string) =>
  script(`SET q:result:ship:1 ${success(name)} PXAT 9`, "ZADD q:over 9 ship:2 9 ship:1 9 ship:3")
const dead = (tag: string) => script("ZADD q:dead 9 ship:1", `SET q:result:ship:1 {"_tag":"${tag}"} PXAT 9`)
const takes = [1, 2, 3].map((attempt) => `HSET q:attempts ship:9 1:w:1 ship:1 ${attempt}:w:${attempt}`)
const threeDied = ["a", "b", "c"].flatMap((name, index) => run(name, 10 * index, 10 * index + 1, "died"))

describe("the ledger of tasks", () => {
  it("finds nothing where a task was done, and settled by the run that did it", () => {
    const ledger = ledgerOf("ships", run("a", 1, 2, "done"), over("a"))
    assert.deepStrictEqual(Ledger.broken(ledger), [])
    assert.strictEqual(ledger.doneOnce, 1)
  })

  it("counts what was done twice and settled once, which is allowed", () => {
    const ledger = ledgerOf("ships", [...run("a", 1, 2, "done"), ...run("b", 3, 4, "done")], over("b"))
    assert.deepStrictEqual(Ledger.broken(ledger), [])
    assert.deepStrictEqual(ledger.doneMore, ["ship:1"])
  })

  it("finds a task that was settled twice", () => {
    const ledger = ledgerOf(
      "ships",
      [...run("a", 1, 2, "done"), ...run("b", 3, 4, "done")],
      [...over("a"), ...over("b")]
    )
    assert.deepStrictEqual(ledger.settledTwice, ["ship:1"])
  })

  it("finds one that was settled twice by one script, and one whose second settlement has no result", () => {
    const twice = script(`SET q:result:ship:1 ${success("a")} PXAT 9`, "ZADD q:over 9 ship:1 9 ship:1")
    assert.deepStrictEqual(ledgerOf("ships", run("a", 1, 2, "done"), twice).settledTwice, ["ship:1"])
    const bare = ledgerOf("ships", run("a", 1, 2, "done"), [...over("a"), "ZADD q:over 9 ship:1"])
    assert.deepStrictEqual(bare.settledTwice, ["ship:1"])
    assert.deepStrictEqual(bare.unearned, ["ship:1"])
  })

  it("finds a task that was lost", () => {
    assert.deepStrictEqual(ledgerOf("ships", [], []).lost, ["ship:1"])
  })

  it("finds a task that was settled and never done, or by a run that was not done", () => {
    assert.deepStrictEqual(ledgerOf("ships", [], over("a")).unearned, ["ship:1"])
    assert.deepStrictEqual(ledgerOf("ships", run("a", 1, 2, "left"), over("a")).unearned, ["ship:1"])
    assert.deepStrictEqual(ledgerOf("ships", run("a", 1, 2, "done"), dead("Lost")).unearned, ["ship:1"])
  })

  it("finds a task that is dead and should not be, or for another reason, or is not and should be", () => {
    assert.lengthOf(ledgerOf("ships", run("a", 1, 2, "died"), dead("Died")).wrong, 1)
    assert.lengthOf(ledgerOf("returns", run("a", 1, 2, "failed"), dead("Lost")).wrong, 1)
    assert.lengthOf(ledgerOf("unreadable", run("a", 1, 2, "done"), over("a")).wrong, 1)
    assert.deepStrictEqual(ledgerOf("returns", run("a", 1, 2, "failed"), dead("Failed")).wrong, [])
    assert.lengthOf(ledgerOf("dies", threeDied, dead("Died")).wrong, 1, "it was not tried three times")
    assert.deepStrictEqual(ledgerOf("dies", threeDied, [...takes, ...dead("Died")]).wrong, [])
    assert.lengthOf(ledgerOf("dies", threeDied, [...takes, ...dead("Lost")]).wrong, 1)
  })

  it("takes one whose last worker could not say that it died for lost", () => {
    const diary = [...run("a", 1, 2, "died"), ...run("b", 3, 4, "died"), "5000000 8 began c ship:1 3"]
    assert.deepStrictEqual(ledgerOf("dies", diary, [...takes, ...dead("Lost")], new Map([[8, 6]])).wrong, [])
    assert.lengthOf(ledgerOf("dies", diary, [...takes, ...dead("Died")], new Map([[8, 6]])).wrong, 1)
    assert.deepStrictEqual(ledgerOf("dies", threeDied, [...takes, ...dead("Lost")], new Map([[7, 50]])).wrong, [])
  })

  it("counts two runs at once, and how soon what was cut off began again", () => {
    const both = [...run("a", 1, 5, "done"), ...run("b", 3, 4, "done")]
    assert.deepStrictEqual(ledgerOf("ships", both, over("a")).overlaps, ["ship:1 for 1 ms"])
    const killed = ["1000000 8 began a ship:1 1", ...run("b", 30, 40, "done")]
    const ledger = ledgerOf("ships", killed, over("b"), new Map([[8, 10]]))
    assert.deepStrictEqual(ledger.overlaps, [])
    assert.deepStrictEqual(ledger.again, [20])
  })

  it("reads a line of the diary only when it is whole", () => {
    const { runs } = Entries.parse("1000000 7 began a ship:1 1\n2000000 7 done a\n3000000 7 began b sh")
    assert.deepStrictEqual(
      runs.map(({ name }) => name),
      ["a"]
    )
  })
})
