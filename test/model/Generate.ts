import * as Draw from "./Draw.ts"
import {
  type Call,
  type History,
  keys,
  type Place,
  type ProcessOptions,
  regions,
  type Step,
  type Trouble,
  type World
} from "./History.ts"

/** What may befall the servers in a history. */
export type TroubleKind =
  | "FailOver"
  | "Kill"
  | "Isolate"
  | "MoveSlot"
  | "Migrate"
  | "Nodes"
  | "Sentinels"
  | "Refuse"
  | "Freeze"
  | "Delay"
  | "Late"
  | "Flaky"
  | "Cut"
  | "Restart"
  | "OldDump"
  | "Resync"
  | "FalseAlarm"
  | "Crash"
  | "Permit"
  | "OOM"
  | "READONLY"
  | "MISCONF"
  | "LOADING"
  | "BUSY"
  | "NOPERM"
  | NearTrouble

/** What may befall the links of a process, its other connections and its clock, and what nobody tells twice. */
export type NearTrouble = "Link" | "Data" | "Both" | "Flush" | "Divert" | "Suspend" | "Jump"

export const allNearTroubles: ReadonlyArray<NearTrouble> = [
  "Link",
  "Data",
  "Both",
  "Flush",
  "Divert",
  "Suspend",
  "Jump"
]

export const allTroubles: ReadonlyArray<TroubleKind> = [
  "Refuse",
  "Freeze",
  "Delay",
  "Late",
  "Flaky",
  "Cut",
  "Restart",
  "OldDump",
  "Resync",
  "FalseAlarm",
  "Crash",
  "Permit",
  "OOM",
  "READONLY",
  "MISCONF",
  "LOADING",
  "BUSY",
  "NOPERM"
]

/** What there is more of where there are several servers: mostly that is drawn. */
const troublesOf: { readonly [tag in World["_tag"]]: ReadonlyArray<TroubleKind> } = {
  Server: [],
  Cluster: ["FailOver", "Kill", "Isolate", "MoveSlot", "Migrate", "MoveSlot", "Migrate", "Nodes", "Resync"],
  Sentinel: ["FailOver", "Kill", "Isolate", "Sentinels", "Resync"]
}

// Late executions need more steps than anything else to show, and a loss of data more luck.
const favoured: ReadonlySet<TroubleKind> = new Set(["Refuse", "Delay", "Late", "OldDump", "Resync", "FalseAlarm"])

/** What histories are drawn from: by default everything. */
export interface Range {
  /** In which worlds they play, by turns. Default: with one server. */
  readonly worlds?: ReadonlyArray<World["_tag"]> | undefined
  /** Where there are several servers, whatever only they have is added where this is not empty. */
  readonly troubles?: ReadonlyArray<TroubleKind> | undefined
  /** The numbers of regions. */
  readonly regions?: ReadonlyArray<number> | undefined
  readonly calls?: ReadonlyArray<Call["_tag"]> | undefined
  /** Whether regions are near. */
  readonly isNear?: boolean | undefined
  /** What befalls near regions beside the `troubles`: by default everything. */
  readonly nearTroubles?: ReadonlyArray<NearTrouble> | undefined
  /** Whether every other history has all of that, and one key. */
  readonly isDense?: boolean | undefined
}

/**
 * The history of a seed.
 *
 * Each draws first what it is made of: few processes, actors, keys, kinds of calls and troubles. A
 * history of everything at once seldom does the same thing twice, and that is where it breaks.
 */
