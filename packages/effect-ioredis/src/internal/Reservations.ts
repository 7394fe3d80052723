import { Clock, Effect, Exit, Scope, Semaphore } from "effect"
import * as RedisError from "../RedisError.ts"
import type { RedisReservation } from "../RedisReservation.ts"
import * as Monotonic from "./Monotonic.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import { ReservedConnection } from "./ReservedConnection.ts"

/** Lends connections of a client's nodes, and keeps those that come back clean for the next. */
export interface Reservations {
  /** Lends one of a node until the scope closes. It waits while as many are lent as may be. */
  readonly reserve: (node: RedisNode) => Effect.Effect<RedisReservation, RedisError.RedisConnectionError, Scope.Scope>
  /** Counts those that are lent. */
  readonly inUse: () => number
}

/** Sets what is lent, and for how long somebody waits for it. */
export interface Options {
  readonly clock: Clock.Clock
  /** The most that are lent, and kept besides, at once. */
  readonly most: number
  readonly commandTimeout: number
  readonly operationTimeout: number
}

/** Makes the reservations of a client. They end with the scope. */
export const make = Effect.fnUntraced(function* ({
  clock,
  commandTimeout,
  most,
  operationTimeout
}: Options): Effect.fn.Return<Reservations, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const permits = yield* Semaphore.make(most)
  const idle = new Set<Lent>()
  let lent = 0
  let isSweeping = false

  const connect = (node: RedisNode, inTime: InTime): Effect.Effect<Lent, RedisError.RedisConnectionError> =>
    Effect.gen(function* () {
      const own = yield* Scope.fork(scope)
      const link = yield* Effect.onError(inTime(Scope.provide(node.connect, own), "Timeout"), (cause) =>
        Scope.close(own, Exit.failCause(cause))
      )
      const settings = { commandTimeout, clock, observe: node.observe }
      return new Lent(node, own, new ReservedConnection(link.connection, settings))
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
    const until = Monotonic.millis(clock) - longestIdle
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
      lent--
      const next = one.connection.passOn()
      if (!one.connection.isClean() || lent + idle.size >= most) return one.close
      one.connection = next
      one.idleSince = Monotonic.millis(clock)
      idle.add(one)
      if (isSweeping) return Effect.void
      isSweeping = true
      return Effect.asVoid(Effect.forkIn(sweeping, scope))
    })

  return {
    inUse: () => lent,
    reserve: (node) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const until = Monotonic.millis(clock) + operationTimeout
          const inTime: InTime = (effect, reason) =>
            restore(
              Effect.timeoutOrElse(effect, { duration: until - Monotonic.millis(clock), orElse: () => late(reason) })
            )
          yield* inTime(permits.takeScoped(1), "Saturated")
          const one = yield* take(node, inTime)
          lent++
          yield* Effect.addFinalizer(() => giveBack(one))
          return one.connection
        }).pipe(withoutRemains)
      ).pipe(Effect.provideService(Clock.Clock, clock))
  }
})

/** Lets somebody wait for what may be interrupted, for no longer than is left of the time. */
type InTime = <A, R>(
  effect: Effect.Effect<A, RedisError.RedisConnectionError, R>,
  reason: RedisError.ConnectionFailure
) => Effect.Effect<A, RedisError.RedisConnectionError, R>

const late = (reason: RedisError.ConnectionFailure) =>
  Effect.fail(RedisError.connectionError("RESERVE", reason, "never"))

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
