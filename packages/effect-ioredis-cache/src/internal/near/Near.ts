/**
 * Lets the regions of all caches of one client and prefix answer from memory, for as long as the
 * servers tell of every write of others.
 *
 * **The words**
 *
 * - A *link* is a connection to one server that is told of writes: see `NearLink`.
 * - A *notice* tells that a key was written, or that everything was forgotten.
 * - An *epoch* is an unbroken stretch of a link's life: see `Epoch`. A value is *near* in the epoch
 *   in which it was read.
 * - A notice *demotes* a value: it stays in memory for an outage, and is near no more. It *spoils*
 *   a read of the key that is under way: what that finds will not be near.
 */
import { Clock, Context, Effect, Fiber, type Scope } from "effect"
import { type Dispatch, type Node, type NodeEvent, showGauge, type Tally, tallyOf } from "effect-ioredis/dispatch"
import * as Metrics from "./NearMetrics.ts"
import { now } from "../now.ts"
import * as Shared from "../shared.ts"
import { type Epoch, mayAnswer } from "./Epoch.ts"
import type { Demand, Hearing, NearRead } from "./Hearing.ts"
import * as Keeper from "./Keeper.ts"
import * as NearLink from "./NearLink.ts"
import type { NearStats } from "../../Cache.ts"

/** Lets the near regions of a client and prefix hear of writes. */
export interface Near {
  /** Adds a region. `maxStaleness` is in milliseconds. */
  readonly region: (keyspace: string, maxStaleness: number) => NearRegion
  /**
   * Lets a memory be told which keys to demote, until the returned function is called. It says
   * whether there was something near.
   */
  readonly join: (demote: Demote) => () => void
  /** Tells how many servers tell of writes, of how many. */
  readonly stats: () => NearStats
}

/** Demotes what a memory has of a key, and says whether it was near. */
export type Demote = (key: string) => boolean

/** The part of it that is one region's. */
export class NearRegion {
  readonly #links: Links
  readonly #keyspace: string
  readonly #maxStaleness: number

  constructor(links: Links, keyspace: string, maxStaleness: number) {
    this.#links = links
    this.#keyspace = keyspace
    this.#maxStaleness = maxStaleness
  }

