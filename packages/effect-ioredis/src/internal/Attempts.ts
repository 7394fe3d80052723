import { type Clock, type Context, Effect, Exit, type Fiber, Result } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { CommandKind } from "../RedisCommand.ts"
import type { RedisConnection, Session } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import * as RetryPolicy from "../RetryPolicy.ts"
import type { Deadline, Deadlines } from "./Deadlines.ts"
import * as Metrics from "./Metrics.ts"
import * as Monotonic from "./Monotonic.ts"

/**
 * `retry(breaker(deadline(send)))` for one call.
 *
 * The first attempt costs no fiber: admission, deadline and record are a few function calls and take 1 µs, where Effect's `timeout` and
 * `retry` alone take 7. A fiber is begun only where there is something to retry.
 */
export interface Attempts {
  /** Tells `done` once what came of it, and gives back what to call when nobody waits for that any more. */
  readonly start: <A>(operation: Operation<A>, done: Done<A>) => Cancel
  readonly lastFailure: () => RedisError.RedisCommandError | undefined
}

/** What is to be done, on the connection whose silence would be a stall, and how: `context` is what its retries run in. */
export class Operation<A> {
  readonly name: string
  readonly kind: CommandKind
  readonly connection: RedisConnection
  readonly dispatch: Dispatch<A>
  readonly operationTimeout: number
  readonly retry: boolean
  readonly context: Context.Context<never>

  constructor(
    name: string,
    kind: CommandKind,
    connection: RedisConnection,
    dispatch: Dispatch<A>,
    operationTimeout: number,
    retry: boolean,
    context: Context.Context<never>
  ) {
    this.name = name
    this.kind = kind
    this.connection = connection
    this.dispatch = dispatch
    this.operationTimeout = operationTimeout
    this.retry = retry
    this.context = context
  }
}

/** Sends what is to be sent, once, and tells what came of it. */
export type Dispatch<A> = (done: Done<A>) => Cancel

export type Done<A> = (result: Result.Result<A, RedisError.RedisCommandError>) => void

/** To be called when nobody waits any more. After the end it does nothing. */
export type Cancel = () => void

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
  const stalls = new WeakSet<Session>()
  let replacedAt = Number.NEGATIVE_INFINITY
  let lastFailure: RedisError.RedisCommandError | undefined

  const now = () => Monotonic.millis(clock)

  // One attempt: admission, one sending, one deadline, one record.
  const attempt = <A>(operation: Operation<A>, sentAt: number, timeout: number, done: Done<A>): Cancel => {
    const permit = breaker.acquireUnsafe()
    if (permit === undefined) {
      done(Result.fail(breaker.rejection(operation.name)))
      return ignore
    }
    const self = new Attempt(operation, permit, sentAt, timeout, done)
    self.deadline = deadlines.add(sentAt + timeout, timeout, () => self.expire())
    self.giveUp = operation.dispatch((result) => self.end(result))
    return () => self.cancel()
  }

  class Attempt<A> {
    readonly operation: Operation<A>
    readonly permit: CircuitBreaker.Permit
    readonly sentAt: number
    readonly timeout: number
    readonly done: Done<A>
    readonly activity: number
    deadline: Deadline | undefined = undefined
    giveUp: Cancel = ignore
    settled = false

    constructor(
      operation: Operation<A>,
      permit: CircuitBreaker.Permit,
      sentAt: number,
      timeout: number,
      done: Done<A>
    ) {
      this.operation = operation
      this.permit = permit
      this.sentAt = sentAt
      this.timeout = timeout
      this.done = done
      this.activity = operation.connection.activity()
    }

    end(result: Result.Result<A, RedisError.RedisCommandError>): void {
      if (this.settled) return
      if (Result.isSuccess(result)) {
        this.settle(result, "success")
        return
      }
      this.fail(result.failure, RedisError.outcome(result.failure))
      if (RedisError.needsReconnect(result.failure)) replace(this.operation.connection)
    }

    expire(): void {
      const { connection, name } = this.operation
      this.giveUp()
      const stalled = connection.activity() === this.activity
      this.fail(RedisError.RedisTimeoutError.after(name, this.timeout), stalled ? "fatal" : "failure")
      if (stalled) replaceStalled(connection)
      else suspect(connection, this.timeout)
    }

    cancel(): void {
      if (this.settled) return
      this.settled = true
      this.giveUp()
      this.deadline?.cancel()
      breaker.recordUnsafe(this.permit, "ignored")
    }

    fail(error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome): void {
      if (!asksForScript(error)) Metrics.errors(error._tag)(codeOf(error)).updateUnsafe(1, context)
      if (outcome === "failure" || outcome === "fatal") lastFailure = error
      this.settle(Result.fail(error), outcome, eventOf(error))
    }

    settle(
      result: Result.Result<A, RedisError.RedisCommandError>,
      outcome: CircuitBreaker.Outcome,
      event?: unknown
    ): void {
      this.settled = true
      this.deadline?.cancel()
      breaker.recordUnsafe(this.permit, outcome, event)
      Metrics.operationDuration(this.operation.name)(outcome).updateUnsafe((now() - this.sentAt) / 1000, context)
      this.done(result)
    }
  }

  // A hundred calls may find one stall.
  const replaceStalled = (connection: RedisConnection) => {
    const session = connection.session()
    if (session === undefined || stalls.has(session)) return
    stalls.add(session)
    Metrics.connectionEvents("stalled").updateUnsafe(1, context)
    connection.reconnect("Stalled")
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
    let refused = true
    while (mayRetry(error, kind)) {
      refused &&= RedisError.endOf(Result.fail(error)) === "refused"
      const delay = yield* nextDelay(error)
      if (delay === undefined || !budget.spend()) return yield* error
      const left = call.until - now()
      yield* Effect.sleep(Math.max(0, Math.min(delay, left)))
      if (delay >= left)
        return yield* RedisError.RedisTimeoutError.after(name, call.total, error, refused ? "never" : "unknown")
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
    start: (operation, done) => {
      budget.earn()
      const total = operation.operationTimeout
      const startedAt = now()
      let retrying: Fiber.Fiber<unknown, unknown> | undefined
      let cancelled = false
      const cancel = attempt(operation, startedAt, Math.min(commandTimeout, total), (result) => {
        if (Result.isSuccess(result) || !operation.retry || !mayRetry(result.failure, operation.kind))
          return done(result)
        const until = startedAt + total
        const fiber = Effect.runForkWith(operation.context)(
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

// An unknown script is no error: it is sent whole next.
const asksForScript = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "NOSCRIPT"

const codeOf = (error: RedisError.RedisCommandError): string => {
  if (error._tag === "RedisOperationError") return error.code
  return error._tag === "RedisConnectionError" ? error.reason : ""
}
