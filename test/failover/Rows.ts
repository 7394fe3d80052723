import { Effect, type Scope } from "effect"
import type * as Announced from "../support/Announced.ts"
import type * as RedisCluster from "../support/RedisCluster.ts"
import type * as RedisSentinels from "../support/RedisSentinels.ts"
import { callMillis, downAfter } from "./Limits.ts"
import type { Back, Limits, Play, Row, Stage } from "./Row.ts"
import * as Servers from "./Servers.ts"

// ---------------------------------------------------------------------------------------------------------------------
// A master watched by sentinels
// ---------------------------------------------------------------------------------------------------------------------

// Sentinels whose election failed try again seconds later, which the raw writer has to wait for as well.
const backFrom = (within: number): Back => ({ counts: "first", within, afterRaw: 500 })

const replaced: Limits = { back: backFrom(downAfter + 2000), wait: callMillis, failed: "concerned", lost: "asRaw" }

const sentinelRow = (
  name: string,
  title: string,
  limits: Limits,
  play: (redis: RedisSentinels.RedisSentinels, stage: Stage) => Effect.Effect<void, Error, Scope.Scope>,
  options: RedisSentinels.Options & { readonly short?: boolean } = {}
): Row => ({
  name,
  title,
  limits,
  short: options.short === true,
  start: Effect.map(
    Servers.sentinel({ downAfter, ...options }),
    ({ redis, servers }): Play => ({ servers, play: (stage) => play(redis, stage) })
  )
})

const awaitNamed = Effect.fnUntraced(function* (
  redis: RedisSentinels.RedisSentinels,
  lost: Announced.Announced,
  stage: Stage
) {
  yield* redis.promoted(lost)
  yield* stage.mark("promoted")
  yield* redis.nextMaster(lost)
  yield* stage.mark("named")
})

const sentinelKilled = sentinelRow(
  "sentinel-killed",
  "Sentinel: the master is killed",
  replaced,
  Effect.fnUntraced(function* (redis, stage) {
    const master = redis.server(0)
    yield* stage.fault()
    yield* master.kill
    yield* awaitNamed(redis, master, stage)
  }),
  { short: true }
)

const sentinelFrozen = sentinelRow(
  "sentinel-frozen",
  "Sentinel: the master is frozen, and thawed 3 s after its replica has taken over",
  { ...replaced, back: backFrom(Math.max(callMillis, downAfter + 2000) + 500) },
  Effect.fnUntraced(function* (redis, stage) {
    const master = redis.server(0)
    yield* stage.fault()
    yield* master.freeze
    yield* awaitNamed(redis, master, stage)
    yield* Effect.sleep("3 seconds")
    yield* master.thaw
    yield* stage.mark("healed")
  })
)

const sentinelFailover = sentinelRow(
  "sentinel-failover",
  "SENTINEL FAILOVER",
  { back: { ...backFrom(1500), counts: "steady" }, wait: 300, failed: "concerned", lost: "asRaw" },
  Effect.fnUntraced(function* (redis, stage) {
    yield* stage.fault()
    yield* redis.failover
    yield* awaitNamed(redis, redis.server(0), stage)
  })
)

const sentinelOneFrozen = sentinelRow(
  "sentinel-one-frozen",
  "One of three sentinels is frozen, and the master is killed",
  replaced,
  Effect.fnUntraced(function* (redis, stage) {
    const master = redis.server(0)
    yield* redis.sentinel(0).freeze
    yield* Effect.sleep("1 second")
    yield* stage.fault()
    yield* master.kill
    yield* awaitNamed(redis, master, stage)
  })
)

const sentinelsDead = sentinelRow(
  "sentinels-dead",
  "All sentinels are dead, and the connections to the living master are cut",
  { back: { counts: "first", within: 500 }, wait: callMillis, failed: "concerned", lost: "none" },
  Effect.fnUntraced(function* (redis, stage) {
    for (const sentinel of redis.sentinels) yield* sentinel.kill
    yield* stage.fault()
    yield* redis.server(0).cli("CLIENT", "KILL", "TYPE", "normal")
  })
)

const splitBrain = (seconds: number) =>
  Effect.fnUntraced(function* (redis: RedisSentinels.RedisSentinels, stage: Stage) {
    const master = redis.server(0)
    yield* stage.fault()
    yield* master.partition
    yield* Effect.forkScoped(Effect.ignore(awaitNamed(redis, master, stage)))
    yield* Effect.sleep(`${seconds} seconds`)
    yield* master.heal
    yield* stage.mark("healed")
  })

const splitBrainWrites = sentinelRow(
  "split-brain",
  "Split brain for 8 s: sentinels and replica lose the master, the client reaches all",
  { back: { ...backFrom(downAfter + 2000), counts: "steady" }, wait: callMillis, failed: "concerned", lost: "any" },
  splitBrain(8),
  { proxied: true }
)

const splitBrainGuarded = sentinelRow(
  "split-brain-guarded",
  "The same with min-replicas-to-write 1 and min-replicas-max-lag 1",
  {
    back: { ...backFrom(downAfter + 2000), counts: "steady" },
    wait: callMillis,
    failed: "concerned",
    lost: { begunWithin: 2000 }
  },
  splitBrain(8),
  // With two replicas the new master has one left, without which it would refuse writes as well.
  { proxied: true, replicas: 2, config: ["min-replicas-to-write 1", "min-replicas-max-lag 1"] }
)