  /**
   * Tells whether memory may answer now with a value that was read in that epoch. `at` is the time
   * of `clock`, which its reader has just read: it serves where the link lives on that clock too.
   */
  mayAnswer(epoch: Epoch | undefined, clock?: Clock.Clock, at?: number): boolean {
    if (epoch === undefined || epoch.isOver) return false
    const { clock: own } = this.#links
    const monotonic = at !== undefined && clock === own ? at : now(own)
    return mayAnswer(epoch, this.#maxStaleness, monotonic, own.currentTimeMillisUnsafe())
  }

  /**
   * Begins a read of a key, or of several of one server, that is about to be sent. `undefined`:
   * what it finds cannot be near.
   */
  begin(key: string): NearRead | undefined {
    const hearing = this.#links.hearingOf(key)
    return hearing?.keyspaces.has(this.#keyspace) === true ? hearing.begin() : undefined
  }
}

/**
 * Makes one that works over `dispatch` until its scope closes. It makes no link without a region.
 */
export const make = Effect.fnUntraced(function* (dispatch: Dispatch): Effect.fn.Return<Near, never, Scope.Scope> {
  // What waits for a socket lives on its clock.
  const context = Context.add(yield* Effect.context<never>(), Clock.Clock, dispatch.clock)
  const links = new Links(dispatch, context)
  const stop = dispatch.listen((event) => links.hear(event))
  yield* Effect.addFinalizer(() => {
    stop()
    return links.close
  })
  yield* showGauge(Metrics.links, () => links.count())
  return {
    region: (keyspace, maxStaleness) => {
      links.add(keyspace, maxStaleness)
      return new NearRegion(links, keyspace, maxStaleness)
    },
    join: (given) => {
      // One function may be given twice.
      const demote: Demote = (key) => given(key)
      links.members.add(demote)
      return () => links.members.delete(demote)
    },
    stats: () => ({
      wanted: links.size(),
      heard: links.count(),
      ...(links.missing !== undefined && { missing: links.missing })
    })
  }
})

// The links to all servers.
class Links {
  readonly clock: Clock.Clock
  readonly members = new Set<Demote>()
  readonly #dispatch: Dispatch
  readonly #context: Context.Context<never>
  readonly #fibers = new Set<Fiber.Fiber<unknown>>()
  readonly #keepers = new Map<Node, Kept>()
  readonly #notices: Tally
  readonly #demotions: Tally
  #keyspaces: ReadonlyMap<string, number> = new Map()
  /** Names what permissions a server said are missing, until one tells of writes. */
  missing: string | undefined
  #isClosed = false

  constructor(dispatch: Dispatch, context: Context.Context<never>) {
    this.clock = dispatch.clock
    this.#dispatch = dispatch
    this.#context = context
    this.#notices = tallyOf(Metrics.notices, context)
    this.#demotions = tallyOf(Metrics.demotions, context)
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#isClosed = true
    return Fiber.interruptAll(this.#fibers)
  })

  /** Counts the servers that are to tell of writes. */
  size(): number {
    return this.#keepers.size
  }

  /** Counts the servers that tell of writes now. */
  count(): number {
    let count = 0
    for (const { keeper } of this.#keepers.values()) if (keeper.hearing()?.lease.isOfData === true) count++
    return count
  }

  hearingOf(key: string): Hearing | undefined {
    const hearing = this.#keepers.get(this.#dispatch.nodeOf(key))?.keeper.hearing()
    return hearing?.lease.isOfData === true ? hearing : undefined
  }

  add(keyspace: string, maxStaleness: number): void {
    if ((this.#keyspaces.get(keyspace) ?? Number.POSITIVE_INFINITY) <= maxStaleness) return
    this.#keyspaces = new Map(this.#keyspaces).set(keyspace, maxStaleness)
    this.#meetNodes()
    for (const { keeper } of this.#keepers.values()) keeper.regionsChanged()
  }

  hear(event: NodeEvent): void {
    if (this.#keyspaces.size === 0) return
    const keeper = this.#keepers.get(event.node)?.keeper
    switch (event._tag) {
      case "SessionReady":
        keeper?.sessionsChanged(true)
        break
      case "SessionLost":
        keeper?.sessionsChanged(false)
        return
      case "HistoryChanged":
        keeper?.hearing()?.endAll()
        return
      case "SlotsMoved":
        for (const { keeper } of this.#keepers.values()) keeper.hearing()?.endSlots(event.slots)
        break
      case "NodeRemoved":
        break
      case "ConnectFailed":
      case "CircuitClosed":
        return
    }
    this.#meetNodes()
  }

  // Links go to the servers that own keys, and to no other.
  #meetNodes(): void {
    // A region may be defined after the end of its cache, and would keep its links for ever.
    if (this.#isClosed) return
    const nodes = new Set(this.#dispatch.nodes())
    for (const node of nodes) if (!this.#keepers.has(node)) this.#keepers.set(node, this.#keep(node))
    for (const [node, { fiber, keeper }] of this.#keepers) {
      if (nodes.has(node)) continue
      this.#keepers.delete(node)
      keeper.hearing()?.end()
      fiber.interruptUnsafe()
    }
  }

  #keep(node: Node): Kept {
    const keeper = Keeper.make({
      node,
      open: NearLink.open({
        node,
        slotOf: this.#dispatch.slotOf,
        demand: () => this.#demand(),
        onKey: (key) => this.#demote(key),
        onAll: () => {
          this.#notices.count++
        }
      }),
      isEnough: ({ keyspaces, maxStaleness }) =>
        keyspaces.size === this.#keyspaces.size && maxStaleness <= this.#demand().maxStaleness,
      onReady: () => {
        this.missing = undefined
      },
      onRefused: (refused) => this.#warn(node, refused)
    })
    const fiber = Effect.runForkWith(this.#context)(keeper.run)
    this.#fibers.add(fiber)
    fiber.addObserver(() => this.#fibers.delete(fiber))
    return { keeper, fiber }
  }

  #demand(): Demand {
    return {
      keyspaces: new Set(this.#keyspaces.keys()),
      maxStaleness: Math.min(...this.#keyspaces.values())
    }
  }

  #demote(key: string): void {
    this.#notices.count++
    for (const demote of this.members) if (demote(key)) this.#demotions.count++
  }

  // Of an outage of the permission, and not of each server.
  #warn(node: Node, { missing }: NearLink.Refused): void {
    if (this.missing !== undefined) return
    this.missing = missing
    Effect.runForkWith(this.#context)(
      Effect.logWarning("Near regions ask Redis at each read, because its user may not hear of writes").pipe(
        Effect.annotateLogs({ node: node.name, missing })
      )
    )
  }
}

interface Kept {
  readonly keeper: Keeper.Keeper
  readonly fiber: Fiber.Fiber<unknown>
}

/** The one of a client and prefix. */
export const shared = (dispatch: Dispatch, prefix: string): Effect.Effect<Near, never, Scope.Scope> =>
  sharing(dispatch, prefix, make(dispatch), "")

// There are no options that could differ.
const sharing = Shared.make<Near>(() => "")
