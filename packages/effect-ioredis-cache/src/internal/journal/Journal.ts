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
import { Clock, Effect, Exit, Fiber, Scope, Semaphore } from "effect"
import type { RedisCommand } from "effect-ioredis"
import type { Cancel, Dispatch, NodeEvent } from "effect-ioredis/dispatch"
import type { WriteOutcome } from "../../Cache.ts"
import type { Version } from "../CacheTier.ts"
import * as MemoryCache from "../../MemoryCache.ts"
import { makeStampSource } from "../../StoredValue.ts"
import * as Metrics from "../Metrics.ts"
import type { Definitions } from "../Regions.ts"
import type { Sequences } from "../Sequences.ts"
import { commandOf, type RegionPolicy, touchOf } from "./commands.ts"
import * as Emptying from "./Emptying.ts"
import * as Fills from "./Fill.ts"
import * as Ledger from "./Ledger.ts"
import * as Loop from "./Loop.ts"
import * as Replay from "./Replay.ts"
import * as Sender from "./Sender.ts"
import { type Entry, type NodeState, Region, State, Write } from "./State.ts"

/** Bounds what is kept. */
export interface Options {
  /** Bounds the keys with an unconfirmed write. Default: 10,000. */
  readonly maxEntries?: number | undefined
  /** Bounds the encoded length of their values. Default: 16 MiB. */
  readonly maxBytes?: number | undefined
}

/** A value to be written under a Redis key. Times are in milliseconds. */
export interface ValueWrite {
  readonly key: string
  readonly value: unknown
  readonly payload: string | Uint8Array
  readonly timeToLive: number
  readonly staleFor: number
  readonly lookupTime: number
  /** The version that memory holds, if any. */
  readonly seen: Version | undefined
}

/**
 * Describes what a read is answered with in the place of Redis: what the journal says, or whatever
 * memory has.
 */
export type Answer =
  | { readonly _tag: "Value"; readonly value: unknown; readonly timeToLive: number; readonly bytes: number }
  | { readonly _tag: "Memory" }

/** Is told what became of each write, at once or later. */
export type Done = (outcomes: ReadonlyArray<WriteOutcome>) => void

/** The part of the journal that is one region's. Keys are whole Redis keys. */
export interface RegionJournal {
  /** The order of the intents of all caches that share the region. */
  readonly sequences: Sequences
  /** Tells whether no key of the region is answered from here. */
  readonly isEmpty: () => boolean
  /** Tells what is to be said of a key in the place of Redis, if anything. */
  readonly answer: (key: string) => Answer | undefined
  /**
   * Tells whether what Redis says of a key may be believed. `isCurrent`: no write has overlapped
   * the read.
   */
  readonly believes: (key: string, found: Version, isCurrent: boolean) => boolean
  /** Tells whether writes go to memory alone, because the user may not write. */
  readonly runsOnMemory: () => boolean
  /** Stores values. `timeout` is the longest that the call may take, in milliseconds. */
  readonly set: (writes: ReadonlyArray<ValueWrite>, timeout: number | undefined, done: Done) => Cancel
  /** Removes keys. */
  readonly remove: (
    keys: ReadonlyArray<string>,
    seen: (key: string) => Version | undefined,
    timeout: number | undefined,
    done: Done
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
  /** The part of one region. Asked twice for a name, it gives parts of the same region. */
  readonly region: (policy: RegionPolicy) => RegionJournal
  /** The definitions of its regions, which all caches of the journal share. */
  readonly definitions: Definitions
  /** How many intents are not confirmed. */
  readonly size: () => number
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
  const fibers: Array<Fiber.Fiber<unknown>> = []
  const run = (effect: Effect.Effect<unknown>) => Effect.runForkWith(context)(effect)
  let isOver = false
  // A call that ends after the journal may name a node that was not known before.
  const start = (loop: Loop.Loop): Loop.Loop => {
    if (!isOver) fibers.push(run(loop.run))
    return loop
  }
  const state: State = new State({
    dispatch,
    source: makeStampSource(Math.random),
    bounds: { maxEntries: options.maxEntries ?? 10_000, maxBytes: options.maxBytes ?? 16 * 1024 * 1024 },
    now: () => MemoryCache.now(clock),
    log: run,
    startNode: (node) =>
      start(
        Loop.make(
          () => Replay.isLeft(state, node),
          Effect.suspend(() => Replay.once(state, node))
        )
      ),
    regionLoop: start(
      Loop.make(
        () => Emptying.isLeft(state),
        Effect.suspend(() => Emptying.once(state))
      )
    )
  })
  const stop = dispatch.listen((event) => hear(state, event))
  yield* dispatch.watchHistory
  yield* Metrics.showJournalEntries(state.ledger.size)
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      stop()
      isOver = true
      state.isClosed = true
      return Fiber.interruptAll(fibers)
    }).pipe(Effect.andThen(close(state)))
  )
  return {
    region: (policy) => regionJournal(state, regionOf(state, policy)),
    definitions: new Map(),
    size: state.ledger.size,
    isAtRest: () => !state.isLeft() && !Array.from(state.nodes.values()).some((node) => Replay.isLeft(state, node)),
    checkInvariants: () => state.checkInvariants()
  }
})

