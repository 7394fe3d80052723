import * as Crypto from "node:crypto"
import { Data, Effect, Schedule, type Scope } from "effect"
import * as Announced from "./Announced.ts"
import type * as Certificates from "./Certificates.ts"
import type * as FreePort from "./FreePort.ts"
import * as LiveClock from "./LiveClock.ts"
import type * as DebianPackage from "./DebianPackage.ts"
import * as RedisServer from "./RedisServer.ts"
import type * as Resp from "./Resp.ts"
import type * as TcpProxy from "./TcpProxy.ts"
import * as Wait from "./Wait.ts"

/**
 * A real Redis Cluster on 127.0.0.1, gone with its scope. It takes about two seconds to start: so long a master refuses
 * commands after its start, whatever it knows.
 */
export interface RedisCluster {
  /** The masters of the beginning, then the first replica of each, then the second of each; then what was added. */
  readonly nodes: () => ReadonlyArray<ClusterNode>
  /** The one at this place in `nodes`. */
  readonly node: (index: number) => ClusterNode
  /** The replica that was made for a master. */
  readonly replicaOf: (master: number, nth?: number) => ClusterNode
  /** Who owns a slot, as the nodes that answer see it: none while they do not agree, or nobody does. */
  readonly ownerOf: (slot: number) => Effect.Effect<ClusterNode | undefined>
  /** The slots that a node says it owns. */
  readonly slotsOf: (node: ClusterNode) => Effect.Effect<ReadonlyArray<number>, ClusterError>
  /** Waits until another than this node, which may be dead or frozen, says that it owns the slot, and says which. */
  readonly nextOwnerOf: (slot: number, lost: ClusterNode) => Effect.Effect<ClusterNode>
  /** Hands a master's slots to its replica without losing a write, and waits until the replica has them. */
  readonly failover: (replica: ClusterNode) => Effect.Effect<void, ClusterError>
  /** Moves slots with all their keys, one after the other, while clients go on: as `redis-cli --cluster reshard` does. */
  readonly moveSlots: (
    slots: ReadonlyArray<number>,
    to: ClusterNode,
    options?: MoveOptions
  ) => Effect.Effect<void, ClusterError>
  /** Starts an empty master that all others know. */
  readonly addNode: Effect.Effect<ClusterNode, StartError, Scope.Scope>
  /** Has all others forget a node that owns nothing, and ends it. */
  readonly removeNode: (node: ClusterNode) => Effect.Effect<void, ClusterError>
  /** Waits until every running node sees the cluster whole, every slot has one owner, and every replica follows. */
  readonly healthy: Effect.Effect<void>
}

export interface ClusterNode extends Announced.Announced {
  /** What it is called within the cluster. */
  readonly id: string
}

export interface Options {
  /** Default: 3. */
  readonly masters?: number | undefined
  /** For each master. Default: 1. */
  readonly replicas?: number | undefined
  /** Milliseconds without an answer after which a node counts as failed. Default: 1000. */
  readonly nodeTimeout?: number | undefined
  /** Refuse every key while one has no owner, which is Redis' own default. Default: true. */
  readonly requireFullCoverage?: boolean | undefined
  /** Of the default user, also between the nodes. */
  readonly password?: string | undefined
  /** Encrypts everything, between the nodes too. */
  readonly tls?: Certificates.Certificates | undefined
  /** Puts a proxy before each node, which the nodes tell to clients. The bus between the nodes does without. */
  readonly proxied?: boolean | undefined
  /** More lines for every node's redis.conf. */
  readonly config?: ReadonlyArray<string> | undefined
}

export interface MoveOptions {
  /** Milliseconds for which each slot stays between its owners, as one does that holds many keys. Default: 0. */
  readonly linger?: number | undefined
}

/** A node refused or did not answer what was asked of the cluster. */
export class ClusterError extends Data.TaggedError("ClusterError")<{ readonly message: string }> {}

export type StartError =
  | ClusterError
  | RedisServer.RedisServerError
  | DebianPackage.MissingProgram
  | FreePort.FreePortError
  | TcpProxy.TcpProxyError

/**
 * Starts a cluster and waits until every node sees it whole.
 *
 * **Example** (A master that is replaced)
 *
 * ```ts
 * const cluster = yield* RedisCluster.make({ requireFullCoverage: false })
 * yield* cluster.node(0).kill
 * const promoted = yield* cluster.nextOwnerOf(0, cluster.node(0))
 * ```
 */
