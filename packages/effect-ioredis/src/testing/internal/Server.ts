import { Duration } from "effect"
import * as Fault from "../Fault.ts"
import * as SimulatedScript from "../SimulatedScript.ts"
import type { Impact, Machine } from "./Command.ts"
import * as Interpreter from "./Interpreter.ts"
import * as RedisStore from "./RedisStore.ts"
import * as SeededRandom from "./SeededRandom.ts"
import * as TimedQueue from "./TimedQueue.ts"
import type { Timers } from "./Timers.ts"
import * as Wire from "./Wire.ts"

/** The simulated server: its data, its connections, and what is wrong with it. */
export interface Server {
  readonly open: (peer: Peer) => Socket
  readonly inject: (fault: Fault.Fault) => void
  readonly fault: () => Fault.Fault
  readonly heal: () => void
  readonly restart: (keepData: boolean) => void
  readonly execute: (name: string, args: ReadonlyArray<Buffer>) => Wire.Wire
  readonly received: ReadonlyArray<Received>
  readonly connections: () => number
  readonly store: RedisStore.RedisStore
  readonly runId: () => string
}

/** The client's end of a connection, as the server sees it. */
export interface Peer {
  readonly reply: (wire: Wire.Wire) => void
  readonly closed: (error: unknown) => void
}

/** The server's end of a connection, as the client sees it. */
export interface Socket {
  /** What CLIENT ID answers. */
  readonly id: number
  readonly write: (packet: Packet) => void
  readonly close: () => void
}

/** A command on its way, or the handshake that comes before the first. */
export type Packet = "Handshake" | { readonly name: string; readonly args: ReadonlyArray<Buffer> }

/** A command that reached the server. `at` is the wall clock in milliseconds, `connection` the CLIENT ID. */
export interface Received extends Fault.Target {
  readonly at: number
  readonly connection: number
}

export interface Options {
  readonly latency: number
  readonly seed: number
  readonly scripts: ReadonlyArray<SimulatedScript.SimulatedScript>
}

