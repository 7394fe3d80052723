/**
 * One server: makes and remakes its connections, and knows whether they answer and what the
 * server's data descend from.
 *
 * **Details**
 *
 * A node has its own circuit breaker, stall rule and history, so that the trouble of one server is
 * no other's. A key keeps to one connection, so that its commands stay in order.
 */
import { Clock, Effect, type Scope } from "effect"
import type { Node, NodeEvent, OperationKind } from "../../dispatch.ts"
import { isSameAddress } from "../address.ts"
import type { Deadlines } from "../Deadlines.ts"
import type { NodeCircuit } from "../circuitBreaker/NodeCircuit.ts"
import { type Key, keyFrom } from "../keyText.ts"
import type { Durations, Server } from "../Metrics.ts"
import * as Monotonic from "../Monotonic.ts"
import { errorStats } from "../errorStats.ts"
import { outageCause } from "../outageCause.ts"
import { slotOf } from "../slot.ts"
import * as Waiters from "../Waiters.ts"
import * as Affinity from "./Affinity.ts"
import * as Introduction from "./Introduction.ts"
import * as Lane from "./Lane.ts"
import * as Lineage from "./Lineage.ts"
import * as Links from "./Links.ts"
import * as LoginPace from "./LoginPace.ts"
import * as Logins from "./Logins.ts"
import type { NodeCircuits } from "./NodeCircuits.ts"
import { NodeSession } from "./NodeSession.ts"
import * as Reauthentication from "./Reauthentication.ts"
import * as Replacement from "./Replacement.ts"
import * as StallRule from "./StallRule.ts"
import type * as RedisCommand from "../../RedisCommand.ts"
import type * as RedisConnection from "../../RedisConnection.ts"
import { type RedisAddress, RedisConnector, type RedisLogin } from "../../RedisConnector.ts"
import * as RedisError from "../../RedisError.ts"
import type { OutageCause } from "../../RedisHealth.ts"

/**
 * Describes where the connections of a node stand.
 *
 * **Details**
 *
 * `"Connecting"` before the first one was ready, `"Ready"` while all of them are, `"Reconnecting"`
 * while at least one is not, `"Closed"` for good.
 */
export type Status = "Connecting" | "Ready" | "Reconnecting" | "Closed"

/** Carries a command on one connection. */
export interface Carrier {
  /** Says which session it is of. */
  readonly session: NodeSession
  /** Sends a command and tells its reply or its loss once. */
  readonly submit: (command: RedisCommand.RedisCommand, onReply: (result: RedisConnection.ReplyResult) => void) => void
}

/**
 * One server.
 */