export const make: (options?: Options) => Effect.Effect<RedisCluster, StartError, Scope.Scope> = Effect.fnUntraced(
  function* (options: Options = {}) {
    const started = yield* startNodes(options).pipe(
      // Another process may take a free port before a node does.
      Effect.retry({ times: 3, while: (error) => /address already in use/i.test(error.message) })
    )
    const nodes = Array.from(started)
    const masters = options.masters ?? 3
    const running = Effect.filter(nodes, (node) => Effect.as(node.pid, true).pipe(Effect.orElseSucceed(() => false)))
    const cluster: RedisCluster = {
      nodes: () => nodes,
      node: (index) => known(nodes[index]),
      replicaOf: (master, nth = 0) => known(nodes[masters * (nth + 1) + master]),
      ownerOf: (slot) => Effect.flatMap(running, (nodes) => ownerOf(nodes, slot)),
      slotsOf,
      nextOwnerOf: (slot, lost) => nextOwnerOf(nodes, slot, lost),
      failover: (replica) => Effect.flatMap(running, (nodes) => failover(nodes, replica)),
      moveSlots: (slots, to, { linger = 0 } = {}) =>
        Effect.flatMap(running, (nodes) => moveSlots(nodes, slots, to, { linger, password: options.password })),
      addNode: Effect.gen(function* () {
        const others = yield* running
        const added = yield* startOne(options)
        yield* meet(others, added)
        nodes.push(added)
        return added
      }).pipe(LiveClock.provide),
      removeNode: (node) =>
        Effect.gen(function* () {
          for (const other of yield* running) {
            if (other !== node) yield* ask(other, "CLUSTER", "FORGET", node.id)
          }
          yield* node.kill
          nodes.splice(nodes.indexOf(node), 1)
        }),
      healthy: LiveClock.provide(Effect.flatMap(running, awaitHealthy))
    }
    yield* cluster.healthy
    return cluster
  },
  LiveClock.provide
)

const known = (node: ClusterNode | undefined): ClusterNode => {
  if (node === undefined) throw new Error("the cluster has no such node")
  return node
}

// ---------------------------------------------------------------------------------------------------------------------
// Starting
// ---------------------------------------------------------------------------------------------------------------------

/** What stands in a node's file of the cluster: who is who, and who owns what. */
interface Member {
  readonly id: string
  readonly place: Announced.Place
  readonly masterId: string | undefined
  readonly slots: string
  readonly epoch: number
}

const startNodes = Effect.fnUntraced(function* (options: Options) {
  const masters = options.masters ?? 3
  const places = yield* Announced.places(masters * (1 + (options.replicas ?? 1)), options.proxied === true)
  const ids = places.map(() => newId())
  const members = places.map((place, index): Member => {
    const master = index % masters
    return {
      id: ids[index] ?? "",
      place,
      masterId: index < masters ? undefined : ids[master],
      slots: index < masters ? slotRange(master, masters) : "",
      epoch: master + 1
    }
  })
  return yield* Effect.forEach(
    members,
    (member) => startMember(options, member, { "nodes.conf": knowing(members, member) }),
    { concurrency: "unbounded" }
  )
})

const startOne = Effect.fnUntraced(function* (options: Options) {
  const [place] = yield* Announced.places(1, options.proxied === true)
  if (place === undefined) return yield* new ClusterError({ message: "no place for another node" })
  const member: Member = { id: newId(), place, masterId: undefined, slots: "", epoch: 0 }
  return yield* startMember(options, member, { "nodes.conf": knowing([member], member) })
})

const startMember = Effect.fnUntraced(function* (
  options: Options,
  { id, place }: Member,
  files: Readonly<Record<string, string>>
) {
  const { password, tls } = options
  const config = [...configuration(options, place), ...(options.config ?? [])]
  const server = yield* RedisServer.make({ port: place.port, password, tls, config, files })
  const node: ClusterNode = { ...Announced.at(place, server), id }
  return node
})

const newId = () => Crypto.randomBytes(20).toString("hex")

const slotRange = (master: number, masters: number): string => {
  const first = (of: number) => Math.round((of * 16_384) / masters)
  return `${first(master)}-${first(master + 1) - 1}`
}

// As Redis itself keeps it: nodes that begin with it need not meet, vote or wait for gossip.
const knowing = (members: ReadonlyArray<Member>, self: Member): string =>
  [
    ...members.map(({ epoch, id, masterId, place, slots }) => {
      const flags = `${id === self.id ? "myself," : ""}${masterId === undefined ? "master" : "slave"}`
      const address = `127.0.0.1:${place.announcedPort}@${place.port + 10_000}`
      return `${id} ${address} ${flags} ${masterId ?? "-"} 0 0 ${epoch} connected ${slots}`.trimEnd()
    }),
    `vars currentEpoch ${members.length} lastVoteEpoch 0`,
    ""
  ].join("\n")

