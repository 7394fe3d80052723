import { Cause, Clock, Duration, Effect, Exit, Option, Scope, Semaphore } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import * as RedisError from "../RedisError.ts"
import type { Insides } from "./Insides.ts"
import * as Monotonic from "./Monotonic.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import { ReservedConnection } from "./ReservedConnection.ts"
import { awaitSendable, couldSend, hasEnded } from "./sendable.ts"

/** Lends connections of a client's nodes, and keeps those that come back clean for the next. */
export interface Reservations {
  /**
   * Lends one of a node until the scope closes, if the node's circuit lets it through. It waits
   * while as many are lent as may be.
   */
  readonly reserve: (
    node: () => RedisNode,
    times: Times
  ) => Effect.Effect<ReservedConnection, RedisError.RedisCommandError, Scope.Scope>
}

/** Says until when there is time, in monotonic milliseconds. */
export interface Times {
  /** For all of it. */
  readonly until: number
  /** For waiting until something could be sent. */
  readonly waitUntil: number
}

/** Makes the reservations of a client. */
export const make = (insides: Insides): Reservations => {
  const { clock, counts, failed, settings } = insides
  const { commandTimeout, maxReserved } = settings
  const now = () => Monotonic.millis(clock)
  const permits = Semaphore.makeUnsafe(maxReserved)
  const { giveBack, take } = makePool(insides, now)

  // A login alone shows no more than that the server takes clients, so that it counts for nothing
  // while the circuit is closed. A probe has to be answered, on a connection that was kept as well.
  const admitted = (
    node: RedisNode,
    inTime: InTime,
    until: number
  ): Effect.Effect<Lent, RedisError.RedisCommandError> =>
    Effect.suspend(() => {
      const circuit = node.circuitFor(kind)
      const permit = circuit.acquire()
      if (permit === undefined) return Effect.fail(circuit.rejection(operation))
      const isProbe = !circuit.isClosed()
      const asked = (one: Lent) => Effect.onError(inTime(one.connection.ping(until), "Timeout"), () => one.close)
      const taken = take(node, inTime)
      return Effect.onExit(isProbe ? Effect.tap(taken, asked) : taken, (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) return circuit.record(permit, isProbe ? "success" : "ignored")
          const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          const outcome = error === undefined ? "ignored" : outcomeOf(error, commandTimeout)
          if (error !== undefined) failed(error, outcome, node)
          circuit.record(permit, outcome)
        })
      )
    })

  const lend = (
    node: RedisNode,
    until: number
  ): Effect.Effect<ReservedConnection, RedisError.RedisCommandError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const circuit = node.circuitFor(kind)
        if (circuit.refusedAt() !== undefined) return yield* circuit.rejection(operation)
        const inTime: InTime = (effect, reason) =>
          restore(Effect.timeoutOrElse(effect, { duration: until - now(), orElse: () => late(reason) }))
        yield* inTime(permits.takeScoped(1), "Saturated")
        const one = yield* admitted(node, inTime, until)
        counts.reserved++
        yield* Effect.addFinalizer(() => giveBack(one))
        return one.connection
      }).pipe(withoutRemains)
    )

  const reserve: Reservations["reserve"] = (node, times) =>
    Effect.catch(lend(node(), times.until), (error) => {
      const { until, waitUntil } = times
      const isOver = now() >= waitUntil || hasEnded(node()) || couldSend(node(), kind) || !isWaitable(error)
      if (isOver) return Effect.fail(error)
      return Effect.flatMap(awaitSendable(node, kind, Math.min(until, waitUntil), now), (isSendable) =>
        isSendable && now() < until ? reserve(node, times) : Effect.fail(error)
      )
    })

  return {
    reserve: (node, times) =>
      Effect.provideService(
        Effect.suspend(() => reserve(node, times)),
        Clock.Clock,
        clock
      )
  }
}