const regionOf = (state: State, policy: RegionPolicy): Region => {
  const known = state.regions.find(({ keyspace }) => keyspace === policy.keyspace)
  if (known !== undefined) return known
  const region = new Region(policy)
  state.regions.push(region)
  return region
}

// -------------------------------------------------------------------------------------------------
// Events and closing
// -------------------------------------------------------------------------------------------------

const hear = (state: State, event: NodeEvent): void => {
  const nodeState = state.nodeState(event.node)
  switch (event._tag) {
    case "SessionReady":
      state.tryPermissions()
      nodeState.unfenceable.clear()
      // Where nothing tells of a server that was started anew, each session may be of one.
      if (event.session.runId === undefined) state.distrust(event.node)
      break
    case "SessionLost":
      nodeState.loop.wake()
      return
    case "HistoryChanged":
      state.distrust(event.node)
      break
    case "CircuitClosed":
      break
    case "ConnectFailed":
      return
  }
  nodeState.loop.recover()
  state.regionLoop.recover()
}

// What is left gets one try, within the client's own deadline for closing, and what is on its way
// the time to be answered. What the servers do not confirm by then is counted.
const close = Effect.fnUntraced(function* (state: State) {
  if (state.isLeft()) {
    yield* state.dispatch.closeWithin(Effect.andThen(closeNodes(state), Effect.ignore(Emptying.once(state))))
  }
  if (!state.isLeft()) return
  const regions = state.regions.filter((region) => region.state._tag !== "Clean").map(({ name }) => name)
  yield* Effect.logWarning("The cache closes with writes that Redis has not confirmed").pipe(
    Effect.annotateLogs({ keys: state.ledger.size(), ...(regions.length === 0 ? {} : { regions }) })
  )
})

const closeNodes = (state: State): Effect.Effect<void> =>
  Effect.forEach(
    Array.from(state.nodes.values()).filter(({ node }) => node.isReady()),
    (nodeState: NodeState) => {
      nodeState.node.makeDue()
      const answered = Effect.suspend(() =>
        state.ledger.size() === 0 ? Effect.void : Emptying.barrier(state, nodeState.node)
      )
      return Effect.ignore(Effect.andThen(Effect.ignore(Replay.once(state, nodeState)), answered))
    },
    { concurrency: "unbounded", discard: true }
  )

// -------------------------------------------------------------------------------------------------
// Calls
// -------------------------------------------------------------------------------------------------

const regionJournal = (state: State, region: Region): RegionJournal => ({
  sequences: region.sequences,
  isEmpty: () => state.ledger.size() === 0 && region.state._tag !== "Denied",
  answer: (key) => answer(state, region, key),
  believes: (key, found, isCurrent) => state.believes(region, key, found, isCurrent),
  runsOnMemory: () => region.state._tag === "Denied",
  set: (writes, timeout, done) =>
    call(state, region, writes, (write) => recordSet(state, region, write), timeout, done),
  remove: (keys, seen, timeout, done) =>
    call(
      state,
      region,
      keys,
      (key) => {
        const known = seen(key)
        return state.record(region, key, known, Ledger.remove, state.versionFor(region, key, known))
      },
      timeout,
      done
    ),
  touch: (key, life, timeout, done) =>
    call(state, region, [key], (key) => recordTouch(state, region, key, life), timeout, done),
  fill: (fill, timeout, done) => Fills.send(state, region, fill, timeout, done),
  clear: Effect.suspend(() => {
    state.mark(region)
    const canWait =
      !state.isClosed && region.state._tag !== "Denied" && state.dispatch.nodes().every((node) => node.isClosed())
    return canWait ? Effect.as(region.emptied.await, true) : Effect.succeed(false)
  })
})

const answer = (state: State, region: Region, key: string): Answer | undefined => {
  if (region.state._tag === "Denied") return fromMemory
  const intent = state.ledger.get(key)?.intent
  // A `touch` says nothing of the value. What a lookup found after a removal is in memory.
  if (intent === undefined || intent._tag === "Touch") return undefined
  if (intent._tag === "Remove") return fromMemory
  const timeToLive = intent.expiresAt - state.now()
  return timeToLive > 0 ? { _tag: "Value", value: intent.value, timeToLive, bytes: intent.payload.length } : fromMemory
}

const fromMemory: Answer = { _tag: "Memory" }

