import { Clock, Context, Effect, Exit, Result } from "effect"
import type { Cancel, Done } from "../dispatch.ts"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { CommandKind } from "../RedisCommand.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import type { Stats } from "../RedisClient.ts"
import * as Attempt from "./Attempt.ts"
import type { Call } from "./Attempt.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import * as InDoubt from "./InDoubt.ts"
import type { Counts } from "./Counts.ts"
import { errorStats } from "./errorStats.ts"
import { errorType, interrupted } from "./errorType.ts"
import * as Metrics from "./Metrics.ts"
import * as Monotonic from "./Monotonic.ts"
import { errorFields, type Fields, type OperationLog } from "./OperationLog.ts"
import * as Retries from "./Retries.ts"
import { awaitSendable, couldSend, hasEnded } from "./sendable.ts"
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
  /**
   * The same for a call whose first attempt was a part of another's and ended with `error`. `doubt`
   * is what was left open by then.
   */
  readonly goOn: <A>(
    call: Call<A>,
    error: RedisError.RedisCommandError,
    doubt: RedisError.RedisCommandError | undefined,
    done: Done<A>
  ) => Cancel
  /** Counts a failure of what is no attempt of a call, and what that says of a server. */
  readonly failed: Failed
  /** Tells what last counted as an outage of Redis, and when. */
  readonly lastFailure: () => Stats["lastFailure"]
}

/** Is told of a failure on a node, and of what that is to its circuit. */
export type Failed = (error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome, node: RedisNode) => void

/** Holds what all calls of a client share. */
export interface Options {
  readonly clock: Clock.Clock
  readonly live: LiveSettings
  readonly context: Context.Context<never>
  readonly counts: Counts
  readonly deadlines: Deadlines
  readonly metrics: Metrics.Metrics
  readonly onDefect: (defect: unknown) => void
  readonly operationLog: OperationLog
  /** Is told of each failure that may be the first sign of an outage. */
  readonly suspect: () => void
}

/** Makes the attempts of one client. */
export const make = (options: Options): Attempts => {
  const { clock, context, counts, deadlines, live, metrics, onDefect, operationLog, suspect } = options
  const budget = Retries.makeBudget(live.base.retry.budget)
  let lastFailure: Stats["lastFailure"]

  const now = () => Monotonic.millis(clock)

  const environment: Attempt.Environment = {
    live,
    context,
    deadlines,
    metrics,
    durations: metrics.attemptDuration(context),
    now,
    suspect,
    onFailure: (error, node) => {
      lastFailure = { ...errorStats(error), at: new Date(clock.currentTimeMillisUnsafe()).toISOString() }
      node.fail(error)
    }
  }

  const record = makeRecord(options)

  const retry = Effect.fnUntraced(function* <A>(
    call: Call<A>,
    first: RedisError.RedisCommandError,
    startedAt: number,
    doubtBefore: RedisError.RedisCommandError | undefined
  ): Effect.fn.Return<A, RedisError.RedisCommandError> {
    // What is said while it lasts is for the next one.
    const { policy } = live
    const timeout = timeoutOf(options, call)
    const until = startedAt + timeout
    let error = first
    // What an earlier attempt left open stays open, whatever comes of the last one.
    let doubt = doubtBefore
    let nextDelay: Retries.NextDelay | undefined
    let hops = 0
    let retries = 0
    while (true) {
      call.failed++
      if (RedisError.endOf(Result.fail(error)) !== "refused") doubt = error
      if (hops < mostHops && call.follow(error)) {
        hops++
        // A server that was named just now is still to be connected to.
        const { commandTimeout } = live.timesOf(call.kind)
        yield* awaitSendable(() => call.node(), call.kind, Math.min(until, now() + commandTimeout), now)
      } else if (maySendAgain(call, doubt) && mayWait(call, error, startedAt, now)) {
        const waitUntil = startedAt + Math.min(call.waitToSend, timeout)
        const sendable = yield* awaitSendable(() => call.node(), call.kind, waitUntil, now)
        if (!sendable) return yield* InDoubt.since(doubt, error)
      } else {
        const kind = mayRetry(call, error)
        if (kind === undefined) return yield* InDoubt.since(doubt, error)
        nextDelay ??= yield* Retries.start(policy, kind)
        const delay = yield* nextDelay(error)
        // Nobody waits for a retry that would come after the deadline.
        if (delay === undefined || delay >= until - now() || !budget.spend()) {
          return yield* InDoubt.since(doubt, error)
        }
        if (live.load?.sheds(counts.demand()) === true) {
          cutShort(options, yield* delaysUntil(until - now(), delay, nextDelay(error)))
          return yield* InDoubt.since(doubt, error)
        }
        retries++
        call.trace?.retry(retries, delay, error)
        if (operationLog.isOn) {
          sayRetry(operationLog, call, error, { retries, delay, most: Retries.most(policy, kind) })
        }
        yield* Effect.sleep(delay)
        counts.retries++
        metrics.retries(call.name).updateUnsafe(1, context)
      }
      // A busy event loop wakes it late, perhaps when nobody waits for it any more.
      if (now() >= until) return yield* InDoubt.since(doubt, error)
      const result = yield* again(environment, call, until)
      if (Result.isSuccess(result)) return result.success
      error = result.failure
    }
  })

  // Retries live on the clock of the connections, whatever clock the caller lives on.
  const forkRetry: ForkRetry = (call, error, startedAt, doubt, finish) => {
    const retrying = Effect.result(retry(call, error, startedAt, doubt))
    const fiber = Effect.runForkWith(Context.add(call.context, Clock.Clock, clock))(retrying)
    // A schedule that dies is the end of the retries.
    const stop = fiber.addObserver((exit) => finish(Exit.isSuccess(exit) ? exit.value : Result.fail(error)))
    return () => {
      stop()
      fiber.interruptUnsafe()
    }
  }

  return {
    start: makeStart(options, environment, { budget, forkRetry, record }),
    failed: (error, outcome, node) => Attempt.count(environment, error, outcome, node),
    goOn: (call, error, doubt, done) => forkRetry(call, error, now(), doubt, (result) => tell(done, result, onDefect)),
    lastFailure: () => lastFailure
  }
}

