import type { Call, History, ProcessOptions, Step, Trouble } from "./History.ts"

/** Histories written by hand, in few words. */
export const history = (steps: ReadonlyArray<Step>, options: Partial<History> = {}): History => ({
  seed: 1,
  world: { _tag: "Server" },
  latency: 0,
  historyInterval: 1000,
  cramped: false,
  denied: [],
  processes: [process],
  steps,
  ...options
})

/** On a cluster of three masters that serve what they can. */
export const onCluster = (steps: ReadonlyArray<Step>, options: Partial<History> = {}): History =>
  history(steps, { world: { _tag: "Cluster", fullCoverage: false }, ...options })

/** With near regions, whose links are there. */
export const near = (steps: ReadonlyArray<Step>, options: Partial<History> = {}): History =>
  history([wait(1000), ...steps], { near: 1000, ...options })

/** With a master, a replica and three sentinels. */
export const withSentinels = (steps: ReadonlyArray<Step>, options: Partial<History> = {}): History =>
  history(steps, { world: { _tag: "Sentinel" }, ...options })

/** A process with nothing out of the ordinary. */
export const process: ProcessOptions = { connections: 1, clockOffset: 0, health: false }

/** A call of an actor of its own, through the first cache of the first process. */
export const call = (
  call: Call,
  {
    actor = 0,
    cache = 0,
    process = 0
  }: { readonly actor?: number; readonly cache?: number; readonly process?: number } = {}
): Step => ({ _tag: "Call", process, actor, cache, call })

export const set = (life = 600_000, region = 0): Call => ({ _tag: "Set", region, key: 0, life })
/** Somebody else writes straight into Redis. */
export const foreign = (remove = false, key = 0): Step => ({ _tag: "Foreign", region: 0, key, remove })
export const touch = (life = 600_000, region = 0): Call => ({ _tag: "Touch", region, key: 0, life })
export const get: Call = { _tag: "Get", region: 0, key: 0 }
export const remove = (region = 0): Call => ({ _tag: "Remove", region, key: 0 })
export const clear = (region = 0): Call => ({ _tag: "Clear", region })
export const getOrSet = (takes: number, region = 0): Call => ({
  _tag: "GetOrSet",
  region,
  key: 0,
  life: 600_000,
  takes,
  fails: false
})
export const wait = (millis: number): Step => ({ _tag: "Wait", millis })
export const trouble = (_tag: "None" | "Refuse" | "Freeze"): Step => ({
  _tag: "Trouble",
  trouble: { _tag } satisfies Trouble
})
