/**
 * A `Dispatch` over several servers with slots, all in the hands of a test. Commands go to the
 * server that the client believes to own their key; a server that knows better refuses them.
 */
import { Clock, Context, Effect, Option, Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import type { Cancel, Dispatch, NodeEvent, SendOptions, OperationLines, SpanOwners } from "effect-ioredis/dispatch"
import { OutageCounts } from "../../../packages/effect-ioredis/src/internal/OutageCounts.ts"
import { DispatchDouble } from "./DispatchDouble.ts"

/** Few slots have keys: a key's is told by its last letter. */
export const slotOf = (key: string): number => slotOfLetter(key.slice(-1))

/** The slot of the keys that end in a letter. */
export const slotOfLetter = (letter: string): number => ((letter.charCodeAt(0) - 97 + 26) % 26) * width

// The slots up to the next one move together.
const width = 630
const slots = Array.from({ length: 26 }, (_, index) => index * width)
const lastOf = (slot: number): number => (slot === slots[25] ? 16_383 : slot + width - 1)

export class ClusterDouble implements Dispatch {
  readonly note = () => {}
  readonly outage = new OutageCounts()
  readonly operationLog: OperationLines = { isOn: false, write: () => {} }
  readonly commandSpans: SpanOwners = { isOn: false, own: () => {} }
  readonly clock = Context.get(Context.empty(), Clock.Clock)
  readonly operationTimeout = () => 2_000
  readonly servers = new Map<string, DispatchDouble>()
  readonly #owners = new Map<number, DispatchDouble>()
  readonly #listeners = new Set<(event: NodeEvent) => void>()
  readonly #now: () => number
  readonly #info: boolean
  readonly slotOf = slotOf

  /** Each of the named servers owns as many slots as the others, in this order. */
  constructor(now: () => number, names: ReadonlyArray<string>, info = true) {
    this.#now = now
    this.#info = info
    for (const name of names) this.add(name)
    const doubles = Array.from(this.servers.values())
    for (const [index, slot] of slots.entries()) {
      const owner = doubles[Math.floor((index * doubles.length) / slots.length)]
      if (owner !== undefined) this.#owners.set(slot, owner)
    }
  }

  // -----------------------------------------------------------------------------------------------
  // In the hands of a test
  // -----------------------------------------------------------------------------------------------

  /** A server that owns nothing yet. One of the same name is another object. */
  add(name: string): DispatchDouble {
    const slots = (): ReadonlyArray<readonly [number, number]> =>
      Array.from(this.#owners).flatMap(([slot, owner]) => (owner === double ? [[slot, lastOf(slot)] as const] : []))
    const double: DispatchDouble = new DispatchDouble({ now: this.#now, info: this.#info, name, slots })
    this.servers.set(name, double)
    double.listen((event) => this.#tell(event))
    return double
  }

  /** The server that the client believes to own a key. */
  ownerOf(key: string): DispatchDouble {
    const owner = this.#owners.get(slotOf(key))
    if (owner === undefined) throw new Error("every slot has an owner")
    return owner
  }

  /** Moves slots with their data, and the server that had them refuses them from now on. */
  move(slots: ReadonlyArray<number>, to: DispatchDouble): void {
    for (const from of this.servers.values()) {
      for (const [key, stored] of from.store) {
        if (from === to || !slots.includes(slotOf(key))) continue
        to.store.set(key, stored)
        from.store.delete(key)
      }
    }
    const from = new Set(slots.map((slot) => this.#owners.get(slot)))
    this.give(slots, to)
    for (const one of from) if (one !== undefined && one !== to) this.#refuseOthers(one)
    this.#refuseOthers(to)
  }

  /** The client does not know who owns these slots. */
  forget(slots: ReadonlyArray<number>): void {
    for (const slot of slots) this.#owners.delete(slot)
  }

  /** Gives slots to a server, and tells nobody. */
  assign(slots: ReadonlyArray<number>, to: DispatchDouble): void {
    for (const slot of slots) this.#owners.set(slot, to)
  }

  /** Gives slots to a server as it is, and the client hears of it. */
  give(slots: ReadonlyArray<number>, to: DispatchDouble): void {
    this.assign(slots, to)
    this.#tell({ _tag: "SlotsMoved", slots: new Set(slots), node: to.node })
  }

  /** Gives all slots of a server to another one, which has these data. */
  promote(to: DispatchDouble, from: DispatchDouble, data: ReturnType<DispatchDouble["snapshot"]>): void {
    to.restore(data)
    const slots = Array.from(this.#owners).flatMap(([slot, owner]) => (owner === from ? [slot] : []))
    this.give(slots, to)
  }

  /** The client gives up a server. */
  remove(double: DispatchDouble): void {
    double.lose()
    if (this.servers.get(double.node.name) === double) this.servers.delete(double.node.name)
    this.#tell({ _tag: "NodeRemoved", node: double.node })
  }

  #refuseOthers(double: DispatchDouble): void {
    double.refuse = (command) => {
      const key = keyOf(command)
      return key === undefined || this.ownerOf(key) === double ? undefined : "MOVED"
    }
  }

  #tell(event: NodeEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  // -----------------------------------------------------------------------------------------------
  // Dispatch
  // -----------------------------------------------------------------------------------------------

  readonly nodes = () => Array.from(new Set(this.#owners.values()), ({ node }) => node)
  readonly nodeOf = (key: string) => this.ownerOf(key).node
  readonly refresh = Effect.succeed(true)
  readonly watchHistory = Effect.void

  readonly followSettings: Dispatch["followSettings"] = () => () => {}
  readonly closeWithin = (work: Effect.Effect<unknown>) =>
    Effect.map(Effect.timeoutOption(work, "2 seconds"), Option.isSome)

  readonly listen = (listener: (event: NodeEvent) => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly send: Dispatch["send"] = (command, options, done) => {
    const key = keyOf(command)
    const { session } = options
    const bound = Array.from(this.servers.values()).find(({ node }) => node === session?.node)
    const target = session === undefined && key !== undefined ? this.ownerOf(key) : bound
    if (target !== undefined) return target.send(command, options, done)
    done(Result.fail(RedisError.connectionError(command.name, "NotReady", "never")))
    return () => {}
  }

  readonly sendAll: Dispatch["sendAll"] = (commands, options, done) => {
    const outcomes: Array<Parameters<Parameters<Dispatch["sendAll"]>[2]>[0][number]> = []
    let left = commands.length
    const cancels: ReadonlyArray<Cancel> = commands.map((command, index) => {
      const own: SendOptions = { ...options, sending: options.sendings?.[index] }
      return this.send(command, own, (outcome) => {
        outcomes[index] = outcome
        left--
        if (left === 0) done(outcomes)
      })
    })
    return () => {
      for (const cancel of cancels) cancel()
    }
  }

  readonly get: Dispatch["get"] = (key, _, done) =>
    this.send(RedisCommand.make("GET", [key], { reply: "bytes" }), {}, done)
}

const keyOf = ({ args, name }: RedisCommand.RedisCommand): string | undefined => {
  if (name === "PING" || name === "SCAN" || name === "CLIENT") return undefined
  return String(name.startsWith("EVAL") ? args[2] : args[0])
}
