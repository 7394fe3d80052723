import type { Which } from "./Wire.ts"

/**
 * A history: the circumstances, and the steps one after the other. It is plain data, so that it can
 * be printed, shrunk and kept as a test.
 */
export interface History {
  readonly seed: number
  /** What the processes find: one server unless it says otherwise. */
  readonly world: World
  readonly latency: number
  /** After how many milliseconds the servers are asked for their histories again. */
  readonly historyInterval: number
  /** Whether journal and memory have room for two keys only. */
  readonly cramped: boolean
  /** What the users of all processes may not do at first. */
  readonly denied: ReadonlyArray<string>
  /** Where regions are near: how old an answer from memory may be, in milliseconds. */
  readonly near?: number | undefined
  /** The processes that are alive at first. */
  readonly processes: ReadonlyArray<ProcessOptions>
  readonly steps: ReadonlyArray<Step>
}

/**
 * The servers of a history: one, three masters of a cluster with a replica each, or a master with a
 * replica and three sentinels.
 */
export type World =
  | { readonly _tag: "Server" | "Sentinel" }
  | {
      readonly _tag: "Cluster"
      /** Whether nothing is served while one slot is not. */
      readonly fullCoverage: boolean
    }

export interface ProcessOptions {
  /** How many connections carry the commands. */
  readonly connections: number
  /** By how many milliseconds its clock is ahead of the server's. */
  readonly clockOffset: number
  /** Whether `RedisHealth` watches Redis beside the cache. */
  readonly health: boolean
}

/** A call of the cache. `takes` is how long a lookup runs, in milliseconds. */
export type Call =
  | { readonly _tag: "Get" | "Remove"; readonly region: number; readonly key: number }
  | { readonly _tag: "GetMany" | "RemoveMany"; readonly region: number; readonly keys: ReadonlyArray<number> }
  | { readonly _tag: "Set" | "Touch"; readonly region: number; readonly key: number; readonly life: number }
  | { readonly _tag: "SetMany"; readonly region: number; readonly keys: ReadonlyArray<number>; readonly life: number }
  | { readonly _tag: "Clear"; readonly region: number }
  | {
      readonly _tag: "GetOrSet"
      readonly region: number
      readonly key: number
      readonly life: number
      readonly takes: number
      readonly fails: boolean
    }

/** What becomes of the server: one of the faults that last, and `None` that ends them. */
export type Trouble =
  | { readonly _tag: "None" | "Refuse" | "Freeze" }
  | { readonly _tag: "Delay"; readonly millis: number }
  | { readonly _tag: "Flaky"; readonly rate: number; readonly seed: number }
  | { readonly _tag: "Error"; readonly code: string; readonly commands: ReadonlyArray<string> | undefined }

/** A key of a region. */
export interface Place {
  readonly region: number
  readonly key: number
}

/** On a cluster the master that owns this key; where no key is named, all servers with data. */
interface Aimed {
  readonly on?: Place | undefined
}

/**
 * What becomes of a server's data and of their history. On a cluster, and where there are sentinels,
 * a replica follows the master until `Copy`.
 *
 * - `Save`, and a restart with `dump`: the server comes back with older data.
 * - `Copy`: a replica takes over the data and gets no more. `Resync`: the server is demoted, takes
 *   over what that replica has, and is promoted; sockets stay open unless `cut`.
 * - `Switch`: likewise, but the replica lacks nothing. `Attach`: a first replica comes.
 */
export type Change = Aimed &
  (
    | { readonly _tag: "Save" | "Copy" | "Attach" }
    | { readonly _tag: "Restart"; readonly data: "kept" | "lost" | "dump" }
    | { readonly _tag: "Resync" | "Switch"; readonly cut: boolean }
  )

/**
 * What becomes of a cluster, or of a master with its sentinels. What cannot be is left out: a
 * failover to a replica that is cut off, say.
 *
 * - `FailOver`: the replica takes over. If `planned` it lacks nothing.
 * - `Kill`: the master refuses or freezes until `None`, and the others take it for dead.
 * - `Isolate`: the master is cut off from the others and not from clients, until `Rejoin`. On a
 *   cluster it still names the owners that it knows; if `noticed` it answers CLUSTERDOWN.
 * - `MoveSlot`: the slot of a key moves at once. `Migrate`: it begins to move, `MoveKey` moves one
 *   key of it and `EndMigration` the others, or gives up.
 * - `AddNode`: a master without slots. `RemoveNode`: the last one of those, after its slots.
 * - `IsolateSentinel`: it goes on naming the master that it knows, until `Rejoin`.
 */
