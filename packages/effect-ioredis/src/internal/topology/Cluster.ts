/**
 * Several servers, each of which owns some slots.
 *
 * The servers themselves say who owns what. They are asked over the connections that there are, two
 * at a time: again and again while a key cannot be reached, soon after anything that shows that
 * their answer may have changed, and from time to time. A reply that sends one command elsewhere
 * changes the owner of one slot at once.
 *
 * Invariants: every slot has at most one owner, which is a member; whoever owns a slot was told of
 * by `SlotsMoved` before; a member that owns nothing leaves when it has been silent for a while.
 */
import { Clock, Effect, Option, Queue, Random, Result, type Scope } from "effect"
import type { NodeEvent } from "../../dispatch.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import * as RedisConnection from "../../RedisConnection.ts"
import * as RedisError from "../../RedisError.ts"
import type { ClusterOptions } from "../../RedisTopology.ts"
import { isHopeless } from "../isHopeless.ts"
import * as Monotonic from "../Monotonic.ts"
import type { NodeSession } from "../node/NodeSession.ts"
import type { RedisNode } from "../node/RedisNode.ts"
import type { LiveSettings } from "../LiveSettings.ts"
import type { NodeMaker } from "../NodeMaker.ts"
import * as Waiters from "../Waiters.ts"
import { addressText, translate } from "../address.ts"
import * as Members from "./Members.ts"
import * as Owners from "./Owners.ts"
import * as Replicas from "./Replicas.ts"
import { slotOf } from "../slot.ts"
import * as SlotMap from "./SlotMap.ts"
import type { Topology } from "./Topology.ts"

/** Makes the topology of a cluster. */
export const make = Effect.fnUntraced(function* (
  options: ClusterOptions,
  live: LiveSettings,
  maker: NodeMaker,
  listeners: Set<(event: NodeEvent) => void>,
  onEvent: (event: NodeEvent) => void
): Effect.fn.Return<Topology, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = () => Monotonic.millis(clock)
  const suspicions = yield* Queue.sliding<void>(1)
  const suspect = () => void Queue.offerUnsafe(suspicions, undefined)
  const owners = new Owners.Owners((event) => {
    onEvent(event)
    // What waits for a server that may never answer again goes to the new owner of its keys.
    for (const node of members.nodes()) node.wake()
  })
  const members = new Members.Members(options, maker, owners, suspect)
  const replicas = new Replicas.Replicas(maker, { readOnly: true })
  const cluster: Cluster = {
    options,
    live,
    members,
    owners,
    replicas,
    now,
    epoch: 0,
    learntAt: Number.NEGATIVE_INFINITY,
    fruitless: 0,
    problem: undefined,
    waiters: Waiters.make()
  }
  listeners.add((event) => {
    if (event._tag === "SessionLost" || (event._tag === "SessionReady" && !owners.isComplete())) suspect()
  })
  yield* Effect.forkScoped(watch(cluster, suspicions))
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sleep(idleFor),
        Effect.suspend(() => members.retire(onEvent))
      )
    )
  )

  return {
    nodes: () => (owners.masters().length > 0 ? owners.masters() : members.nodes()),
    nodeFor: (key) => (key === undefined ? undefined : owners.ownerOf(slotOf(key))) ?? members.any(),
    replicaFor: (key) => {
      if (key === undefined) return undefined
      const slot = slotOf(key)
      const owner = owners.ownerOf(slot)
      return owner && replicas.of(owner, slot)
    },
    placeOf: slotOf,
    isSpread: () => true,
    slotOf,
    version: () => owners.version,
    refresh: Effect.suspend(() => {
      const since = now()
      suspect()
      return Effect.map(Effect.timeoutOption(awaitLearnt(cluster, since), refreshTimeout), Option.isSome)
    }),
    isReady: () => isReady(cluster),
    changed: cluster.waiters.changed,
    problem: () => cluster.problem,
    follow: (asked, { ask, host, port, slot }) => {
      const given = host === "" ? asked.sessions()[0]?.address.host : host
      if (given === undefined) return undefined
      const node = members.at(translate(options.addressMap, { host: given, port }))
      if (ask) return node
      // Behind the address of the server that was asked there is another one by now.
      if (node === asked) asked.reconnect()
      owners.move(slot, node, now())
      suspect()
      return node
    }
  }
})

interface Cluster {
  readonly options: ClusterOptions
  readonly live: LiveSettings
  readonly members: Members.Members
  readonly owners: Owners.Owners
  readonly replicas: Replicas.Replicas
  readonly now: () => number
  /** The highest epoch of the cluster that a server has told, and when it was told last. */
  epoch: number
  learntAt: number
  /** Counts how often in a row nobody who was asked has answered. */
  fruitless: number
  /** Why the servers do not say who owns what. */
  problem: RedisError.RedisConnectionError | undefined
  /** Those who wait for what the servers say. */
  readonly waiters: Waiters.Waiters
}

const isReady = ({ owners }: Cluster): boolean =>
  owners.isComplete() && owners.masters().every((node) => node.isReady())

// -------------------------------------------------------------------------------------------------
// Asking who owns what
// -------------------------------------------------------------------------------------------------

