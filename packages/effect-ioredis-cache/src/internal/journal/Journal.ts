/**
 * Keeps what this process has acknowledged and Redis has not confirmed, and what is known of the
 * keys that Redis has confirmed.
 *
 * **The promise**
 *
 * A later read in this process never returns a value that this process wrote or read before its
 * last acknowledged intent for that key. A miss contradicts nothing.
 *
 * **The words**
 *
 * - An *intent* is a `set`, `remove` or `touch` of one key, or a `clear` of a region. It is in the
 *   `Ledger` from before it is sent until it is confirmed.
 * - A *sending* is one dispatch of its command. One whose session is lost is a *doubt*: see
 *   `Doubts`.
 * - A key is *known* after an intent for it was confirmed, and *unverified* when its server may
 *   have lost that: see `Trust`.
 * - A region is clean, dirty, being emptied or denied: see `RegionState`.
 *
 * `State` holds all of it and everything that changes it, `Replay` and `Emptying` work in the
 * background, and this module is what a cache calls.
 */
import { Clock, type Context, Effect, Fiber, type Scope } from "effect"
import type { RedisCommand } from "effect-ioredis"
import { type Cancel, type Dispatch, type NodeEvent, showGauge, tallyOf } from "effect-ioredis/dispatch"
import type { JournalStats, RemoveOutcome, WriteOutcome } from "../../Cache.ts"
import type { Version, Write as TierWrite } from "../CacheTier.ts"
import { now } from "../now.ts"
import { makeStampSource } from "../StoredValue.ts"
import * as Metrics from "./JournalMetrics.ts"
import type { Definitions } from "../Regions.ts"
import type { Sequences } from "../Sequences.ts"
import * as Shared from "../shared.ts"
import { commandOf, type RegionPolicy, type Situation, touchOf } from "./commands.ts"
import * as Emptying from "./Emptying.ts"
import * as Fills from "./Fill.ts"
import * as Ledger from "./Ledger.ts"
import * as Loop from "./Loop.ts"
import * as Replay from "./Replay.ts"
import * as Sender from "./Sender.ts"
import { type Entry, Region, type Seen, State, Write } from "./State.ts"

/** Bounds what is kept. */
export interface Options {
  /** Bounds the keys with an unconfirmed write. Default: 10,000. */
  readonly maxEntries?: number | undefined
  /** Bounds the encoded length of their values. Default: 16 MiB. */
  readonly maxBytes?: number | undefined
}

/** A value to be written under a key. */
export interface ValueWrite {
  readonly key: string
  readonly intent: Ledger.SetIntent
}

/**
 * Describes what a read is answered with in the place of Redis: what the journal says, or whatever
 * memory has.
 */
export type Answer = Ledger.SetIntent | { readonly _tag: "Memory" }

/** Is told what became of a write, or of each of several, at once or later. */
export type Done<Outcome = WriteOutcome> = (outcome: Outcome) => void

