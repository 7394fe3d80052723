import { type Clock, type Context, Effect, Exit, type Fiber, Result } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { CommandKind } from "../RedisCommand.ts"
import type { RedisConnection } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type { Deadlines } from "./Deadlines.ts"
import * as Metrics from "./Metrics.ts"
import * as Monotonic from "./Monotonic.ts"

/**
 * `retry(breaker(deadline(send)))` for one call.
 *
 * The first attempt costs no fiber: admission, sending, deadline and record are a few function calls (0.6 µs, where the same of Effect's
 * combinators is 7 µs). A fiber is begun only where there is something to retry.
 */
export interface Attempts {
  /** Tells `done` once what came of it, and gives back what to call when nobody waits for that any more. */
  readonly start: <A>(operation: Operation<A>, call: Call, done: Done<A>) => Cancel
  readonly lastFailure: () => RedisError.RedisCommandError | undefined
}

/** What is to be done, and the connection whose silence would be a stall. */
export interface Operation<A> {
  readonly name: string
  readonly kind: CommandKind
  readonly connection: RedisConnection
  readonly dispatch: Dispatch<A>
}

/** Sends what is to be sent, once, and tells what came of it. */
export type Dispatch<A> = (done: Done<A>) => Cancel

export type Done<A> = (result: Result.Result<A, RedisError.RedisCommandError>) => void

/** To be called when nobody waits any more. After the end it does nothing. */
export type Cancel = () => void

/** How long a call may take in milliseconds, whether it is tried again, and the context that its retries run in. */
export interface Call {
  readonly operationTimeout: number
  readonly retry: boolean
  readonly context: Context.Context<never>
}