export type Turn =
  | ({ readonly _tag: "FailOver"; readonly planned: boolean } & Aimed)
  | ({ readonly _tag: "Kill"; readonly freezes: boolean } & Aimed)
  | ({ readonly _tag: "Isolate"; readonly noticed: boolean } & Aimed)
  | { readonly _tag: "Rejoin" | "AddNode" | "RemoveNode" }
  | { readonly _tag: "MoveSlot" | "Migrate"; readonly on: Place; readonly to: number }
  | { readonly _tag: "MoveKey"; readonly on: Place }
  | { readonly _tag: "EndMigration"; readonly on: Place; readonly finishes: boolean }
  | { readonly _tag: "IsolateSentinel" | "FreezeSentinel"; readonly sentinel: number }

/**
 * What becomes of the network and the clock of one process. What concerns connections concerns those that
 * are open now: the links, which are told of writes, the others, or all.
 *
 * - `Lose`: the process loses them. `Hold`: what the servers say is held back until `Release`. `Mute`:
 *   nothing comes and nothing goes any more, and they stay open.
 * - `Divert`: the process loses its links, and finds another server for new ones until `Return`.
 * - `Suspend`: the process does nothing and its monotonic time stands still, until `Wake`.
 * - `Jump`: its wall clock is set.
 */
export type Local =
  | { readonly _tag: "Lose" | "Hold" | "Release" | "Mute"; readonly process: number; readonly which: Which }
  | { readonly _tag: "Divert" | "Return" | "Suspend" | "Wake"; readonly process: number }
  | { readonly _tag: "Jump"; readonly process: number; readonly millis: number }

/**
 * One step. A call by an actor who still waits for his last one is left out, as is an interruption
 * of one who does not wait, and whatever a process does that has crashed.
 *
 * - `Stall`: the connections that are open now stand still, those that are made later do not.
 *   `Resume` lets them go on, and what was sent on them runs late.
 * - `Strand`: a process loses its connections without the server hearing of it.
 * - `Permit`: from now on users may not do this.
 * - `Crash`: a process is gone, and its journal with it. `Reopen`: it is closed unless it has
 *   crashed, and another one takes its place.
 * - `Foreign`: a write by somebody else, straight into Redis. `Flush`: somebody else's FLUSHALL.
 */
export type Step =
  | {
      readonly _tag: "Call"
      readonly process: number
      readonly actor: number
      /** Through which of the two caches of the client. */
      readonly cache: number
      readonly call: Call
    }
  | { readonly _tag: "Wait"; readonly millis: number }
  | ({ readonly _tag: "Trouble"; readonly trouble: Trouble } & Aimed)
  | ({ readonly _tag: "Cut"; readonly executed: boolean; readonly at: string | undefined } & Aimed)
  | ({ readonly _tag: "Stall" } & Aimed)
  | { readonly _tag: "Resume" }
  | Change
  | Turn
  | Local
  | ({ readonly _tag: "Flush" } & Aimed)
  | { readonly _tag: "Strand" | "Crash" | "Reopen"; readonly process: number }
  | { readonly _tag: "Permit"; readonly denied: ReadonlyArray<string> }
  | { readonly _tag: "Interrupt"; readonly process: number; readonly actor: number }
  | { readonly _tag: "Foreign"; readonly region: number; readonly key: number; readonly remove: boolean }

/** For how long the marks of removals stay. */
export const removedFor = 600_000

/** One region for each `replay`, and one more that leaves marks of removals. */
export const regions = [
  { name: "unchanged", replay: "ifUnchanged", marks: false },
  { name: "latest", replay: "latest", marks: true },
  { name: "marked", replay: "ifUnchanged", marks: true },
  { name: "invalidated", replay: "invalidate", marks: false },
  { name: "overwritten", replay: "overwrite", marks: false }
] as const
/** On a cluster the first two share a slot, in whatever region, and the others have their own. */
export const keys = ["aaa", "pcq", "c", "d"] as const