/** The part of the journal that is one region's. Keys are whole Redis keys. */
export interface RegionJournal {
  /** The order of the intents of all caches that share the region. */
  readonly sequences: Sequences
  /** Tells whether no key of the region is answered from here. */
  readonly isEmpty: () => boolean
  /** Tells what is to be said of a key in the place of Redis, if anything. */
  readonly answer: (key: string) => Answer | undefined
  /**
   * The life, in milliseconds from now, that a `touch` asks for which Redis has not confirmed. A
   * read that has begun before it does not know of it.
   */
  readonly touchedFor: (key: string) => number | undefined
  /**
   * Tells whether what Redis says of a key may be believed. `isCurrent`: no write has overlapped
   * the read.
   */
  readonly believes: (key: string, found: Version, isCurrent: boolean) => boolean
  /** The time that `SetIntent.expiresAt` is of. */
  readonly now: () => number
  /** Tells whether writes go to memory alone, because the user may not write. */
  readonly runsOnMemory: () => boolean
  /** Holds back what is to be told to Redis, or no longer. What is deferred waits meanwhile. */
  readonly hold: (isHeld: boolean) => void
  /** Stores a value. `timeout` is the longest that the call may take, in milliseconds. */
  readonly set: (key: string, intent: Ledger.SetIntent, timeout: number | undefined, done: Done) => Cancel
  /** Leaves a value to the replay at once, because Redis is known not to be there. */
  readonly defer: (write: TierWrite<unknown>, staleFor: number, expiresAt: number) => WriteOutcome
  /** Stores several values. */
  readonly setMany: (
    writes: ReadonlyArray<ValueWrite>,
    timeout: number | undefined,
    done: Done<ReadonlyArray<WriteOutcome>>
  ) => Cancel
  /** Removes keys. */
  readonly remove: (
    keys: ReadonlyArray<string>,
    timeout: number | undefined,
    done: Done<ReadonlyArray<RemoveOutcome>>
  ) => Cancel
  /** Lets a value live for `timeToLive` from now on, if there is one and it would end sooner. */
  readonly touch: (key: string, life: Touch, timeout: number | undefined, done: Done) => Cancel
  /** Stores the value of a lookup in the place of what the lookup's read found. It is no intent. */
  readonly fill: (fill: Fills.Fill, timeout: number | undefined, done: Done) => Cancel
  /**
   * Ends with true when the region has been emptied in Redis, and at once with false where that has
   * to wait.
   */
  readonly clear: Effect.Effect<boolean>
}

/** For how long a value is to live, and to be kept after that. */
export interface Touch {
  readonly timeToLive: number
  readonly staleFor: number
}

/** The journal of all caches of one client and prefix. */
export interface Journal {
  /**
   * The part of one region. Asked twice for a name, it gives parts of the same region. `seen` tells
   * the version that the caller's memory holds of a key, and is asked while a write is recorded.
   */
  readonly region: (policy: RegionPolicy, seen?: Seen) => RegionJournal
  /** The definitions of its regions, which all caches of the journal share. */
  readonly definitions: Definitions
  /** How many intents are not confirmed. */
  readonly size: () => number
  /** Tells how full it is, and what has become of what was in it. */
  readonly stats: () => JournalStats
  /** Whether nothing is left to be confirmed, verified, settled or emptied. */
  readonly isAtRest: () => boolean
  /** Says which invariants do not hold. */
  readonly checkInvariants: () => ReadonlyArray<string>
}

/** Makes a journal that works over `dispatch` until its scope closes. */
export const make = Effect.fnUntraced(function* (
  dispatch: Dispatch,
  options: Options = {}
): Effect.fn.Return<Journal, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const fibers = new Set<Fiber.Fiber<unknown>>()
  const run = (effect: Effect.Effect<unknown>) => Effect.runForkWith(context)(effect)
  let isOver = false
  // A call that ends after the journal may name a node that was not known before.
  const start = (loop: Loop.Loop): Loop.Loop => {
    if (isOver) return loop
    const fiber = run(loop.run)
    fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(fiber))
    return loop
  }
  const bounds = { maxEntries: options.maxEntries ?? 10_000, maxBytes: options.maxBytes ?? 16 * 1024 * 1024 }
  const counts = new Counts(context)
  const state: State = new State({
    dispatch,
    source: makeStampSource(Math.random),
    bounds,
    onOverflow: () => counts.overflow(),
    onLost: (writes) => counts.lose(writes),
    onReplay: (result) => counts.replay(result),
    now: () => now(clock),
    log: run,
    startNode: (node) =>
      start(
        Loop.make(
          () => state.isLeftOn(node),
          Effect.suspend(() => Replay.once(state, node))
        )
      ),
    startRegion: (region) =>
      start(
        Loop.make(
          () => Emptying.isLeft(region),
          Effect.suspend(() => Emptying.once(state, region))
        )
      )
  })
  for (const node of dispatch.nodes()) state.meet(node)
  const stop = dispatch.listen((event) => hear(state, event))
  yield* dispatch.watchHistory
  yield* show(state.ledger, bounds)
  const { ledger } = state
  const countsNoMore = dispatch.outage.add(() => ({
    replayed: counts.replays.confirmed,
    lost: counts.lost,
    waiting: ledger.deferred()
  }))
  yield* Effect.addFinalizer(() => Effect.sync(countsNoMore))
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      stop()
      isOver = true
      state.isClosed = true
      return Fiber.interruptAll(fibers)
    }).pipe(Effect.andThen(close(state)))
  )
  return {
    region: (policy, seen) => regionJournal(state, regionOf(state, policy), seen),
    definitions: new Map(),
    size: state.ledger.size,
    stats: () => ({
      entries: state.ledger.size(),
      deferred: state.ledger.deferred(),
      limit: bounds.maxEntries,
      bytes: state.ledger.bytes(),
      maxBytes: bounds.maxBytes,
      overflows: counts.overflows,
      lost: counts.lost,
      replays: { ...counts.replays }
    }),
    isAtRest: () => !state.isLeft() && !Array.from(state.nodes.values()).some((node) => state.isLeftOn(node)),
    checkInvariants: () => state.checkInvariants()
  }
})