export const make = ({
  breaker,
  clock,
  commandTimeout,
  context,
  deadlines,
  policy
}: {
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly clock: Clock.Clock
  readonly commandTimeout: number
  readonly context: Context.Context<never>
  readonly deadlines: Deadlines
  readonly policy: RetryPolicy.RetryPolicy
}): Attempts => {
  const budget = RetryPolicy.makeBudget(policy.budget)
  const suspects = new Set<RedisConnection>()
  let replacedAt = Number.NEGATIVE_INFINITY
  let lastFailure: RedisError.RedisCommandError | undefined

  const now = () => Monotonic.millis(clock)

  // One attempt: admission, one sending, one deadline, one record.
  const attempt = <A>(operation: Operation<A>, sentAt: number, timeout: number, done: Done<A>): Cancel => {
    const { connection, dispatch, name } = operation
    const permit = breaker.acquireUnsafe()
    if (permit === undefined) {
      done(Result.fail(breaker.rejection(name)))
      return ignore
    }
    const activity = connection.activity()
    let settled = false
    const settle = (
      result: Result.Result<A, RedisError.RedisCommandError>,
      outcome: CircuitBreaker.Outcome,
      event?: unknown
    ) => {
      settled = true
      deadline.cancel()
      breaker.recordUnsafe(permit, outcome, event)
      Metrics.operationDuration(name)(outcome).updateUnsafe((now() - sentAt) / 1000, context)
      done(result)
    }
    const fail = (error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome) => {
      Metrics.errors(error._tag)(codeOf(error)).updateUnsafe(1, context)
      if (outcome === "failure" || outcome === "fatal") lastFailure = error
      settle(Result.fail(error), outcome, eventOf(error))
    }
    const deadline = deadlines.add(sentAt + timeout, timeout, () => {
      giveUp()
      const stalled = connection.activity() === activity
      fail(RedisError.RedisTimeoutError.after(name, timeout), stalled ? "fatal" : "failure")
      if (stalled) replaceStalled(connection)
      else suspect(connection, timeout)
    })
    const giveUp = dispatch((result) => {
      if (settled) return
      if (Result.isSuccess(result)) return settle(result, "success")
      fail(result.failure, RedisError.outcome(result.failure))
      if (RedisError.needsReconnect(result.failure)) replace(connection)
    })
    return () => {
      if (settled) return
      settled = true
      giveUp()
      deadline.cancel()
      breaker.recordUnsafe(permit, "ignored")
    }
  }

  const replaceStalled = (connection: RedisConnection) => {
    Metrics.connectionEvents("stalled").updateUnsafe(1, context)
    connection.reconnect()
  }

  // The last bytes came after the command was sent, but may have been the last for good: nothing else might find that out, once the circuit
  // is open and nothing is sent.
  const suspect = (connection: RedisConnection, timeout: number) => {
    if (suspects.has(connection)) return
    suspects.add(connection)
    const activity = connection.activity()
    deadlines.add(now() + timeout, timeout, () => {
      suspects.delete(connection)
      if (connection.activity() !== activity || connection.inFlight() === 0) return
      Effect.runSyncWith(context)(breaker.trip)
      replaceStalled(connection)
    })
  }

  // At most once a second: a replica that stays one would otherwise cost every write a connection.
  const replace = (stale: RedisConnection) => {
    if (stale.status() !== "Ready" || now() - replacedAt < 1000) return
    replacedAt = now()
    stale.reconnect()
  }

  const mayRetry = (error: RedisError.RedisCommandError, kind: CommandKind) =>
    RedisError.isRetryable(error, kind) && breaker.isClosedUnsafe()

  const retry = Effect.fnUntraced(function* <A>(
    operation: Operation<A>,
    first: RedisError.RedisCommandError,
    call: { readonly total: number; readonly until: number }
  ): Effect.fn.Return<A, RedisError.RedisCommandError> {
    const { kind, name } = operation
    const nextDelay = yield* RetryPolicy.start(policy, kind)
    let error = first
    while (mayRetry(error, kind)) {
      const delay = yield* nextDelay(error)
      if (delay === undefined || !budget.spend()) return yield* error
      const left = call.until - now()
      yield* Effect.sleep(Math.max(0, Math.min(delay, left)))
      if (delay >= left) return yield* RedisError.RedisTimeoutError.after(name, call.total, error)
      Metrics.retries(name).updateUnsafe(1, context)
      const result = yield* again(operation, call.until)
      if (Result.isSuccess(result)) return result.success
      error = result.failure
    }
    return yield* error
  })

  const again = <A>(operation: Operation<A>, until: number) =>
    Effect.callback<Result.Result<A, RedisError.RedisCommandError>>((resume) => {
      const sentAt = now()
      const cancel = attempt(operation, sentAt, Math.min(commandTimeout, until - sentAt), (result) =>
        resume(Exit.succeed(result))
      )
      return Effect.sync(cancel)
    })

  return {
    start: (operation, call, done) => {
      budget.earn()
      const total = call.operationTimeout
      const startedAt = now()
      let retrying: Fiber.Fiber<unknown, unknown> | undefined
      let cancelled = false
      const cancel = attempt(operation, startedAt, Math.min(commandTimeout, total), (result) => {
        if (Result.isSuccess(result) || !call.retry || !mayRetry(result.failure, operation.kind)) return done(result)
        const until = startedAt + total
        const fiber = Effect.runForkWith(call.context)(
          Effect.result(retry(operation, result.failure, { total, until }))
        )
        retrying = fiber
        // A schedule that dies is the end of the retries.
        fiber.addObserver((exit) => {
          if (!cancelled) done(Exit.isSuccess(exit) ? exit.value : result)
        })
      })
      return () => {
        cancelled = true
        cancel()
        retrying?.interruptUnsafe()
      }
    },
    lastFailure: () => lastFailure
  }
}

const ignore = () => {}

// Calls that one loss cut share its cause.
const eventOf = (error: RedisError.RedisCommandError): unknown =>
  error._tag === "RedisConnectionError" && error.sent === "unknown" ? error.cause : undefined

const codeOf = (error: RedisError.RedisCommandError): string => {
  if (error._tag === "RedisOperationError") return error.code
  return error._tag === "RedisConnectionError" ? error.reason : ""
}
