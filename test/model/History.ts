/**
 * A history: the circumstances, and the steps one after the other. It is plain data, so that it can
 * be printed, shrunk and kept as a test.
 */
export interface History {
  readonly seed: number
  readonly latency: number
  /** After how many milliseconds the servers are asked for their histories again. */
  readonly historyInterval: number
  /** Whether journal and memory have room for two keys only. */
  readonly cramped: boolean
  /** What the users of all processes may not do at first. */
  readonly denied: ReadonlyArray<string>
  /** The processes that are alive at first. */
  readonly processes: ReadonlyArray<ProcessOptions>
  readonly steps: ReadonlyArray<Step>
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

/**
 * One step. A call by an actor who still waits for his last one is left out, as is an interruption
 * of one who does not wait, and whatever a process does that has crashed.
 *
 * - `Stall`: the connections that are open now stand still, those that are made later do not.
 *   `Resume` lets them go on, and what was sent on them runs late.
 * - `Strand`: a process loses its connections without the server hearing of it.
 * - `Save`, and a restart with `dump`: the server comes back with older data.
 * - `Copy`: a replica takes over the data and gets no more. `Resync`: the server is demoted, takes
 *   over what that replica has, and is promoted; sockets stay open unless `cut`.
 * - `Switch`: likewise, but the replica lacks nothing. `Attach`: a first replica comes.
 * - `Permit`: from now on users may not do this.
 * - `Crash`: a process is gone, and its journal with it. `Reopen`: it is closed unless it has
 *   crashed, and another one takes its place.
 * - `Foreign`: a write by somebody else, straight into Redis.
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
  | { readonly _tag: "Trouble"; readonly trouble: Trouble }
  | { readonly _tag: "Cut"; readonly executed: boolean; readonly at: string | undefined }
  | { readonly _tag: "Stall" | "Resume" }
  | { readonly _tag: "Save" | "Copy" | "Attach" }
  | { readonly _tag: "Strand" | "Crash" | "Reopen"; readonly process: number }
  | { readonly _tag: "Restart"; readonly data: "kept" | "lost" | "dump" }
  | { readonly _tag: "Resync" | "Switch"; readonly cut: boolean }
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
export const keys = ["a", "b", "c", "d"] as const

export type RegionDefinition = (typeof regions)[number]

export const regionName = (region: number): string => regions[region]?.name ?? ""
export const keyName = (key: number): string => keys[key] ?? ""

/** The keys a call is about; all of them for `Clear`. */
export const keysOf = (call: Call): ReadonlyArray<number> => {
  if ("keys" in call) return call.keys
  return "key" in call ? [call.key] : keys.map((_, key) => key)
}

/** Every key that a history is about. */
export const placesOf = ({ steps }: History): ReadonlyArray<{ readonly region: number; readonly key: number }> => {
  const places = steps.flatMap((step) => {
    if (step._tag === "Foreign") return [{ region: step.region, key: step.key }]
    if (step._tag !== "Call") return []
    return keysOf(step.call).map((key) => ({ region: step.call.region, key }))
  })
  return Array.from(new Map(places.map((one) => [`${one.region} ${one.key}`, one])).values())
}

export const isWrite = ({ _tag }: Call): boolean => !["Get", "GetMany", "GetOrSet", "Touch"].includes(_tag)

/** As a person reads it, one line per step; the step's number is that of the violations. */
export const print = ({ cramped, denied, historyInterval, latency, processes, seed, steps }: History): string =>
  [
    [
      `seed ${seed}`,
      `latency ${latency} ms, asked each ${historyInterval} ms`,
      ...processes.map(printProcess),
      ...(denied.length > 0 ? [`users without ${denied.join()}`] : []),
      ...(cramped ? ["room for two keys in journal and memory"] : [])
    ].join(", "),
    ...steps.map((step, index) => `${String(index).padStart(3)}  ${printStep(step)}`)
  ].join("\n")

const printProcess = ({ clockOffset, connections, health }: ProcessOptions, index: number): string =>
  [
    `process ${index}`,
    ...(connections > 1 ? [`with ${connections} connections`] : []),
    ...(clockOffset === 0 ? [] : [`${clockOffset} ms ahead`]),
    ...(health ? ["with RedisHealth"] : [])
  ].join(" ")

const printStep = (step: Step): string => {
  switch (step._tag) {
    case "Call": {
      const cache = step.cache === 0 ? "" : ", other cache"
      return `process ${step.process}, actor ${step.actor}${cache}: ${printCall(step.call)}`
    }
    case "Wait":
      return `${step.millis} ms pass`
    case "Trouble":
      return printTrouble(step.trouble)
    case "Cut":
      return `cut ${step.at === undefined ? "now" : `at the next ${step.at}`}, ${step.executed ? "executed" : "not executed"}`
    case "Stall":
      return "the open connections stand still"
    case "Resume":
      return "the connections that stood still go on"
    case "Strand":
      return `process ${step.process} loses its connections`
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
  }
}

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