// Keeps at most as many as may be lent, those that are lent included.
const makePool = ({ clock, counts, deadlines, failed, scope, settings }: Insides, now: () => number) => {
  const { commandTimeout, maxReserved } = settings
  const idle = new Set<Lent>()
  let isSweeping = false

  const connect = (node: RedisNode, inTime: InTime): Effect.Effect<Lent, RedisError.RedisConnectionError> =>
    Effect.gen(function* () {
      const own = yield* Scope.fork(scope)
      const link = yield* Effect.onError(inTime(Scope.provide(node.connect, own), "Timeout"), (cause) =>
        Scope.close(own, Exit.failCause(cause))
      )
      return new Lent(node, own, new ReservedConnection(link, { commandTimeout, deadlines, now, failed }))
    })

  const take = (node: RedisNode, inTime: InTime): Effect.Effect<Lent, RedisError.RedisConnectionError> =>
    Effect.suspend(() => {
      for (const one of idle) {
        if (one.node !== node) continue
        idle.delete(one)
        return one.connection.isClean() ? Effect.succeed(one) : Effect.andThen(one.close, take(node, inTime))
      }
      return connect(node, inTime)
    })

  const sweep: Effect.Effect<void> = Effect.suspend(() => {
    const until = now() - longestIdle
    const old = Array.from(idle).filter(({ idleSince }) => idleSince <= until)
    for (const one of old) idle.delete(one)
    return Effect.forEach(old, ({ close }) => close, { discard: true })
  })

  // It runs while there is something to sweep, so that a client that lends nothing has no timer.
  const sweeping = Effect.gen(function* () {
    while (idle.size > 0) {
      yield* Effect.sleep(sweepInterval)
      yield* sweep
    }
    isSweeping = false
  }).pipe(Effect.provideService(Clock.Clock, clock))

  const giveBack = (one: Lent): Effect.Effect<void> =>
    Effect.suspend(() => {
      counts.reserved--
      const next = one.connection.passOn()
      if (!one.connection.isClean() || counts.reserved + idle.size >= maxReserved) return one.close
      one.connection = next
      one.idleSince = now()
      idle.add(one)
      if (isSweeping) return Effect.void
      isSweeping = true
      return Effect.asVoid(Effect.forkIn(sweeping, scope))
    })

  return { take, giveBack }
}

// Most is reserved to write something, or to wait for what somebody writes.
const kind = "write"

// Whether a connection or the circuit is what was missing.
const isWaitable = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisCircuitBreakerOpenError" ||
  (error._tag === "RedisConnectionError" && error.reason !== "Saturated" && RedisError.isRetryable(error, "connection"))

// What its caller had no time for says nothing of the server.
const outcomeOf = (error: RedisError.RedisCommandError, commandTimeout: number): CircuitBreaker.Outcome => {
  if (error._tag === "RedisTimeoutError" && Duration.toMillis(error.duration) < commandTimeout) return "ignored"
  return error.command === operation ? "ignored" : RedisError.outcome(error)
}

const operation = "RESERVE"

/** Lets somebody wait for what may be interrupted, for no longer than is left of the time. */
type InTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  reason: RedisError.ConnectionFailure
) => Effect.Effect<A, E | RedisError.RedisConnectionError, R>

const late = (reason: RedisError.ConnectionFailure) =>
  Effect.fail(RedisError.connectionError(operation, reason, "never"))

// What fails keeps nothing until the caller's scope closes, in which it may be tried again.
const withoutRemains = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(yield* Effect.scope)
    return yield* Effect.onError(Scope.provide(effect, own), (cause) => Scope.close(own, Exit.failCause(cause)))
  })

class Lent {
  readonly node: RedisNode
  readonly scope: Scope.Closeable
  connection: ReservedConnection
  /** The monotonic time since when nobody has it, in milliseconds. */
  idleSince = 0

  constructor(node: RedisNode, scope: Scope.Closeable, connection: ReservedConnection) {
    this.node = node
    this.scope = scope
    this.connection = connection
  }

  get close(): Effect.Effect<void> {
    return Scope.close(this.scope, Exit.void)
  }
}

const longestIdle = 10_000
const sweepInterval = 5000