const show = Effect.fnUntraced(function* (ledger: State["ledger"], { maxBytes, maxEntries }: Ledger.Bounds) {
  yield* showGauge(Metrics.entries, ledger.size)
  yield* showGauge(Metrics.deferred, ledger.deferred)
  yield* showGauge(Metrics.limit, () => maxEntries)
  yield* showGauge(Metrics.size, ledger.bytes)
  yield* showGauge(Metrics.sizeLimit, () => maxBytes)
})

// Counts in metrics and in the stats of a cache.
class Counts {
  overflows = 0
  lost = 0
  readonly replays = { confirmed: 0, refused: 0, failed: 0, superseded: 0 }
  readonly #context: Context.Context<never>

  constructor(context: Context.Context<never>) {
    this.#context = context
    // A series that is there from the beginning shows its first count as a change.
    tallyOf(Metrics.overflows, context)
    tallyOf(Metrics.lost, context)
    for (const result of ["confirmed", "refused", "failed", "superseded"] as const) {
      tallyOf(Metrics.replays(result), context)
    }
  }

  lose(writes: number): void {
    this.lost += writes
    tallyOf(Metrics.lost, this.#context).count += writes
  }

  overflow(): void {
    this.overflows++
    tallyOf(Metrics.overflows, this.#context).count++
  }

  replay(result: Metrics.ReplayResult): void {
    this.replays[result]++
    tallyOf(Metrics.replays(result), this.#context).count++
  }
}

const regionOf = (state: State, policy: RegionPolicy): Region => {
  const known = state.regions.find(({ keyspace }) => keyspace === policy.keyspace)
  if (known !== undefined) return known
  const region = new Region(policy, state.startRegion)
  state.regions.push(region)
  return region
}

// -------------------------------------------------------------------------------------------------
// Events and closing
// -------------------------------------------------------------------------------------------------

const hear = (state: State, event: NodeEvent): void => {
  const nodeState = state.nodes.get(event.node.name)
  switch (event._tag) {
    case "SessionReady":
      if (nodeState !== undefined || !state.isGone(event.node)) state.meet(event.node)
      state.tryPermissions()
      nodeState?.unfenceable.clear()
      // Where nothing tells of a server that was started anew, each session may be of one.
      if (event.session.runId === undefined) state.unverify(event.node)
      break
    case "SessionLost":
      nodeState?.loop.wake()
      return
    case "HistoryChanged":
      state.unverify(event.node)
      break
    case "SlotsMoved":
      state.moveSlots(event.slots, event.node)
      return
    case "NodeRemoved":
      if (nodeState !== undefined) state.leave(nodeState)
      break
    case "CircuitClosed":
      break
    case "ConnectFailed":
      return
  }
  nodeState?.loop.recover()
  for (const { loop } of state.regions) loop.recover()
}

// What is left gets one try, within the client's own deadline for closing, and what is in flight
// the time to be answered. What the servers do not confirm by then is counted.
const close = Effect.fnUntraced(function* (state: State) {
  if (state.isLeft()) {
    yield* state.dispatch.closeWithin(Effect.andThen(closeNodes(state), closeRegions(state)))
  }
  if (!state.isLeft()) return
  const regions = state.uncleared().map(({ name }) => name)
  state.onLost(state.ledger.size())
  yield* Effect.logWarning("The cache closes with writes that Redis has not confirmed").pipe(
    Effect.annotateLogs({ keys: state.ledger.size(), ...(regions.length === 0 ? {} : { regions }) })
  )
})

const closeRegions = (state: State): Effect.Effect<void> =>
  Effect.forEach(
    state.uncleared().filter(({ isHeld }) => !isHeld),
    (region) => Effect.ignore(Emptying.once(state, region)),
    { discard: true }
  )

const closeNodes = (state: State): Effect.Effect<void> =>
  Effect.forEach(
    state.dispatch.nodes().filter((node) => node.isReady()),
    (node) => {
      const nodeState = state.meet(node)
      node.makeDue()
      const answered = Effect.suspend(() => (state.ledger.size() === 0 ? Effect.void : Emptying.barrier(state, node)))
      return Effect.ignore(Effect.andThen(Effect.ignore(Replay.once(state, nodeState)), answered))
    },
    { concurrency: "unbounded", discard: true }
  )

// -------------------------------------------------------------------------------------------------
// Calls
// -------------------------------------------------------------------------------------------------

const regionJournal = (state: State, region: Region, seen: Seen | undefined): RegionJournal => ({
  sequences: region.sequences,
  isEmpty: () => state.ledger.size() === 0 && region.state._tag !== "Denied",
  answer: (key) => answer(state, region, key),
  touchedFor: (key) => {
    const intent = state.ledger.get(key)?.intent
    return intent?._tag === "Touch" ? intent.end - state.dispatch.nodeOf(key).time() : undefined
  },
  believes: (key, found, isCurrent) => state.believes(region, key, found, isCurrent),
  now: state.now,
  runsOnMemory: () => region.state._tag === "Denied",
  hold: (isHeld) => state.hold(region, isHeld),
  set: (key, intent, timeout, done) => {
    const atOnce = outcomeAtOnce(state, region)
    if (atOnce === undefined) return call(state, state.record(region, key, seen, intent), timeout, outcomeOf, done)
    done(atOnce)
    return ignore
  },
  defer: (write, staleFor, expiresAt) => {
    const atOnce = outcomeAtOnce(state, region)
    if (atOnce !== undefined) return atOnce
    state.defer(region, seen, write, staleFor, expiresAt)
    return "Deferred"
  },
  setMany: (writes, timeout, done) => {
    const record = ({ intent, key }: ValueWrite) => state.record(region, key, seen, intent)
    return callAll(state, region, writes, record, timeout, outcomeOf, done)
  },
  remove: (keys, timeout, done) => {
    const record = (key: string) => state.record(region, key, seen, Ledger.remove)
    return callAll<string, RemoveOutcome>(state, region, keys, record, timeout, removalOf, done)
  },
  touch: (key, life, timeout, done) => {
    const atOnce = outcomeAtOnce(state, region)
    const entry = atOnce === undefined ? recordTouch(state, region, key, life) : undefined
    if (entry !== undefined) return call(state, entry, timeout, outcomeOf, done)
    // Where there is nothing to be recorded, a removal is in progress, and an absent key is no
    // failure.
    done(atOnce ?? "Applied")
    return ignore
  },
  fill: (fill, timeout, done) => Fills.send(state, region, fill, timeout, done),
  clear: Effect.suspend(() => {
    state.mark(region)
    const canWait =
      !(state.isClosed || region.isHeld) &&
      region.state._tag !== "Denied" &&
      state.dispatch.nodes().every((node) => node.isClosed("write"))
    return canWait ? Effect.as(region.emptied.await, true) : Effect.succeed(false)
  })
})

const answer = (state: State, region: Region, key: string): Answer | undefined => {
  if (region.state._tag === "Denied") return fromMemory
  const intent = state.ledger.get(key)?.intent
  // A `touch` says nothing of the value. What a lookup found after a removal is in memory.
  if (intent === undefined || intent._tag === "Touch") return undefined
  if (intent._tag === "Remove") return fromMemory
  return intent.expiresAt > state.now() ? intent : fromMemory
}

const fromMemory: Answer = { _tag: "Memory" }

// A `touch` of a deferred value extends that one while it is fresh, and of a deferred removal it
// does nothing.
const recordTouch = (state: State, region: Region, key: string, life: Touch): Entry | undefined => {
  const unconfirmed = state.ledger.get(key)
  const now = Math.floor(state.dispatch.nodeOf(key).time())
  const intent = unconfirmed?.intent
  if (intent?._tag === "Remove") return undefined
  if (unconfirmed !== undefined && intent?._tag === "Set") {
    if (intent.expiresAt <= state.now()) return undefined
    return region.replay === "invalidate" && !unconfirmed.isDeferred
      ? followValue(state, unconfirmed, now, life)
      : extendValue(state, unconfirmed, intent, now, life)
  }
  return state.recordTouch(region, key, longerOf(intent?._tag === "Touch" ? intent : undefined, now, life))
}

// What an earlier one keeps alive is fresh now.
const longerOf = (earlier: Ledger.TouchIntent | undefined, now: number, life: Touch): Ledger.TouchIntent => {
  const asked = touchOf(now, life.timeToLive, life.staleFor)
  return earlier !== undefined && earlier.end > now
    ? { ...asked, askedAt: earlier.askedAt, end: Math.max(asked.end, earlier.end) }
    : asked
}

// With `invalidate` an extended value would be a deferred one, which is never written.
const followValue = (state: State, entry: Entry, now: number, life: Touch): Entry => {
  state.ledger.follow(entry, longerOf(entry.touch, now, life))
  return entry
}

// The value keeps the moment when it was written: an extension does not make it newer than
// another's.
const extendValue = (state: State, entry: Entry, intent: Ledger.SetIntent, now: number, life: Touch): Entry => {
  const { isRefused, lostReplays, version } = entry
  const expiresAt = Math.max(intent.expiresAt, state.now() + life.timeToLive)
  const longer = Math.max(intent.life, now + life.timeToLive - version.writtenAt)
  const extended = new Ledger.SetIntent({ ...intent, expiresAt, life: longer, staleFor: life.staleFor })
  const stamp = state.source.next()
  const recorded = state.record(entry.region, entry.key, undefined, extended, { ...version, stamp })
  recorded.isRefused = isRefused
  recorded.lostReplays = lostReplays
  recorded.isExtended = true
  return recorded
}

// What becomes of a write that is not even recorded: nobody will replay it after the end of the
// journal, and where the user may not write, memory alone has it.
const outcomeAtOnce = (state: State, region: Region): WriteOutcome | undefined => {
  if (state.isClosed) return "Rejected"
  if (region.state._tag !== "Denied") return undefined
  state.writeToMemory(region)
  return "Deferred"
}

// A write is in the ledger from before it is sent. Whatever ends its call defers it, if it was not
// confirmed.
const call = <Outcome>(
  state: State,
  entry: Entry,
  timeout: number | undefined,
  outcomeOf: (write: Write | undefined) => Outcome,
  done: Done<Outcome | WriteOutcome>
): Cancel => {
  const write = timeout === 0 ? undefined : writeOf(state, entry, state.situation())
  if (write === undefined) {
    state.release(entry)
    done("Deferred")
    return ignore
  }
  let isOver = false
  const release = (): void => {
    if (isOver) return
    isOver = true
    state.release(entry)
  }
  const options: Sender.Options = { timeout, answer: "ignored", now: state.now, sending: write }
  const cancel = Sender.send(state.dispatch, write.command, options, () => {
    release()
    done(outcomeOf(write))
  })
  return () => {
    cancel()
    release()
  }
}

// Several writes, likewise. They are sent back to back.
const callAll = <A, Outcome>(
  state: State,
  region: Region,
  requests: ReadonlyArray<A>,
  record: (request: A) => Entry,
  timeout: number | undefined,
  outcomeOf: (write: Write | undefined) => Outcome,
  done: Done<ReadonlyArray<Outcome | WriteOutcome>>
): Cancel => {
  const atOnce = outcomeAtOnce(state, region)
  if (atOnce !== undefined) {
    done(requests.map(() => atOnce))
    return ignore
  }
  const entries = requests.map(record)
  const [only] = entries
  if (only !== undefined && entries.length === 1)
    return call(state, only, timeout, outcomeOf, (outcome) => done([outcome]))
  const situation = state.situation()
  const writes = entries.map((entry) => (timeout === 0 ? undefined : writeOf(state, entry, situation)))
  const sendings = writes.filter((write) => write !== undefined)
  let isOver = false
  const release = (): void => {
    if (isOver) return
    isOver = true
    for (const entry of entries) state.release(entry)
  }
  const end = (): void => {
    release()
    done(writes.map(outcomeOf))
  }
  if (sendings.length === 0) {
    end()
    return ignore
  }
  const commands: ReadonlyArray<RedisCommand.RedisCommand> = sendings.map(({ command }) => command)
  const cancel = Sender.sendAll(state.dispatch, commands, { timeout, answer: "ignored", now: state.now, sendings }, end)
  return () => {
    cancel()
    release()
  }
}

// A deferred value that was extended is left to the replay, which knows what it may replace. What
// an open circuit would refuse need not be made a command of: that is half of what such a write
// costs.
const writeOf = (state: State, entry: Entry, situation: Situation): Write | undefined => {
  if (entry.isExtended || entry.region.isHeld) return undefined
  if (state.dispatch.nodeOf(entry.key).refusedAt("write") !== undefined) return undefined
  const command = commandOf(entry, situation)
  return command === undefined ? undefined : new Write(state, entry, command)
}

const outcomeOf = (write: Write | undefined): WriteOutcome => (write?.isApplied() === true ? "Applied" : "Deferred")

const removalOf = (write: Write | undefined): RemoveOutcome =>
  write?.isAbsent === true && write.isApplied() ? "Absent" : outcomeOf(write)

const ignore = () => {}

// -------------------------------------------------------------------------------------------------
// One journal for all caches of a client and prefix
// -------------------------------------------------------------------------------------------------

/**
 * The journal of a client and prefix. It closes with its last user. Options that differ are a
 * defect.
 */
export const shared = (
  dispatch: Dispatch,
  prefix: string,
  options: Options = {}
): Effect.Effect<Journal, never, Scope.Scope> => sharing(dispatch, prefix, make(dispatch, options), textOf(options))

const sharing = Shared.make<Journal>(
  (prefix, one, other) =>
    `Two caches of one Redis client with the prefix ${prefix} share a journal, and its options differ: ${one} and ${other}. Give both the same`
)

const textOf = ({ maxBytes = 16 * 1024 * 1024, maxEntries = 10_000 }: Options): string =>
  `maxEntries ${maxEntries}, maxBytes ${maxBytes}`
