import { Duration } from "effect"
import * as commandKeys from "../../internal/commandKeys.ts"
import type { Push } from "../../RedisConnection.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import { slotOf } from "../../internal/slot.ts"
import * as RedisScript from "../../RedisScript.ts"
import * as Fault from "../Fault.ts"
import type { SimulatedCommand } from "../SimulatedCommand.ts"
import * as SimulatedScript from "../SimulatedScript.ts"
import { ActiveExpiry } from "./ActiveExpiry.ts"
import * as Access from "./Access.ts"
import { Blocked } from "./Blocked.ts"
import type { ClusterNode } from "./cluster/ClusterNode.ts"
import * as Redirection from "./cluster/Redirection.ts"
import { type Client, type Command, type Impact, type Machine, read } from "./Command.ts"
import { History } from "./History.ts"
import * as Interpreter from "./Interpreter.ts"
import { type Dump, Keyspace } from "./Keyspace.ts"
import { connectionRefused, connectionReset, HeldFault, Socket, type Packet, type Peer } from "./Socket.ts"
import { PubSub, Subscriptions } from "./PubSub.ts"
import * as Refusal from "./Refusal.ts"
import { Replication } from "./Replication.ts"
import { bytesOf, keyOf } from "./RedisStore.ts"
import * as ScriptCommands from "./ScriptCommands.ts"
import * as SeededRandom from "./SeededRandom.ts"
import type { Sentinel } from "./sentinel/Sentinels.ts"
import type { Timers } from "./Timers.ts"
import { Tracking } from "./Tracking.ts"
import { Transaction } from "./Transaction.ts"
import * as Wire from "./Wire.ts"

/**
 * A command that reached the server. `at` is the wall clock in milliseconds, `connection` the
 * CLIENT ID.
 */
export interface Received extends Fault.Target {
  readonly at: number
  readonly connection: number
}

export interface Options {
  readonly address: RedisAddress
  readonly latency: number
  readonly clockOffset: number
  readonly seed: number
  readonly access: Access.Access
  readonly scripts: ReadonlyArray<SimulatedScript.SimulatedScript>
  readonly commands: ReadonlyArray<SimulatedCommand>
  readonly onMissingScript: (sha: string) => void
  /** The server that a REPLICAOF means. */
  readonly serverAt: (address: RedisAddress) => Server
}

/** One simulated server: its data, its connections, and what is wrong with it. */
export class Server {
  readonly received: Array<Received> = []
  /** Says when somebody tried to connect, also in vain, as wall-clock milliseconds. */
  readonly attempts: Array<number> = []
  readonly keyspace: Keyspace
  readonly history: History
  readonly replication: Replication
  readonly pubSub: PubSub
  readonly tracking: Tracking
  readonly blocked: Blocked
  #cluster: ClusterNode | undefined
  /** What it is as a sentinel, if it is one. */
  sentinel: Sentinel | undefined
  readonly #options: Options
  readonly #timers: Timers
  readonly #now: () => number
  readonly #random: () => number
  readonly #sockets = new Set<Socket>()
  readonly #scripts: ReadonlyMap<string, SimulatedScript.SimulatedScript>
  readonly #commands: ReadonlyMap<string, Command>
  readonly #expiry: ActiveExpiry
  #access: Access.Access
  #held = new HeldFault(Fault.none)
  #armed: Armed | undefined
  #loaded = new Set<string>()
  #startedAt: number
  #lastId = 0
  #dump: Dump = []

