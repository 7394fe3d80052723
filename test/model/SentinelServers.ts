import { Effect } from "effect"
import { RedisTopology } from "effect-ioredis"
import { Fault, type SimulatedRedis, type SimulatedSentinels } from "effect-ioredis/testing"
import type { Change, Turn } from "./History.ts"
import { holdsWhat } from "./holdsWhat.ts"
import type { Server, Servers, Watcher } from "./Servers.ts"

/** A master with a replica, and the three sentinels that watch it. */
export const make = Effect.fnUntraced(function* (network: SimulatedRedis.SimulatedRedis, watcher: Watcher) {
  // What users may not do concerns the servers that have data.
  const group = yield* network.sentinels({ sentinel: { denied: [], latency: 0 } })
  const made = new Group(group, watcher, yield* group.master, yield* group.replicas)
  const servers: Servers = {
    topology: RedisTopology.sentinel({
      master: group.name,
      sentinels: group.sentinels.map(({ address }) => address)
    }),
    all: Effect.succeed([made.master, made.replica]),
    ownerOf: () => Effect.sync(() => made.master),
    holderOf: () => Effect.sync(() => made.master),
    change: (is) => made.change(is),
    turn: (is) => made.turn(is),
    revive: made.revive,
    heal: made.heal
  }
  return servers
})

class Group {
  readonly #group: SimulatedSentinels.SimulatedSentinels
  readonly #watcher: Watcher
  readonly #cutOff = new Set<Server>()
  readonly #dead = new Set<Server>()
  master: Server
  replica: Server

  constructor(
    group: SimulatedSentinels.SimulatedSentinels,
    watcher: Watcher,
    master: Server,
    replicas: ReadonlyArray<Server>
  ) {
    this.#group = group
    this.#watcher = watcher
    this.master = master
    this.replica = replicas[0] ?? master
  }

  change(is: Change): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { master } = this
      switch (is._tag) {
        case "Save":
          return yield* master.save
        case "Attach":
          return yield* master.attachReplica
        case "Copy":
          if (this.#isWhole) yield* Effect.andThen(this.replica.replicaOf(master), this.replica.cutReplication)
          return
        case "Resync":
        case "Switch":
          yield* this.#failOver(is._tag === "Switch")
          yield* this.#failOver(true)
          if (is.cut) yield* master.inject(Fault.cut({ executed: false }))
          return
        case "Restart":
          if (is.data !== "kept") this.#watcher.lost({ inPlace: false })
          return yield* master.restart(is)
      }
    })
  }

  turn(is: Turn): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { master } = this
      switch (is._tag) {
        case "FailOver":
          return yield* this.#failOver(is.planned)
        case "Kill":
          this.#dead.add(master)
          yield* master.inject(is.freezes ? Fault.freeze : Fault.refuse)
          return yield* this.#group.markFailed(master)
        case "Isolate":
          this.#cutOff.add(master)
          return yield* this.#group.isolate(master)
        case "Rejoin":
          return yield* this.#rejoin
        case "IsolateSentinel":
        case "FreezeSentinel": {
          const sentinel = this.#group.sentinels[is.sentinel]
          if (sentinel === undefined) return
          return yield* is._tag === "FreezeSentinel" ? sentinel.inject(Fault.freeze) : this.#group.isolate(sentinel)
        }
        default:
          return
      }
    })
  }

  // Whether master and replica hear of each other.
  get #isWhole(): boolean {
    return this.#cutOff.size === 0
  }

  #failOver(planned: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { master, replica } = this
      if (this.#cutOff.has(replica) || this.#dead.has(replica)) return
      if (planned && (!this.#isWhole || this.#dead.has(master))) return
      if (planned) yield* replica.replicaOf(master)
      // A demoted master still answers reads, until its clients have noticed.
      else if ((yield* holdsWhat(master)) !== (yield* holdsWhat(replica))) this.#watcher.lost({ inPlace: true })
      this.#watcher.moved()
      yield* this.#group.failOver(replica)
      this.master = replica
      this.replica = master
    })
  }

  get #rejoin(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (this.#cutOff.has(this.replica)) this.#watcher.lost({ inPlace: true })
      for (const server of [...this.#cutOff, ...this.#group.sentinels]) yield* this.#group.rejoin(server)
      this.#cutOff.clear()
    })
  }

  readonly revive: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (const sentinel of this.#group.sentinels) yield* sentinel.inject(Fault.none)
    for (const server of [this.master, this.replica]) yield* this.#group.markAlive(server)
    this.#dead.clear()
  })

  readonly heal: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (const server of [this.master, this.replica]) yield* server.heal
    yield* this.revive
    yield* this.#rejoin
  })
}
