import { Console, Effect } from "effect"
import * as RedisCluster from "../support/RedisCluster.ts"
import * as Wait from "../support/Wait.ts"
import * as Counts from "./Counts.ts"
import * as Program from "./Program.ts"

/** How much a cluster goes through. */
export interface Settings {
  readonly rounds: number
  /** For how long slots are moved to and fro in each round. */
  readonly movingSeconds: number
  /** Kills a master in the second half of the failovers, where it is not asked to hand over. */
  readonly kills: boolean
  /** By how much the heap may grow from the first round to the last; without it nobody looks. */
  readonly heapBytes?: number
}

/**
 * Moves slots to and fro, adds a node, removes it, and fails over every shard and back, round after round under load.
 * Gives what the program holds in the end that it did not hold before.
 */
export const play = Effect.fnUntraced(function* (settings: Settings) {
  const cluster = yield* RedisCluster.make({ requireFullCoverage: false })
  const program = yield* Program.start(cluster.node(0).port)
  const connectionsBefore = yield* connections(cluster)
  const before = Counts.most(
    (yield* Effect.all(Array.from({ length: 5 }, () => program.counts))).map(({ held }) => held)
  )
  yield* Console.log(`at first: ${JSON.stringify(before)}`)
  const heaps: Array<number> = []
  const kept: Array<string> = []
  for (let round = 1; round <= settings.rounds; round++) {
    yield* moveToAndFro(cluster, settings.movingSeconds)
    yield* comeAndGo(cluster)
    yield* failOver(cluster, settings.kills && round % 2 === 0)
    const { after, left } = yield* settle(program.counts, before)
    heaps.push(after.heapBytes)
    kept.push(...left.map((line) => `round ${round}: ${line}`))
    if (left.length > 0) yield* Console.log(String(yield* cluster.node(0).cli("CLUSTER", "NODES")))
    const { calls, failed } = after
    const heap = (after.heapBytes / 1e6).toFixed(1)
    yield* Console.log(
      `round ${round}: ${calls} calls, ${failed} failed, heap ${heap} MB ${JSON.stringify(after.held)}`
    )
  }
  const more = (yield* connections(cluster)) - connectionsBefore
  if (more > 0) kept.push(`${more} connections more on the servers`)
  const grown = (heaps.at(-1) ?? 0) - (heaps[0] ?? 0)
  if (grown > (settings.heapBytes ?? Number.POSITIVE_INFINITY)) kept.push(`${(grown / 1e6).toFixed(1)} MB more heap`)
  return kept
}, Effect.scoped)

/** The slots of keys that the program uses, at first of node 0. */
const moved = [0, 100, 200, 300, 400, 500, 600, 700]

const moveToAndFro = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster, seconds: number) {
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    yield* cluster.moveSlots(moved, cluster.node(1), { linger: 5 })
    yield* cluster.moveSlots(moved, cluster.node(0), { linger: 5 })
  }
})

const comeAndGo = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster) {
  const added = yield* cluster.addNode
  yield* cluster.moveSlots(moved, added, { linger: 5 })
  yield* cluster.moveSlots(moved, cluster.node(0), { linger: 5 })
  yield* cluster.removeNode(added)
}, Effect.scoped)

// Six failovers: of each shard to its replica, and back.
const failOver = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster, kills: boolean) {
  const masters = [0, 1, 2].map((shard) => cluster.node(shard))
  const replicas = [0, 1, 2].map((shard) => cluster.replicaOf(shard))
  for (const [from, to] of [[masters, replicas] as const, [replicas, masters] as const]) {
    for (const [shard, replica] of to.entries()) {
      const master = from[shard]
      if (master !== undefined) yield* kills ? killed(cluster, master) : handedOver(cluster, replica)
      yield* cluster.healthy
    }
  }
})

// A failover that is asked for soon after another one may come to nothing.
const handedOver = (cluster: RedisCluster.RedisCluster, replica: RedisCluster.ClusterNode) =>
  Wait.until(
    `node ${replica.port} has slots`,
    Effect.map(cluster.slotsOf(replica), (slots) => slots.length > 0)
  ).pipe(
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.fail("again") }),
    (taken) => Effect.andThen(replica.cli("CLUSTER", "FAILOVER"), taken),
    Effect.retry({ times: 10 })
  )

const killed = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster, node: RedisCluster.ClusterNode) {
  const [slot = 0] = yield* cluster.slotsOf(node)
  yield* node.kill
  yield* cluster.nextOwnerOf(slot, node)
  yield* node.start
})

/** A node that owns nothing is left after some seconds. What is still held after half a minute is a leak. */
const settle = Effect.fnUntraced(function* <E>(counts: Effect.Effect<Counts.Counts, E>, before: Counts.Counts["held"]) {
  const until = performance.now() + settleMillis
  while (true) {
    const after = yield* counts
    const left = Counts.beyond(before, after.held)
    if (left.length === 0 || performance.now() > until) return { after, left }
    yield* Effect.sleep("200 millis")
  }
})

const settleMillis = 30_000

// Those that serve a program: not the ones between servers, which are there while slots move.
const connections = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster) {
  const lists = yield* Effect.forEach(cluster.nodes(), (node) => node.cli("CLIENT", "LIST", "TYPE", "normal"))
  return lists.flatMap((list) =>
    String(list)
      .split("\n")
      .filter((line) => /cmd=/.test(line) && !/cmd=(client|restore|migrate|select|auth)/.test(line))
  ).length
})
