import { Effect } from "effect"
import { RedisTopology } from "effect-ioredis"
import { Fault, type SimulatedCluster, type SimulatedRedis } from "effect-ioredis/testing"
import { slotOf } from "../../packages/effect-ioredis/src/internal/slot.ts"
import { type Change, type Place, storedKey, type Turn } from "./History.ts"
import { holdsWhat } from "./holdsWhat.ts"
import type { Server, Servers, Watcher } from "./Servers.ts"

/** Three masters with a replica each, and masters that join. */
export const make = Effect.fnUntraced(function* (
  network: SimulatedRedis.SimulatedRedis,
  fullCoverage: boolean,
  watcher: Watcher
) {
  const cluster = yield* network.cluster({ masters: shardCount, replicas: 1, fullCoverage })
  const masters = yield* cluster.masters
  const shards = yield* Effect.forEach(masters, (master) =>
    Effect.map(
      cluster.replicaOf(master),
      (replica): Shard => ({ master, replica, isCutOff: false, leftOver: new Set() })
    )
  )
  const made = new Shards(cluster, watcher, shards)
  const servers: Servers = {
    topology: RedisTopology.cluster({ seeds: cluster.seeds }),
    all: Effect.sync(() => made.servers()),
    ownerOf: (key) => Effect.sync(() => made.ownerOf(slotOf(key)).master),
    holderOf: (key) => made.holderOf(key),
    change: (is) => made.change(is),
    turn: (is) => made.turn(is),
    revive: made.revive,
    heal: made.heal
  }
  return servers
})

/** A master and its replica, which change places. */
interface Shard {
  master: Server
  replica: Server | undefined
  /** Whether the master hears nothing of the others. */
  isCutOff: boolean
  /** Slots whose move to it was given up: what was written meanwhile is still there, and back with the next one. */
  readonly leftOver: Set<number>
}

interface Moving {
  readonly migration: SimulatedCluster.Migration
  readonly to: Shard
}

class Shards {
  readonly #cluster: SimulatedCluster.SimulatedCluster
  readonly #watcher: Watcher
  readonly #shards: Array<Shard>
  readonly #owners: Array<Shard>
  readonly #moving = new Map<number, Moving>()
  /** Those that answer nobody. */
  readonly #dead = new Set<Server>()
  /** Old masters that do not know it. */
  readonly #splitOff = new Set<Server>()
  readonly #servers: Set<Server>

