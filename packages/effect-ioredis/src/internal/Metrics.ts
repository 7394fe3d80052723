import { type Context, Metric } from "effect"
import { distributionOf } from "./Distribution.ts"
import * as Labels from "./Labels.ts"

/**
 * The metrics of one client. Dashboards depend on their names and labels, and docs/configuration.md
 * lists them. Each has the label `name`, so that two clients of one program are two.
 */
export type Metrics = ReturnType<typeof build>

/**
 * The metrics of the client of that name: the same ones each time. Beyond 100 names they are
 * `other`'s.
 */
export const make: (name: string) => Metrics = Labels.once(100, build)

/** A program that makes up command names gets no more than these many of each metric. */
const maxOperations = 300

/** Redis has some thirty error codes, but a script may make up any. */
const maxCodes = 100

/** Labels whose values this library itself makes up. */
const maxOwn = 20

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

// A function declaration, because `make` above is built with it.
function build(name: string) {
  const counter = (id: string, description: string, attributes: Readonly<Record<string, string>> = {}) =>
    Metric.counter(id, { description, incremental: true, attributes: { name, ...attributes } })

  const gauge = (id: string, description: string, attributes: Readonly<Record<string, string>> = {}) =>
    Metric.gauge(id, { description, attributes: { name, ...attributes } })

  return {
    operationDuration: (context: Context.Context<never>) =>
      Labels.once(maxOperations, (operation) =>
        Labels.once(maxOwn, (outcome) =>
          distributionOf(
            "redis_client_operation_duration_seconds",
            {
              description: "How long each attempt of a command took, by command and outcome",
              boundaries: seconds,
              attributes: { name, operation, outcome }
            },
            context
          )
        )
      ),
    retries: Labels.once(maxOperations, (operation) =>
      counter("redis_client_retries_total", "Attempts after the first, by command", { operation })
    ),
    errors: Labels.once(maxOwn, (tag) =>
      Labels.once(maxCodes, (code) =>
        counter(
          "redis_client_errors_total",
          "Attempts that failed, by error tag and by reply code or connection reason",
          { tag, code }
        )
      )
    ),
    connectionState: gauge("redis_connection_state", "Clients of this name whose connection is ready"),
    connectionEvents: Labels.once(maxOwn, (event) =>
      counter("redis_connection_events_total", "What befell the connection: ready, lost, failed, closed, stalled", {
        event
      })
    ),
    connections: gauge("redis_connections", "Connections that are ready"),
    commandsInFlight: gauge("redis_commands_in_flight", "Commands sent whose reply has not come"),
    healthChecks: Labels.once(maxOwn, (result) =>
      counter("redis_health_checks_total", "Health checks, by result", { result })
    )
  }
}
