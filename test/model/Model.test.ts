import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import type * as History from "./History.ts"
import * as Runner from "./Runner.ts"
import * as Search from "./Search.ts"
import * as Steps from "./Steps.ts"
import { variants } from "./Variants.ts"

// The same every time: new ones are for `pnpm test:model`.
const seed = 1

// What a search may take is counted in time of the processor; this is for one that hangs.
const hangs = 900_000

const failures = (options: Omit<Search.Options, "seed"> & { readonly seed?: number }) =>
  Effect.runPromise(Search.search({ seed, cpuSeconds: 120, ...options }))

describe("The model", () => {
  for (const [what, runs, world, troubles, isNear] of [
    ["that nothing befalls", 50, "Server", [], false],
    ["with faults of every kind", 200, "Server", Generate.allTroubles, false],
    ["on a cluster, with faults of every kind", 25, "Cluster", Generate.allTroubles, false],
    ["with sentinels and faults of every kind", 30, "Sentinel", Generate.allTroubles, false],
    ["of near regions", 120, "Server", Generate.allTroubles, true],
    ["of near regions on a cluster", 10, "Cluster", Generate.allTroubles, true],
    ["of near regions with sentinels", 10, "Sentinel", Generate.allTroubles, true]
  ] as const) {
    it(
      `${runs} histories ${what} break no promise`,
      async () => {
        const [failure] = await failures({ runs, range: { troubles, isNear, worlds: [world] } })
        if (failure !== undefined) assert.fail(Search.report(failure))
      },
      hangs
    )
  }
})

const { call, clear, get, getOrSet, history, remove, set, touch, trouble, wait } = Steps

const here = { region: 0, key: 0 }
const failsOver = (planned: boolean): History.Step => ({ _tag: "FailOver", planned, on: here })

