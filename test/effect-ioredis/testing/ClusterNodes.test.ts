import { Effect, Layer } from "effect"
import { type SimulatedCluster, SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { clusterNodesSuite, Nodes, scripts } from "../../suites/clusterNodes.ts"

const simulated = (fullCoverage: boolean) =>
  Layer.effect(
    Nodes,
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.make({
        scripts: [
          SimulatedScript.make(scripts.one, () => 1),
          SimulatedScript.make(scripts.hello, (_keys, _args, call) => call("GET", "hello")),
          SimulatedScript.make(scripts.bar, (_keys, _args, call) => call("GET", "bar"))
        ]
      })
      const cluster = yield* redis.cluster({ masters: 2, replicas: 1, fullCoverage })
      const [one, other] = [yield* cluster.ownerOf(0), yield* cluster.ownerOf(16383)]
      const [replica, another] = [yield* cluster.replicaOf(one), yield* cluster.replicaOf(other)]
      let migration: SimulatedCluster.Migration | undefined
      return {
        connector: redis.connector,
        one: one.address,
        other: other.address,
        replica: replica.address,
        another: another.address,
        ids: {
          one: yield* cluster.idOf(one),
          other: yield* cluster.idOf(other),
          replica: yield* cluster.idOf(replica),
          another: yield* cluster.idOf(another)
        },
        open: (slot) =>
          Effect.map(cluster.migrate([slot], other), (begun) => {
            migration = begun
          }),
        moveKeys: (...keys) => migration?.moveKeys(...keys) ?? Effect.void,
        finish: () => migration?.finish ?? Effect.void,
        failOver: (to) =>
          to === "one"
            ? cluster.failOver(replica, { to: one, planned: true })
            : cluster.failOver(one, { to: replica, planned: true }),
        uncover: (slot) => cluster.uncover([slot]),
        restart: one.restart({ data: "lost" }),
        waitFor: (condition) =>
          Effect.repeat(Effect.andThen(TestClock.adjust("100 millis"), condition), {
            until: (held) => held,
            times: 100
          }).pipe(Effect.flatMap((held) => (held ? Effect.void : Effect.die("it never came to that")))),
        replicated: () => Effect.void
      }
    })
  )

clusterNodesSuite("SimulatedRedis", simulated)