  constructor(cluster: SimulatedCluster.SimulatedCluster, watcher: Watcher, shards: ReadonlyArray<Shard>) {
    this.#cluster = cluster
    this.#watcher = watcher
    this.#shards = [...shards]
    this.#servers = new Set(
      shards.flatMap(({ master, replica }) => (replica === undefined ? [master] : [master, replica]))
    )
    this.#owners = Array.from({ length: slotCount }, (_, slot) => {
      const index = shards.findLastIndex((_, shard) => slot >= Math.round((shard * slotCount) / shards.length))
      return this.#at(index)
    })
  }

  servers(): ReadonlyArray<Server> {
    return Array.from(this.#servers)
  }

  ownerOf(slot: number): Shard {
    return this.#owners[slot] ?? this.#at(0)
  }

  /** Of a slot that moves, the source sends whoever asks for a key that it has not to the target. */
  holderOf(key: string): Effect.Effect<Server> {
    return Effect.suspend(() => {
      const { master } = this.ownerOf(slotOf(key))
      const moving = this.#moving.get(slotOf(key))
      if (moving === undefined) return Effect.succeed(master)
      return Effect.map(master.peek(key), (value) => (value !== undefined ? master : moving.to.master))
    })
  }

  #at(index: number): Shard {
    // The index of a list that is never empty.
    return this.#shards[index % this.#shards.length] as Shard
  }

  #slotsOf(shard: Shard): ReadonlySet<number> {
    return new Set(this.#owners.flatMap((owner, slot) => (owner === shard ? [slot] : [])))
  }

  // -----------------------------------------------------------------------------------------------
  // What the servers have
  // -----------------------------------------------------------------------------------------------

  change(is: Change): Effect.Effect<void> {
    return Effect.suspend(() => {
      const concerned = is.on === undefined ? this.#shards : [this.ownerOf(slotOf(storedKey(is.on)))]
      return Effect.forEach(concerned, (shard) => this.#changeOne(is, shard), { discard: true })
    })
  }

  #changeOne(is: Change, shard: Shard): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { master, replica } = shard
      switch (is._tag) {
        case "Save":
          return yield* master.save
        case "Attach":
          return yield* master.attachReplica
        case "Copy":
          if (replica === undefined || shard.isCutOff || this.#splitOff.has(replica)) return
          return yield* Effect.andThen(this.#cluster.rejoin(replica), replica.cutReplication)
        case "Resync":
        case "Switch":
          if (shard.isCutOff || !(yield* this.#failOver(shard, is._tag === "Switch", true))) return
          yield* this.#failOver(shard, true, false)
          if (is.cut) yield* master.inject(Fault.cut({ executed: false }))
          return
        case "Restart":
          if (is.data !== "kept") this.#watcher.lost({ inPlace: false, slots: this.#heldBy(shard) })
          return yield* master.restart(is)
      }
    })
  }

  // The slots of which a shard has keys.
  #heldBy(shard: Shard): ReadonlySet<number> {
    const coming = Array.from(this.#moving).flatMap(([slot, { to }]) => (to === shard ? [slot] : []))
    return new Set([...this.#slotsOf(shard), ...coming])
  }

  // Says whether it was possible.
  #failOver(shard: Shard, planned: boolean, inPlace: boolean): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const { isCutOff, master, replica } = shard
      if (replica === undefined || this.#splitOff.has(replica) || this.#dead.has(replica)) return false
      if (planned && (isCutOff || this.#dead.has(master))) return false
      const slots = this.#heldBy(shard)
      const lags = (yield* holdsWhat(master)) !== (yield* holdsWhat(replica))
      // What moves at the moment is no more than one node's business, and the replica knows nothing of it.
      const isMoving = Array.from(this.#moving, ([slot]) => slot).some((slot) => slots.has(slot))
      if ((lags && !planned) || isMoving) this.#watcher.lost({ inPlace, slots, server: master })
      this.#watcher.moved(slots)
      // The new master knows of no slot that is leaving.
      for (const slot of this.#moving.keys()) if (this.ownerOf(slot) === shard) yield* this.#giveUp(slot)
      yield* this.#cluster.failOver(master, { to: replica, planned })
      if (isCutOff) this.#splitOff.add(master)
      Object.assign(shard, { master: replica, replica: master, isCutOff: false })
      return true
    })
  }

  // -----------------------------------------------------------------------------------------------
  // Who owns what
  // -----------------------------------------------------------------------------------------------

  turn(is: Turn): Effect.Effect<void> {
    return Effect.suspend(() => {
      switch (is._tag) {
        case "FailOver":
          return Effect.forEach(this.#aimed(is.on), (shard) => this.#failOver(shard, is.planned, false), {
            discard: true
          })
        case "Kill":
          return Effect.forEach(this.#aimed(is.on), (shard) => this.#kill(shard, is.freezes), { discard: true })
        case "Isolate":
          return Effect.forEach(this.#aimed(is.on), (shard) => this.#isolate(shard, is.noticed), { discard: true })
        case "Rejoin":
          return this.#rejoin
        case "MoveSlot":
          return this.#move(slotOf(storedKey(is.on)), this.#at(is.to))
        case "Migrate":
          return this.#migrate(slotOf(storedKey(is.on)), this.#at(is.to))
        case "MoveKey":
          return this.#moveKey(is.on)
        case "EndMigration":
          return this.#endMigration(slotOf(storedKey(is.on)), is.finishes)
        case "AddNode":
          return this.#addNode
        case "RemoveNode":
          return this.#removeNode
        default:
          return Effect.void
      }
    })
  }

  #aimed(on: Place | undefined): ReadonlyArray<Shard> {
    return on === undefined ? this.#shards : [this.ownerOf(slotOf(storedKey(on)))]
  }

  #kill(shard: Shard, freezes: boolean): Effect.Effect<void> {
    this.#dead.add(shard.master)
    return Effect.andThen(
      shard.master.inject(freezes ? Fault.freeze : Fault.refuse),
      this.#cluster.markFailed(shard.master)
    )
  }

  #isolate(shard: Shard, noticed: boolean): Effect.Effect<void> {
    if (shard.isCutOff) return Effect.void
    shard.isCutOff = true
    return this.#cluster.isolate(shard.master, { noticed })
  }

  get #rejoin(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      // What was confirmed there since is gone.
      if (this.#splitOff.size > 0) this.#watcher.lost({ inPlace: false })
      for (const server of this.#splitOff) yield* this.#cluster.rejoin(server)
      for (const shard of this.#shards) {
        if (shard.isCutOff) yield* this.#cluster.rejoin(shard.master)
        shard.isCutOff = false
      }
      this.#splitOff.clear()
    })
  }

  // Whether slots can move from one to the other.
  #canMove(slot: number, to: Shard): boolean {
    const from = this.ownerOf(slot)
    return from !== to && [from, to].every(({ isCutOff, master }) => !isCutOff && !this.#dead.has(master))
  }

  #move(slot: number, to: Shard): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (!this.#canMove(slot, to)) return
      const slots = new Set([slot])
      if (this.#moving.get(slot)?.to !== to) yield* this.#giveUp(slot)
      if (this.#slotsOf(to).size === 0) yield* this.#unseenOn(to)
      this.#moving.delete(slot)
      if (to.leftOver.delete(slot)) this.#watcher.lost({ inPlace: false, slots })
      this.#watcher.moved(slots)
      this.#owners[slot] = to
      yield* this.#cluster.moveSlots([slot], to.master)
    })
  }

  // What is on its target then, nobody finds any more: keys that have moved, and those that were absent here and
  // were written there, where ASK leads to.
  #giveUp(slot: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const moving = this.#moving.get(slot)
      if (moving === undefined) return
      this.#moving.delete(slot)
      moving.to.leftOver.add(slot)
      yield* this.#loseOn(moving.to, (key) => slotOf(key) === slot)
    })
  }

  // A `clear` goes to the masters that own slots. What ASK had led to one that owned none, it has left there.
  #unseenOn(to: Shard): Effect.Effect<void> {
    return this.#loseOn(to, (key) => this.#moving.get(slotOf(key))?.to === to)
  }

  // The slots of these keys on a shard have lost something.
  #loseOn({ master }: Shard, isLost: (key: string) => boolean): Effect.Effect<void> {
    return Effect.map(master.entries, (entries) => {
      const slots = new Set(Array.from(entries.keys()).filter(isLost).map(slotOf))
      if (slots.size > 0) this.#watcher.lost({ inPlace: false, slots })
    })
  }

  #migrate(slot: number, to: Shard): Effect.Effect<void> {
    if (!this.#canMove(slot, to) || this.#moving.has(slot)) return Effect.void
    if (to.leftOver.has(slot)) this.#watcher.lost({ inPlace: false, slots: new Set([slot]) })
    return Effect.map(this.#cluster.migrate([slot], to.master), (migration) => {
      this.#moving.set(slot, { migration, to })
    })
  }

  #moveKey(place: Place): Effect.Effect<void> {
    const key = storedKey(place)
    const slot = slotOf(key)
    const moving = this.#moving.get(slot)
    if (moving === undefined || !this.#canMove(slot, moving.to)) return Effect.void
    return moving.migration.moveKeys(key)
  }

  #endMigration(slot: number, finishes: boolean): Effect.Effect<void> {
    const moving = this.#moving.get(slot)
    if (moving === undefined) return Effect.void
    return finishes ? this.#move(slot, moving.to) : Effect.andThen(this.#giveUp(slot), moving.migration.abandon)
  }

  get #addNode(): Effect.Effect<void> {
    if (this.#shards.length >= mostShards) return Effect.void
    return Effect.map(this.#cluster.addNode(), (master) => {
      this.#servers.add(master)
      this.#shards.push({ master, replica: undefined, isCutOff: false, leftOver: new Set() })
    })
  }

  get #removeNode(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const last = this.#at(this.#shards.length - 1)
      const isMoving = Array.from(this.#moving.values()).some(({ to }) => to === last)
      const slots = this.#slotsOf(last)
      const canLeave = Array.from(slots).every((slot) => this.#canMove(slot, this.#at(0)))
      if (this.#shards.length <= shardCount || isMoving || !canLeave) return
      for (const slot of slots) yield* this.#move(slot, this.#at(0))
      this.#shards.pop()
      yield* this.#cluster.removeNode(last.master)
    })
  }

  readonly revive: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (const server of this.#dead) yield* this.#cluster.markAlive(server)
    this.#dead.clear()
  })

  readonly heal: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (const server of this.servers()) yield* server.heal
    yield* this.revive
    yield* this.#rejoin
    for (const slot of Array.from(this.#moving.keys())) yield* this.#endMigration(slot, true)
  })
}

const shardCount = 3
const mostShards = 5
const slotCount = 16_384