const watch = Effect.fnUntraced(function* (cluster: Cluster, suspicions: Queue.Queue<void>) {
  // Weak, for nodes leave.
  const heard = new WeakMap<RedisNode, number>()
  let askedAt = Number.NEGATIVE_INFINITY
  let interval = 0
  while (true) {
    const random = yield* Random.next
    // Many clients do not ask at the same moment, and of a large cluster each asks less often.
    const pause = leastBetween * (1 + random) + cluster.owners.masters().length
    const suspicion = yield* Effect.timeoutOption(Queue.take(suspicions), pause)
    const isDue =
      suspicion._tag === "Some" ||
      cluster.fruitless > 0 ||
      !isReady(cluster) ||
      someAreSilent(cluster, heard) ||
      cluster.now() - askedAt >= interval
    if (!isDue) continue
    const wait = askedAt + leastBetween - cluster.now()
    if (wait > 0) yield* Effect.sleep(Math.ceil(wait))
    askedAt = cluster.now()
    interval = longestBetween * (0.9 + random / 5)
    // Whatever the servers answer, they are asked again.
    yield* Effect.catchDefect(ask(cluster, askedAt), (defect) =>
      Effect.sync(() => {
        cluster.problem = RedisError.connectionError("CONNECT", "NotReady", "never", defect)
      })
    )
    cluster.waiters.wake()
  }
})

// A server with something in flight that has said nothing since the last look may be frozen, and
// another one in its place, long before that is a stall.
const someAreSilent = ({ owners }: Cluster, heard: WeakMap<RedisNode, number>): boolean => {
  let found = false
  for (const node of owners.masters()) {
    const activity = node.activity()
    found ||= node.inFlight() > 0 && heard.get(node) === activity
    heard.set(node, activity)
  }
  return found
}

// Servers whose views differ are told apart by the epoch of their cluster, which only grows.
const ask = Effect.fnUntraced(function* (cluster: Cluster, askedAt: number) {
  const { members, owners } = cluster
  const asked = yield* whoToAsk(cluster)
  const [maps, problems] = yield* Effect.partition(asked, (session) => askOne(session, cluster), {
    concurrency: "unbounded"
  })
  const best = maps.reduce<Answer | undefined>(
    (best, answer) => (answer.epoch >= (best?.epoch ?? 0) ? answer : best),
    undefined
  )
  cluster.fruitless = best === undefined ? cluster.fruitless + 1 : 0
  if (best === undefined) {
    cluster.problem = problems.find(isHopeless) ?? problems[0]
    // Those that are connected may be none of the cluster any more.
    return members.joinSeeds()
  }
  cluster.problem = undefined
  // One who has been away for long may know an older map, but a cluster made anew begins at 0.
  if (best.epoch < cluster.epoch && askedAt - cluster.learntAt < patience) return
  cluster.epoch = best.epoch
  cluster.learntAt = askedAt
  const addresses = new Map(best.map.shards.map(({ master, replicas }) => [members.at(master), replicas]))
  owners.learn(best.map, (address) => members.at(address), askedAt)
  yield* cluster.replicas.learn(addresses)
})

const awaitLearnt = (cluster: Cluster, since: number): Effect.Effect<void> =>
  Effect.whileLoop({
    while: () => cluster.learntAt < since,
    body: () => cluster.waiters.changed,
    step: () => {}
  })

// Owners know best: who owns nothing may have left, and know nothing. Where those who were asked
// did not answer, it is the turn of others.
const whoToAsk = Effect.fnUntraced(function* ({ fruitless, members, owners }: Cluster) {
  const sessions = yield* Random.shuffle(members.nodes().flatMap((node) => node.sessions().slice(0, 1)))
  const all = [
    ...sessions.filter(({ node }) => owners.owns(node)),
    ...sessions.filter(({ node }) => !owners.owns(node))
  ]
  const first = (fruitless * askedAtOnce) % Math.max(1, all.length)
  return [...all.slice(first), ...all.slice(0, first)].slice(0, askedAtOnce)
})

interface Answer {
  readonly epoch: number
  readonly map: SlotMap.SlotMap
}

const askOne = (
  session: NodeSession,
  { fruitless, live, options: { addressMap } }: Cluster
): Effect.Effect<Answer, Problem> =>
  Effect.gen(function* () {
    const replies = [clusterInfo, clusterSlots].map((command) =>
      Effect.result(RedisConnection.send(session.connection, command))
    )
    const [info, slots] = yield* Effect.all(replies, { concurrency: "unbounded" })
    if (slots === undefined || Result.isFailure(slots)) return yield* problemOf(session, slots?.failure)
    const map = SlotMap.parse(slots.success, session.address, (address) => translate(addressMap, address))
    if (map === undefined || map.shards.length === 0) return yield* problemOf(session, undefined)
    return { epoch: info !== undefined && Result.isSuccess(info) ? epochIn(String(info.success)) : 0, map }
  }).pipe(
    Effect.timeoutOrElse({
      // Servers that are far away are left longer each time.
      duration: Math.max(askTimeout, Math.min(askTimeout * 2 ** fruitless, live.read.commandTimeout)),
      orElse: () => Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
    })
  )

type Problem = RedisError.RedisConnectionError

const problemOf = ({ address }: NodeSession, error: RedisError.RedisCommandError | undefined): Problem => {
  if (error?._tag === "RedisConnectionError") return error
  const reason = error?._tag === "RedisOperationError" && error.code === "NOPERM" ? "Auth" : "NotReady"
  return new RedisError.RedisConnectionError({
    command: "CONNECT",
    reason,
    sent: "never",
    cause: error,
    message: `The server at ${addressText(address)} does not say which server owns which keys: ${error?.message ?? "it knows of no owners"}`
  })
}

const epochIn = (info: string): number => Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0)

const clusterInfo = RedisCommand.make("CLUSTER", ["INFO"])
const clusterSlots = RedisCommand.make("CLUSTER", ["SLOTS"])

const askedAtOnce = 2
// In milliseconds.
const leastBetween = 100
const longestBetween = 10_000
const askTimeout = 400
const refreshTimeout = 2000
const patience = 15_000
const idleFor = 5000