export interface RedisNode extends Node {
  /** Says how many connections are kept. */
  readonly connections: number
  /** Says whether it holds a copy of what another one owns. */
  readonly isReplica: boolean
  /** Gives the circuit that a kind of operation is admitted by. */
  readonly circuitFor: (kind: OperationKind) => NodeCircuit
  /** Gives the circuits that it has, one or two. */
  readonly circuits: () => ReadonlyArray<NodeCircuit>
  /** Takes how long operations took on the server, as far as it is known which that is. */
  readonly durations: () => Durations
  /** Tells where its connections stand. */
  readonly status: () => Status
  /** Counts the commands that were sent and have no reply yet. */
  readonly inFlight: () => number
  /**
   * Tells what callers have its connections carry, also those that are lent to them: `carried`
   * changes with it.
   */
  readonly usage: () => { readonly carried: number; readonly inFlight: number }
  /** Gives a number that grows with everything that any connection hears. */
  readonly activity: () => number
  /** Why the last connection failed, while one is missing. */
  readonly lastError: () => RedisError.RedisConnectionError | undefined
  /** Gives the sessions whose connections are open now. */
  readonly sessions: () => ReadonlyArray<NodeSession>
  /** Gives the session that a key's commands would be sent in now. */
  readonly sessionFor: (key: Key) => NodeSession | undefined
  /**
   * Gives what carries the commands of a key now, or of none; a given session carries them itself.
   */
  readonly carrierFor: (key: Key | undefined, session?: NodeSession) => Carrier | undefined
  /** Gives what carries a command of several keys in one session. */
  readonly carrierOf: (keys: ReadonlyArray<RedisCommand.Argument>, session: NodeSession) => Carrier
  /** Ends when a connection becomes ready, the circuit changes, the node closes, or at `wake`. */
  readonly changed: Effect.Effect<void>
  /** Ends the waiting for `changed`: keys that were this node's may be another's by now. */
  readonly wake: () => void
  /** Says that a command of the session had no reply although `since` is long ago. */
  readonly suspect: StallRule.StallRule["suspect"]
  /** Says what a call failed with that counts as an outage of the server. */
  readonly fail: (error: RedisError.RedisCommandError) => void
  /** Says what a reply told of the server. */
  readonly observe: (error: RedisError.RedisOperationError) => void
  /** Replaces every connection. */
  readonly reconnect: () => void
  /**
   * Makes another connection in the place of each, with the login and at the address of now. What
   * is in use goes on until that is ready, and is heard out: no call fails.
   */
  readonly succeed: () => void
  /**
   * Leaves the connections that are not to this address, and logs in there at once: a server that
   * takes the place of another owes nothing for the other's failures.
   */
  readonly relocate: (address: RedisAddress) => void
  /** Logs in once more, as `Node` says. */
  readonly connect: Effect.Effect<NodeSession, RedisError.RedisConnectionError, Scope.Scope>
  /** Asks for the server's history anew. */
  readonly askHistory: Effect.Effect<void>
  /** Takes no more commands and ends when nothing is in flight. */
  readonly drain: Effect.Effect<void>
}

/**
 * Holds what a node is made of.
 */
export interface Options {
  /** Is the client's name, with the server's address where the client has several. */
  readonly name: string
  /** Locates the server. It is asked at each connect, for a master's address may change. */
  readonly locate: Effect.Effect<RedisAddress, RedisError.RedisConnectionError>
  /** Says which role a server must have to be used. Default: any. */
  readonly role?: "master" | "replica" | undefined
  /** Says whether each connection asks a server of a cluster for reads of what its master owns. */
  readonly readOnly?: boolean | undefined
  /** Gives the slots that it owns. */
  readonly slots: () => ReadonlyArray<readonly [from: number, to: number]>
  /** Asked at each login, so that passwords may rotate. */
  readonly login: Effect.Effect<RedisLogin, unknown>
  /** Sets how many connections to keep. */
  readonly connections: number
  /** Bounds the commands in flight on one connection. */
  readonly maxInFlight: number
  /** The most that a login may take as a whole, in milliseconds. */
  readonly connectTimeout: number
  /**
   * Sets how long a connection with something in flight may be silent, in milliseconds. It is asked
   * for each time.
   */
  readonly commandTimeout: number
  /** Sets whether a connection that becomes ready makes an open circuit due. */
  readonly probeOnReady: boolean
  /** Admit every command. */
  readonly circuits: NodeCircuits
  /** Wakes whoever waits for a time. */
  readonly deadlines: Deadlines
  /** Is told what happens to the node. */
  readonly onEvent: (event: NodeEvent) => void
  /** Is told of replies which say that another server may have to be asked. */
  readonly onRefusal: (error: RedisError.RedisOperationError) => void
  /** Is told why the connection in use has no successor yet. */
  readonly onNotReplaced: (error: RedisError.RedisConnectionError) => void
  /** Is called for each connection that stalled. */
  readonly onStall: () => void
  /** Gives what takes how long operations took on a server. */
  readonly durationsOf: (server: Server | undefined) => Durations
}