export const history = (seed: number, range: Range = {}): History => {
  const draw = Draw.make(seed)
  const world = worldOf(seed, range)
  const { isNear = false, nearTroubles: nearAsked = allNearTroubles, troubles: asked = allTroubles } = range
  const own = [...(asked.length === 0 ? [] : troublesOf[world._tag]), ...(isNear ? nearAsked : [])]
  const troubles = [...asked, ...own]
  const offered = [...troubles, ...troubles.filter((kind) => favoured.has(kind)), ...own, ...own]
  const count = offered.length === 0 ? 0 : draw.one([1, 2, 2, 3])
  const isDense = range.isDense === true && draw.chance(0.5)
  const kinds = isDense ? troubles : Array.from({ length: count }, () => draw.one(offered))
  const denied = kinds.includes("Permit") ? draw.one(denials) : []
  const processes = Array.from(
    { length: draw.one([1, 2, 2, 3]) },
    (): ProcessOptions => ({
      connections: draw.one([1, 1, 2, 3]),
      clockOffset: draw.one([0, 0, -20, 20]),
      health: draw.chance(0.3)
    })
  )
  const step = steps(draw, processes.length, world, { ...range, isDense })

  // A change for the worse or the better, and then some calls, close together or far apart.
  const phase = (): ReadonlyArray<Step> => {
    const hurry = draw.one([0.2, 0.6, 1])
    const events = Array.from({ length: 1 + draw.below(4) }, () =>
      draw.chance(hurry) ? [step.event(), step.wait()] : [step.event()]
    ).flat()
    return kinds.length > 0 && draw.chance(0.7)
      ? [...trouble(draw, draw.one(kinds), processes.length, world, step.place), ...events]
      : events
  }

  const near = isNear ? draw.one([200, 1000, 2000]) : undefined
  // A link is made soon after the first session.
  const first: ReadonlyArray<Step> = isNear ? [{ _tag: "Wait", millis: draw.one([0, 1000]) }] : []

  const drawn = {
    seed,
    world,
    ...(near === undefined ? {} : { near }),
    latency: draw.one([0, 0, 3, 40]),
    cramped: draw.chance(0.1),
    denied,
    processes,
    steps: [...first, ...Array.from({ length: 3 + draw.below(8) }, phase).flat()]
  }
  // To be asked again and again is much of what a history costs, so the others are not. It is to be often
  // enough that the end of a history comes after it.
  const historyInterval = drawn.steps.some(changesInPlace) ? draw.one([1000, 4000]) : 3_600_000
  return { ...drawn, historyInterval }
}

// Whether the server's history changes while its connections stay open.
const changesInPlace = (step: Step): boolean =>
  step._tag === "Attach" ||
  step._tag === "FailOver" ||
  ((step._tag === "Resync" || step._tag === "Switch") && !step.cut)

const worldOf = (seed: number, { worlds = ["Server"] }: Range): World => {
  const _tag = worlds[seed % worlds.length] ?? "Server"
  return _tag === "Cluster" ? { _tag, fullCoverage: Math.floor(seed / 3) % 2 === 1 } : { _tag }
}

// What the steps of one history are drawn from.
const steps = (
  draw: Draw.Draw,
  processes: number,
  world: World,
  { calls: offered = callKinds, isDense = false, isNear = false, regions: among = Array.from(regions.keys()) }: Range
) => {
  const actors = 1 + draw.below(3)
  const drawn = draw.one(among)
  const inRegions = draw.chance(0.8) ? [drawn] : [drawn, draw.one(among)]
  const howMany = isDense ? 1 : draw.one([1, 1, 2, 4])
  // On a cluster two keys are sometimes of one slot and sometimes not.
  const first = world._tag === "Cluster" && howMany === 2 ? draw.one([0, 1]) : 0
  const onKeys = keys.map((_, key) => key).slice(first, first + howMany)
  const calls = isDense ? offered : draw.some(offered, 0.5)
  const lives = draw.one([[600_000], [600_000, 1500], [600_000, 5000, 200]])
  const reopens = draw.chance(0.15)
  const foreign = draw.chance(isNear ? 0.8 : 0.2)
  const interrupts = draw.chance(0.3)
  const otherCache = draw.chance(0.2)
  const patient = draw.chance(isNear ? 0 : 0.1)

  const where = () => ({ process: draw.below(processes), actor: draw.below(actors) })

  const call = (): Call => {
    const region = draw.one(inRegions)
    const key = draw.one(onKeys)
    const _tag = draw.one(calls)
    switch (_tag) {
      case "Get":
      case "Remove":
        return { _tag, region, key }
      case "Set":
      case "Touch":
        return { _tag, region, key, life: draw.one(lives) }
      case "GetMany":
      case "RemoveMany":
        return { _tag, region, keys: draw.some(onKeys, 0.6) }
      case "SetMany":
        return { _tag, region, keys: draw.some(onKeys, 0.6), life: draw.one(lives) }
      case "Clear":
        return { _tag, region }
      case "GetOrSet": {
        const takes = draw.one([0, 1, 20, 300, 2500])
        return { _tag, region, key, life: draw.one(lives), takes, fails: draw.chance(0.3) }
      }
    }
  }

  const calling = (call: Call): Step => {
    const cache = otherCache && draw.chance(0.5) ? 1 : 0
    return { _tag: "Call", ...where(), cache, call }
  }

  // What is read again and again while others write it.
  const nearEvent = (): Step => {
    const place = { region: draw.one(inRegions), key: draw.one(onKeys) }
    return draw.chance(0.25) && foreign
      ? { _tag: "Foreign", ...place, remove: draw.chance(0.2) }
      : calling({ _tag: "Get", ...place })
  }

  return {
    place: (): Place => ({ region: draw.one(inRegions), key: draw.one(onKeys) }),
    wait: (): Step => ({ _tag: "Wait", millis: draw.one(patient ? [...waits, longerThanLife] : waits) }),
    event: (): Step => {
      if (isNear && draw.chance(0.5)) return nearEvent()
      const roll = draw.below(100)
      if (roll < 8 && reopens) return { _tag: "Reopen", process: draw.below(processes) }
      if (roll < 15 && interrupts) return { _tag: "Interrupt", ...where() }
      if (roll < 25 && foreign) {
        return { _tag: "Foreign", region: draw.one(inRegions), key: draw.one(onKeys), remove: draw.chance(0.3) }
      }
      if (roll < 50) return calling({ _tag: "Get", region: draw.one(inRegions), key: draw.one(onKeys) })
      return calling(call())
    }
  }
}

