import { Effect } from "effect"
import type { RedisAddress } from "../../RedisConnector.ts"
import type { SimulatedServer } from "../SimulatedServer.ts"
import * as Connection from "./Connection.ts"
import { bytesOf } from "./RedisStore.ts"
import type { Server } from "./Server.ts"
import * as Wire from "./Wire.ts"

/** Puts a server into the hands of a test. `serverAt` finds the others of its network. */
export const serverHandle = (server: Server, serverAt: (address: RedisAddress) => Server): SimulatedServer => ({
  address: { host: server.replication.host, port: server.replication.port },
  inject: (fault, options) => Effect.sync(() => server.inject(fault, options?.connection)),
  heal: Effect.sync(() => server.heal()),
  setAccess: (access) => Effect.sync(() => server.setAccess(access)),
  restart: ({ data }) => Effect.sync(() => server.restart(data)),
  save: Effect.sync(() => server.save()),
  reload: Effect.sync(() => server.reload()),
  evict: (key) => Effect.sync(() => server.evict(Wire.encode(key))),
  replicaOf: ({ address }) => Effect.sync(() => server.replication.follow(serverAt(address).replication)),
  cutReplication: Effect.sync(() => server.replication.cut()),
  promote: Effect.sync(() => server.replication.promote()),
  attachReplica: Effect.sync(() => server.attachReplica()),
  detachReplica: Effect.sync(() => server.history.replicaDetached()),
  received: Effect.sync(() => server.received.slice()),
  attempts: Effect.sync(() => server.attempts.slice()),
  connections: Effect.sync(() => server.clients().length),
  clients: Effect.sync(() => server.clients()),
  runId: Effect.sync(() => server.history.runId),
  execute: (command) =>
    Effect.suspend(() =>
      Effect.fromResult(Connection.result(command, server.execute(command.name, command.args.map(Wire.encode))))
    ),
  peek: (key) =>
    Effect.sync(() => {
      const value = server.keyspace.database(0).get(Wire.encode(key))?.value
      return value?.type === "string" ? value.bytes.toString() : undefined
    }),
  entries: Effect.sync(
    () =>
      new Map(
        server.keyspace
          .database(0)
          .entries()
          .map(([key, { expiresAt, value }]) => [bytesOf(key).toString(), { type: value.type, expiresAt }])
      )
  )
})
