import { Effect, Layer } from "effect"
import { IoredisConnector } from "effect-ioredis"
import type * as RedisServer from "../../../support/RedisServer.ts"
import * as TwoNodeCluster from "../../../support/TwoNodeCluster.ts"
import * as Wait from "../../../support/Wait.ts"
import { clusterNodesSuite, Nodes } from "../../../suites/clusterNodes.ts"

const addressOf = ({ port }: RedisServer.RedisServer) => ({ host: "127.0.0.1", port })

const live = (fullCoverage: boolean) =>
  Layer.effect(
    Nodes,
    Effect.gen(function* () {
      const cluster = yield* TwoNodeCluster.make({ fullCoverage })
      const { ids, one, other, replica } = cluster
      const moveKeys = (...keys: ReadonlyArray<string>) =>
        Effect.orDie(one.cli("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "REPLACE", "KEYS", ...keys))
      const setSlot = (server: RedisServer.RedisServer, slot: number, ...how: ReadonlyArray<string>) =>
        Effect.orDie(server.cli("CLUSTER", "SETSLOT", slot, ...how))
      return {
        connector: yield* IoredisConnector.make(),
        one: addressOf(one),
        other: addressOf(other),
        replica: addressOf(replica),
        ids,
        open: (slot) =>
          Effect.andThen(
            setSlot(other, slot, "IMPORTING", ids.one),
            Effect.asVoid(setSlot(one, slot, "MIGRATING", ids.other))
          ),
        moveKeys: (...keys) => Effect.asVoid(moveKeys(...keys)),
        finish: (slot) =>
          Effect.andThen(setSlot(other, slot, "NODE", ids.other), Effect.asVoid(setSlot(one, slot, "NODE", ids.other))),
        uncover: (slot) =>
          Effect.forEach(
            [one, other],
            (server) =>
              Effect.andThen(
                Effect.orDie(server.cli("CLUSTER", "DELSLOTS", slot)),
                Wait.until(
                  "it counts the slots",
                  Effect.map(server.cli("CLUSTER", "INFO"), (info) =>
                    String(info).includes("cluster_slots_assigned:16383")
                  )
                )
              ),
            { discard: true }
          ),
        replicated: (key) =>
          Wait.until(
            "the replica has the key",
            Effect.map(replica.cli("CLUSTER", "COUNTKEYSINSLOT", 866), (count) => key !== "" && count === 1)
          )
      }
    })
  )

clusterNodesSuite("Redis", live, { timeout: 60_000 })