// ---------------------------------------------------------------------------------------------------------------------
// A cluster
// ---------------------------------------------------------------------------------------------------------------------

const clusterRow = (
  name: string,
  title: string,
  limits: Limits,
  play: (cluster: RedisCluster.RedisCluster, stage: Stage) => Effect.Effect<void, Error, Scope.Scope>,
  options: RedisCluster.Options & Pick<Row, "crowded"> & { readonly short?: boolean } = {}
): Row => ({
  name,
  title,
  limits,
  crowded: options.crowded,
  short: options.short === true,
  start: Effect.map(
    Servers.cluster({ nodeTimeout: downAfter, requireFullCoverage: false, ...options }),
    ({ cluster, servers }): Play => ({ servers, play: (stage) => play(cluster, stage) })
  )
})

const promotedBy: Limits = {
  back: { counts: "first", within: 500, since: "promoted" },
  wait: callMillis,
  failed: "concerned",
  lost: "asRaw"
}

/** Nothing is to be noticed of what an operator does. */
const planned: Limits = { wait: "pause", failed: "none", lost: "none" }

const ofFirst = (slot: number) => slot <= 5460

const clusterKilled = clusterRow(
  "cluster-killed",
  "Cluster: a master is killed",
  promotedBy,
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault(ofFirst)
    yield* cluster.node(0).kill
    yield* cluster.nextOwnerOf(0, cluster.node(0))
    yield* stage.mark("promoted")
  }),
  { short: true }
)

const clusterFrozen = clusterRow(
  "cluster-frozen",
  "Cluster: a master is frozen, and thawed 3 s after its replica has taken over",
  promotedBy,
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault(ofFirst)
    yield* cluster.node(0).freeze
    yield* cluster.nextOwnerOf(0, cluster.node(0))
    yield* stage.mark("promoted")
    yield* Effect.sleep("3 seconds")
    yield* cluster.node(0).thaw
    yield* stage.mark("healed")
  })
)

const shardGone = clusterRow(
  "shard-gone",
  "Cluster: a master without a replica is gone for 4 s, and comes back with its data",
  { back: { counts: "first", within: 1000, since: "served" }, wait: callMillis, failed: "concerned", lost: "none" },
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault(ofFirst)
    yield* cluster.node(0).kill
    yield* Effect.sleep("4 seconds")
    yield* cluster.node(0).start
    yield* cluster.healthy
    yield* stage.mark("served")
  }),
  { replicas: 0, config: ["appendonly yes", "appendfsync always"] }
)

const gracefulFailover = clusterRow(
  "graceful-failover",
  "Cluster: CLUSTER FAILOVER",
  planned,
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault(ofFirst)
    yield* cluster.failover(cluster.replicaOf(0))
    yield* stage.mark("promoted")
  })
)

// Ten slots that most of the load is in, and each of which stays between its owners for a while: calls meet ASK.
const moving = Array.from({ length: 10 }, (_, index) => 100 + index)
const slowly = { linger: 300 }
const crowdedRow = { replicas: 0, crowded: moving }

const slotsMoved = clusterRow(
  "slots-moved",
  "Cluster: slots move under load",
  planned,
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault()
    yield* cluster.moveSlots(moving, cluster.node(1), slowly)
  }),
  { ...crowdedRow, short: true }
)

const nodeAdded = clusterRow(
  "node-added",
  "Cluster: a node is added, and is given slots",
  planned,
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault()
    const added = yield* cluster.addNode
    yield* cluster.moveSlots(moving, added, slowly)
  }),
  crowdedRow
)

const nodeRemoved = clusterRow(
  "node-removed",
  "Cluster: a node gives away its slots, and is removed",
  planned,
  Effect.fnUntraced(function* (cluster, stage) {
    const leaving = yield* cluster.addNode
    yield* cluster.moveSlots(moving, leaving)
    yield* Effect.sleep("1 second")
    yield* stage.fault()
    yield* cluster.moveSlots(moving, cluster.node(1), slowly)
    yield* cluster.removeNode(leaving)
  }),
  crowdedRow
)

// After a connection that was cut before its first reply, the next one is tried only five seconds later.
const repliesCut = clusterRow(
  "replies-cut",
  "Cluster: ten times, every node executes a call and is cut off before its reply",
  {
    back: { counts: "steady", within: 5500, since: "healed" },
    wait: callMillis,
    failed: "concerned",
    lost: "none"
  },
  Effect.fnUntraced(function* (cluster, stage) {
    yield* stage.fault()
    for (let cut = 0; cut < 10; cut++) {
      for (const node of cluster.nodes()) yield* node.cutAfterNextRequest
      yield* Effect.sleep("200 millis")
    }
    yield* stage.mark("healed")
  }),
  { replicas: 0, proxied: true }
)

/** In the order in which they are played. */
export const all: ReadonlyArray<Row> = [
  sentinelKilled,
  sentinelFrozen,
  sentinelFailover,
  sentinelOneFrozen,
  sentinelsDead,
  splitBrainWrites,
  splitBrainGuarded,
  clusterKilled,
  clusterFrozen,
  shardGone,
  gracefulFailover,
  slotsMoved,
  nodeAdded,
  nodeRemoved,
  repliesCut
]
