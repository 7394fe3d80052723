import { Effect, Schedule } from "effect"
import * as FreePort from "./FreePort.ts"
import * as RedisServer from "./RedisServer.ts"
import * as Wait from "./Wait.ts"

/** The smallest cluster that redirects: two masters, who share the slots half and half, and a replica of the first. */
export interface TwoNodeCluster {
  readonly one: RedisServer.RedisServer
  readonly other: RedisServer.RedisServer
  readonly replica: RedisServer.RedisServer
  /** What CLUSTER MYID answers. */
  readonly ids: Readonly<Record<"one" | "other" | "replica", string>>
}

/** Starts it and waits until each node knows all of it. */
export const make = Effect.fnUntraced(function* (options: { readonly fullCoverage: boolean }) {
  const [one, other, replica] = yield* Effect.all([node(options), node(options), node(options)], {
    concurrency: "unbounded"
  })
  const nodes = { one, other, replica }
  const ids = {
    one: String(yield* one.cli("CLUSTER", "MYID")),
    other: String(yield* other.cli("CLUSTER", "MYID")),
    replica: String(yield* replica.cli("CLUSTER", "MYID"))
  }
  let epoch = 0
  for (const server of Object.values(nodes)) yield* server.cli("CLUSTER", "SET-CONFIG-EPOCH", ++epoch)
  yield* one.cli("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
  yield* other.cli("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
  for (const server of [other, replica]) yield* server.cli("CLUSTER", "MEET", "127.0.0.1", one.port)
  yield* Wait.until(
    "the replica follows",
    Effect.map(replica.cli("CLUSTER", "REPLICATE", ids.one), (reply) => reply === "OK")
  )
  for (const server of Object.values(nodes)) yield* Wait.until("the cluster is ready", isReady(server))
  return { ...nodes, ids } satisfies TwoNodeCluster
})

const isReady = (server: RedisServer.RedisServer) =>
  Effect.gen(function* () {
    const info = String(yield* server.cli("CLUSTER", "INFO"))
    const slots = yield* server.cli("CLUSTER", "SLOTS")
    // Each range names its two ends and one master; that of `one` its replica too.
    const entries = Array.isArray(slots) ? slots.flat().length : 0
    return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3") && entries === 7
  })

const node = ({ fullCoverage }: { readonly fullCoverage: boolean }) =>
  port.pipe(
    Effect.flatMap((port) => RedisServer.make({ port, config: configuration(fullCoverage) })),
    Effect.retry({ times: 5, while: ({ message }) => /address already in use|listening/i.test(message) })
  )

const configuration = (fullCoverage: boolean) => [
  "cluster-enabled yes",
  "cluster-node-timeout 5000",
  `cluster-require-full-coverage ${fullCoverage ? "yes" : "no"}`,
  "repl-diskless-sync-delay 0",
  "repl-ping-replica-period 1"
]

// The nodes talk to each other at a port 10000 higher, which should not be one of outgoing connections either.
const port: Effect.Effect<number, RedisServer.RedisServerError> = FreePort.make.pipe(
  Effect.filterOrFail(
    (port) => port < 22_768,
    () => new FreePort.FreePortError({ message: "the port for the other nodes would be too high" })
  ),
  Effect.retry(Schedule.recurs(50)),
  Effect.mapError(({ message }) => new RedisServer.RedisServerError({ message }))
)