export type RegionDefinition = (typeof regions)[number]

export const regionName = (region: number): string => regions[region]?.name ?? ""
export const keyName = (key: number): string => keys[key] ?? ""
/** A key of a region as Redis has it. */
export const storedKey = ({ key, region }: Place): string => `cache:${regionName(region)}:v1:=${keyName(key)}`

/** The keys a call is about; all of them for `Clear`. */
export const keysOf = (call: Call): ReadonlyArray<number> => {
  if ("keys" in call) return call.keys
  return "key" in call ? [call.key] : keys.map((_, key) => key)
}

/** Every key that a history is about. */
export const placesOf = ({ steps }: History): ReadonlyArray<Place> => {
  const places = steps.flatMap((step) => {
    if (step._tag === "Foreign") return [{ region: step.region, key: step.key }]
    if (step._tag !== "Call") return []
    return keysOf(step.call).map((key) => ({ region: step.call.region, key }))
  })
  return Array.from(new Map(places.map((one) => [`${one.region} ${one.key}`, one])).values())
}

export const isWrite = ({ _tag }: Call): boolean => !["Get", "GetMany", "GetOrSet", "Touch"].includes(_tag)

/** As a person reads it, one line per step; the step's number is that of the violations. */
export const print = ({
  cramped,
  denied,
  historyInterval,
  latency,
  near,
  processes,
  seed,
  steps,
  world
}: History): string =>
  [
    [
      `seed ${seed}`,
      ...printWorld(world),
      `latency ${latency} ms, asked each ${historyInterval} ms`,
      ...processes.map(printProcess),
      ...(denied.length > 0 ? [`users without ${denied.join()}`] : []),
      ...(near === undefined ? [] : [`near within ${near} ms`]),
      ...(cramped ? ["room for two keys in journal and memory"] : [])
    ].join(", "),
    ...steps.map((step, index) => `${String(index).padStart(3)}  ${printStep(step)}`)
  ].join("\n")

const printWorld = (world: World): ReadonlyArray<string> => {
  if (world._tag !== "Cluster") return world._tag === "Server" ? [] : ["a master with sentinels"]
  return [world.fullCoverage ? "a cluster that serves all slots or none" : "a cluster"]
}

const printProcess = ({ clockOffset, connections, health }: ProcessOptions, index: number): string =>
  [
    `process ${index}`,
    ...(connections > 1 ? [`with ${connections} connections`] : []),
    ...(clockOffset === 0 ? [] : [`${clockOffset} ms ahead`]),
    ...(health ? ["with RedisHealth"] : [])
  ].join(" ")

const printStep = (step: Step): string => {
  const on = "on" in step && step.on !== undefined ? ` (${place(step.on.region, step.on.key)})` : ""
  switch (step._tag) {
    case "Call": {
      const cache = step.cache === 0 ? "" : ", other cache"
      return `process ${step.process}, actor ${step.actor}${cache}: ${printCall(step.call)}`
    }
    case "Wait":
      return `${step.millis} ms pass`
    case "Trouble":
      return printTrouble(step.trouble) + on
    case "Cut":
      return `cut ${step.at === undefined ? "now" : `at the next ${step.at}`}, ${step.executed ? "executed" : "not executed"}${on}`
    case "Stall":
      return `the open connections stand still${on}`
    case "Resume":
      return "the connections that stood still go on"
    case "Strand":
      return `process ${step.process} loses its connections`
    case "Permit":
      return step.denied.length === 0 ? "users may do everything" : `users may not ${step.denied.join()}`
    case "Interrupt":
      return `process ${step.process}, actor ${step.actor} is interrupted`
    case "Crash":
      return `process ${step.process} crashes`
    case "Reopen":
      return `process ${step.process} ends, and another one begins`
    case "Foreign":
      return `somebody else ${step.remove ? "removes" : "sets"} ${place(step.region, step.key)}`
    case "Flush":
      return `somebody else flushes everything${on}`
    default:
      if (isLocal(step)) return `process ${step.process}${printLocal(step)}`
      return isTurn(step) ? printTurn(step) : printChange(step) + on
  }
}

