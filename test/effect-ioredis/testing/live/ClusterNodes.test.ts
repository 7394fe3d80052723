import { Effect, Layer } from "effect"
import { IoredisConnector } from "effect-ioredis"
import * as RedisCluster from "../../../support/RedisCluster.ts"
import type * as RedisServer from "../../../support/RedisServer.ts"
import * as Replication from "../../../support/Replication.ts"
import * as Wait from "../../../support/Wait.ts"
import { clusterNodesSuite, Nodes } from "../../../suites/clusterNodes.ts"

const addressOf = ({ port }: RedisServer.RedisServer) => ({ host: "127.0.0.1", port })

// The nodes fail over by themselves if a busy machine makes them wait for each other, but not within this time.
const nodeTimeout = 10_000

const live = (fullCoverage: boolean) =>
  Layer.effect(
    Nodes,
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({
        masters: 2,
        replicas: 1,
        nodeTimeout,
        requireFullCoverage: fullCoverage
      })
      const [one, other] = [cluster.node(0), cluster.node(1)]
      const [replica, another] = [cluster.replicaOf(0), cluster.replicaOf(1)]
      yield* namesReplicas(one)
      const ask = (server: RedisServer.RedisServer, ...args: ReadonlyArray<string | number>) =>
        Effect.asVoid(Effect.orDie(server.cli(...args)))
      return {
        connector: yield* IoredisConnector.make(),
        one: addressOf(one),
        other: addressOf(other),
        replica: addressOf(replica),
        another: addressOf(another),
        ids: { one: one.id, other: other.id, replica: replica.id, another: another.id },
        open: (slot) =>
          Effect.andThen(
            ask(other, "CLUSTER", "SETSLOT", slot, "IMPORTING", one.id),
            ask(one, "CLUSTER", "SETSLOT", slot, "MIGRATING", other.id)
          ),
        moveKeys: (...keys) => ask(one, "MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "REPLACE", "KEYS", ...keys),
        finish: (slot) =>
          Effect.andThen(
            ask(other, "CLUSTER", "SETSLOT", slot, "NODE", other.id),
            ask(one, "CLUSTER", "SETSLOT", slot, "NODE", other.id)
          ),
        failOver: (to) => {
          const server = to === "one" ? one : replica
          const owns = Effect.map(cluster.ownerOf(0), (owner) => owner === server)
          // Soon after one vote the masters have none for another.
          const takeOver = ask(server, "CLUSTER", "FAILOVER", "TAKEOVER")
          return Replication.inSync(server).pipe(
            Effect.andThen(takeOver),
            Effect.andThen(Wait.until("it is the owner", owns))
          )
        },
        uncover: (slot) =>
          Effect.forEach(
            [one, other],
            (server) => Effect.andThen(ask(server, "CLUSTER", "DELSLOTS", slot), lacks(server)),
            {
              discard: true
            }
          ),
        restart: Effect.orDie(Effect.andThen(one.kill, one.start)),
        waitFor: (condition) => Wait.until("it is so", condition),
        replicated: (slot) =>
          Wait.until(
            "the replica has a key of the slot",
            Effect.map(replica.cli("CLUSTER", "COUNTKEYSINSLOT", slot), (count) => count === 1)
          )
      }
    })
  )

// A replica is named when its master has heard of what it has replicated.
const namesReplicas = (server: RedisServer.RedisServer) =>
  Wait.until(
    "each range has its two ends, a master and a replica",
    Effect.map(server.cli("CLUSTER", "SLOTS"), (slots) => Array.isArray(slots) && slots.flat().length === 8)
  )

const lacks = (server: RedisServer.RedisServer) =>
  Wait.until(
    "it counts one slot less",
    Effect.map(server.cli("CLUSTER", "INFO"), (info) => String(info).includes("cluster_slots_assigned:16383"))
  )

clusterNodesSuite("Redis", live, { timeout: 60_000 })