const callKinds = [
  "Get",
  "Set",
  "Remove",
  "Set",
  "Set",
  "Remove",
  "GetMany",
  "SetMany",
  "RemoveMany",
  "GetOrSet",
  "Touch",
  "Clear"
] as const satisfies ReadonlyArray<Call["_tag"]>

const waits = [0, 0, 1, 10, 100, 300, 1000, 1000, 1100, 2500, 6000, 12_000]
// What cannot be fenced is kept for as long as values of the region live.
const longerThanLife = 320_000

const trouble = (
  draw: Draw.Draw,
  kind: TroubleKind,
  processes: number,
  world: World,
  place: () => Place
): ReadonlyArray<Step> => {
  // Of several masters mostly the one that the calls go to.
  const aim = () => (world._tag === "Cluster" && draw.chance(0.8) ? { on: place() } : {})
  const lasting = (is: Trouble): ReadonlyArray<Step> => [
    draw.chance(0.5) ? { _tag: "Trouble", trouble: { _tag: "None" } } : { _tag: "Trouble", trouble: is, ...aim() }
  ]
  switch (kind) {
    case "Refuse":
    case "Freeze":
      return lasting({ _tag: kind })
    case "Delay":
      return lasting({ _tag: "Delay", millis: draw.one([20, 400, 1500, 3000, 3000]) })
    case "Late":
      return [
        draw.one<Step>([
          { _tag: "Stall", ...aim() },
          { _tag: "Resume" },
          { _tag: "Strand", process: draw.below(processes) }
        ])
      ]
    case "Flaky":
      return lasting({ _tag: "Flaky", rate: draw.one([0.1, 0.5]), seed: draw.below(1000) })
    case "Cut":
      return [
        {
          _tag: "Cut",
          executed: draw.chance(0.5),
          at: draw.one([undefined, "SET", "UNLINK", "GET", "EVALSHA"]),
          ...aim()
        }
      ]
    case "Restart":
      return [{ _tag: "Restart", data: draw.one(["kept", "lost"]), ...aim() }]
    case "OldDump":
      return [draw.chance(0.5) ? { _tag: "Save", ...aim() } : { _tag: "Restart", data: "dump", ...aim() }]
    case "Resync":
      return [draw.chance(0.5) ? { _tag: "Copy", ...aim() } : { _tag: "Resync", cut: draw.chance(0.5), ...aim() }]
    case "FalseAlarm":
      return [
        draw.one<Step>([
          { _tag: "Switch", cut: draw.chance(0.5), ...aim() },
          { _tag: "Restart", data: "kept", ...aim() },
          { _tag: "Attach", ...aim() }
        ])
      ]
    case "Crash":
      return [{ _tag: draw.one(["Crash", "Reopen"]), process: draw.below(processes) }]
    case "Permit":
      return [{ _tag: "Permit", denied: draw.one([[], ...denials]) }]
    case "FailOver":
    case "Kill":
    case "Isolate":
    case "MoveSlot":
    case "Migrate":
    case "Nodes":
    case "Sentinels":
      return turn(draw, kind, aim, place)
    case "Link":
    case "Data":
    case "Both":
    case "Divert":
    case "Suspend":
    case "Jump":
      return local(draw, kind, draw.below(processes), place)
    case "Flush":
      return [{ _tag: "Flush", ...aim() }]
    default:
      return lasting({ _tag: "Error", code: kind, commands: draw.one(refused) })
  }
}