export const make = (timers: Timers, options: Options): Server => {
  const store = RedisStore.make(timers.wallClock)
  const links = new Set<Link>()
  const received: Array<Received> = []
  const random = SeededRandom.make(options.seed)
  let luck = random
  let fault: Fault.Fault = Fault.none
  let armed: Extract<Fault.Fault, { readonly _tag: "Cut" }> | undefined
  let lastId = 0
  let loaded = new Set<string>()
  let startedAt = timers.wallClock()
  let runId = makeRunId(random)

  const machine = (refusal: Machine["refusal"]): Machine => ({
    store,
    scripts,
    loaded,
    runId,
    startedAt,
    clients: connections(),
    refusal,
    kill: (clientId, by) => {
      // Also one that its client has closed: what it sent may still be on its way.
      const link = Array.from(links).find(({ id }) => id === clientId)
      if (link === undefined) return false
      // Its own connection is told so first.
      if (clientId === by) link.ending = true
      else drop(link, connectionReset(), { executed: false })
      return true
    },
    execute: (clientId, name, args) => Interpreter.execute(machine(refusal), clientId, name, args)
  })
  const scripts = new Map(
    [SimulatedScript.deleteIfEqual, SimulatedScript.deleteIfBegins, ...options.scripts].map((script) => [
      script.script.sha,
      script
    ])
  )

  const connections = () => Array.from(links).filter(({ open }) => open).length

  const open = (peer: Peer): Socket => {
    if (fault._tag === "Refuse") return refused(peer)
    const link: Link = {
      id: ++lastId,
      peer,
      open: true,
      ending: false,
      inbox: TimedQueue.make(timers, (packet: Packet) => receive(link, packet)),
      outbox: TimedQueue.make(timers, (wire: Wire.Wire) => {
        peer.reply(wire)
        if (link.ending) drop(link, connectionReset(), { executed: false })
      })
    }
    if (fault._tag === "Freeze") link.inbox.pause()
    links.add(link)
    return {
      id: link.id,
      write: (packet) => {
        if (link.open) link.inbox.offer(packet, delay())
      },
      // What was sent is in the server's socket buffer, and is executed all the same.
      close: () => {
        link.open = false
        link.outbox.clear()
        forgetIfDone(link)
      }
    }
  }

  // The peer ignores what it is told after it closed.
  const refused = (peer: Peer): Socket => {
    timers.soon(() => peer.closed(connectionRefused()))
    return { id: 0, write: () => {}, close: () => {} }
  }

  const delay = () => (fault._tag === "Delay" ? Duration.toMillis(fault.duration) : 0)

  const forgetIfDone = (link: Link) => {
    if (!link.open && link.inbox.size() === 0) links.delete(link)
  }

  const drop = (link: Link, error: unknown, { executed }: { readonly executed: boolean }) => {
    const wasOpen = link.open
    link.open = false
    link.outbox.clear()
    if (!executed) link.inbox.clear()
    forgetIfDone(link)
    if (wasOpen) link.peer.closed(error)
  }

  const dropAll = (how: { readonly executed: boolean }) => {
    for (const link of Array.from(links)) drop(link, connectionReset(), how)
  }

  const receive = (link: Link, packet: Packet) => {
    if (link.ending) return
    if (packet === "Handshake") reply(link, handshakeReply(fault))
    else serve(link, packet)
    forgetIfDone(link)
  }

  const serve = (link: Link, { args, name }: Exclude<Packet, "Handshake">) => {
    const target: Fault.Target = { name, args: args.map((arg) => arg.toString()) }
    const cut = cutOf(target)
    if (cut === "before") return drop(link, connectionReset(), { executed: false })
    received.push({ ...target, at: timers.wallClock(), connection: link.id })
    const wire = Interpreter.execute(machine(refusal), link.id, name, args)
    if (cut === "after") return drop(link, connectionReset(), { executed: true })
    reply(link, wire)
  }

  const reply = (link: Link, wire: Wire.Wire) => {
    if (link.open) link.outbox.offer(wire, options.latency)
  }

  // Whether this command costs its connection, and on which side of being executed.
  const cutOf = (target: Fault.Target): "before" | "after" | undefined => {
    if (armed?.at?.(target)) {
      const { executed } = armed
      armed = undefined
      return executed ? "after" : "before"
    }
    if (fault._tag !== "Flaky" || luck() >= fault.rate) return undefined
    return luck() < 0.5 ? "after" : "before"
  }

  const refusal: Machine["refusal"] = (name, impact) =>
    fault._tag === "Error" && (fault.commands?.has(name) ?? refuses(fault.code, name, impact))
      ? new Wire.ErrorReply({ message: `${fault.code} ${fault.message}` })
      : undefined

  const inject = (next: Fault.Fault) => {
    if (next._tag === "Cut") {
      if (next.at === undefined) dropAll(next)
      else armed = next
      return
    }
    fault = next
    if (next._tag === "Flaky") luck = SeededRandom.make(next.seed)
    if (next._tag === "Refuse") return dropAll({ executed: false })
    for (const { inbox } of Array.from(links)) next._tag === "Freeze" ? inbox.pause() : inbox.resume()
  }

  return {
    open,
    inject,
    fault: () => fault,
    heal: () => {
      armed = undefined
      inject(Fault.none)
    },
    restart: (keepData) => {
      if (!keepData) store.clear()
      loaded = new Set()
      runId = makeRunId(random)
      startedAt = timers.wallClock()
      dropAll({ executed: false })
    },
    execute: (name, args) =>
      Interpreter.execute(
        machine(() => undefined),
        0,
        name,
        args
      ),
    received,
    connections,
    store,
    runId: () => runId
  }
}

// Both directions of one connection. `open` is the client's end: what it sent before it closed is still served. `ending`
// follows one last reply.
interface Link {
  readonly id: number
  readonly peer: Peer
  readonly inbox: TimedQueue.TimedQueue<Packet>
  readonly outbox: TimedQueue.TimedQueue<Wire.Wire>
  open: boolean
  ending: boolean
}

const connectionReset = () => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
const connectionRefused = () => Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })

const handshakeCodes = new Set(["BUSY", "LOADING", "NOAUTH", "WRONGPASS"])

const handshakeReply = (fault: Fault.Fault): Wire.Wire =>
  fault._tag === "Error" && fault.commands === undefined && handshakeCodes.has(fault.code)
    ? new Wire.ErrorReply({ message: `${fault.code} ${fault.message}` })
    : "OK"

const refuses = (code: string, name: string, impact: Impact): boolean => {
  switch (code) {
    case "OOM":
      return impact === "grow"
    case "READONLY":
    case "NOREPLICAS":
      return impact !== "none"
    case "MISCONF":
      return impact !== "none" || name === "PING"
    default:
      return true
  }
}

const makeRunId = (random: () => number): string =>
  Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join("")
