import type { Context } from "effect"
import type { ConnectionFailure } from "../RedisError.ts"
import type { Gap } from "../RedisPubSub.ts"
import { defineMetric } from "./defineMetric.ts"
import type { Distribution } from "./Distribution.ts"
import * as Labels from "./Labels.ts"

/**
 * The metrics of one client. Dashboards depend on their ids and attributes, and docs/monitoring.md
 * lists them. Each has the attribute `redis.client.name`, so that two clients of one program are
 * two.
 */
export type Metrics = ReturnType<typeof build>

/**
 * The metrics of the client of that name: the same ones each time. Beyond 100 names they are
 * `other`'s.
 */
export const make: (name: string) => Metrics = Labels.once(100, build)

/** Takes in seconds how long operations took, by their error type; `success` had none. */
export type Durations = (operation: string) => (errorType: string) => Distribution

/** The error type of what has succeeded. */
export const success = ""

/** Says where operations are executed, as far as it is known. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly database: number
}

/** A program that makes up command names gets no more than these many of each metric. */
const maxOperations = 300

/** Redis has some thirty error codes, but a script may make up any. */
const maxCodes = 100

/** Labels whose values this library itself makes up. */
const maxOwn = 20

/** Reasons why a connection failed. */
const maxReasons = 50

/** A cluster may come to have ever other servers. */
const maxServers = 100

/**
 * Bounds the buckets of durations. Those of the convention are among them, and finer ones below a
 * millisecond, where most answers are.
 */
const durations = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
] as const

const operationDuration = defineMetric({
  id: "db.client.operation.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of database client operations, with all of their attempts",
  attributes: [
    "db.system.name",
    "db.operation.name",
    "db.namespace",
    "db.response.status_code",
    "error.type",
    "server.address",
    "server.port",
    "redis.client.name"
  ],
  boundaries: durations
})

const attemptDuration = defineMetric({
  id: "redis.client.attempt.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of single attempts, of which an operation has one or more",
  attributes: ["redis.client.name", "db.operation.name", "redis.client.outcome"],
  boundaries: durations
})

const retries = defineMetric({
  id: "redis.client.retries",
  kind: "counter",
  unit: "{attempt}",
  description: "Attempts after the first",
  attributes: ["redis.client.name", "db.operation.name"]
})

const errors = defineMetric({
  id: "redis.client.errors",
  kind: "counter",
  unit: "{attempt}",
  description: "Attempts that failed",
  attributes: ["redis.client.name", "error.type", "redis.client.connection.reason"]
})

const connections = defineMetric({
  id: "redis.client.connections",
  kind: "gauge",
  unit: "{connection}",
  description: "Connections that are ready",
  attributes: ["redis.client.name"]
})

const connectionsWanted = defineMetric({
  id: "redis.client.connections.wanted",
  kind: "gauge",
  unit: "{connection}",
  description: "Connections that are kept while all is well",
  attributes: ["redis.client.name"]
})

const connectionEvents = defineMetric({
  id: "redis.client.connection.events",
  kind: "counter",
  unit: "{event}",
  description: "What befell connections: ready, failed (could not be made), lost, stalled",
  attributes: ["redis.client.name", "redis.client.connection.event", "redis.client.connection.reason"]
})

const nodes = defineMetric({
  id: "redis.client.nodes",
  kind: "gauge",
  unit: "{server}",
  description: "Servers that the client is to be connected to",
  attributes: ["redis.client.name"]
})

const nodesReady = defineMetric({
  id: "redis.client.nodes.ready",
  kind: "gauge",
  unit: "{server}",
  description: "Servers of which all connections are ready",
  attributes: ["redis.client.name"]
})

const commandsInFlight = defineMetric({
  id: "redis.client.commands.in_flight",
  kind: "gauge",
  unit: "{command}",
  description: "Commands sent whose reply has not come",
  attributes: ["redis.client.name"]
})

const healthChecks = defineMetric({
  id: "redis.client.health.checks",
  kind: "counter",
  unit: "{check}",
  description: "Health checks",
  attributes: ["redis.client.name", "redis.client.outcome"]
})

const eventLoopDelay = defineMetric({
  id: "redis.client.event_loop.delay",
  kind: "histogram",
  unit: "s",
  description: "How late the event loop ran the timer that watches over commands in flight",
  attributes: ["redis.client.name"],
  boundaries: durations
})

const reservationsInUse = defineMetric({
  id: "redis.client.reservations.in_use",
  kind: "gauge",
  unit: "{connection}",
  description: "Connections that callers have reserved for themselves",
  attributes: ["redis.client.name"]
})

const reservationsLimit = defineMetric({
  id: "redis.client.reservations.limit",
  kind: "gauge",
  unit: "{connection}",
  description: "The most connections that may be reserved at once",
  attributes: ["redis.client.name"]
})

