import { Effect, Latch, Result, Semaphore } from "effect"
import { type RedisCommand, RedisError } from "effect-ioredis"
import type { Dispatch, Node, Sending, SendingEnd, Session } from "effect-ioredis/dispatch"
import type { StampSource } from "../StoredValue.ts"
import type { Replay } from "../../Cache.ts"
import { Version, type Write as TierWrite } from "../CacheTier.ts"
import { lateOf, type RegionPolicy, saysAbsent, type Situation } from "./commands.ts"
import * as Doubts from "./Doubts.ts"
import * as Ledger from "./Ledger.ts"
import type { Loop } from "./Loop.ts"
import type { ReplayResult } from "./JournalMetrics.ts"
import { initial, type RegionEvent, type RegionState, transition } from "./RegionState.ts"
import * as Scripts from "./scripts.ts"
import * as Sequences from "../Sequences.ts"
import * as Trust from "./Trust.ts"
import { Waiting } from "./Waiting.ts"

/** An entry of the ledger, as the journal keeps it. */
export type Entry = Ledger.Entry<Region>

/** Tells the version that a memory holds of a key, if any. */
export type Seen = (key: string) => Version | undefined

/** A region of the journal. */
export class Region implements RegionPolicy {
  readonly name: string
  readonly keyspace: string
  readonly replay: Replay
  readonly removedFor: number
  readonly tags: boolean
  readonly leavesAbsent: boolean
  readonly lease: boolean
  /** Says what is left to be done for it as a whole. */
  state: RegionState = initial
  /** The latest written-at that was read or given out in it. A `clear` is no earlier. */
  latest = Number.NEGATIVE_INFINITY
  /** The order of the intents of all caches that share it. */
  readonly sequences: Sequences.Sequences = Sequences.make()
  /** Whether nothing of it is told to Redis for now, so that what is deferred waits. */
  isHeld = false
  /** Whether it was logged, since the region was clean, that the user may not empty it. */
  isWarned = false
  /** Says whether it is to be found out if the user may write, for a script was refused. */
  isDoubted = false
  /**
   * The names of the nodes that hold nothing any more of what it was last cleared of, or are being
   * emptied of it. A node that gets slots meanwhile is emptied again.
   */
  readonly emptiedOn = new Set<string>()
  /** Says when all of them were emptied for the first time since it was cleared. */
  emptiedAt: number | undefined = undefined
  /** Is open while the region is clean. */
  readonly emptied: Latch.Latch = Latch.makeUnsafe(true)
  /** Empties it, so that a region which cannot be emptied slows down no other. */
  readonly loop: Loop

  constructor(policy: RegionPolicy, loop: (region: Region) => Loop) {
    this.name = policy.name
    this.keyspace = policy.keyspace
    this.replay = policy.replay
    this.removedFor = policy.removedFor
    this.tags = policy.tags === true
    this.leavesAbsent = policy.leavesAbsent === true
    this.lease = policy.lease === true
    this.loop = loop(this)
  }
}

/**
 * Holds what the journal keeps for one node, which its name identifies: one that left and came back
 * is another object.
 */
export class NodeState {
  /** The node as it was last met. */
  node: Node
  /**
   * Deferred entries to be replayed. Whatever is in here besides is passed over when its turn
   * comes.
   */
  readonly pending: Waiting<Entry>
  /** Keys whose confirmed intents the node may not have. */
  readonly unverified: Waiting<string>
  /** Lost sessions that cannot be ended on the server, until a new session may be allowed to. */
  readonly unfenceable = new Set<Session>()
  readonly loop: Loop

  constructor(node: Node, slotOf: Dispatch["slotOf"], loop: (state: NodeState) => Loop) {
    this.node = node
    this.pending = new Waiting(slotOf && (({ key }) => slotOf(key)))
    this.unverified = new Waiting(slotOf)
    this.loop = loop(this)
  }
}

/** Holds what a state is made with. */
export interface Environment {
  readonly dispatch: Dispatch
  readonly source: StampSource
  readonly bounds: Ledger.Bounds
  /** The monotonic time of this process in milliseconds. */
  readonly now: () => number
  readonly log: (effect: Effect.Effect<void>) => void
  /** Starts the background work of a node. */
  readonly startNode: (state: NodeState) => Loop
  /** Starts what empties a region. */
  readonly startRegion: (region: Region) => Loop
  /** Is told each time that the ledger was full. */
  readonly onOverflow: () => void
  /** Is told of so many writes that Redis will not be told of. */
  readonly onLost: (writes: number) => void
  /** Is told what came of the replay of a write. */
  readonly onReplay: (result: ReplayResult) => void
}