// Each broke a promise once, or seemed to; most were found by `pnpm test:model` and made smaller.
const found: Readonly<Record<string, History.History>> = {
  "93: a clear through the other cache in an outage": history([
    call(set()),
    trouble("Freeze"),
    call(clear(), { cache: 1 }),
    wait(1000),
    call(get),
    wait(1000)
  ]),
  "254: a remove after a set through the other cache": history([
    trouble("Refuse"),
    call(set(), { cache: 1 }),
    wait(1000),
    call(remove()),
    wait(100),
    call(get, { cache: 1 })
  ]),
  "447: a set after one through the other cache, and a restart": history([
    call(set(), { cache: 1 }),
    call(set(), { actor: 1 }),
    { _tag: "Restart", data: "kept" },
    call(get, { actor: 2, cache: 1 })
  ]),
  "833: a script that Redis does not know yet, and a server that freezes": history(
    [call(set(600_000, 1)), trouble("Freeze"), wait(1000)],
    { latency: 40 }
  ),
  "1000129: a set of a short life on a connection that stands still": history([
    call(set()),
    wait(10),
    { _tag: "Stall" },
    call(set(1500)),
    wait(2100),
    call(set()),
    wait(10)
  ]),
  "2012468: a touch that is on its way when its process ends, which has seen no server": history([
    trouble("Refuse"),
    { _tag: "Reopen", process: 0 },
    call(touch()),
    { _tag: "Reopen", process: 0 }
  ]),
  "2034456: a clear that took a refused removal into itself, and older data": history([
    { _tag: "Trouble", trouble: { _tag: "Error", code: "OOM", commands: ["UNLINK"] } },
    call(set(600_000, 3)),
    call(remove(3)),
    call(clear(3)),
    { _tag: "Copy" },
    trouble("None"),
    wait(1000),
    { _tag: "Resync", cut: false }
  ]),
  "a journal that was full, and older data": history(
    [
      call(set()),
      { _tag: "Copy" },
      trouble("Refuse"),
      call({ _tag: "RemoveMany", region: 0, keys: [0, 1, 2] }),
      wait(2000),
      trouble("None"),
      wait(12_000),
      { _tag: "Resync", cut: false }
    ],
    { cramped: true }
  ),
  "a user who may not write for a while, and older data": history([
    call(set()),
    { _tag: "Copy" },
    { _tag: "Trouble", trouble: { _tag: "Error", code: "NOPERM", commands: ["UNLINK"] } },
    call(remove()),
    wait(2000),
    trouble("None"),
    wait(60_000),
    { _tag: "Resync", cut: false }
  ]),
  "4756: somebody else unlinks the mark of a removal": history(
    [
      trouble("Refuse"),
      call(set(600_000, 1)),
      wait(12_000),
      trouble("None"),
      { _tag: "Reopen", process: 1 },
      call(remove(1), { process: 1 }),
      wait(10),
      { _tag: "Foreign", region: 1, key: 0, remove: true },
      wait(10)
    ],
    { processes: [Steps.process, Steps.process] }
  ),
  "572: a touch of a value on its way, where nothing deferred is written": history(
    [call(set(600_000, 3)), call(touch(600_000, 3), { actor: 1 })],
    { latency: 40 }
  ),
  "2874: a removal that runs after the value that followed it": history([
    { _tag: "Stall" },
    call(remove(4)),
    wait(12_000),
    call(set(600_000, 4), { actor: 1 })
  ]),
  "40001980: a script of latest that runs after a clear": history([
    call(get),
    { _tag: "Trouble", trouble: { _tag: "Delay", millis: 3000 } },
    call(set(600_000, 1)),
    wait(1000),
    call(clear(1), { actor: 1 })
  ]),
  "462131595: a removal in the millisecond of the lookup whose value it removes, and older data": history([
    call(getOrSet(0, 2)),
    { _tag: "Copy" },
    call(remove(2)),
    { _tag: "Resync", cut: false }
  ]),
  "33408468: a script that Redis does not know, beside one whose connection stands still": history(
    [
      { _tag: "Stall" },
      wait(100),
      call({ _tag: "SetMany", region: 1, keys: [0, 1], life: 600_000 }),
      { _tag: "Stall" },
      wait(6000)
    ],
    { seed: 33408468, historyInterval: 3_600_000, processes: [{ ...Steps.process, connections: 2 }] }
  ),
  "462622928: a value that loses its connection again and again, as every other command does": history(
    [
      { _tag: "Trouble", trouble: { _tag: "Flaky", rate: 0.5, seed: 6 } },
      call({ _tag: "Set", region: 1, key: 2, life: 600_000 }),
      call(remove(1), { actor: 1 }),
      { _tag: "Trouble", trouble: { _tag: "Flaky", rate: 0.5, seed: 447 } },
      wait(320_000)
    ],
    { seed: 462622928, historyInterval: 3_600_000 }
  ),
  "79: a value that only an old master of its key has heard of, which says who owns it": Steps.onCluster(
    [
      wait(13_100),
      call({ _tag: "Get", region: 4, key: 2 }, { actor: 1 }),
      wait(0),
      { _tag: "Kill", freezes: true },
      { _tag: "FailOver", planned: false },
      call({ _tag: "Set", region: 4, key: 2, life: 600_000 }),
      wait(300),
      call({ _tag: "Get", region: 4, key: 3 }, { actor: 1 }),
      wait(1100)
    ],
    { seed: 79 }
  ),
  "10221: a value that an old master of its key has yet to answer, and the new one has": Steps.onCluster([
    call(set()),
    wait(10),
    { _tag: "Kill", freezes: true, on: here },
    failsOver(false),
    call(set()),
    wait(2500)
  ]),
  "128: a link whose PING a busy server refuses, which is no word about its user": Steps.near([
    { _tag: "Trouble", trouble: { _tag: "Error", code: "BUSY", commands: undefined } },
    wait(1000)
  ]),
  "1228: a link whose PING a server refuses that cannot save its data": Steps.near([
    { _tag: "Trouble", trouble: { _tag: "Error", code: "MISCONF", commands: undefined } },
    wait(1000)
  ]),
  "70358: a clear that is applied although its process closes while it empties": Steps.near(
    [call(set()), wait(1000), call(clear()), { _tag: "Reopen", process: 0 }, wait(10)],
    { latency: 40 }
  ),
  "89: a touch in the millisecond of a clear": history([call(clear()), call(touch(), { actor: 1 })], { latency: 3 })
}