const configuration = (options: Options, { announcedPort, port }: Announced.Place): ReadonlyArray<string> => [
  "cluster-enabled yes",
  "cluster-config-file nodes.conf",
  `cluster-node-timeout ${options.nodeTimeout ?? 1000}`,
  `cluster-require-full-coverage ${options.requireFullCoverage === false ? "no" : "yes"}`,
  "cluster-replica-validity-factor 0",
  "cluster-allow-replica-migration no",
  "repl-diskless-sync-delay 0",
  "repl-ping-replica-period 1",
  ...(options.proxied === true ? announcing(announcedPort, port, options.tls !== undefined) : []),
  ...(options.password === undefined ? [] : [`masterauth ${JSON.stringify(options.password)}`]),
  ...(options.tls === undefined ? [] : ["tls-cluster yes", "tls-replication yes"])
]

const announcing = (announcedPort: number, port: number, tls: boolean): ReadonlyArray<string> => [
  "cluster-announce-ip 127.0.0.1",
  `cluster-announce-${tls ? "tls-port" : "port"} ${announcedPort}`,
  `cluster-announce-bus-port ${port + 10_000}`
]

const awaitWhole = (nodes: ReadonlyArray<ClusterNode>) =>
  awaitEach(nodes, "sees the cluster whole", (node) =>
    Effect.map(ask(node, "CLUSTER", "INFO"), (info) => /cluster_state:ok/.test(String(info)))
  )

const awaitHealthy = Effect.fnUntraced(function* (nodes: ReadonlyArray<ClusterNode>) {
  yield* awaitWhole(nodes)
  // A vote is lost where the voter has not connected again to a node that was dead.
  yield* awaitEach(nodes, "is connected with all others", (node) => isConnectedWith(node, nodes))
  // A master that was dead takes itself for the owner of its slots until it is told.
  const owned = Effect.map(Effect.forEach(nodes, slotsOf), (slots) => slots.flat().length)
  yield* Wait.until(
    "every slot has one owner",
    Effect.map(owned, (count) => count === 16_384)
  )
  yield* awaitEach(nodes, "is a master or follows one", (node) =>
    Effect.map(ask(node, "INFO", "replication"), (info) => /role:master|master_link_status:up/.test(String(info)))
  )
})

const awaitEach = (
  nodes: ReadonlyArray<ClusterNode>,
  what: string,
  condition: (node: ClusterNode) => Effect.Effect<boolean, ClusterError>
) =>
  Effect.forEach(nodes, (node) => Wait.until(`node ${node.port} ${what}`, condition(node)), {
    concurrency: "unbounded",
    discard: true
  })

// ---------------------------------------------------------------------------------------------------------------------
// What nodes say
// ---------------------------------------------------------------------------------------------------------------------

const ask = (node: ClusterNode, ...args: ReadonlyArray<string | number>): Effect.Effect<Resp.Reply, ClusterError> =>
  Effect.mapError(
    node.cli(...args),
    ({ message }) => new ClusterError({ message: `node ${node.port}, ${args.slice(0, 3).join(" ")}: ${message}` })
  )

const isConnectedWith = (node: ClusterNode, others: ReadonlyArray<ClusterNode>) =>
  Effect.map(ask(node, "CLUSTER", "NODES"), (text) => {
    const lines = String(text).split("\n")
    const isConnected = (line: string) => !/handshake|fail/.test(line) && line.includes(" connected")
    return others.every(({ id }) => lines.some((line) => line.startsWith(id) && isConnected(line)))
  })

const myselfOf = (node: ClusterNode) =>
  Effect.map(ask(node, "CLUSTER", "NODES"), (text) => {
    const fields = String(text)
      .split("\n")
      .map((line) => line.split(" "))
      .find((fields) => fields[2]?.includes("myself"))
    const ranges = (fields ?? []).slice(8).filter((range) => !range.startsWith("["))
    return { isMaster: fields?.[2]?.includes("master") === true, slots: ranges.flatMap(slotsIn) }
  })

const slotsIn = (range: string): ReadonlyArray<number> => {
  const [from = "", to = from] = range.split("-")
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index)
}

const slotsOf = (node: ClusterNode) => Effect.map(myselfOf(node), ({ isMaster, slots }) => (isMaster ? slots : []))

const says = (node: ClusterNode, slot: number): Effect.Effect<boolean> =>
  slotsOf(node).pipe(
    Effect.map((slots) => slots.includes(slot)),
    Effect.timeout("300 millis"),
    Effect.orElseSucceed(() => false)
  )

const ownerOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<ClusterNode>, slot: number) {
  const owners = yield* Effect.filter(nodes, (node) => says(node, slot), { concurrency: "unbounded" })
  return owners.length === 1 ? owners[0] : undefined
}, LiveClock.provide)

const nextOwnerOf = Effect.fnUntraced(function* (nodes: ReadonlyArray<ClusterNode>, slot: number, lost: ClusterNode) {
  const others = nodes.filter((node) => node !== lost)
  let owner: ClusterNode | undefined
  yield* Wait.until(
    `another node than ${lost.port} owns slot ${slot}`,
    Effect.map(ownerOf(others, slot), (found) => {
      owner = found
      return found !== undefined
    })
  )
  return known(owner)
}, LiveClock.provide)