const replicaReads = defineMetric({
  id: "redis.client.replica.reads",
  kind: "counter",
  unit: "{command}",
  description: "Reads that a replica was to answer, by who was asked last",
  attributes: ["redis.client.name", "redis.client.role"]
})

const subscriptionGaps = defineMetric({
  id: "redis.client.subscription.gaps",
  kind: "counter",
  unit: "{gap}",
  description: "Times at which subscribers may have missed messages",
  attributes: ["redis.client.name", "redis.client.gap.reason"]
})

/**
 * Shows what is rare before there is anything to count. A count that is first seen at its final
 * value has not grown, and no alert would notice it.
 */
export const beginAtZero = ({ connectionEvents, subscriptionGaps }: Metrics, context: Context.Context<never>): void => {
  for (const reason of loginFailures) connectionEvents("failed")(reason).updateUnsafe(0, context)
  connectionEvents("stalled")("").updateUnsafe(0, context)
  for (const reason of gaps) subscriptionGaps(reason).updateUnsafe(0, context)
}

/** Lists why no connection can be made. */
const loginFailures: ReadonlyArray<ConnectionFailure> = [
  "Refused",
  "Reset",
  "Closed",
  "NotReady",
  "Timeout",
  "Dns",
  "Tls",
  "Auth",
  "Login",
  "TooManyClients",
  "UnknownMaster"
]

const gaps: ReadonlyArray<Gap["reason"]> = ["Reconnected", "Overflow", "SlotMoved"]

// A function declaration, because `make` above is built with it.
function build(name: string) {
  const ofClient = { "redis.client.name": name }
  const retriesOf = Labels.once(maxOperations, (operation) => retries({ ...ofClient, "db.operation.name": operation }))
  return {
    operationDuration: (context: Context.Context<never>) => {
      const at = Labels.once(maxServers, (place) => durationsAt(name, place, context))
      return (server: Server | undefined): Durations => at(server === undefined ? "" : placeOf(server))
    },
    attemptDuration: (context: Context.Context<never>) =>
      Labels.once(maxOperations, (operation) => {
        // Shown at zero by the first attempt: a count that is first seen at one has not grown.
        retriesOf(operation).updateUnsafe(0, context)
        return Labels.once(maxOwn, (outcome) =>
          attemptDuration({ ...ofClient, "db.operation.name": operation, "redis.client.outcome": outcome }, context)
        )
      }),
    retries: retriesOf,
    errors: Labels.once(maxCodes, (errorType) =>
      Labels.once(maxReasons, (reason) =>
        errors({ ...ofClient, "error.type": errorType, "redis.client.connection.reason": reason || undefined })
      )
    ),
    connections: connections(ofClient),
    connectionsWanted: connectionsWanted(ofClient),
    connectionEvents: Labels.once(maxOwn, (event) =>
      Labels.once(maxReasons, (reason) =>
        connectionEvents({
          ...ofClient,
          "redis.client.connection.event": event,
          "redis.client.connection.reason": reason || undefined
        })
      )
    ),
    nodes: nodes(ofClient),
    nodesReady: nodesReady(ofClient),
    commandsInFlight: commandsInFlight(ofClient),
    healthChecks: Labels.once(maxOwn, (outcome) => healthChecks({ ...ofClient, "redis.client.outcome": outcome })),
    eventLoopDelay: (context: Context.Context<never>) => eventLoopDelay(ofClient, context),
    reservationsInUse: reservationsInUse(ofClient),
    reservationsLimit: reservationsLimit(ofClient),
    replicaReads: Labels.once(maxOwn, (role) => replicaReads({ ...ofClient, "redis.client.role": role })),
    subscriptionGaps: Labels.once(maxOwn, (reason) =>
      subscriptionGaps({ ...ofClient, "redis.client.gap.reason": reason })
    )
  }
}

// No host name has a space.
const placeOf = ({ database, host, port }: Server): string => `${host} ${port} ${database}`

const durationsAt = (name: string, place: string, context: Context.Context<never>): Durations => {
  const [host, port, database] = place.split(" ")
  return Labels.once(maxOperations, (operation) =>
    Labels.once(maxCodes, (errorType) =>
      operationDuration(
        {
          "db.system.name": "redis",
          "db.operation.name": operation,
          "db.namespace": database,
          "db.response.status_code": statusOf(errorType),
          "error.type": errorType || undefined,
          "server.address": host || undefined,
          "server.port": port,
          "redis.client.name": name
        },
        context
      )
    )
  )
}

// What Redis begins its error replies with. Codes of our own are not from Redis.
const statusOf = (errorType: string): string | undefined =>
  /^[A-Z]+$/.test(errorType) && !ownCodes.has(errorType) ? errorType : undefined

const ownCodes: ReadonlySet<string> = new Set(["ARGUMENT", "REPLY", "SUPERSEDED", "UNSUPPORTED"])