/**
 * Makes a node that stays connected until its scope closes.
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<RedisNode, never, Scope.Scope | RedisConnector> {
  const { circuits, deadlines } = options
  const clock = yield* Clock.Clock
  const fork = yield* forkInScope
  const now = () => Monotonic.millis(clock)
  const lanes = Array.from({ length: options.connections }, Lane.make)
  const sessions = () => lanes.flatMap(({ session }) => (session?.isOpen() ? [session] : []))
  const lineage = yield* Lineage.make(() => options.onEvent({ _tag: "HistoryChanged", node: self }))
  const logins = yield* Logins.make(deadlines, now)
  const moves = Waiters.make()
  const measuring = { durations: options.durationsOf(undefined) }
  const connectAs = yield* connectOf(options, moves.changed, measuring)
  const connect = connectAs((connection) => Introduction.introduce(connection, lineage.asker, options), false)
  const makeDue = makeDueOf(options, now, sessions)
  const stallRule = stallRuleOf(options, now, sessions)
  const failures = failuresOf(lanes)
  const sessionOf = (connected: Lane.Connected) => new NodeSession(self, connected, now(), options.maxInFlight)
  const connectBeside = connectAs((connection) => Introduction.identify(connection, options), true)
  const links = yield* Links.make({
    connect: connectBeside,
    logins,
    sessionOf,
    problem: () => linkProblem(self.status(), sessions().length > 0, failures.lastError()),
    isLast: () => sessions().length === 0,
    isClosing: () => closing
  })
  const connections = () => [...sessions(), ...links.open()]
  const replacement = Replacement.make({ connect: connectBeside, fork, now, sessions: connections })
  const { changed, wake } = Waiters.make()
  let closing = false
  let wasReady = false

  const asking = askingOf(options, now, sessions, stallRule, lineage)
  const keeper: Lane.Keeper = {
    connect,
    logins,
    isLast: () => sessions().length === 0,
    onReady: (lane, connected, before) => {
      const session = sessionOf(connected)
      // Whoever hears of it may send at once.
      if (before !== undefined) session.follow(before)
      leave(session, links.open())
      lineage.learn(connected.introduction)
      lane.session = session
      lane.lastError = undefined
      wasReady = true
      // Whoever hears of the session finds the circuit due already.
      makeDue.ready(session)
      options.onEvent({ _tag: "SessionReady", node: self, session })
      wake()
      return session
    },
    onFailed: (error) => options.onEvent({ _tag: "ConnectFailed", node: self, error }),
    onLost: (session, error) => {
      makeDue.lost(session)
      options.onEvent({ _tag: "SessionLost", node: self, session, error })
    },
    ...successionOf(options)
  }

  const self: RedisNode = {
    name: options.name,
    connections: lanes.length,
    isReplica: options.role === "replica",
    durations: () => measuring.durations,
    ...carriersOf(lanes, sessions, () => closing),
    status: () => (closing ? "Closed" : statusOf(sessions().length === lanes.length, wasReady)),
    isReady: () => sessions().length > 0,
    slots: options.slots,
    ...admissionOf(circuits),
    inFlight: () => sum(lanes, (session) => session.inFlight()),
    usage: () => usageOf(sessions(), links),
    activity: () => sum(lanes, ({ connection }) => connection.activity()),
    ...failures,
    sessions,
    changed,
    wake,
    history: lineage.history,
    generation: lineage.generation,
    time: lineage.time,
    suspect: stallRule.suspect,
    observe: (error) => {
      if (tellsOfHistory.has(error.code) && asking.isDue()) fork(asking.askHistory)
      if (error.code === "READONLY") replacement.consider()
      options.onRefusal(error)
    },
    ...replacingOf(connections, lanes, { logins, makeDue, moves }),
    connect: links.connect,
    askHistory: asking.askHistory,
    refreshTime: asking.refreshTime,
    drain: Effect.suspend(() => {
      closing = true
      wake()
      return drainAll(sessions())
    })
  }

  yield* Effect.forEach(lanes, (lane) => Effect.forkScoped(Lane.keep(lane, keeper)), { discard: true })
  return self
})

const admissionOf = (
  circuits: NodeCircuits
): Pick<RedisNode, "circuitFor" | "circuits" | "refusedAt" | "isClosed" | "isIsolated" | "makeDue" | "dueIn"> => ({
  circuitFor: (kind) => circuits.of(kind),
  circuits: () => circuits.all(),
  refusedAt: (kind = "read") => circuits.of(kind).refusedAt(),
  isClosed: (kind) => circuits.isClosed(kind),
  isIsolated: () => circuits.all().every((circuit) => circuit.isIsolated()),
  makeDue: () => circuits.makeDue(),
  dueIn: (kind = "read") => circuits.of(kind).dueIn()
})

const sum = (lanes: ReadonlyArray<Lane.Lane>, of: (session: NodeSession) => number): number =>
  lanes.reduce((total, { session }) => total + (session === undefined ? 0 : of(session)), 0)

// Who has a link sends on its connection, which counts nothing but what it hears.
const usageOf = (sessions: ReadonlyArray<NodeSession>, links: Links.Links): ReturnType<RedisNode["usage"]> => ({
  carried: sessions.reduce((total, { carried }) => total + carried, links.activity()),
  inFlight: [...sessions, ...links.open()].reduce((total, session) => total + session.inFlight(), 0)
})

const failuresOf = (
  lanes: ReadonlyArray<Lane.Lane>
): Pick<RedisNode, "fail" | "lastError" | "lastFailure" | "lastCause"> => {
  // An error holds what was on the stack where it was made until somebody reads that: through it a
  // node that answers would keep lost connections, its own and those of others.
  let failure: string | undefined
  let cause: OutageCause | undefined
  const lastError = () => lanes.find(({ lastError }) => lastError !== undefined)?.lastError
  return {
    fail: (error) => {
      failure = error.message
      cause = outageCause(errorStats(error))
    },
    lastError,
    lastFailure: () => lastError()?.message ?? failure,
    lastCause: () => {
      const error = lastError()
      return error === undefined ? cause : outageCause(errorStats(error))
    }
  }
}

const statusOf = (isWhole: boolean, wasReady: boolean): Status => {
  if (isWhole) return "Ready"
  return wasReady ? "Reconnecting" : "Connecting"
}

// A link stands beside the sessions of a server that answers.
const linkProblem = (
  status: Status,
  isReady: boolean,
  lastError: RedisError.RedisConnectionError | undefined
): RedisError.RedisConnectionError | undefined => {
  if (status === "Closed") return RedisError.connectionError("CONNECT", "Closed", "never")
  return isReady ? undefined : (lastError ?? RedisError.connectionError("CONNECT", "NotReady", "never"))
}

const successionOf = (options: Options): Pick<Lane.Keeper, "onNotReplaced" | "mostDraining"> => ({
  onNotReplaced: (error) => {
    if (error !== hasMoved) options.onNotReplaced(error)
  },
  // Who was sent last hears of his own deadline first.
  mostDraining: () => options.commandTimeout + drainMargin
})

// Who keeps a link to other data makes another one. Another user's stays with whoever has it.
const leave = (session: NodeSession, links: ReadonlyArray<NodeSession>): void => {
  for (const link of links) {
    if (link.isElsewhere(session)) link.replace()
    else if (link.username !== session.username) link.isOutdated = true
  }
}

const replacingOf = (
  connections: () => ReadonlyArray<NodeSession>,
  lanes: ReadonlyArray<Lane.Lane>,
  {
    logins,
    makeDue,
    moves
  }: {
    readonly logins: Logins.Logins
    readonly makeDue: { readonly forget: () => void }
    readonly moves: Waiters.Waiters
  }
): Pick<RedisNode, "reconnect" | "relocate" | "succeed"> => ({
  reconnect: () => replaceAll(connections()),
  relocate: (address) => {
    logins.forget()
    makeDue.forget()
    moves.wake()
    replaceAll(connections().filter((session) => !isSameAddress(session.address, address)))
  },
  succeed: () => {
    logins.forget()
    // Who is logging in does so with what was said before.
    moves.wake()
    for (const lane of lanes) lane.succession.openUnsafe()
  }
})

const replaceAll = (sessions: ReadonlyArray<NodeSession>): void => {
  for (const session of sessions) session.replace()
}

const forkInScope = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  return (effect: Effect.Effect<void>) => runFork(Effect.forkIn(effect, scope))
})

const drainAll = (sessions: ReadonlyArray<NodeSession>): Effect.Effect<void> =>
  Effect.forEach(sessions, ({ drain }) => drain, { concurrency: "unbounded", discard: true })

const connectOf = Effect.fnUntraced(function* (
  { connectTimeout, durationsOf, locate, login, name }: Options,
  moved: Effect.Effect<void>,
  measuring: { durations: Durations }
) {
  const connector = yield* RedisConnector
  // Whoever gives the login is asked again. What it failed with may hold a secret.
  const noLogin = Effect.suspend(() => Effect.fail(RedisError.connectionError("CONNECT", "Login", "never")))
  const asked = Effect.catchCause(login, () => noLogin).pipe(
    Effect.timeoutOrElse({ duration: connectTimeout, orElse: () => noLogin })
  )
  const connect = Effect.fnUntraced(function* (introduce: Introduce, isReplaceable: boolean) {
    const address = yield* locate
    const login = yield* asked
    measuring.durations = durationsOf({ ...address, database: login.db ?? 0 })
    const connection = yield* connector.connect(address, login)
    const introduction = ofDatabase(yield* introduce(connection), login.db)
    yield* Effect.forkScoped(Reauthentication.keep({ name, address, connection, login, isReplaceable, ask: asked }))
    return { address, database: login.db ?? 0, username: login.username ?? "default", connection, introduction }
  })
  return (introduce: Introduce, isReplaceable: boolean): Lane.Connect =>
    connect(introduce, isReplaceable).pipe(
      Effect.timeoutOrElse({
        duration: connectTimeout,
        orElse: () => Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
      }),
      // Whoever logs in at an address that is no longer right need not wait for it.
      Effect.raceFirst(Effect.andThen(moved, Effect.fail(hasMoved)))
    )
})

type Introduce = (
  connection: RedisConnection.RedisConnection
) => Effect.Effect<Introduction.Introduction, RedisError.RedisConnectionError>

// The data of another database are others, although the server is the same.
const ofDatabase = (introduction: Introduction.Introduction, database = 0): Introduction.Introduction => {
  const { history } = introduction
  if (database === 0 || history.runId === undefined) return introduction
  return { ...introduction, history: { ...history, runId: `${history.runId}/${database}` } }
}

// In milliseconds.
const drainMargin = 100

const hasMoved = RedisError.connectionError("CONNECT", "NotReady", "never", new Error("The server has moved."))

// After a session that has shown nothing, the next one makes an open circuit due only after some
// seconds.
const makeDueOf = (
  { circuits, deadlines, probeOnReady }: Options,
  now: () => number,
  sessions: () => ReadonlyArray<NodeSession>
) => {
  let mayProbe = true
  let heardAt = Number.NEGATIVE_INFINITY
  return {
    forget: (): void => {
      mayProbe = true
    },
    ready: (session: NodeSession): void => {
      if (!probeOnReady) return
      if (mayProbe) {
        circuits.makeDue()
        return
      }
      deadlines.add(now() + LoginPace.settledAfter, LoginPace.settledAfter, () => {
        if (session.isOpen()) circuits.makeDue()
      })
    },
    lost: (session: NodeSession): void => {
      for (const each of [session, ...sessions()]) if (each.replies > 0) heardAt = Math.max(heardAt, each.heardAt)
      // What another one has heard since speaks for the server too.
      mayProbe = session.isProven() || heardAt >= session.openedAt
    }
  }
}

const stallRuleOf = (options: Options, now: () => number, sessions: () => ReadonlyArray<NodeSession>) =>
  StallRule.make({
    get commandTimeout() {
      return options.commandTimeout
    },
    deadlines: options.deadlines,
    now,
    onStall: (session, silentSince) => {
      options.onStall()
      const another = sessions().some((other) => other !== session && other.heardAt > silentSince)
      if (!another) options.circuits.trip()
      session.connection.destroy(stalled())
    }
  })

// An address may lead to another server by now: the others may still be on the one before.
const latestOf = (sessions: ReadonlyArray<NodeSession>): NodeSession | undefined =>
  sessions.reduce<NodeSession | undefined>(
    (latest, session) => (latest === undefined || session.openedAt > latest.openedAt ? session : latest),
    undefined
  )

const askingOf = (
  options: Options,
  now: () => number,
  sessions: () => ReadonlyArray<NodeSession>,
  stallRule: StallRule.StallRule,
  lineage: Lineage.Lineage
) => {
  let askedAt = Number.NEGATIVE_INFINITY
  return {
    isDue: () => now() - askedAt >= leastBetweenAsking,
    refreshTime: Effect.suspend(() => {
      const session = latestOf(sessions())
      return session === undefined ? Effect.void : lineage.refreshTime(session)
    }),
    askHistory: Effect.suspend(() => {
      const session = latestOf(sessions())
      if (session === undefined) return Effect.void
      const activity = session.connection.activity()
      askedAt = now()
      // An idle connection that no longer answers is found out by the way.
      const { commandTimeout } = options
      const until = askedAt + commandTimeout
      options.deadlines.add(until, commandTimeout, () =>
        stallRule.suspect(session, activity, until - commandTimeout, until)
      )
      // An idle connection that answers nothing else is one whose replies are completed.
      const heard = Effect.sync(() => {
        if (session.isOpen()) session.hear(now())
      })
      return Effect.andThen(lineage.ask(session), heard)
    })
  }
}

const carriersOf = (
  lanes: ReadonlyArray<Lane.Lane>,
  sessions: () => ReadonlyArray<NodeSession>,
  isClosing: () => boolean
): Pick<RedisNode, "sessionFor" | "carrierFor" | "carrierOf"> => {
  // Keys of one hash tag keep to one connection: a command may name several of them.
  const affinity = Affinity.make(lanes, isOpen, slotOf)
  const sessionFor = (key: Key | undefined): NodeSession | undefined => {
    if (isClosing()) return undefined
    if (lanes.length === 1) return openSession(lanes[0])
    return key === undefined ? sessions()[0] : openSession(affinity.laneOf(affinity.bucketOf(key)))
  }
  return {
    sessionFor,
    carrierFor: (key, session = sessionFor(key)) =>
      lanes.length === 1 || key === undefined || session === undefined
        ? session
        : new BucketCarrier(session, Array.of(affinity.bucketOf(key))),
    carrierOf: (keys, session) =>
      lanes.length === 1
        ? session
        : new BucketCarrier(
            session,
            keys.map((key) => affinity.bucketOf(keyFrom(key)))
          )
  }
}

const openSession = (lane: Lane.Lane | undefined): NodeSession | undefined =>
  lane?.session?.isOpen() === true ? lane.session : undefined

const isOpen = (lane: Lane.Lane): boolean => openSession(lane) !== undefined

// Counts what is in flight of its buckets, so that they keep to their connection meanwhile.
class BucketCarrier implements Carrier {
  readonly session: NodeSession
  readonly buckets: ReadonlyArray<Affinity.Bucket<Lane.Lane>>

  constructor(session: NodeSession, buckets: ReadonlyArray<Affinity.Bucket<Lane.Lane>>) {
    this.session = session
    this.buckets = buckets
  }

  submit(command: RedisCommand.RedisCommand, onReply: (result: RedisConnection.ReplyResult) => void): void {
    const { buckets } = this
    for (const bucket of buckets) bucket.inFlight++
    this.session.submit(command, (result) => {
      for (const bucket of buckets) bucket.inFlight--
      onReply(result)
    })
  }
}

const tellsOfHistory: ReadonlySet<string> = new Set(["READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS"])

const leastBetweenAsking = 100

const stalled = () =>
  RedisError.connectionError("CONNECT", "Stalled", "unknown", new Error("The connection was silent and was replaced."))