// ---------------------------------------------------------------------------------------------------------------------
// What is done to it
// ---------------------------------------------------------------------------------------------------------------------

const failover = Effect.fnUntraced(function* (nodes: ReadonlyArray<ClusterNode>, replica: ClusterNode) {
  yield* ask(replica, "CLUSTER", "FAILOVER")
  const hasTakenOver = Effect.gen(function* () {
    const [slot] = yield* slotsOf(replica)
    return slot !== undefined && (yield* ownerOf(nodes, slot)) === replica
  })
  yield* Wait.until(`node ${replica.port} is the one owner of its slots`, hasTakenOver)
}, LiveClock.provide)

const meet = Effect.fnUntraced(function* (others: ReadonlyArray<ClusterNode>, added: ClusterNode) {
  for (const other of others) {
    yield* ask(added, "CLUSTER", "MEET", "127.0.0.1", other.announcedPort, other.port + 10_000)
  }
  yield* awaitEach([...others, added], `and node ${added.port} know each other`, (node) =>
    isConnectedWith(node, node === added ? others : [added])
  )
  yield* awaitWhole([...others, added])
})

interface HowToMove {
  readonly linger: number
  readonly password: string | undefined
}

const moveSlots = Effect.fnUntraced(function* (
  nodes: ReadonlyArray<ClusterNode>,
  slots: ReadonlyArray<number>,
  to: ClusterNode,
  how: HowToMove
) {
  const { masters, ownerOf } = yield* Effect.retry(ownersOf(nodes, slots, to), {
    // Soon after a failover nodes have not yet heard of each other, and two of them may give up the same slot.
    schedule: Schedule.spaced("20 millis"),
    times: 250
  })
  for (const slot of slots) {
    const from = ownerOf.get(slot)
    if (from !== undefined && from !== to) yield* moveSlot(slot, from, to, masters, how)
  }
}, LiveClock.provide)

const ownersOf = Effect.fnUntraced(function* (
  nodes: ReadonlyArray<ClusterNode>,
  slots: ReadonlyArray<number>,
  to: ClusterNode
) {
  const owned = yield* Effect.forEach(nodes, slotsOf)
  const ownerOf = new Map(nodes.flatMap((node, index) => (owned[index] ?? []).map((slot) => [slot, node] as const)))
  const masters = nodes.filter((node, index) => node === to || (owned[index] ?? []).length > 0)
  const missing = slots.find((slot) => !ownerOf.has(slot))
  if (missing !== undefined) return yield* new ClusterError({ message: `nobody owns slot ${missing}` })
  yield* agreeOnEpochs(masters)
  return { masters, ownerOf }
})

// Who imports a slot takes the next epoch that it knows of. Were that not later than the epoch of the owner, a message
// of the owner that is still on its way would take the slot back, and in the end neither would have it.
const agreeOnEpochs = Effect.fnUntraced(function* (masters: ReadonlyArray<ClusterNode>) {
  const views = yield* Effect.forEach(masters, epochsOf)
  const [view = []] = views
  const haveOwn = new Set(view.map(([, epoch]) => epoch)).size === view.length
  if (haveOwn && views.every((other) => String(other) === String(view))) return
  return yield* new ClusterError({ message: `the masters disagree on their epochs: ${views.join(" | ")}` })
})

// The masters with slots that a node knows, each with its epoch.
const epochsOf = (node: ClusterNode) =>
  Effect.map(ask(node, "CLUSTER", "NODES"), (text) =>
    String(text)
      .split("\n")
      .map((line) => line.split(" "))
      .filter((fields) => fields[2]?.includes("master") && fields[8] !== undefined)
      .map(([id = "", , , , , , epoch = ""]) => [id, epoch] as const)
      .sort(([a], [b]) => a.localeCompare(b))
  )

const moveSlot = Effect.fnUntraced(function* (
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
  masters: ReadonlyArray<ClusterNode>,
  { linger, password }: HowToMove
) {
  yield* ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
  yield* ask(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
  if (linger > 0) yield* Effect.sleep(linger)
  const auth = password === undefined ? [] : ["AUTH", password]
  for (;;) {
    const keys = yield* ask(from, "CLUSTER", "GETKEYSINSLOT", slot, 100)
    if (!Array.isArray(keys) || keys.length === 0) break
    yield* ask(from, "MIGRATE", "127.0.0.1", to.port, "", 0, 5000, ...auth, "KEYS", ...keys.map(String))
  }
  // The new owner first: were it the last to hear, a moment without an owner would be seen.
  const others = masters.filter((master) => master !== to && master !== from)
  for (const node of [to, from, ...others]) yield* ask(node, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
})