type ForkRetry = <A>(
  call: Call<A>,
  error: RedisError.RedisCommandError,
  startedAt: number,
  doubt: RedisError.RedisCommandError | undefined,
  finish: Done<A>
) => Cancel

const makeStart =
  (
    options: Options,
    environment: Attempt.Environment,
    {
      budget,
      forkRetry,
      record
    }: {
      readonly budget: Retries.RetryBudget
      readonly forkRetry: ForkRetry
      readonly record: ReturnType<typeof makeRecord>
    }
  ) =>
  <A>(call: Call<A>, done: Done<A>): Cancel => {
    const { live, now } = environment
    const { counts, onDefect, operationLog } = options
    budget.earn()
    counts.inFlight++
    const startedAt = now()
    let stopRetrying: Cancel | undefined
    let isTold = false
    const finish: Attempt.Ended<A> = (result, at) => {
      if (!isTold) counts.inFlight--
      isTold = true
      record(call, Result.isSuccess(result) ? Metrics.success : errorType(result.failure), at - startedAt)
      if (operationLog.isOn && Result.isFailure(result)) sayFailed(operationLog, call, result.failure, at - startedAt)
      tell(done, result, onDefect)
    }
    const nominal = Math.min(live.timesOf(call.kind).commandTimeout, call.timeout)
    const timeout = live.load === undefined ? nominal : live.load.shortened(nominal, counts.demand())
    const cancel = Attempt.start(environment, call, startedAt, timeout, (result, at) => {
      if (Result.isSuccess(result)) return finish(result, at)
      if (timeout < nominal && at - startedAt >= timeout) cutShort(options, nominal - timeout)
      if (isOver(call, result.failure, startedAt, now)) {
        call.failed++
        return finish(result, at)
      }
      stopRetrying = forkRetry(call, result.failure, startedAt, undefined, (result) => finish(result, now()))
    })
    return () => {
      if (!isTold) {
        counts.inFlight--
        record(call, interrupted, now() - startedAt)
      }
      isTold = true
      cancel()
      stopRetrying?.()
    }
  }

// Takes in an operation that has ended, its error type, and how many milliseconds it took.
const makeRecord =
  ({ context, counts, metrics }: Options) =>
  (call: Call<unknown>, type: string, millis: number): void => {
    const node = call.asked ?? call.node()
    if (call.readFrom === "replica") {
      metrics.replicaReads(node.isReplica ? "replica" : "master").updateUnsafe(1, context)
    }
    if (!call.isWhole) return
    counts.add(type)
    node
      .durations()(call.name)(type)
      .record(millis / 1000)
  }

