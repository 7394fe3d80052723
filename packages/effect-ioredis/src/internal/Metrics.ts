import { Context, Effect, Metric, type Scope } from "effect"

/** The metrics of `effect-ioredis`. Their names are a promise to dashboards: see docs and DESIGN. Attributes have few values. */

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export const operationDuration = once((operation) =>
  once((outcome) =>
    Metric.histogram("redis_client_operation_duration_seconds", {
      description: "How long each attempt of a command took, by command and outcome",
      boundaries: seconds,
      attributes: { operation, outcome }
    })
  )
)

export const retries = once((operation) =>
  Metric.counter("redis_client_retries_total", {
    description: "Attempts after the first, by command",
    incremental: true,
    attributes: { operation }
  })
)

export const errors = once((tag) =>
  once((code) =>
    Metric.counter("redis_client_errors_total", {
      description: "Attempts that failed, by error tag and by reply code or connection reason",
      incremental: true,
      attributes: { tag, code }
    })
  )
)

export const connectionState = Metric.gauge("redis_connection_state", {
  description: "1 while the connection is ready, else 0"
})

export const connectionEvents = once((event) =>
  Metric.counter("redis_connection_events_total", {
    description: "What befell the connection: ready, lost, failed, closed, stalled",
    incremental: true,
    attributes: { event }
  })
)

export const connections = Metric.gauge("redis_connections", { description: "Connections that are ready" })

const commandsInFlight = Metric.gauge("redis_commands_in_flight", {
  description: "Commands sent whose reply has not come"
})

/** Shows the number of commands in flight. */
export const showCommandsInFlight = (read: () => number) => show(commandsInFlight, read)

/** Shows a gauge for as long as the scope is open, summed over everyone who shows it in the same registry. It is asked for when it is read. */
const show = (gauge: Metric.Gauge<number>, read: () => number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => readersOf(gauge, context).add(read))),
      (readers) => Effect.sync(() => readers.delete(read))
    )
  )

const readersOf = (gauge: Metric.Gauge<number>, context: Context.Context<never>): Set<() => number> => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const known = shown.get(registry)
  if (known !== undefined) return known
  const readers = new Set<() => number>()
  shown.set(registry, readers)
  Metric.registerUnsafe(gauge, context, {
    get: () => ({ value: Array.from(readers).reduce((sum, read) => sum + read(), 0) }),
    update: () => {},
    modify: () => {}
  })
  return readers
}

const shown = new WeakMap<Metric.MetricRegistry, Set<() => number>>()

export const healthChecks = once((result) =>
  Metric.counter("redis_health_checks_total", {
    description: "Health checks, by result",
    incremental: true,
    attributes: { result }
  })
)

export const breakerState = once((state) =>
  Metric.gauge("circuit_breaker_state", {
    description: "1 for the state the circuit is in, 0 for the others",
    attributes: { state }
  })
)

export const breakerTransitions = once((from) =>
  once((to) =>
    Metric.counter("circuit_breaker_transitions_total", {
      description: "Changes of the circuit's state",
      incremental: true,
      attributes: { from, to }
    })
  )
)

export const breakerRejections = Metric.counter("circuit_breaker_rejections_total", {
  description: "Calls the circuit breaker refused",
  incremental: true
})

// Building attributes costs ten times as much as counting, so each combination of labels is built once.
function once<A>(build: (label: string) => A): (label: string) => A {
  const built = new Map<string, A>()
  return (label) => {
    const found = built.get(label)
    if (found !== undefined) return found
    const made = build(label)
    built.set(label, made)
    return made
  }
}