const recordSet = (state: State, region: Region, write: ValueWrite): Entry => {
  const { key, lookupTime, payload, seen, staleFor, timeToLive, value } = write
  const intent = new Ledger.SetIntent({
    value,
    payload,
    life: timeToLive,
    staleFor,
    lookupTime,
    expiresAt: state.now() + timeToLive
  })
  return state.record(region, key, seen, intent, state.versionFor(region, key, seen))
}

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

// Each write is in the ledger from before it is sent. Whatever ends the call defers what was not
// confirmed.
const call = <A>(
  state: State,
  region: Region,
  requests: ReadonlyArray<A>,
  record: (request: A) => Entry | undefined,
  timeout: number | undefined,
  done: Done
): Cancel => {
  if (state.isClosed || region.state._tag === "Denied") {
    if (!state.isClosed) state.writeToMemory(region)
    const outcome: WriteOutcome = state.isClosed ? "Rejected" : "Deferred"
    done(requests.map(() => outcome))
    return ignore
  }
  const entries = requests.map(record)
  const situation = state.situation()
  const writes = entries.map((entry) => {
    if (entry === undefined || !isSendable(state, entry)) return undefined
    const command = commandOf(entry, situation)
    return command === undefined ? undefined : new Write(state, entry, command)
  })
  let isOver = false
  const release = (): void => {
    if (isOver) return
    isOver = true
    for (const entry of entries) if (entry !== undefined) state.release(entry)
  }
  const cancel = send(state, writes, timeout, () => {
    release()
    done(entries.map((entry, index) => outcomeOf(entry, writes[index])))
  })
  return () => {
    cancel()
    release()
  }
}

// A deferred value that was extended is left to the replay, which knows what it may replace. What
// an open circuit would refuse need not be made a command of: that is half of what such a write
// costs.
const isSendable = (state: State, entry: Entry): boolean =>
  !entry.isExtended && !state.dispatch.nodeOf(entry.key).refuses()

const send = (
  state: State,
  writes: ReadonlyArray<Write | undefined>,
  timeout: number | undefined,
  done: () => void
): Cancel => {
  const sendings = writes.filter((write) => write !== undefined)
  const [first] = sendings
  const options = { timeout, answer: "ignored", now: state.now } as const
  if (first === undefined || timeout === 0) {
    done()
    return ignore
  }
  if (sendings.length === 1) {
    return Sender.send(state.dispatch, first.command, { ...options, sending: first }, done)
  }
  const commands: ReadonlyArray<RedisCommand.RedisCommand> = sendings.map(({ command }) => command)
  return Sender.sendAll(state.dispatch, commands, { ...options, sendings }, done)
}

// Where there was nothing to be recorded, a removal is under way, and an absent key is no failure.
const outcomeOf = (entry: Entry | undefined, write: Write | undefined): WriteOutcome =>
  entry === undefined || write?.isApplied() === true ? "Applied" : "Deferred"

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
): Effect.Effect<Journal, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(acquire(dispatch, prefix, options), (shared) => release(dispatch, prefix, shared)),
    ({ journal }) => journal
  )

class Shared {
  readonly journal: Journal
  readonly scope: Scope.Closeable
  readonly options: string
  users = 0

  constructor(journal: Journal, scope: Scope.Closeable, options: string) {
    this.journal = journal
    this.scope = scope
    this.options = options
  }
}

const journals = new WeakMap<Dispatch, Map<string, Shared>>()

// Making a journal may take turns with other fibers, and one of them may want the same.
const acquiring = Semaphore.makeUnsafe(1)

const acquire = Effect.fnUntraced(
  function* (dispatch: Dispatch, prefix: string, options: Options) {
    const ofDispatch = journals.get(dispatch) ?? new Map<string, Shared>()
    journals.set(dispatch, ofDispatch)
    const text = textOf(options)
    let shared = ofDispatch.get(prefix)
    if (shared === undefined) {
      const scope = yield* Scope.make()
      const journal = yield* Scope.provide(make(dispatch, options), scope)
      shared = new Shared(journal, scope, text)
      ofDispatch.set(prefix, shared)
    } else if (shared.options !== text) {
      return yield* Effect.die(
        new Error(
          `Two caches of one Redis client with the prefix ${prefix} share a journal, and its options differ: ${shared.options} and ${text}. Give both the same`
        )
      )
    }
    shared.users++
    return shared
  },
  (acquired) => acquiring.withPermit(acquired)
)

const release = (dispatch: Dispatch, prefix: string, shared: Shared): Effect.Effect<void> =>
  Effect.suspend(() => {
    shared.users--
    if (shared.users > 0) return Effect.void
    journals.get(dispatch)?.delete(prefix)
    return Scope.close(shared.scope, Exit.void)
  })

const textOf = ({ maxBytes = 16 * 1024 * 1024, maxEntries = 10_000 }: Options): string =>
  `maxEntries ${maxEntries}, maxBytes ${maxBytes}`