const whichOf = { Link: "link", Data: "data", Both: "all" } as const

const local = (
  draw: Draw.Draw,
  kind: Exclude<NearTrouble, "Flush">,
  process: number,
  place: () => Place
): ReadonlyArray<Step> => {
  switch (kind) {
    case "Link":
    case "Data":
    case "Both":
      return [{ _tag: draw.one(["Lose", "Hold", "Hold", "Release", "Release", "Mute"]), process, which: whichOf[kind] }]
    case "Divert":
      return [{ _tag: draw.one(["Divert", "Return"]), process }]
    case "Suspend": {
      const [sleeps, wakes] = [{ _tag: "Suspend", process } as const, { _tag: "Wake", process } as const]
      const written = { _tag: "Foreign", ...place(), remove: draw.chance(0.2) } as const
      const slept = { _tag: "Wait", millis: draw.one([300, 1100, 1500, 2000]) } as const
      return draw.one([[sleeps], [wakes], [sleeps, written, slept, wakes]])
    }
    case "Jump":
      return [{ _tag: "Jump", process, millis: draw.one([-3000, -1500, 500, 1500, 3000]) }]
  }
}

type TurnKind = "FailOver" | "Kill" | "Isolate" | "MoveSlot" | "Migrate" | "Nodes" | "Sentinels"

// What befalls several servers. Of the masters that a slot may move to, two join only now and then.
const turn = (
  draw: Draw.Draw,
  kind: TurnKind,
  aim: () => { readonly on?: Place },
  place: () => Place
): ReadonlyArray<Step> => {
  switch (kind) {
    case "FailOver":
      return [draw.chance(0.3) ? { _tag: "Copy", ...aim() } : { _tag: "FailOver", planned: draw.chance(0.5), ...aim() }]
    case "Kill": {
      const aimed = aim()
      const dies: Step = { _tag: "Kill", freezes: draw.chance(0.5), ...aimed }
      return draw.one<ReadonlyArray<Step>>([
        [dies],
        [dies, { _tag: "FailOver", planned: false, ...aimed }],
        [{ _tag: "Trouble", trouble: { _tag: "None" } }]
      ])
    }
    case "Isolate": {
      const aimed = aim()
      const leaves: Step = { _tag: "Isolate", noticed: draw.chance(0.3), ...aimed }
      return draw.one<ReadonlyArray<Step>>([
        [leaves],
        [leaves, { _tag: "FailOver", planned: false, ...aimed }],
        [{ _tag: "Rejoin" }]
      ])
    }
    case "MoveSlot":
      return [{ _tag: "MoveSlot", on: place(), to: draw.below(5) }]
    case "Migrate":
      return [
        draw.one<Step>([
          { _tag: "Migrate", on: place(), to: draw.below(5) },
          { _tag: "MoveKey", on: place() },
          { _tag: "EndMigration", on: place(), finishes: draw.chance(0.6) }
        ])
      ]
    case "Nodes":
      return [
        draw.one<Step>([
          { _tag: "AddNode" },
          { _tag: "RemoveNode" },
          { _tag: "MoveSlot", on: place(), to: draw.below(5) }
        ])
      ]
    case "Sentinels": {
      const sentinel = draw.below(3)
      return [
        draw.one<Step>([
          { _tag: "IsolateSentinel", sentinel },
          { _tag: "IsolateSentinel", sentinel },
          { _tag: "FreezeSentinel", sentinel },
          { _tag: "Rejoin" }
        ])
      ]
    }
  }
}

// Mostly what a real server would refuse.
const refused: ReadonlyArray<ReadonlyArray<string> | undefined> = [
  undefined,
  undefined,
  undefined,
  ["SET"],
  ["UNLINK"],
  ["CLIENT"]
]

/** Users without INFO, without scripts, without CLIENT KILL, without TIME. */
const denials: ReadonlyArray<ReadonlyArray<string>> = [
  ["INFO", "CLIENT KILL"],
  ["EVAL", "EVALSHA", "SCRIPT"],
  ["INFO", "CLIENT KILL", "EVAL", "EVALSHA", "SCRIPT"],
  ["CLIENT KILL"],
  ["TIME"]
]