  constructor(timers: Timers, options: Options) {
    this.#options = options
    this.#timers = timers
    this.#access = options.access
    this.#random = SeededRandom.make(options.seed)
    this.#now = () => timers.wallClock() + options.clockOffset
    this.#startedAt = this.#now()
    this.history = new History(this.#random, timers.now)
    const reach = {
      clients: () => this.#sockets,
      // Its clients are its sockets.
      push: (client: Client, push: Push) => this.#push(client as Socket, push)
    }
    this.pubSub = new PubSub(reach)
    this.tracking = new Tracking(timers, reach)
    // Its clients are its sockets.
    this.blocked = new Blocked(timers, (client, wire) => this.#wake(client as Socket, wire))
    this.#expiry = new ActiveExpiry({
      timers,
      keyspace: () => this.keyspace,
      isWatched: () => this.tracking.isOn() && this.#held.fault._tag !== "Freeze"
    })
    this.keyspace = new Keyspace({
      now: this.#now,
      seed: this.#seed(),
      changed: (change) => this.replication.changed(change),
      watcher: {
        touched: (key, entry, db) => {
          this.tracking.touched(key)
          this.blocked.touched(db, key)
          for (const { transaction } of this.#sockets) transaction.touched(this.keyspace.database(db), key)
          if (entry?.expiresAt !== undefined) this.#expiry.watch(entry.expiresAt)
        },
        flushed: () => {
          this.tracking.flushed()
          this.blocked.flushed()
        }
      }
    })
    this.replication = new Replication(options.address, this.history, this.keyspace, {
      followed: () => this.#refuseBlocked(),
      attached: () => this.blocked.happened()
    })
    this.#scripts = new Map([deleteIfEqual, ...options.scripts].map((script) => [script.script.sha, script]))
    this.#commands = new Map(options.commands.map((command) => [command.name.toLowerCase(), simulated(command)]))
  }

  /** Connects; the login is the first packet to send. */
  open(peer: Peer): Socket | undefined {
    this.attempts.push(this.#timers.wallClock())
    if (this.#held.fault._tag === "Refuse") {
      this.#timers.soon(() => peer.closed(connectionRefused()))
      return undefined
    }
    const socket = new Socket(++this.#lastId, peer, this.#timers, (socket, packet) => this.#receive(socket, packet))
    if (this.#held.fault._tag === "Freeze") socket.freeze()
    this.#sockets.add(socket)
    return socket
  }

  write(socket: Socket, packet: Packet): void {
    if (!socket.open) return
    const fault = this.#faultOf(socket)
    socket.inbox.offer(packet, fault._tag === "Delay" ? Duration.toMillis(fault.duration) : 0)
  }

  /** What it is in a cluster, if it is in one. */
  get cluster(): ClusterNode | undefined {
    return this.#cluster
  }

  join(node: ClusterNode): void {
    this.#cluster = node
    node.onLearned = (before) => this.#learned(node, before)
  }

  // Whoever waits for a key of another node, or hears of a shard channel there, is told.
  #learned(node: ClusterNode, { owners }: ClusterNode["map"]): void {
    const isLost = (name: Buffer) => {
      const owner = node.map.owners[slotOf(name)]
      return owner !== node && owner !== owners[slotOf(name)]
    }
    this.pubSub.leave((channel) => isLost(bytesOf(channel)))
    this.blocked.refuse((client, keys) => {
      if (node.isUp && !keys.some(isLost)) return undefined
      const message = Redirection.ofClient(node, client, { keys, writes: true, isShard: false })
      return message === undefined ? undefined : new Wire.ErrorReply({ message })
    })
  }

  /** The client closed its end. What it sent behind a command that waits is lost with it. */
  close(socket: Socket): void {
    socket.close()
    if (this.blocked.forget(socket)) socket.inbox.clear()
    this.#forgetIfDone(socket)
  }

  get fault(): Fault.Fault {
    return this.#held.fault
  }

  inject(fault: Fault.Fault, connection?: number): void {
    const sockets = Array.from(this.#sockets).filter(({ id }) => connection === undefined || id === connection)
    if (fault._tag === "Cut") {
      if (fault.at === undefined) for (const socket of sockets) this.#drop(socket, fault)
      else this.#armed = { executed: fault.executed, matches: fault.at, connection }
      return
    }
    if (fault._tag === "Unsolicited") {
      for (const socket of sockets) this.#reply(socket, fault.reply === null ? null : Buffer.from(fault.reply))
      return
    }
    if (connection === undefined) this.#held = new HeldFault(fault)
    else for (const socket of sockets) socket.held = fault._tag === "None" ? undefined : new HeldFault(fault)
    this.#enforce(sockets)
  }

  heal(): void {
    this.#armed = undefined
    for (const socket of this.#sockets) socket.held = undefined
    this.inject(Fault.none)
  }

  setAccess(access: Access.Access): void {
    this.#access = access
  }

  save(): void {
    this.#dump = this.keyspace.dump()
  }

  /** Loads the last dump in the place of the data, while everybody stays connected. */
  reload(): void {
    this.keyspace.restore(this.#dump)
  }

  restart(data: "kept" | "lost" | "dump"): void {
    if (data !== "kept") this.keyspace.restore(data === "dump" ? this.#dump : [])
    this.keyspace.reseed(this.#seed())
    this.#loaded = new Set()
    this.#startedAt = this.#now()
    this.replication.restart()
    this.cluster?.restarted()
    this.dropAll()
  }

  dropAll(): void {
    for (const socket of Array.from(this.#sockets)) this.#drop(socket, { executed: false })
  }

  /** A replica is there that no server of the simulation is. */
  attachReplica(): void {
    this.history.replicaAttached()
    this.blocked.happened()
  }

  /** Removes a key of database 0, as for want of memory. Tells whether there was one. */
  evict(key: Buffer): boolean {
    return this.keyspace.database(0).delete(key)
  }

  /** Executes a command for the test itself, past every fault. */
  execute(name: string, args: ReadonlyArray<Buffer>): Wire.Wire {
    const console: Client = {
      id: consoleId,
      db: 0,
      name: "",
      user: "default",
      asking: false,
      readOnly: false,
      subscriptions: new Subscriptions(),
      transaction: new Transaction(),
      tracked: undefined
    }
    const machine = this.#machine(console, (_, impact) => this.#roleRefusal(impact))
    const wire = Interpreter.execute(withoutBlocking(machine), name, args)
    this.blocked.serve()
    return wire
  }

  /** The CLIENT IDs of the connections that are open. */
  clients(): ReadonlyArray<number> {
    return Array.from(this.#sockets).flatMap(({ id, open }) => (open ? [id] : []))
  }

  #receive(socket: Socket, packet: Packet): void {
    if (socket.ending) return
    if (this.#faultOf(socket)._tag === "Mute") socket.mute = true
    if (!socket.mute) {
      if (packet._tag === "Login") this.#login(socket, packet.login)
      else this.#serve(socket, packet)
    }
    this.#forgetIfDone(socket)
  }

  #login(socket: Socket, login: Access.Login): void {
    const refusal = this.#loginRefusal(socket, login)
    if (refusal === undefined) {
      socket.db = login.db
      socket.name = login.clientName
      if (login.password !== undefined) socket.user = login.username ?? "default"
      const fault = this.#faultOf(socket)
      if (fault._tag === "DropLogins") this.#dropLater(socket, Duration.toMillis(fault.after))
    }
    this.#reply(socket, refusal ?? "OK")
  }

  #loginRefusal(socket: Socket, login: Access.Login): Wire.ErrorReply | undefined {
    const refusal = Refusal.ofLogin(this.#faultOf(socket)) ?? Access.loginRefusal(this.#access, login)
    if (refusal !== undefined || login.db === 0) return refusal
    if (this.sentinel !== undefined)
      return new Wire.ErrorReply({ message: "ERR unknown command 'SELECT', with args beginning with: " })
    if (this.cluster !== undefined) return new Wire.ErrorReply({ message: Refusal.selectInCluster })
    if (this.keyspace.databases[login.db] === undefined) {
      return new Wire.ErrorReply({ message: "ERR DB index is out of range" })
    }
    return this.#refusal(socket, "SELECT", "none")
  }

  #dropLater(socket: Socket, millis: number): void {
    if (millis === 0) socket.ending = true
    else this.#timers.after(millis + this.#options.latency, () => this.#drop(socket, { executed: false }))
  }

  #serve(socket: Socket, { args, name }: Extract<Packet, { readonly _tag: "Command" }>): void {
    const target: Fault.Target = { name, args: args.map((arg) => arg.toString()) }
    const cut = this.#cutOf(socket, target)
    if (cut === "before") {
      this.#drop(socket, { executed: false })
      return
    }
    this.received.push({ ...target, at: this.#timers.wallClock(), connection: socket.id })
    const machine = this.#machine(socket, (name, impact, args) => this.#refusal(socket, name, impact, args))
    const wire = Interpreter.execute(machine, name, args)
    if (name.toUpperCase() !== "ASKING") socket.asking = false
    if (this.blocked.has(socket)) this.#block(socket, cut === "after")
    else if (cut === "after") this.#drop(socket, { executed: true })
    else this.#reply(socket, wire)
    this.blocked.serve()
  }

  #block(socket: Socket, isCutAfter: boolean): void {
    socket.isCutAfter = isCutAfter
    socket.block()
    if (!socket.open) this.close(socket)
  }

  // What it sent meanwhile is served when this command is done.
  #wake(socket: Socket, wire: Wire.Wire): void {
    this.#timers.soon(() => socket.unblock())
    const { _tag } = this.#faultOf(socket)
    if (_tag === "Mute") socket.mute = true
    if (socket.isCutAfter) this.#drop(socket, { executed: true })
    else if (!socket.mute) socket.send({ _tag: "Reply", wire }, _tag === "Freeze", this.#options.latency)
  }

  // What they wait for may come from another server now.
  #refuseBlocked(): void {
    this.blocked.refuse((client) => {
      // Its clients are its sockets.
      const socket = client as Socket
      socket.ending = true
      return new Wire.ErrorReply({ message: Refusal.unblocked })
    })
  }

  #reply(socket: Socket, wire: Wire.Wire): void {
    if (socket.open) socket.outbox.offer({ _tag: "Reply", wire }, this.#options.latency)
  }

  #push(socket: Socket, push: Push): void {
    const { _tag } = this.#faultOf(socket)
    if (_tag === "Mute") socket.mute = true
    if (!socket.open || socket.mute) return
    if (socket.send({ _tag: "Push", push }, _tag === "Freeze", this.#options.latency) > outputLimit)
      this.#drop(socket, { executed: false })
  }

  // Whether this command costs its connection, and on which side of being executed.
  #cutOf(socket: Socket, target: Fault.Target): "before" | "after" | undefined {
    const armed = this.#armed
    if (armed !== undefined && (armed.connection ?? socket.id) === socket.id && armed.matches(target)) {
      this.#armed = undefined
      return armed.executed ? "after" : "before"
    }
    const { fault, luck } = socket.held ?? this.#held
    if (fault._tag !== "Flaky" || luck() >= fault.rate) return undefined
    return luck() < 0.5 ? "after" : "before"
  }

  #refusal(
    socket: Socket,
    name: string,
    impact: Impact,
    args: ReadonlyArray<Buffer> = []
  ): Wire.ErrorReply | undefined {
    return (
      Access.commandRefusal(this.#access, name) ??
      Access.channelRefusal(this.#access, name, args) ??
      this.#redirection(Redirection.ofClient, socket, name, impact, args) ??
      Refusal.ofSubscribed(socket, name) ??
      Refusal.ofFault(this.#faultOf(socket), name, impact) ??
      this.#roleRefusal(impact)
    )
  }

  #redirection(
    redirection: typeof Redirection.ofClient,
    client: Client,
    name: string,
    impact: Impact,
    args: ReadonlyArray<Buffer>
  ): Wire.ErrorReply | undefined {
    if (this.cluster === undefined) return undefined
    // A transaction has the keys of all its commands.
    const commands = name === "EXEC" ? (client.transaction.queued ?? []) : [{ name: wordOf(name), args }]
    const keys = commands.flatMap(({ args, name }) => commandKeys.keysOf(name.toUpperCase(), args)).map(Wire.encode)
    const isShard = shardCommands.has(name)
    const message = redirection(this.cluster, client, { keys, writes: impact !== "none", isShard })
    return message === undefined ? undefined : new Wire.ErrorReply({ message })
  }

  #roleRefusal(impact: Impact): Wire.ErrorReply | undefined {
    return impact !== "none" && this.history.role === "slave" ? Refusal.readOnly() : undefined
  }

  #machine(client: Client, refusal: Machine["refusal"]): Machine {
    const { fault } = this.#held
    const machine: Machine = {
      client,
      store: this.keyspace.database(client.db),
      keyspace: this.keyspace,
      replication: this.replication,
      cluster: this.cluster,
      sentinel: this.sentinel,
      loading: fault._tag === "Error" && fault.code === "LOADING",
      startedAt: this.#startedAt,
      clients: () => this.clients().length,
      isConnected: (clientId) => this.clients().includes(clientId),
      pubSub: this.pubSub,
      track: (tracked) => {
        client.tracked = tracked
        this.#expiry.resume()
      },
      commands: this.#commands,
      scripts: this.#scripts,
      loaded: this.#loaded,
      onMissingScript: this.#options.onMissingScript,
      kill: (clientId) => this.#kill(clientId, client.id),
      loginRefusal: (username, password) => Access.authRefusal(this.#access, username, password),
      replicaOf: (address) => this.#replicaOf(address),
      refusal,
      random: this.#random,
      mayBlock: true,
      block: (wait) => {
        this.blocked.begin(client, wait)
        return null
      },
      unblock: (clientId, reason) => {
        const socket = Array.from(this.#sockets).find(({ id }) => id === clientId)
        return socket !== undefined && this.blocked.unblock(socket, reason)
      },
      execute: (name, args) => {
        // A SELECT may have come before.
        const current = { ...machine, store: this.keyspace.database(client.db) }
        return Interpreter.execute(withoutBlocking(this.#inScript(current)), name, args)
      }
    }
    return machine
  }

  // Keys that its client did not name may be another node's.
  #inScript(machine: Machine): Machine {
    const { client, refusal } = machine
    if (this.cluster === undefined || client.id === consoleId) return machine
    return {
      ...machine,
      refusal: (name, impact, args) =>
        this.#redirection(Redirection.ofScript, client, name, impact, args) ?? refusal(name, impact, args)
    }
  }

  #replicaOf(address: RedisAddress | undefined): void {
    if (address === undefined) this.replication.promote()
    else this.replication.follow(this.#options.serverAt(address).replication)
  }

  // Also a connection that its client has closed: what it sent may still be on its way.
  #kill(clientId: number, by: number): boolean {
    const socket = Array.from(this.#sockets).find(({ id }) => id === clientId)
    if (socket === undefined) return false
    // Its own connection is told so first.
    if (clientId === by) socket.ending = true
    else this.#drop(socket, { executed: false })
    return true
  }

  #enforce(sockets: ReadonlyArray<Socket>): void {
    for (const socket of sockets) {
      const { _tag } = this.#faultOf(socket)
      if (_tag === "Refuse" || _tag === "DropLogins") this.#drop(socket, { executed: false })
      else if (_tag === "Freeze") socket.freeze()
      else socket.thaw(this.#options.latency)
    }
    this.#expiry.resume()
  }

  #faultOf(socket: Socket): Fault.Fault {
    return (socket.held ?? this.#held).fault
  }

  #drop(socket: Socket, how: { readonly executed: boolean }): void {
    const isBlocked = this.blocked.forget(socket)
    socket.drop(connectionReset(), isBlocked ? { executed: false } : how)
    this.#forgetIfDone(socket)
  }

  #forgetIfDone(socket: Socket): void {
    if (socket.isDone) this.#sockets.delete(socket)
  }

  #seed(): number {
    return Math.floor(this.#random() * 2 ** 32)
  }
}

const withoutBlocking = (machine: Machine): Machine => ({ ...machine, mayBlock: false })

// The hard limit of `client-output-buffer-limit pubsub` by default, in bytes.
const outputLimit = 32 * 1024 * 1024

// Connections count from 1.
const consoleId = 0

const shardCommands = new Set(["SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH"])

// A subcommand's keys stand behind both words.
const wordOf = (name: string): string => name.split("|", 1)[0] ?? name

/** A cut that waits for its command. */
interface Armed {
  readonly executed: boolean
  readonly matches: (command: Fault.Target) => boolean
  readonly connection: number | undefined
}

// What it calls is refused where it does it, as in a script.
const simulated = ({ run }: SimulatedCommand): Command =>
  read(-1, (args, machine) => ScriptCommands.counterpartReply(machine, "", (call) => run(args.map(keyOf), call)))

// What the packages offer every program needs no counterpart of its own.
const deleteIfEqual = SimulatedScript.make(RedisScript.deleteIfEqual, ([key = ""], [value], call) =>
  call("GET", key) === value ? call("UNLINK", key) : 0
)
