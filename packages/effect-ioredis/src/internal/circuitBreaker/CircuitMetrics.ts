import type { Context } from "effect"
import { defineMetric } from "../defineMetric.ts"
import * as Gauges from "../Gauges.ts"
import * as Labels from "../Labels.ts"
import { type Tally, tallyOf } from "../Tally.ts"
import type { CircuitState } from "./transition.ts"

/**
 * Shows a circuit as metrics.
 *
 * @category models
 * @since 0.1.0
 */
export type CircuitMetrics = (circuit: ShownCircuit, context: Context.Context<never>) => Shown

/** Is a circuit as its metrics see it. */
export interface ShownCircuit {
  /** Names it in what is counted. */
  readonly metricName: string
  /** Gives the state it is in now. */
  readonly current: () => CircuitState
  /** Gives its monotonic time in milliseconds. */
  readonly now: () => number
}

/** Is told what befalls a circuit. */
export interface Shown {
  /** Counts the calls that were refused. */
  readonly rejections: Tally
  /** Counts a change of the state. */
  readonly changed: (from: CircuitState, to: CircuitState) => void
  /** Ends the gauges. */
  readonly end: () => void
}

/**
 * Shows the circuit's state as metrics while its scope is open, and its counts from zero on:
 * `redis.client.circuit.state`, `.open.duration`, `.transitions` and `.rejections`, as
 * `docs/monitoring.md` lists them.
 *
 * **Example** (A breaker with metrics)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CircuitBreaker } from "effect-ioredis"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({
 *     name: "payments",
 *     metrics: CircuitBreaker.metrics
 *   })
 *   return yield* breaker.execute(Effect.succeed("paid"))
 * })
 *
 * Effect.runSync(Effect.scoped(program)) // => "paid"
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export const metrics: CircuitMetrics = (circuit, context) => {
  const metrics = ofName(circuit.metricName)
  beginAtZero(metrics, context)
  const rejections = tallyOf(metrics.rejections, context)
  const ends = (["Closed", "Open", "HalfOpen"] as const).map((tag) =>
    Gauges.begin(metrics.state(tag), () => (circuit.current()._tag === tag ? 1 : 0), context)
  )
  const openSeconds = (): number => {
    const state = circuit.current()
    return state._tag === "Closed" ? 0 : (circuit.now() - state.since) / 1000
  }
  ends.push(Gauges.begin(metrics.openDuration, openSeconds, context, Gauges.most))
  return {
    rejections,
    changed: (from, to) => metrics.transitions(from._tag)(to._tag).updateUnsafe(1, context),
    end: () => {
      for (const end of ends) end()
    }
  }
}

// The metrics of the circuits of a name are the same ones each time. Beyond 100 names they are
// `other`'s.
const ofName = Labels.once(100, build)

/** A circuit has three states. */
const maxStates = 3

const state = defineMetric({
  id: "redis.client.circuit.state",
  kind: "gauge",
  unit: "{circuit}",
  description: "Circuits that are in the state",
  attributes: ["redis.client.name", "redis.client.circuit.state"]
})

const openDuration = defineMetric({
  id: "redis.client.circuit.open.duration",
  kind: "gauge",
  unit: "s",
  description:
    "For how long a circuit has not been closed: the longest where there are several, and 0 where all are closed",
  attributes: ["redis.client.name"]
})

const transitions = defineMetric({
  id: "redis.client.circuit.transitions",
  kind: "counter",
  unit: "{transition}",
  description: "Changes of a circuit's state",
  attributes: ["redis.client.name", "redis.client.circuit.from", "redis.client.circuit.to"]
})

const rejections = defineMetric({
  id: "redis.client.circuit.rejections",
  kind: "counter",
  unit: "{call}",
  description: "Calls that a circuit refused",
  attributes: ["redis.client.name"]
})

// Shows the transitions before there is one: a count that is first seen at one has not grown.
const beginAtZero = ({ transitions }: ReturnType<typeof build>, context: Context.Context<never>): void => {
  for (const [from, to] of possible) transitions(from)(to).updateUnsafe(0, context)
}

const possible = [
  ["Closed", "Open"],
  ["Open", "HalfOpen"],
  ["HalfOpen", "Closed"],
  ["HalfOpen", "Open"],
  ["Open", "Closed"]
] as const

// A function declaration, because `ofName` above is built with it.
function build(name: string) {
  const ofCircuit = { "redis.client.name": name }
  return {
    state: Labels.once(maxStates, (tag) => state({ ...ofCircuit, "redis.client.circuit.state": tag })),
    openDuration: openDuration(ofCircuit),
    transitions: Labels.once(maxStates, (from) =>
      Labels.once(maxStates, (to) =>
        transitions({ ...ofCircuit, "redis.client.circuit.from": from, "redis.client.circuit.to": to })
      )
    ),
    rejections: rejections(ofCircuit)
  }
}
