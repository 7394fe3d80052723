import { Clock, Context, Effect, Exit, type Fiber, Result } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { Cancel, Done } from "../dispatch.ts"
import type { CommandKind } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import type * as RetryPolicy from "../RetryPolicy.ts"
import type { Deadline, Deadlines } from "./Deadlines.ts"
import * as InDoubt from "./InDoubt.ts"
import type * as Metrics from "./Metrics.ts"
import * as Monotonic from "./Monotonic.ts"
import type { NodeSession } from "./node/NodeSession.ts"
import * as Retries from "./Retries.ts"
import { tell } from "./tell.ts"

/**
 * `retry(breaker(deadline(send)))` for one call.
 *
 * The first attempt costs no fiber: admission, deadline and record are a few function calls and
 * take 1 µs, where Effect's `timeout` and `retry` alone take 7. A fiber is begun only where there
 * is something to retry.
 */
export interface Attempts {
  /**
   * Tells `done` once what came of the call, and returns what to call when nobody waits any more.
   */
  readonly start: <A>(call: Call<A>, done: Done<A>) => Cancel
  readonly lastFailure: () => RedisError.RedisCommandError | undefined
}

/** Describes one call: what to do at each attempt anew, and for how long. */
export interface Call<A> {
  readonly name: string
  /** In milliseconds, with all retries. */
  readonly timeout: number
  readonly retry: boolean
  /** For how many milliseconds it may wait to be sent for the first time. */
  readonly waitToSend: number
  /** Holds what retries run in. */
  readonly context: Context.Context<never>
  /** The node that an attempt goes to now. */
  readonly node: () => RedisNode
  /** Sends what is still to be sent, and ends the attempt once, at once or later. */
  readonly send: (attempt: Attempt<A>) => void
  /** The kind of what may be sent again after a failure, or `undefined` where nothing may. */
  readonly retryable: (error: RedisError.RedisCommandError) => CommandKind | undefined
}

/** One admission, one sending, one deadline, one record. */
export interface Attempt<A> {
  readonly node: RedisNode
  /** Says which session carries it, so that its silence can be told from slowness. */
  readonly carriedBy: (session: NodeSession) => void
  /** Tells whether it has ended, perhaps by its deadline. */
  readonly isOver: () => boolean
  /** Says that a session has answered, or failed, one command of several. */
  readonly hear: (session: NodeSession, result: ReplyResult) => void
  /**
   * Ends it. `from` is the session that has answered or failed, where that is not known by `hear`.
   */
  readonly end: (result: Result.Result<A, RedisError.RedisCommandError>, from?: NodeSession) => void
}

