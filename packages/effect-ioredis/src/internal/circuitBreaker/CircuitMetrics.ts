import { Metric } from "effect"
import * as Labels from "../Labels.ts"

/**
 * The metrics of one circuit, apart from a client's, so that a program with a breaker alone carries
 * no others. Dashboards depend on their names and labels, and docs/configuration.md lists them.
 */
export type CircuitMetrics = ReturnType<typeof build>

/**
 * The metrics of the circuit of that name: the same ones each time. Beyond 100 names they are
 * `other`'s.
 */
export const make: (name: string) => CircuitMetrics = Labels.once(100, build)

/** A circuit has three states. */
const maxStates = 3

// A function declaration, because `make` above is built with it.
function build(name: string) {
  return {
    state: Labels.once(maxStates, (state) =>
      Metric.gauge("circuit_breaker_state", {
        description: "Circuits of this name that are in the state",
        attributes: { name, state }
      })
    ),
    transitions: Labels.once(maxStates, (from) =>
      Labels.once(maxStates, (to) =>
        Metric.counter("circuit_breaker_transitions_total", {
          description: "Changes of the circuit's state",
          incremental: true,
          attributes: { name, from, to }
        })
      )
    ),
    rejections: Metric.counter("circuit_breaker_rejections_total", {
      description: "Calls the circuit breaker refused",
      incremental: true,
      attributes: { name }
    })
  }
}
