/**
 * A history: the circumstances, and the steps one after the other. It is plain data, so that it can be printed, shrunk and kept as a test.
 */
export interface History {
  readonly seed: number
  readonly latency: number
  /** Whether `RedisHealth` watches Redis beside the cache. */
  readonly health: boolean
  /** How many connections carry the commands. */
  readonly connections: number
  /** Whether journal and memory have room for two keys only. */
  readonly cramped: boolean
  readonly steps: ReadonlyArray<Step>
}

/** A call of the cache. `takes` is how long a lookup runs, in milliseconds. */
export type Call =
  | { readonly _tag: "Get" | "Remove"; readonly region: number; readonly key: number }
  | { readonly _tag: "GetMany" | "RemoveMany"; readonly region: number; readonly keys: ReadonlyArray<number> }
  | { readonly _tag: "Set"; readonly region: number; readonly key: number; readonly life: number }
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
 * One step. A call by an actor who still waits for his last one is left out, as is an interruption of one who does not wait. `Save` and a
 * restart with `old` data are a dump and what comes back of it. `Foreign` is a write by somebody else, straight into Redis.
 */
export type Step =
  | { readonly _tag: "Call"; readonly actor: number; readonly call: Call }
  | { readonly _tag: "Wait"; readonly millis: number }
  | { readonly _tag: "Trouble"; readonly trouble: Trouble }
  | { readonly _tag: "Cut"; readonly executed: boolean; readonly at: string | undefined }
  | { readonly _tag: "Restart"; readonly data: "kept" | "lost" | "old" }
  | { readonly _tag: "Save" }
  | { readonly _tag: "Interrupt"; readonly actor: number }
  | { readonly _tag: "Reopen" }
  | { readonly _tag: "Foreign"; readonly region: number; readonly key: number; readonly remove: boolean }

export const regions = ["one", "two"] as const
export const keys = ["a", "b", "c", "d"] as const

export const regionName = (region: number): string => regions[region] ?? ""
export const keyName = (key: number): string => keys[key] ?? ""

/** The keys a call is about; all of them for `Clear`. */
export const keysOf = (call: Call): ReadonlyArray<number> => {
  if ("keys" in call) return call.keys
  return "key" in call ? [call.key] : keys.map((_, key) => key)
}

export const isWrite = ({ _tag }: Call): boolean => !["Get", "GetMany", "GetOrSet"].includes(_tag)

/** As a person reads it, one line per step; the step's number is that of the violations. */
export const print = ({ connections, cramped, health, latency, seed, steps }: History): string =>
  [
    [
      `seed ${seed}`,
      `latency ${latency} ms`,
      `${health ? "with" : "without"} RedisHealth`,
      ...(connections > 1 ? [`${connections} connections`] : []),
      ...(cramped ? ["room for two keys in journal and memory"] : [])
    ].join(", "),
    ...steps.map((step, index) => `${String(index).padStart(3)}  ${printStep(step)}`)
  ].join("\n")

const printStep = (step: Step): string => {
  switch (step._tag) {
    case "Call":
      return `actor ${step.actor}: ${printCall(step.call)}`
    case "Wait":
      return `${step.millis} ms pass`
    case "Trouble":
      return printTrouble(step.trouble)
    case "Cut":
      return `cut ${step.at === undefined ? "now" : `at the next ${step.at}`}, ${step.executed ? "executed" : "not executed"}`
    case "Restart":
      return `Redis restarts, its data ${step.data}`
    case "Save":
      return "Redis saves a dump"
    case "Interrupt":
      return `actor ${step.actor} is interrupted`
    case "Reopen":
      return "the layer is closed, and another one opened"
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
