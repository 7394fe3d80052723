import * as Draw from "./Draw.ts"
import { type Call, type History, keys, regions, type Step, type Trouble } from "./History.ts"

/** What may befall the server in a history. */
export type TroubleKind =
  | "Refuse"
  | "Freeze"
  | "Delay"
  | "Flaky"
  | "Cut"
  | "Restart"
  | "OldDump"
  | "OOM"
  | "READONLY"
  | "MISCONF"
  | "LOADING"
  | "BUSY"
  | "NOPERM"

export const allTroubles: ReadonlyArray<TroubleKind> = [
  "Refuse",
  "Freeze",
  "Delay",
  "Flaky",
  "Cut",
  "Restart",
  "OldDump",
  "OOM",
  "READONLY",
  "MISCONF",
  "LOADING",
  "BUSY",
  "NOPERM"
]

/**
 * The history of a seed.
 *
 * Each draws first what it is made of: few actors, keys, kinds of calls and troubles. A history of everything at once seldom does the same
 * thing twice, and that is where it breaks.
 */
export const history = (seed: number, troubles: ReadonlyArray<TroubleKind> = allTroubles): History => {
  const draw = Draw.make(seed)
  const actors = 2 + draw.below(3)
  const inRegions = regions.map((_, region) => region).slice(0, draw.chance(0.6) ? 1 : 2)
  const onKeys = keys.map((_, key) => key).slice(0, draw.one([1, 1, 2, 4]))
  const calls = draw.some(callKinds, 0.5)
  // Late executions need more steps than anything else to show.
  const offered = [...troubles, ...troubles.filter((kind) => kind === "Delay" || kind === "Cut" || kind === "Freeze")]
  const kinds =
    offered.length === 0 ? [] : draw.chance(0.5) ? [draw.one(offered)] : [draw.one(offered), draw.one(offered)]
  const lives = draw.one([[600_000], [600_000, 1500], [600_000, 5000, 200]])
  const reopens = draw.chance(0.2)
  const foreign = draw.chance(0.4)
  const interrupts = draw.chance(0.4)

  const life = () => draw.one(lives)
  const call = (): Call => {
    const region = draw.one(inRegions)
    const key = draw.one(onKeys)
    const _tag = draw.one(calls)
    switch (_tag) {
      case "Get":
      case "Remove":
        return { _tag, region, key }
      case "Set":
        return { _tag, region, key, life: life() }
      case "GetMany":
      case "RemoveMany":
        return { _tag, region, keys: draw.some(onKeys, 0.6) }
      case "SetMany":
        return { _tag, region, keys: draw.some(onKeys, 0.6), life: life() }
      case "Clear":
        return { _tag, region }
      case "GetOrSet":
        return { _tag, region, key, life: life(), takes: draw.one([0, 1, 20, 300, 2500]), fails: draw.chance(0.3) }
    }
  }

  const patient = draw.chance(0.1)
  const wait = (): Step => ({ _tag: "Wait", millis: draw.one(patient ? [...waits, longerThanLife] : waits) })

  const calling = (call: Call): Step => ({ _tag: "Call", actor: draw.below(actors), call })

  const event = (): ReadonlyArray<Step> => {
    const roll = draw.below(100)
    if (roll < 8 && reopens) return [{ _tag: "Reopen" }]
    if (roll < 20 && interrupts) return [{ _tag: "Interrupt", actor: draw.below(actors) }]
    if (roll < 30 && foreign) {
      return [{ _tag: "Foreign", region: draw.one(inRegions), key: draw.one(onKeys), remove: draw.chance(0.3) }]
    }
    if (roll < 55) return [calling({ _tag: "Get", region: draw.one(inRegions), key: draw.one(onKeys) })]
    return [calling(call())]
  }

  // A change for the worse or the better, and then some calls, close together or far apart.
  const phase = (): ReadonlyArray<Step> => {
    const hurry = draw.one([0.2, 0.6, 1])
    const events = Array.from({ length: 1 + draw.below(4) }, () =>
      draw.chance(hurry) ? [...event(), wait()] : event()
    ).flat()
    return kinds.length > 0 && draw.chance(0.7) ? [trouble(draw, draw.one(kinds)), ...events] : events
  }

  return {
    seed,
    latency: draw.one([0, 0, 3, 40]),
    health: draw.chance(0.5),
    connections: draw.one([1, 1, 1, 2]),
    cramped: draw.chance(0.15),
    steps: Array.from({ length: 3 + draw.below(9) }, phase).flat()
  }
}

const callKinds = [
  "Get",
  "Set",
  "Remove",
  "Set",
  "Remove",
  "GetMany",
  "SetMany",
  "RemoveMany",
  "GetOrSet",
  "Clear"
] as const satisfies ReadonlyArray<Call["_tag"]>

const waits = [0, 0, 1, 10, 100, 300, 1000, 1000, 1100, 2500, 6000, 12_000]
// What cannot be fenced is kept for as long as values of the region live.
const longerThanLife = 320_000

const trouble = (draw: Draw.Draw, kind: TroubleKind): Step => {
  const lasting = (is: Trouble): Step => ({ _tag: "Trouble", trouble: draw.chance(0.5) ? { _tag: "None" } : is })
  switch (kind) {
    case "Refuse":
    case "Freeze":
      return lasting({ _tag: kind })
    case "Delay":
      return lasting({ _tag: "Delay", millis: draw.one([20, 400, 1500, 3000, 3000]) })
    case "Flaky":
      return lasting({ _tag: "Flaky", rate: draw.one([0.1, 0.5]), seed: draw.below(1000) })
    case "Cut":
      return { _tag: "Cut", executed: draw.chance(0.5), at: draw.one([undefined, "SET", "UNLINK", "GET"]) }
    case "Restart":
      return { _tag: "Restart", data: draw.one(["kept", "lost"]) }
    case "OldDump":
      return draw.chance(0.5) ? { _tag: "Save" } : { _tag: "Restart", data: "old" }
    default:
      return lasting({ _tag: "Error", code: kind, commands: draw.one(refused) })
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