// The master goes on taking writes, and its clients may find it for a while.
const splitBrain: ReadonlyArray<History.Step> = [
  call(set()),
  wait(300),
  { _tag: "Isolate", noticed: false, on: here },
  call(set()),
  failsOver(false),
  call(set(), { actor: 1 }),
  call(set(), { process: 1 }),
  wait(100),
  call(get),
  wait(2500),
  call(remove(), { process: 1 }),
  wait(300),
  { _tag: "Rejoin" },
  call(get),
  wait(1000),
  call(get)
]

const twoProcesses = { processes: [Steps.process, Steps.process] }

// What is promised of a cluster and of sentinels, whatever happens to them.
const promised: Readonly<Record<string, History.History>> = {
  "a slot moves away and back with a write in doubt": Steps.onCluster([
    call(set()),
    wait(10),
    { _tag: "Stall", on: here },
    call(set()),
    wait(100),
    { _tag: "MoveSlot", on: here, to: 0 },
    { _tag: "MoveSlot", on: here, to: 1 },
    wait(2500),
    call(set(), { actor: 1 }),
    wait(100),
    { _tag: "MoveSlot", on: here, to: 2 },
    { _tag: "Resume" },
    call(get, { actor: 2 }),
    wait(2500)
  ]),
  "a write in doubt on a key that has moved ahead of its slot": Steps.onCluster([
    call(set()),
    wait(10),
    { _tag: "Migrate", on: here, to: 0 },
    { _tag: "Migrate", on: here, to: 1 },
    { _tag: "MoveKey", on: here },
    { _tag: "Stall" },
    call(set()),
    wait(1100),
    { _tag: "EndMigration", on: here, finishes: false },
    call(get, { actor: 1 }),
    wait(1000),
    { _tag: "Resume" },
    wait(2500)
  ]),
  "260042299: a write that ASK leads to a master whose slot stays where it was": Steps.onCluster(
    [
      call(set()),
      { _tag: "Migrate", on: here, to: 0 },
      { _tag: "Migrate", on: here, to: 1 },
      wait(100),
      { _tag: "EndMigration", on: here, finishes: false }
    ],
    { latency: 40 }
  ),
  "a cluster splits in two": Steps.onCluster(splitBrain, twoProcesses),
  "a demoted master does not know it": Steps.withSentinels(splitBrain, twoProcesses),
  "sentinels name the old master": Steps.withSentinels(
    [call(set()), { _tag: "IsolateSentinel", sentinel: 0 }, { _tag: "IsolateSentinel", sentinel: 1 }, ...splitBrain],
    twoProcesses
  ),
  "a master dies while a region is cleared": Steps.onCluster([
    call({ _tag: "SetMany", region: 0, keys: [0, 1, 2, 3], life: 600_000 }),
    wait(10),
    { _tag: "Kill", freezes: true, on: here },
    call(clear()),
    wait(1000),
    failsOver(false),
    wait(2500),
    call({ _tag: "GetMany", region: 0, keys: [0, 1, 2, 3] }),
    wait(1000)
  ])
}

describe("Histories of several servers", () => {
  for (const [what, steps] of Object.entries(promised)) {
    it(
      what,
      async () => {
        assert.deepStrictEqual(await Effect.runPromise(Runner.run(steps)), [])
      },
      hangs
    )
  }
})

describe("Histories that broke a promise once", () => {
  for (const [what, steps] of Object.entries(found)) {
    it(
      what,
      async () => {
        assert.deepStrictEqual(await Effect.runPromise(Runner.run(steps)), [])
      },
      hangs
    )
  }
})

// To search for a variant takes seconds, so the quick suite has those that a history by hand shows. The
// night run has all.
const isAll = process.env.MODEL_VARIANTS === "all"
const shown = Object.entries(variants).filter(([, { witness }]) => isAll || witness !== undefined)

describe("The model bites", () => {
  for (const [name, { breaks, range, seams, witness }] of shown) {
    it(
      `${name}: ${breaks.join(" or ")}`,
      async () => {
        if (witness !== undefined) {
          assert.deepStrictEqual(await Effect.runPromise(Runner.run(witness)), [])
          const violations = await Effect.runPromise(Runner.run(witness, seams))
          assert.isTrue(
            violations.some(({ rule }) => breaks.includes(rule)),
            "its history did not notice"
          )
          return
        }
        const [failure] = await failures({ runs: 400, range, seams, rules: breaks, shrinks: false })
        assert.isDefined(failure, "400 histories did not notice")
      },
      hangs
    )
  }
})
