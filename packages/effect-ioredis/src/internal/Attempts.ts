import { Clock, Context, Effect, Exit, Result } from "effect"
import type { Cancel, Done } from "../dispatch.ts"
import type { CommandKind } from "../RedisCommand.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import type * as RetryPolicy from "../RetryPolicy.ts"
import * as Attempt from "./Attempt.ts"
import type { Call } from "./Attempt.ts"
import type { Deadlines } from "./Deadlines.ts"
import * as InDoubt from "./InDoubt.ts"
import type * as Metrics from "./Metrics.ts"
import * as Monotonic from "./Monotonic.ts"
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
  readonly lastFailure: () => RedisError.RedisCommandError | undefined
}

/** Holds what all calls of a client share. */
export interface Options {
  readonly clock: Clock.Clock
  readonly commandTimeout: number
  readonly context: Context.Context<never>
  readonly deadlines: Deadlines
  readonly metrics: Metrics.Metrics
  readonly onDefect: (defect: unknown) => void
  readonly policy: RetryPolicy.RetryPolicy
}

/** Makes the attempts of one client. */
export const make = (options: Options): Attempts => {
  const { clock, commandTimeout, context, deadlines, metrics, onDefect, policy } = options
  const budget = Retries.makeBudget(policy.budget)
  let lastFailure: RedisError.RedisCommandError | undefined

  const now = () => Monotonic.millis(clock)

  const environment: Attempt.Environment = {
    commandTimeout,
    context,
    deadlines,
    metrics,
    durations: metrics.operationDuration(context),
    now,
    onFailure: (error, node) => {
      lastFailure = error
      node.fail(error)
    }
  }

  const retry = Effect.fnUntraced(function* <A>(
    call: Call<A>,
    first: RedisError.RedisCommandError,
    startedAt: number,
    doubtBefore: RedisError.RedisCommandError | undefined
  ): Effect.fn.Return<A, RedisError.RedisCommandError> {
    const until = startedAt + call.timeout
    let error = first
    // What an earlier attempt left open stays open, whatever comes of the last one.
    let doubt = doubtBefore
    let nextDelay: Retries.NextDelay | undefined
    let hops = 0
    while (true) {
      if (RedisError.endOf(Result.fail(error)) !== "refused") doubt = error
      if (hops < mostHops && call.follow(error)) {
        hops++
        // A server that was named just now is still to be connected to.
        yield* awaitSendable(call, Math.min(until, now() + commandTimeout), now)
      } else if (doubt === undefined && mayWait(call, error, startedAt, now)) {
        const sendable = yield* awaitSendable(call, startedAt + Math.min(call.waitToSend, call.timeout), now)
        if (!sendable) return yield* error
      } else {
        const kind = mayRetry(call, error)
        if (kind === undefined) return yield* InDoubt.since(doubt, error)
        nextDelay ??= yield* Retries.start(policy, kind)
        const delay = yield* nextDelay(error)
        // Nobody waits for a retry that would come after the deadline.
        if (delay === undefined || delay >= until - now() || !budget.spend()) {
          return yield* InDoubt.since(doubt, error)
        }
        yield* Effect.sleep(delay)
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
  const forkRetry = <A>(
    call: Call<A>,
    error: RedisError.RedisCommandError,
    startedAt: number,
    doubt: RedisError.RedisCommandError | undefined,
    finish: Done<A>
  ): Cancel => {
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
    start: (call, done) => {
      budget.earn()
      const startedAt = now()
      let stopRetrying: Cancel | undefined
      const finish: typeof done = (result) => tell(done, result, onDefect)
      const cancel = Attempt.start(environment, call, startedAt, Math.min(commandTimeout, call.timeout), (result) => {
        if (Result.isSuccess(result)) return finish(result)
        if (isOver(call, result.failure, startedAt, now)) return finish(result)
        stopRetrying = forkRetry(call, result.failure, startedAt, undefined, finish)
      })
      return () => {
        cancel()
        stopRetrying?.()
      }
    },
    goOn: (call, error, doubt, done) => forkRetry(call, error, now(), doubt, (result) => tell(done, result, onDefect)),
    lastFailure: () => lastFailure
  }
}

// Another attempt, as an Effect.
const again = <A>(environment: Attempt.Environment, call: Call<A>, until: number) =>
  Effect.callback<Result.Result<A, RedisError.RedisCommandError>>((resume) => {
    const { commandTimeout, now } = environment
    const sentAt = now()
    const cancel = Attempt.start(environment, call, sentAt, Math.min(commandTimeout, until - sentAt), (result) =>
      resume(Exit.succeed(result))
    )
    return Effect.sync(cancel)
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
  call.retry && call.node().isClosed() && !hasEnded(call.node()) ? call.retryable(error) : undefined

// What has not left waits only where it could not leave now either.
const mayWait = <A>(
  call: Call<A>,
  error: RedisError.RedisCommandError,
  startedAt: number,
  now: () => number
): boolean =>
  call.waitToSend > 0 &&
  isWaitable(call, error) &&
  !hasEnded(call.node()) &&
  !couldSend(call.node()) &&
  now() < startedAt + call.waitToSend

// Whether a command could leave before `until`.
const awaitSendable = <A>(call: Call<A>, until: number, now: () => number): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const node = call.node()
    const left = until - now()
    if (couldSend(node)) return Effect.succeed(true)
    if (left <= 0 || hasEnded(node)) return Effect.succeed(false)
    // Nobody tells when an open circuit becomes due, but the time is known.
    const wait = Math.ceil(Math.min(left, node.dueIn() || left))
    return Effect.andThen(Effect.timeoutOption(node.changed, wait), awaitSendable(call, until, now))
  })

const hasEnded = (node: RedisNode): boolean => node.status() === "Closed"

const couldSend = (node: RedisNode): boolean => node.isReady() && node.dueIn() === 0

// Whether a connection or the circuit is what was missing.
const isWaitable = <A>(call: Call<A>, error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisCircuitBreakerOpenError") return true
  const wasMissing = error._tag === "RedisConnectionError" && error.sent === "never" && error.reason !== "Saturated"
  return wasMissing && call.retryable(error) !== undefined
}