const sayRetry = (
  log: OperationLog,
  call: Call<unknown>,
  error: RedisError.RedisCommandError,
  { delay, most, retries }: { readonly delay: number; readonly most: number | undefined; readonly retries: number }
): void =>
  log.write(
    "Redis command is tried again",
    { ...failureFields(call, error), retry: retries, max_retries: most, delay_ms: delay },
    call.context
  )

const sayFailed = (log: OperationLog, call: Call<unknown>, error: RedisError.RedisCommandError, millis: number): void =>
  log.write(
    "Redis command failed for good",
    { ...failureFields(call, error), duration_ms: Math.round(millis) },
    call.context
  )

const failureFields = (call: Call<unknown>, error: RedisError.RedisCommandError): Fields => {
  const node = call.asked ?? call.node()
  return {
    operation: call.name,
    node: node.name,
    ...errorFields(error),
    error_count: call.failed,
    circuit_breaker_state: node.circuitFor(call.kind).stats()._tag
  }
}

// Another attempt, as an Effect.
const again = <A>(environment: Attempt.Environment, call: Call<A>, until: number) =>
  Effect.callback<Result.Result<A, RedisError.RedisCommandError>>((resume) => {
    const { live, now } = environment
    const sentAt = now()
    const timeout = Math.min(live.timesOf(call.kind).commandTimeout, until - sentAt)
    const cancel = Attempt.start(environment, call, sentAt, timeout, (result) => resume(Exit.succeed(result)))
    return Effect.sync(cancel)
  })

// The deadline of an operation with all of its retries.
const timeoutOf = ({ counts, live }: Options, { timeout }: Call<unknown>): number =>
  live.load === undefined ? timeout : live.load.shortened(timeout, counts.demand())

// An operation that the load rule ends would have been in flight for so many milliseconds more. In
// few different times, for there is a list of deadlines for each.
const cutShort = ({ counts, deadlines, clock }: Options, millis: number): void => {
  const rounded = Math.ceil(millis / 100) * 100
  counts.cut++
  deadlines.add(Monotonic.millis(clock) + rounded, rounded, () => {
    counts.cut--
  })
}

// For how long the retries would have gone on, from the first one that is not made. A schedule may
// never end.
const delaysUntil = Effect.fnUntraced(function* (left: number, first: number, next: ReturnType<Retries.NextDelay>) {
  let total = first
  for (let retry = 0; retry < 100; retry++) {
    const delay = yield* next
    if (delay === undefined || total + delay >= left) break
    total += delay
  }
  return total
})

/** Tells whether a reply says that a key is elsewhere. */
export const isRedirect = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.redirect !== undefined

// Servers whose views differ could send a command to and fro.
const mostHops = 5

// Whether the first attempt was the last one.
const isOver = <A>(call: Call<A>, error: RedisError.RedisCommandError, startedAt: number, now: () => number): boolean =>
  !isRedirect(error) && mayRetry(call, error) === undefined && !mayWait(call, error, startedAt, now)

const mayRetry = <A>(call: Call<A>, error: RedisError.RedisCommandError): CommandKind | undefined =>
  call.retry && call.node().isClosed(call.kind) && !hasEnded(call.node()) ? call.retryable(error) : undefined

// What has left waits only where it may leave a second time.
const maySendAgain = <A>(call: Call<A>, doubt: RedisError.RedisCommandError | undefined): boolean =>
  doubt === undefined || (call.retry && call.retryable(doubt) !== undefined)

// What could leave now does not wait: that is a retry.
const mayWait = <A>(
  call: Call<A>,
  error: RedisError.RedisCommandError,
  startedAt: number,
  now: () => number
): boolean =>
  call.waitToSend > 0 &&
  isWaitable(call, error) &&
  !hasEnded(call.node()) &&
  !couldSend(call.node(), call.kind) &&
  now() < startedAt + call.waitToSend

// Whether a connection or the circuit is what was missing.
const isWaitable = <A>(call: Call<A>, error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisCircuitBreakerOpenError") return true
  const wasMissing = error._tag === "RedisConnectionError" && error.reason !== "Saturated"
  return (wasMissing || error._tag === "RedisTimeoutError") && call.retryable(error) !== undefined
}