/**
 * The state of a journal and everything that changes it. It sends nothing and waits for nothing.
 *
 * An intent is confirmed, and leaves the ledger, when three things hold: Redis has executed its
 * last version, no sending of its key is open, and no sending of its key is in doubt.
 * {@link conclude} is the one place that looks, and is called whenever one of the three may have
 * become true.
 */
export class State {
  readonly dispatch: Dispatch
  readonly source: StampSource
  readonly now: () => number
  readonly ledger: Ledger.Ledger<Region>
  readonly trust: Trust.Trust
  readonly doubts: Doubts.Doubts<Session>
  readonly regions: Array<Region> = []
  /** What is kept for nodes, by their names. */
  readonly nodes = new Map<string, NodeState>()
  readonly emptying: Semaphore.Semaphore = Semaphore.makeUnsafe(1)
  readonly startRegion: Environment["startRegion"]
  readonly log: Environment["log"]
  readonly startNode: Environment["startNode"]
  readonly onOverflow: Environment["onOverflow"]
  readonly onLost: Environment["onLost"]
  readonly onReplay: Environment["onReplay"]
  isClosed = false
  /** Counts how often a node was found to have other data than before, or other slots. */
  changes = 0
  #scriptsAgainAt = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(environment: Environment) {
    this.dispatch = environment.dispatch
    this.source = environment.source
    this.now = environment.now
    this.log = environment.log
    this.startNode = environment.startNode
    this.startRegion = environment.startRegion
    this.onOverflow = environment.onOverflow
    this.onLost = environment.onLost
    this.onReplay = environment.onReplay
    this.ledger = Ledger.make(environment.bounds)
    const { dispatch } = this
    this.trust = Trust.make(environment.source, rememberedKeys, dispatch.slotOf)
    this.doubts = Doubts.make({
      nodeOf: ({ node }) => node.name,
      ownerOf: (key) => dispatch.nodeOf(key).name,
      slotOf: dispatch.slotOf
    })
  }

  // -----------------------------------------------------------------------------------------------
  // Nodes
  // -----------------------------------------------------------------------------------------------

  nodeState(node: Node): NodeState {
    let state = this.nodes.get(node.name)
    if (state === undefined) {
      state = new NodeState(node, this.dispatch.slotOf, this.startNode)
      this.nodes.set(node.name, state)
    }
    return state
  }

  /** The state of the node that owns a key now. */
  ownerOf(key: string): NodeState {
    return this.meet(this.dispatch.nodeOf(key))
  }

  /** The state of a node that is there now, under its name, maybe after another object of it. */
  meet(node: Node): NodeState {
    const state = this.nodeState(node)
    state.node = node
    return state
  }

  /** Tells whether there is anything to do on a node. */
  isLeftOn({ node, pending, unverified }: NodeState): boolean {
    return pending.size > 0 || unverified.size > 0 || this.doubts.sessionsOn(node.name).length > 0
  }

  /** Tells whether a node owns no key, or none any more. */
  isGone(node: Node): boolean {
    return !this.dispatch.nodes().some(({ name }) => name === node.name)
  }

  /**
   * What waits on a node that is gone goes to the owners. What is in doubt there is parked, and is
   * waited out where no session is left to fence it in.
   */
  leave(state: NodeState): void {
    for (const entry of state.pending.take(state.pending.size)) this.enqueue(entry)
    this.verify(state.unverified.take(state.unverified.size))
    if (state.node.sessions().length === 0) {
      for (const lost of this.doubts.sessionsOn(state.node.name)) this.expireDoubts(lost)
    }
    this.forgetNodes()
  }

  /** Forgets the nodes that are gone and have left nothing. */
  forgetNodes(): void {
    for (const [name, state] of this.nodes) {
      if (this.isLeftOn(state) || !this.isGone(state.node)) continue
      this.nodes.delete(name)
      state.loop.stop()
    }
  }

  /**
   * A node owns other slots than before, and nothing of theirs has been sent to it yet. The data
   * normally moved along intact, so what was confirmed is verified there and no more is done. Who
   * waited for a doubt of the old owner waits no longer.
   */
  moveSlots(slots: ReadonlySet<number>, node: Node): void {
    this.changes++
    const owner = this.meet(node)
    for (const other of this.nodes.values()) {
      if (other === owner) continue
      for (const entry of other.pending.takeSlots(slots)) owner.pending.add(entry)
      other.unverified.takeSlots(slots)
    }
    this.verify(this.trust.unverify(slots))
    this.#resume(this.doubts.inSlots(slots))
    for (const region of this.regions) {
      region.emptiedOn.delete(node.name)
      const { emptiedAt } = region
      // The slots may have moved while it was emptied, and this client hears of it only now.
      if (emptiedAt !== undefined && this.now() - emptiedAt < latestNews) this.apply(region, { _tag: "Missed" })
      region.loop.wake()
    }
    owner.loop.wake()
  }

  /** Gives what commands depend on besides their intent. */
  situation(): Situation {
    const now = this.now()
    return { now, scripts: now >= this.#scriptsAgainAt }
  }

  // -----------------------------------------------------------------------------------------------
  // Intents
  // -----------------------------------------------------------------------------------------------

  /**
   * Records an intent and holds its entry. A new write needs no version: it gets one that is later
   * than all that this process has seen of the key.
   */
  record(region: Region, key: string, seen: Seen | undefined, intent: Ledger.Intent, version?: Version): Entry {
    const unconfirmed = this.ledger.get(key)
    // What memory has seen is older than a value or a removal that is not confirmed.
    const isFirst = unconfirmed === undefined || unconfirmed.intent._tag === "Touch"
    const last = this.trust.get(key)?.last ?? (isFirst ? seen?.(key) : undefined)
    const given = version ?? new Version(this.source.next(), this.#momentAfter(region, key, last, unconfirmed?.version))
    return this.ledger.record(key, region, last?.stamp, intent, given)
  }

  /**
   * Records a value that is not sent now, and leaves it to the replay.
   *
   * What takes the place of such a value changes it in place: an entry is old and what it would be
   * given is young, which costs the collector most. A write of a key that has such a value takes
   * 7 % less thereby. One that waits for its replay already keeps its turn. It keeps its stamp too,
   * for nobody has seen what it replaces.
   */
  defer(region: Region, seen: Seen | undefined, write: TierWrite<unknown>, staleFor: number, expiresAt: number): void {
    const { extension, key, payload, timeToLive, value } = write
    const entry = this.ledger.get(key)
    if (entry !== undefined && !entry.isSent && entry.intent._tag === "Set") {
      entry.intent.become(write, staleFor, expiresAt)
      const moment = this.#momentAfter(region, key, this.trust.get(key)?.last)
      // Nothing of the region is later than its latest. To look at the entry's own moment, which is
      // seldom in a processor's cache, takes 5 % of the write.
      entry.version.writtenAt = moment < region.latest ? Math.max(moment, entry.version.writtenAt) : moment
      this.ledger.update(entry)
      const isWaiting = entry.isDeferred && !entry.isReplaying
      if (!isWaiting) this.enqueue(entry)
      this.#bound(entry.region)
    } else {
      const options = { value, payload, extension, life: timeToLive, staleFor, lookupTime: 0, expiresAt }
      this.release(this.record(region, key, seen, new Ledger.SetIntent(options)))
    }
  }

  #momentAfter(region: Region, key: string, last: Version | undefined, unconfirmed?: Version): number {
    const writtenAt = Math.max(
      Math.floor(this.dispatch.nodeOf(key).time()),
      region.state.clearedAt + 1,
      (last?.writtenAt ?? -1) + 1,
      (unconfirmed?.writtenAt ?? -1) + 1
    )
    region.latest = Math.max(region.latest, writtenAt)
    return writtenAt
  }

  /** Records that what is there is to live longer, and holds its entry. */
  recordTouch(region: Region, key: string, touch: Ledger.TouchIntent): Entry {
    // What a `clear` in this very millisecond left out is older than this.
    const writtenAt = Math.max(Math.floor(this.dispatch.nodeOf(key).time()), region.state.clearedAt + 1)
    return this.record(region, key, undefined, touch, new Version(this.source.next(), writtenAt))
  }

  /** Ends a call's hold of an entry. What Redis has not confirmed by then is replayed. */
  release(entry: Entry): void {
    this.ledger.release(entry)
    if (!entry.isDeferred) return
    this.enqueue(entry)
    this.#bound(entry.region)
  }

  // Whoever makes the ledger too full gives up his region in Redis.
  #bound(region: Region): void {
    if (!this.ledger.isFull()) return
    this.onOverflow()
    this.#lose(() => this.mark(region))
    this.#warn("The write journal is full: the region is emptied in Redis", region)
  }

  /**
   * Leaves a deferred entry to the replay, unless something of it is in doubt or has yet to be
   * answered after Redis has executed it: then it waits for that.
   */
  enqueue(entry: Entry): void {
    if (!entry.isDeferred || entry.region.isHeld || isAwaited(entry) || this.doubts.has(entry.key)) return
    const state = this.ownerOf(entry.key)
    state.pending.add(entry)
    state.loop.wake()
  }

  /** Holds back what a region has to tell Redis, or no longer. */
  hold(region: Region, isHeld: boolean): void {
    if (region.isHeld === isHeld) return
    region.isHeld = isHeld
    if (isHeld) {
      this.apply(region, { _tag: "Held" })
      return
    }
    for (const entry of this.ledger.all()) if (entry.region === region) this.enqueue(entry)
    region.loop.wake()
  }

  /** An entry whose last answer has come waits for nothing, and may have to be sent again. */
  resume(entry: Entry): void {
    if (entry.open === 0 && !entry.isReplaying && this.ledger.has(entry)) this.enqueue(entry)
  }

  /** Confirms an intent if nothing is open. */
  conclude(entry: Entry): void {
    const { executed, intent, key, open, touch } = entry
    if (executed === undefined || open > 0 || !this.ledger.has(entry) || this.doubts.has(key)) return
    this.ledger.delete(entry)
    if (this.ledger.size() === 0) this.#hasWarned = false
    if (intent._tag === "Touch") return
    // What was read meanwhile was there before it was executed, and is gone. With `latest` it may
    // have stayed.
    const last = entry.region.replay === "latest" ? undefined : this.trust.get(key)?.last.stamp
    const before = last === undefined || last === entry.version.stamp ? entry.base : last
    const isVerified = executed.changes === this.changes
    this.trust.confirm(key, entry.version, before, isVerified)
    if (!isVerified) this.verify([key])
    if (touch !== undefined) this.release(this.recordTouch(entry.region, key, touch))
  }

  // -----------------------------------------------------------------------------------------------
  // Doubts
  // -----------------------------------------------------------------------------------------------

  /**
   * A command for an intent may still be executed in a lost session. One that only removes is
   * fenced and never waited out: it costs a miss. One that revives what a `clear` removes is a
   * doubt of the region, which is not emptied before, and not of the key.
   */
  doubt(
    session: Session,
    region: Region,
    key: string,
    command: RedisCommand.RedisCommand,
    intent: Ledger.Intent
  ): void {
    const late = lateOf(command, intent, region)
    if (late === "Nothing") return
    const end = late !== "Removes" && intent._tag === "Set" ? intent.expiresAt + intent.staleFor : this.now()
    const until = Math.min(end, this.now() + longestDoubt)
    this.doubts.add(session, key, { region: region.name, until, isOfRegion: late === "Revives" })
    this.nodeState(session.node).loop.wake()
  }

  /** A session can run nothing any more. */
  settle(session: Session): void {
    this.#settled(this.doubts.settle(session))
  }

  /**
   * What a session has in doubt for so long that its value would have expired is in doubt no
   * longer. This is for sessions that cannot be ended alone: a value that is stored late lives its
   * whole life from then on, and takes the place of a later one.
   */
  expireDoubts(session: Session): void {
    this.#settled(this.doubts.expire(session, this.now()))
  }

  #settled(keys: ReadonlyArray<string>): void {
    this.#resume(keys)
    // A region waits for what is in doubt of it.
    if (keys.length > 0) for (const { loop } of this.regions) loop.wake()
    this.forgetNodes()
  }

  // Looks anew at what waits for doubts of these keys, or has to wait for them from now on.
  #resume(keys: ReadonlyArray<string>): void {
    for (const key of keys) {
      const entry = this.ledger.get(key)
      if (entry === undefined) continue
      if (this.doubts.has(key)) entry.executed = undefined
      this.enqueue(entry)
    }
    this.verify(keys.filter((key) => this.trust.get(key)?.isVerified === false))
  }

  // -----------------------------------------------------------------------------------------------
  // Trust
  // -----------------------------------------------------------------------------------------------

  /**
   * Tells whether a reply may be believed. What a write overlapped is judged like everything else,
   * but says nothing of the server: it may have been asked for before the write.
   */
  believes(region: Region, key: string, found: Version, isCurrent: boolean): boolean {
    const { writtenAt } = found
    if (writtenAt > region.latest) {
      // Remembered, it would make a `clear` that nothing written for years is later than.
      if (writtenAt > this.dispatch.nodeOf(key).time() + farthestAhead) return false
      region.latest = writtenAt
    }
    if (writtenAt <= region.state.clearedAt) return false
    if (this.trust.isEmpty()) return true
    const verdict = this.trust.judge(key, found)
    if (verdict === "Changed" && isCurrent && this.trust.get(key)?.isVerified === true) {
      this.unverify(this.dispatch.nodeOf(key))
    }
    return verdict === "Trusted"
  }

  /** A node may have other data than before. What it does not own is no concern of it. */
  unverify(node: Node): void {
    const { slotOf } = this.dispatch
    if (this.isGone(node)) return
    this.changes++
    this.verify(this.trust.unverify(slotOf && slotsOf(node)))
    for (const region of this.regions) {
      region.emptiedOn.delete(node.name)
      this.apply(region, { _tag: "ServerChanged" })
    }
  }

  /** Leaves keys to be verified where they are owned. */
  verify(keys: ReadonlyArray<string>): void {
    for (const key of keys) {
      const state = this.ownerOf(key)
      state.unverified.add(key)
      state.loop.wake()
    }
  }

  // -----------------------------------------------------------------------------------------------
  // Regions
  // -----------------------------------------------------------------------------------------------

  /** Changes the state of a region. */
  apply(region: Region, event: RegionEvent): void {
    region.state = transition(region.state, event)
    if (event._tag === "Emptied" && region.state._tag === "Clean") region.emptiedAt ??= this.now()
    if (anew.has(event._tag)) {
      region.emptiedOn.clear()
      region.emptiedAt = undefined
    }
    if (region.state._tag === "Clean") {
      region.isWarned = false
      region.emptied.openUnsafe()
    } else region.emptied.closeUnsafe()
    if (region.state._tag === "Dirty") region.loop.wake()
  }

  /** Whatever was written in the region by now is a miss, and its intents are part of that. */
  mark(region: Region): void {
    this.apply(region, { _tag: "Marked", at: this.#nowIn(region) })
    this.#forgetIntents(region)
  }

  // Nothing else takes out what is no longer in the ledger until its turn comes, and in an outage
  // it never does.
  #forgetIntents(region: Region): void {
    this.ledger.deleteRegion(region)
    for (const { pending } of this.nodes.values()) {
      for (const entry of pending) if (!this.ledger.has(entry)) pending.delete(entry)
    }
  }

  #lose(forget: () => void): void {
    const before = this.ledger.size()
    forget()
    this.onLost(before - this.ledger.size())
  }

  /** A write that only memory gets, because the user may not write. */
  writeToMemory(region: Region): void {
    this.apply(region, { _tag: "Marked", at: this.#nowIn(region) })
  }

  #nowIn(region: Region): number {
    return this.dispatch.nodes().reduce((at, node) => Math.max(at, Math.floor(node.time())), region.latest)
  }

  // -----------------------------------------------------------------------------------------------
  // Permissions
  // -----------------------------------------------------------------------------------------------

  /** A new session may be allowed more than the last. */
  tryPermissions(): void {
    this.#scriptsAgainAt = Number.NEGATIVE_INFINITY
  }

  /** Redis has refused a command of a region, or of none. */
  refused(command: RedisCommand.RedisCommand, error: RedisError.RedisCommandError, region: Region | undefined): void {
    if (error._tag !== "RedisOperationError" || error.code !== "NOPERM") return
    if (region?.state._tag === "Denied") return
    if (Scripts.isDenied(command, error)) {
      this.#scriptsAgainAt = this.now() + scriptsPause
      // Whether the user may not run scripts, or not write what they write, SET and UNLINK tell.
      if (region === undefined) return
      region.isDoubted = true
      region.loop.wake()
      return
    }
    if (region === undefined) return
    region.isDoubted = false
    this.apply(region, { _tag: "Refused", at: this.#nowIn(region) })
    this.#lose(() => this.#forgetIntents(region))
    region.loop.wake()
    this.log(
      Effect.logError("Redis does not let this user write: the region runs on this process's memory").pipe(
        Effect.annotateLogs({ region: region.name })
      )
    )
  }

  /** Redis has refused what empties a region, which is tried again slowly. */
  notEmptied(region: Region, { code }: RedisError.RedisOperationError): void {
    if (code !== "NOPERM" || region.state._tag === "Denied" || region.isWarned) return
    region.isWarned = true
    const message = "Redis lets this user not empty the region: other processes still read what it held"
    this.log(Effect.logWarning(message).pipe(Effect.annotateLogs({ region: region.name })))
  }

  // Once, until everything has been confirmed again.
  #warn(message: string, region: Region): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.log(Effect.logWarning(message).pipe(Effect.annotateLogs({ region: region.name })))
  }

  // -----------------------------------------------------------------------------------------------

  /** Tells whether anything is left that Redis has not confirmed. */
  isLeft(): boolean {
    return this.ledger.size() > 0 || this.uncleared().length > 0
  }

  /** The regions whose `clear` Redis has not confirmed. With tags another token confirms it. */
  uncleared(): ReadonlyArray<Region> {
    return this.regions.filter(({ state, tags }) => state._tag !== "Clean" && !tags)
  }

  /** Says which invariants do not hold. */
  checkInvariants(): ReadonlyArray<string> {
    const parked = this.ledger
      .all()
      .filter((entry) => entry.isDeferred && !entry.region.isHeld && !isAwaited(entry) && !this.doubts.has(entry.key))
    for (const { sequences } of this.regions) sequences.checkInvariants()
    return [
      ...this.ledger.checkInvariants(),
      ...this.ledger
        .all()
        .filter(({ executed, key, open }) => executed !== undefined && open === 0 && !this.doubts.has(key))
        .map(({ key }) => `${key} was executed and nothing of it is open, but it is in the ledger`),
      ...parked
        .filter((entry) => !this.isBeingReplayed(entry))
        .map(({ key }) => `${key} is deferred and not in doubt, but nobody will replay it`),
      ...this.ledger
        .all()
        .filter(({ region, version }) => version.writtenAt <= region.state.clearedAt)
        .map(({ key }) => `${key} is in the ledger, but was cleared`),
      ...Array.from(this.nodes).flatMap(([name, node]) => this.#checkNode(name, node))
    ]
  }

  #checkNode(name: string, { node, pending, unverified }: NodeState): ReadonlyArray<string> {
    const isElsewhere = (key: string) => this.dispatch.nodeOf(key).name !== name
    const keys = [...Array.from(pending, ({ key }) => key), ...unverified]
    return [
      ...pending.checkInvariants(),
      ...unverified.checkInvariants(),
      ...keys.filter(isElsewhere).map((key) => `${key} waits on ${name}, which does not own it`),
      ...(node.name === name ? [] : [`what is kept for ${name} is of ${node.name}`])
    ]
  }

  /** Tells whether an entry waits for the replay or is part of it. */
  isBeingReplayed(entry: Entry): boolean {
    return entry.isReplaying || this.ownerOf(entry.key).pending.has(entry)
  }
}

/** Follows the sendings of one version of an entry. */
export class Write implements Sending {
  readonly state: State
  readonly entry: Entry
  readonly version: Version
  readonly intent: Ledger.Intent
  readonly command: RedisCommand.RedisCommand
  /** Says whether Redis has executed it. */
  isExecuted = false
  /** Says whether Redis has said that there was nothing to remove. */
  isAbsent = false
  #changes: number | undefined
  #sendings = 0

  constructor(state: State, entry: Entry, command: RedisCommand.RedisCommand) {
    this.state = state
    this.entry = entry
    this.version = entry.version
    this.intent = entry.intent
    this.command = command
    entry.isSent = true
  }

  begin(): boolean {
    if (!this.#isLast()) return false
    // Of several sendings the first counts: a change since then may have undone any of them.
    this.#changes ??= this.state.changes
    this.#sendings++
    this.entry.open++
    return true
  }

  end(session: Session, end: SendingEnd): void {
    this.entry.open--
    if (end._tag === "Doubtful") this.#doubt(session)
    else if (end._tag === "Confirmed" && Result.isSuccess(end.result)) this.#execute(session, end.result.success)
    else this.#refuse(end)
    this.state.conclude(this.entry)
    this.state.resume(this.entry)
  }

  /**
   * Tells whether Redis has confirmed it and nothing can undo it that this process sent earlier.
   */
  isApplied(): boolean {
    const { entry, state } = this
    return this.isExecuted && !state.doubts.has(entry.key) && !this.#isLast()
  }

  #isLast(): boolean {
    return this.entry.version === this.version && this.state.ledger.has(this.entry)
  }

  #execute(session: Session, reply: RedisCommand.Reply): void {
    const { command, entry, intent, state } = this
    this.isExecuted = true
    // What this process had set there, and Redis had not confirmed, was there to it.
    const isFirst = entry.first === this.version.stamp
    if (intent._tag === "Remove" && isFirst) this.isAbsent = saysAbsent(command, reply, this.#sendings)
    if (this.#isLast()) {
      // What is in doubt may run after this, so that it has to be done again when the doubt is
      // settled.
      if (state.doubts.has(entry.key)) return
      entry.executed = { session, changes: this.#changes ?? state.changes }
    } else if (entry.executed !== undefined && entry.executed.session !== session) {
      // An earlier version, over another connection: which of the two came first is not known.
      entry.executed = undefined
    }
  }

  #doubt(session: Session): void {
    const { command, entry, intent, state } = this
    const { key, region } = entry
    if (entry.isReplaying && this.#isLast()) this.#loseReplay()
    state.doubt(session, region, key, command, intent)
    if (state.doubts.has(key)) entry.executed = undefined
  }

  // A server may hang up on a value that is too large for it. Each replay would cost everyone the
  // connection. A small value is lost like any other command: the network is to blame.
  #loseReplay(): void {
    const { intent } = this.entry
    if (intent._tag !== "Set" || intent.payload.length < smallestTooLarge) return
    this.entry.lostReplays++
    if (this.entry.lostReplays >= mostLostReplays) this.entry.isRefused = true
  }

  #refuse(end: SendingEnd): void {
    const error = errorOf(end)
    if (error === undefined || Scripts.isUnknownScript(error)) return
    this.state.refused(this.command, error, this.entry.region)
    if (error._tag === "RedisOperationError" && error.code === "TRYAGAIN") this.entry.isSlotMoving = true
    if (this.#isLast() && isFinal(error)) this.entry.isRefused = true
  }
}

// The slots that a node owns.
function* slotsOf(node: Node): Generator<number> {
  for (const [from, to] of node.slots()) for (let slot = from; slot <= to; slot++) yield slot
}

// After these events every node may hold what is to be emptied.
const anew: ReadonlySet<RegionEvent["_tag"]> = new Set(["Marked", "Refused", "Permitted"])

/** The error that a sending ended with, if it did. */
export const errorOf = (end: SendingEnd): RedisError.RedisCommandError | undefined => {
  if (end._tag !== "Confirmed") return end.error
  return Result.isFailure(end.result) ? end.result.failure : undefined
}

// Redis will not take the value, however often it is offered. Who says where it belongs refuses
// nothing.
const isFinal = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" &&
  error.redirect === undefined &&
  error.code !== "NOPERM" &&
  !RedisError.isRetryable(error, "repeatable")

// Redis has executed it, and an earlier sending is still to be answered: on a master that the key
// has left, say, which is frozen. Until then another replay would do nothing but the same again.
const isAwaited = ({ executed, open }: Entry): boolean => executed !== undefined && open > 0

const mostLostReplays = 3
// Whoever sets `client-query-buffer-limit` can set no less than 1 MiB. A character of text is up to
// three bytes.
const smallestTooLarge = 256 * 1024
const rememberedKeys = 10_000
// A value that lives for years must not keep its region from being emptied for as long: no server
// that was given up is taken up again after a day.
const longestDoubt = 24 * 60 * 60 * 1000
// No clock is that far ahead: the value is broken, or its writer's clock is.
const farthestAhead = 24 * 60 * 60 * 1000
const scriptsPause = 30_000
// A client hears of a slot that moved when it next asks who owns what, every 10 s or so.
const latestNews = 15_000
