import type { Reply } from "../../RedisCommand.ts"
import type { Push } from "../../RedisConnection.ts"
import type * as Fault from "../Fault.ts"
import type { Login } from "./Access.ts"
import type { Client } from "./Command.ts"
import { Subscriptions } from "./PubSub.ts"
import * as SeededRandom from "./SeededRandom.ts"
import * as TimedQueue from "./TimedQueue.ts"
import type { Timers } from "./Timers.ts"
import type { Tracked } from "./Tracking.ts"
import { Transaction } from "./Transaction.ts"
import type * as Wire from "./Wire.ts"

/** The client's end of a connection, as the server sees it. */
export interface Peer {
  readonly reply: (wire: Wire.Wire) => void
  readonly push: (push: Push) => void
  readonly closed: (error: unknown) => void
}

/** Describes what a client sends: the login first, then commands. */
export type Packet =
  | { readonly _tag: "Login"; readonly login: Login }
  | { readonly _tag: "Command"; readonly name: string; readonly args: ReadonlyArray<Buffer> }

/** Describes what a server sends. */
export type Sent = { readonly _tag: "Reply"; readonly wire: Wire.Wire } | { readonly _tag: "Push"; readonly push: Push }

/** A fault that holds, and the chances that it takes. */
export class HeldFault {
  readonly fault: Fault.Fault
  readonly luck: () => number

  constructor(fault: Fault.Fault) {
    this.fault = fault
    this.luck = SeededRandom.make(fault._tag === "Flaky" ? fault.seed : 0)
  }
}

/**
 * The server's end of one connection: both directions, and what the server remembers of the client.
 */
export class Socket implements Client {
  readonly id: number
  readonly peer: Peer
  readonly inbox: TimedQueue.TimedQueue<Packet>
  readonly outbox: TimedQueue.TimedQueue<Sent>
  // What was sent and has not left, and how many bytes the pushes in it take.
  #unread: Array<Sent> = []
  #unreadBytes = 0
  #isFrozen = false
  #isBlocked = false
  db = 0
  name = ""
  user = "default"
  asking = false
  readOnly = false
  readonly subscriptions = new Subscriptions()
  readonly transaction = new Transaction()
  tracked: Tracked | undefined
  /** Says whether the client's end is open: what it sent before it closed is still served. */
  open = true
  /** Says whether the connection ends with the next reply. */
  ending = false
  /** Says whether it has swallowed something, and therefore says nothing any more. */
  mute = false
  /** Says whether the command that it waits for costs the connection when it is done. */
  isCutAfter = false
  /** The fault that holds for this connection in the place of the server's. */
  held: HeldFault | undefined

  constructor(id: number, peer: Peer, timers: Timers, receive: (socket: Socket, packet: Packet) => void) {
    this.id = id
    this.peer = peer
    this.inbox = TimedQueue.make(timers, (packet: Packet) => receive(this, packet))
    this.outbox = TimedQueue.make(timers, (sent: Sent) => {
      if (sent._tag === "Push") return peer.push(sent.push)
      peer.reply(sent.wire)
      if (this.ending) this.drop(connectionReset(), { executed: false })
    })
  }

  /** Says whether nothing of it is left. */
  get isDone(): boolean {
    return !this.open && this.inbox.size() === 0
  }

  /**
   * Sends what no packet of this turn has asked for, or keeps it while the way to the client stands
   * still. Gives how many bytes of pushes are kept.
   */
  send(sent: Sent, isFrozen: boolean, latency: number): number {
    if (!isFrozen) this.outbox.offer(sent, latency)
    else {
      this.#unread.push(sent)
      if (sent._tag === "Push") this.#unreadBytes += sizeOf(sent.push)
    }
    return this.#unreadBytes
  }

  /** The way from the client stands still. */
  freeze(): void {
    this.#isFrozen = true
    this.inbox.pause()
  }

  /** The client waits for its reply, and nothing else that it sends is served before. */
  block(): void {
    this.#isBlocked = true
    this.inbox.pause()
  }

  /** The client has its reply, and goes on. */
  unblock(): void {
    this.#isBlocked = false
    if (!this.#isFrozen) this.inbox.resume()
  }

  /** The way to the client is open again: what was sent meanwhile comes before all else. */
  thaw(latency: number): void {
    const unread = this.#unread
    this.#unread = []
    this.#unreadBytes = 0
    for (const sent of unread) this.outbox.offer(sent, latency)
    this.#isFrozen = false
    if (!this.#isBlocked) this.inbox.resume()
  }

  /**
   * The client closed its end. What it sent is in the server's socket buffer and is executed all
   * the same.
   */
  close(): void {
    this.open = false
    this.#unread = []
    this.outbox.clear()
  }

  /** Ends the connection from the server's side; with `executed`, what the client sent still is. */
  drop(error: unknown, { executed }: { readonly executed: boolean }): void {
    const wasOpen = this.open
    this.close()
    if (!executed) this.inbox.clear()
    if (wasOpen) this.peer.closed(error)
  }
}

const sizeOf = (reply: Reply): number => {
  if (Array.isArray(reply)) return reply.reduce((sum: number, item: Reply) => sum + sizeOf(item), 16)
  return reply instanceof Uint8Array || typeof reply === "string" ? reply.length + 16 : 16
}

export const connectionReset = (): Error => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })

export const connectionRefused = (): Error => Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })
