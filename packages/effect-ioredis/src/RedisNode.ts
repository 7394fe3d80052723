/**
 * One server, by its address: makes and remakes its connections, and knows whether they answer and
 * what the server's data descend from.
 *
 * **Details**
 *
 * A node has its own circuit breaker, stall rule and history, so that the trouble of one server is
 * no other's. A key keeps to one connection, so that its commands stay in order.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Random, type Scope } from "effect"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import type { Node, NodeEvent, RedisHistory } from "./dispatch.ts"
import type { Deadlines } from "./internal/Deadlines.ts"
import type { Circuit } from "./internal/circuitBreaker/Circuit.ts"
import { keyText } from "./internal/keyText.ts"
import * as Monotonic from "./internal/Monotonic.ts"
import * as Affinity from "./internal/node/Affinity.ts"
import * as History from "./internal/node/History.ts"
import * as Introduction from "./internal/node/Introduction.ts"
import * as Lane from "./internal/node/Lane.ts"
import { NodeSession } from "./internal/node/NodeSession.ts"
import * as RedisTime from "./internal/node/RedisTime.ts"
import * as Replacement from "./internal/node/Replacement.ts"
import * as StallRule from "./internal/node/StallRule.ts"
import type * as RedisCommand from "./RedisCommand.ts"
import type * as RedisConnection from "./RedisConnection.ts"
import { type RedisAddress, RedisConnector, type RedisLogin } from "./RedisConnector.ts"
import * as RedisError from "./RedisError.ts"

/**
 * Describes where the connections of a node stand.
 *
 * **Details**
 *
 * `"Connecting"` before the first one was ready, `"Ready"` while all of them are, `"Reconnecting"`
 * while at least one is not, `"Closed"` for good.
 *
 * @category models
 * @since 0.1.0
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
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisNode extends Node {
  /** Says where the server listens. */
  readonly address: RedisAddress
  /** Says how many connections are kept. */
  readonly connections: number
  /** Gives the circuit breaker that every command is admitted by. */
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** Gives the same circuit as function calls. */
  readonly circuit: Circuit
  /** Tells where its connections stand. */
  readonly status: () => Status
  /** Counts the commands that were sent and have no reply yet. */
  readonly inFlight: () => number
  /** Gives a number that grows with everything that any connection hears. */
  readonly activity: () => number
  /** Why the last connection failed, while one is missing. */
  readonly lastError: () => RedisError.RedisConnectionError | undefined
  /** Gives the sessions whose connections are open now. */
  readonly sessions: () => ReadonlyArray<NodeSession>
  /** Gives the session that a key's commands would be sent in now. */
  readonly sessionFor: (key: string) => NodeSession | undefined
  /**
   * Gives what carries the commands of a key now, or of none; a given session carries them itself.
   */
  readonly carrierFor: (key: string | undefined, session?: NodeSession) => Carrier | undefined
  /** Gives what carries a command of several keys in one session. */
  readonly carrierOf: (keys: ReadonlyArray<RedisCommand.Argument>, session: NodeSession) => Carrier
  /** Ends when a connection becomes ready, the circuit changes, or the node closes. */
  readonly changed: Effect.Effect<void>
  /** Says that a command of the session had no reply although `since` is long ago. */
  readonly suspect: StallRule.StallRule["suspect"]
  /** Says what a reply told of the server. */
  readonly observe: (error: RedisError.RedisOperationError) => void
  /** Replaces every connection. */
  readonly reconnect: () => void
  /** Asks for the server's history anew. */
  readonly askHistory: Effect.Effect<void>
  /** Takes no more commands and ends when nothing is in flight. */
  readonly drain: Effect.Effect<void>
}

/**
 * Holds what a node is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names the client in log lines. */
  readonly name: string
  /** Locates the server. */
  readonly address: RedisAddress
  /** Asked at each login, so that passwords may rotate. */
  readonly login: Effect.Effect<RedisLogin>
  /** Sets how many connections to keep. */
  readonly connections: number
  /** Bounds the commands in flight on one connection. */
  readonly maxInFlight: number
  /** The most that a login may take as a whole, in milliseconds. */
  readonly connectTimeout: number
  /** Sets how long a connection with something in flight may be silent, in milliseconds. */
  readonly commandTimeout: number
  /** Sets whether a connection that becomes ready makes an open circuit due. */
  readonly probeOnReady: boolean
  /** Admits every command. */
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** Is the same circuit as function calls. */
  readonly circuit: Circuit
  /** Wakes whoever waits for a time. */
  readonly deadlines: Deadlines
  /** Is told what happens to the node. */
  readonly onEvent: (event: NodeEvent) => void
  /** Is called for each connection that stalled. */
  readonly onStall: () => void
}

/**
 * Makes a node that stays connected until its scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<RedisNode, never, Scope.Scope | RedisConnector> {
  const { circuit, commandTimeout, deadlines } = options
  const connector = yield* RedisConnector
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const lanes = Array.from({ length: options.connections }, Lane.make)
  const affinity = Affinity.make(lanes, isOpen)
  const asker: Introduction.Asker = {
    time: RedisTime.make(() => clock.currentTimeMillisUnsafe()),
    wallClock: () => clock.currentTimeMillisUnsafe(),
    witness: Introduction.makeWitness(yield* Random.next)
  }
  let history: RedisHistory | undefined
  let generation = 0
  let closing = false
  let wasReady = false
  let mayProbe = true
  let askedAt = Number.NEGATIVE_INFINITY
  const waiting = new Set<() => void>()

  const wake = () => {
    for (const resume of waiting) resume()
    waiting.clear()
  }
  const now = () => Monotonic.millis(clock)
  const fork = (effect: Effect.Effect<void>) => runFork(Effect.forkIn(effect, scope))
  const sessions = () => lanes.flatMap(({ session }) => (session?.isOpen() ? [session] : []))
  const inFlight = () => lanes.reduce((sum, { session }) => sum + (session?.connection.inFlight() ?? 0), 0)

  // Whoever gives the login may throw, and is asked again.
  const login = Effect.catchDefect(options.login, () =>
    Effect.fail(RedisError.connectionError("CONNECT", "Auth", "never", new Error("The login could not be made.")))
  )

  const connect = Effect.gen(function* () {
    const connection = yield* connector.connect(options.address, yield* login)
    return [connection, yield* Introduction.introduce(connection, asker)] as const
  }).pipe(
    Effect.timeoutOrElse({
      duration: options.connectTimeout,
      orElse: () => Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
    })
  )

  const learn = (next: RedisHistory, isNew: boolean): void => {
    const before = history
    history = next
    if (before === undefined || !(isNew || History.mayHaveLost(before, next))) return
    generation++
    options.onEvent({ _tag: "HistoryChanged", node: self })
  }

  const askHistory = Effect.suspend(() => {
    const [session] = sessions()
    if (session === undefined || history === undefined) return Effect.void
    const at = now()
    const activity = session.connection.activity()
    askedAt = at
    // An idle connection that no longer answers is found out by the way.
    const until = at + commandTimeout
    deadlines.add(until, commandTimeout, () => stallRule.suspect(session, activity, at, until))
    return Effect.map(Introduction.askHistory(session.connection, { ...history, runId: session.runId }), (next) => {
      if (next !== undefined && session.isOpen()) learn(next, false)
    })
  })

  // A session that has shown nothing yet makes an open circuit due only after some seconds.
  const makeDue = (session: NodeSession): void => {
    if (!options.probeOnReady) return
    if (mayProbe) {
      circuit.makeDue()
      return
    }
    deadlines.add(now() + Lane.settledAfter, Lane.settledAfter, () => {
      if (session.isOpen()) circuit.makeDue()
    })
  }

  const keeper: Lane.Keeper = {
    connect,
    now,
    onReady: (lane, connection, introduction) => {
      const session = new NodeSession(self, connection, introduction, now(), options.maxInFlight)
      learn(introduction.history, introduction.isNew)
      lane.session = session
      lane.lastError = undefined
      wasReady = true
      // Whoever hears of the session finds the circuit due already.
      makeDue(session)
      options.onEvent({ _tag: "SessionReady", node: self, session })
      wake()
      return session
    },
    onFailed: (_, error) => options.onEvent({ _tag: "ConnectFailed", node: self, error }),
    onLost: (_, session, error) => {
      mayProbe = session.isProven()
      options.onEvent({ _tag: "SessionLost", node: self, session, error })
    }
  }

  const stallRule = StallRule.make({
    commandTimeout,
    deadlines,
    now,
    onStall: (session, silentSince) => {
      options.onStall()
      const another = sessions().some((other) => other !== session && other.heardAt > silentSince)
      if (!another) circuit.trip()
      session.connection.destroy(stalled())
    }
  })

  const replacement = Replacement.make({ connect, fork, now, sessions })

  const sessionFor = (key: string | undefined): NodeSession | undefined => {
    if (closing) return undefined
    if (lanes.length === 1) return openSession(lanes[0])
    return key === undefined ? sessions()[0] : openSession(affinity.laneOf(affinity.bucketOf(key)))
  }

  const carrierFor: RedisNode["carrierFor"] = (key, session = sessionFor(key)) =>
    lanes.length === 1 || key === undefined || session === undefined
      ? session
      : new BucketCarrier(session, Array.of(affinity.bucketOf(key)))

  const self: RedisNode = {
    name: options.name,
    address: options.address,
    connections: lanes.length,
    breaker: options.breaker,
    circuit,
    status: () => {
      if (closing) return "Closed"
      if (sessions().length === lanes.length) return "Ready"
      return wasReady ? "Reconnecting" : "Connecting"
    },
    isReady: () => sessions().length > 0,
    refuses: () => circuit.refuses(),
    isClosed: () => circuit.isClosed(),
    makeDue: () => circuit.makeDue(),
    inFlight,
    activity: () => lanes.reduce((sum, { session }) => sum + (session?.connection.activity() ?? 0), 0),
    lastError: () => lanes.find(({ lastError }) => lastError !== undefined)?.lastError,
    sessions,
    sessionFor,
    carrierFor,
    carrierOf: (keys, session) =>
      lanes.length === 1
        ? session
        : new BucketCarrier(
            session,
            keys.map((key) => affinity.bucketOf(keyText(key)))
          ),
    changed: Effect.callback<void>((resume) => {
      const resumeNow = () => resume(Effect.yieldNow)
      waiting.add(resumeNow)
      return Effect.sync(() => waiting.delete(resumeNow))
    }),
    history: () => history,
    generation: () => generation,
    time: asker.time.now,
    suspect: stallRule.suspect,
    observe: (error) => {
      if (tellsOfHistory.has(error.code) && now() - askedAt >= leastBetweenAsking) fork(askHistory)
      if (error.code === "READONLY") replacement.consider()
    },
    reconnect: () => {
      for (const { connection } of sessions()) connection.destroy(replaced())
    },
    askHistory,
    refreshTime: Effect.suspend(() => {
      const [session] = sessions()
      if (session === undefined) return Effect.void
      asker.time.refresh()
      return Effect.repeat(Introduction.askTime(session.connection, asker), { times: 2 })
    }),
    drain: Effect.suspend(() => {
      closing = true
      wake()
      return Effect.forEach(sessions(), ({ connection }) => connection.drain, {
        concurrency: "unbounded",
        discard: true
      })
    })
  }

  circuit.listeners.add(wake)
  yield* Effect.forEach(lanes, (lane) => Effect.forkScoped(Lane.keep(lane, keeper)), { discard: true })
  return self
})

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

const replaced = () =>
  RedisError.connectionError("CONNECT", "Reset", "unknown", new Error("The connection was replaced."))