const printLocal = (step: Local): string => {
  switch (step._tag) {
    case "Lose":
      return ` loses ${connections[step.which]}`
    case "Hold":
      return ` hears nothing for now on ${connections[step.which]}`
    case "Release":
      return ` hears again on ${connections[step.which]}`
    case "Mute":
      return `: ${connections[step.which]} are silent for good`
    case "Divert":
      return " loses its links, and new ones reach another server"
    case "Return":
      return " finds the same server for links again"
    case "Suspend":
      return " is suspended"
    case "Wake":
      return " goes on"
    case "Jump":
      return ` sets its wall clock by ${step.millis} ms`
  }
}

const connections = { link: "its links", data: "its other connections", all: "all its connections" } as const

/** Tells what concerns one process alone. */
export const isLocal = (step: Step): step is Local => localTags.has(step._tag)

const localTags: ReadonlySet<string> = new Set([
  "Lose",
  "Hold",
  "Release",
  "Mute",
  "Divert",
  "Return",
  "Suspend",
  "Wake",
  "Jump"
])

const printChange = (step: Change): string => {
  switch (step._tag) {
    case "Restart":
      return `Redis restarts, its data ${step.data}`
    case "Save":
      return "Redis saves a dump"
    case "Copy":
      return "a replica copies the data and gets no more"
    case "Attach":
      return "a first replica is attached"
    case "Resync":
      return `Redis is demoted, takes over the replica's data and is promoted${step.cut ? ", connections cut" : ""}`
    case "Switch":
      return `a switch to a replica and back that loses nothing${step.cut ? ", connections cut" : ""}`
  }
}

const printTurn = (step: Turn): string => {
  const of = "on" in step && step.on !== undefined ? ` of ${place(step.on.region, step.on.key)}` : ""
  switch (step._tag) {
    case "FailOver":
      return `the replica${of} takes over${step.planned ? " as planned" : ""}`
    case "Kill":
      return `the master${of} ${step.freezes ? "freezes" : "dies"}`
    case "Isolate":
      return `the master${of} is cut off from the others${step.noticed ? " and knows it" : ""}`
    case "Rejoin":
      return "whatever was cut off is back"
    case "AddNode":
      return "a master without slots joins"
    case "RemoveNode":
      return "the master that joined last leaves"
    case "MoveSlot":
      return `the slot${of} moves to master ${step.to}`
    case "Migrate":
      return `the slot${of} begins to move to master ${step.to}`
    case "MoveKey":
      return `the key${of} moves along`
    case "EndMigration":
      return step.finishes ? `the slot${of} has moved` : `the slot${of} stays after all`
    case "IsolateSentinel":
      return `sentinel ${step.sentinel} is cut off from the others`
    case "FreezeSentinel":
      return `sentinel ${step.sentinel} freezes`
  }
}

/** Tells a change of who owns what from one of a server's data. */
export const isTurn = (step: Change | Turn): step is Turn => !changeTags.has(step._tag)

const changeTags: ReadonlySet<string> = new Set(["Save", "Copy", "Attach", "Restart", "Resync", "Switch"])

export const printCall = (call: Call): string => {
  const places =
    call._tag === "Clear"
      ? regionName(call.region)
      : keysOf(call)
          .map((key) => place(call.region, key))
          .join()
  const life = "life" in call ? `, for ${call.life} ms` : ""
  const lookup = call._tag === "GetOrSet" ? `, lookup ${call.fails ? "fails" : "succeeds"} after ${call.takes} ms` : ""
  return `${call._tag.replace(/^./, (letter) => letter.toLowerCase())} ${places}${life}${lookup}`
}

const place = (region: number, key: number): string => `${regionName(region)}.${keyName(key)}`

const printTrouble = (trouble: Trouble): string => {
  switch (trouble._tag) {
    case "None":
      return "heal"
    case "Delay":
      return `Redis takes ${trouble.millis} ms longer`
    case "Flaky":
      return `Redis is flaky (${trouble.rate}, seed ${trouble.seed})`
    case "Error":
      return `Redis answers ${trouble.code}${trouble.commands === undefined ? "" : ` to ${trouble.commands.join()}`}`
    default:
      return trouble._tag.toLowerCase()
  }
}
