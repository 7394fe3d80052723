import type { Context } from "effect"
import { defineMetric } from "../defineMetric.ts"
import * as Labels from "../Labels.ts"

/**
 * The metrics of one circuit, apart from a client's, so that a program with a breaker alone carries
 * no others. Dashboards depend on their ids and attributes, and docs/monitoring.md lists them.
 */
export type CircuitMetrics = ReturnType<typeof build>

/**
 * The metrics of the circuit of that name: the same ones each time. Beyond 100 names they are
 * `other`'s.
 */
export const make: (name: string) => CircuitMetrics = Labels.once(100, build)

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

/**
 * Shows the transitions before there is one: a count that is first seen at one has not grown.
 */
export const beginAtZero = ({ transitions }: CircuitMetrics, context: Context.Context<never>): void => {
  for (const [from, to] of possible) transitions(from)(to).updateUnsafe(0, context)
}

const possible = [
  ["Closed", "Open"],
  ["Open", "HalfOpen"],
  ["HalfOpen", "Closed"],
  ["HalfOpen", "Open"],
  ["Open", "Closed"]
] as const

// A function declaration, because `make` above is built with it.
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