export const make = ({
  clock,
  commandTimeout,
  context,
  deadlines,
  metrics,
  onDefect,
  policy
}: {
  readonly clock: Clock.Clock
  readonly commandTimeout: number
  readonly context: Context.Context<never>
  readonly deadlines: Deadlines
  readonly metrics: Metrics.Metrics
  readonly onDefect: (defect: unknown) => void
  readonly policy: RetryPolicy.RetryPolicy
}): Attempts => {
  const budget = Retries.makeBudget(policy.budget)
  let lastFailure: RedisError.RedisCommandError | undefined

  const now = () => Monotonic.millis(clock)

  const attempt = <A>(call: Call<A>, sentAt: number, timeout: number, done: Done<A>): Cancel => {
    const node = call.node()
    const permit = node.circuit.acquire()
    if (permit === undefined) {
      done(Result.fail(node.circuit.rejection(call.name)))
      return ignore
    }
    const self = new Running(call, node, permit, sentAt, timeout, done)
    self.deadline = deadlines.add(sentAt + timeout, timeout, () => self.expire())
    call.send(self)
    return () => self.cancel()
  }

  class Running<A> implements Attempt<A> {
    readonly call: Call<A>
    readonly node: RedisNode
    readonly permit: number
    readonly sentAt: number
    readonly timeout: number
    readonly done: Done<A>
    deadline: Deadline | undefined = undefined
    // Nearly every attempt is carried by one session, which needs no list.
    session: NodeSession | undefined = undefined
    activity = 0
    others: Array<readonly [session: NodeSession, activity: number]> | undefined = undefined
    settled = false

    constructor(call: Call<A>, node: RedisNode, permit: number, sentAt: number, timeout: number, done: Done<A>) {
      this.call = call
      this.node = node
      this.permit = permit
      this.sentAt = sentAt
      this.timeout = timeout
      this.done = done
    }

    carriedBy(session: NodeSession): void {
      const activity = session.connection.activity()
      if (this.session === undefined) {
        this.session = session
        this.activity = activity
      } else if (this.session !== session) {
        this.others ??= []
        this.others.push([session, activity])
      }
    }

    isOver(): boolean {
      return this.settled
    }

    hear(session: NodeSession, result: ReplyResult): void {
      if (isReply(result)) session.hear(now())
    }

    end(result: Result.Result<A, RedisError.RedisCommandError>, from?: NodeSession): void {
      const at = now()
      if (from !== undefined && isReply(result)) from.hear(at)
      if (this.settled) return
      if (Result.isSuccess(result)) {
        this.settle(result, "success", at)
        return
      }
      const { failure } = result
      if (failure._tag === "RedisOperationError") this.node.observe(failure)
      this.fail(failure, RedisError.outcome(failure), at, eventOf(failure))
    }

    // A deadline shorter than `commandTimeout` is this caller's, and says nothing of Redis yet.
    expire(): void {
      const { call, session, timeout } = this
      const silent = session !== undefined && session.connection.activity() === this.activity
      const outcome = timeout < commandTimeout || (deadlines.isCatchingUp() && !silent) ? "ignored" : "failure"
      this.settled = true
      // A stall opens the circuit before the caller is told, so that he does not try again.
      this.suspect(this.sentAt + timeout)
      this.fail(RedisError.RedisTimeoutError.after(call.name, timeout), outcome, now(), silent ? session : undefined)
    }

    cancel(): void {
      if (this.settled) return
      this.settled = true
      this.deadline?.cancel()
      this.node.circuit.record(this.permit, "ignored")
      this.suspect(now())
    }

    suspect(at: number): void {
      if (this.session !== undefined) this.node.suspect(this.session, this.activity, this.sentAt, at)
      if (this.others === undefined) return
      for (const [session, activity] of this.others) this.node.suspect(session, activity, this.sentAt, at)
    }

    fail(error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome, at: number, event: unknown): void {
      if (countsAsError(error)) metrics.errors(error._tag)(codeOf(error)).updateUnsafe(1, context)
      if (outcome === "failure") lastFailure = error
      this.settle(Result.fail(error), outcome, at, event)
    }

    settle(
      result: Result.Result<A, RedisError.RedisCommandError>,
      outcome: CircuitBreaker.Outcome,
      at: number,
      event?: unknown
    ): void {
      this.settled = true
      this.deadline?.cancel()
      this.node.circuit.record(this.permit, outcome, event)
      metrics
        .operationDuration(this.call.name)(outcome)
        .updateUnsafe((at - this.sentAt) / 1000, context)
      this.done(result)
    }
  }

  const mayRetry = <A>(call: Call<A>, error: RedisError.RedisCommandError): CommandKind | undefined =>
    call.retry && call.node().isClosed() && !hasEnded(call.node()) ? call.retryable(error) : undefined

  // What has not left waits only where it could not leave now either.
  const mayWait = <A>(call: Call<A>, error: RedisError.RedisCommandError, startedAt: number): boolean =>
    call.waitToSend > 0 &&
    isWaitable(call, error) &&
    !hasEnded(call.node()) &&
    !couldSend(call.node()) &&
    now() < startedAt + call.waitToSend

  // Whether a command could leave before `until`.
  const awaitSendable = <A>(call: Call<A>, until: number): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const node = call.node()
      const left = until - now()
      if (couldSend(node)) return Effect.succeed(true)
      if (left <= 0 || hasEnded(node)) return Effect.succeed(false)
      // Nobody tells when an open circuit becomes due, but the time is known.
      const wait = Math.ceil(Math.min(left, node.circuit.dueIn() || left))
      return Effect.andThen(Effect.timeoutOption(node.changed, wait), awaitSendable(call, until))
    })

  const retry = Effect.fnUntraced(function* <A>(
    call: Call<A>,
    first: RedisError.RedisCommandError,
    startedAt: number
  ): Effect.fn.Return<A, RedisError.RedisCommandError> {
    const until = startedAt + call.timeout
    let error = first
    // What an earlier attempt left open stays open, whatever comes of the last one.
    let doubt: RedisError.RedisCommandError | undefined
    let nextDelay: Retries.NextDelay | undefined
    while (true) {
      if (RedisError.endOf(Result.fail(error)) !== "refused") doubt = error
      if (doubt === undefined && mayWait(call, error, startedAt)) {
        const sendable = yield* awaitSendable(call, startedAt + Math.min(call.waitToSend, call.timeout))
        if (!sendable) return yield* error
      } else {
        const kind = mayRetry(call, error)
        if (kind === undefined) return yield* InDoubt.since(doubt, error)
        nextDelay ??= yield* Retries.start(policy, kind)
        const delay = yield* nextDelay(error)
        if (delay === undefined || !budget.spend()) return yield* InDoubt.since(doubt, error)
        const left = until - now()
        yield* Effect.sleep(Math.max(0, Math.min(delay, left)))
        if (delay >= left) {
          const sent = doubt === undefined ? "never" : "unknown"
          return yield* RedisError.RedisTimeoutError.after(call.name, call.timeout, error, sent)
        }
        metrics.retries(call.name).updateUnsafe(1, context)
      }
      const result = yield* again(call, until)
      if (Result.isSuccess(result)) return result.success
      error = result.failure
    }
  })

  const again = <A>(call: Call<A>, until: number) =>
    Effect.callback<Result.Result<A, RedisError.RedisCommandError>>((resume) => {
      const sentAt = now()
      const cancel = attempt(call, sentAt, Math.min(commandTimeout, until - sentAt), (result) =>
        resume(Exit.succeed(result))
      )
      return Effect.sync(cancel)
    })

  // Retries live on the clock of the connections, whatever clock the caller lives on.
  const forkRetry = <A>(call: Call<A>, error: RedisError.RedisCommandError, startedAt: number) =>
    Effect.runForkWith(Context.add(call.context, Clock.Clock, clock))(Effect.result(retry(call, error, startedAt)))

  return {
    start: (call, done) => {
      budget.earn()
      const startedAt = now()
      let retrying: Fiber.Fiber<unknown, unknown> | undefined
      let cancelled = false
      const finish: typeof done = (result) => tell(done, result, onDefect)
      const cancel = attempt(call, startedAt, Math.min(commandTimeout, call.timeout), (result) => {
        if (Result.isSuccess(result)) return finish(result)
        const { failure } = result
        if (mayRetry(call, failure) === undefined && !mayWait(call, failure, startedAt)) return finish(result)
        const fiber = forkRetry(call, failure, startedAt)
        retrying = fiber
        // A schedule that dies is the end of the retries.
        fiber.addObserver((exit) => {
          if (!cancelled) finish(Exit.isSuccess(exit) ? exit.value : result)
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

const hasEnded = (node: RedisNode): boolean => node.status() === "Closed"

const couldSend = (node: RedisNode): boolean => node.isReady() && node.circuit.dueIn() === 0

// Whether a connection or the circuit is what was missing.
const isWaitable = <A>(call: Call<A>, error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisCircuitBreakerOpenError") return true
  const wasMissing = error._tag === "RedisConnectionError" && error.sent === "never" && error.reason !== "Saturated"
  return wasMissing && call.retryable(error) !== undefined
}

// Errors of the connection and what was called off here did not come from the server.
const isReply = (result: Result.Result<unknown, RedisError.RedisCommandError>): boolean =>
  Result.isSuccess(result) ||
  (result.failure._tag === "RedisOperationError" && RedisError.outcome(result.failure) !== "ignored")

// The source of a script that the server has forgotten follows at once.
const countsAsError = (error: RedisError.RedisCommandError): boolean =>
  !(error._tag === "RedisOperationError" && error.code === "NOSCRIPT")

// Calls that one loss cut share its cause.
const eventOf = (error: RedisError.RedisCommandError): unknown =>
  error._tag === "RedisConnectionError" && error.sent === "unknown" ? error.cause : undefined

const codeOf = (error: RedisError.RedisCommandError): string => {
  if (error._tag === "RedisOperationError") return error.code
  return error._tag === "RedisConnectionError" ? error.reason : ""
}
