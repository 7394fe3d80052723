import { type Context, Result } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { Cancel, OperationKind } from "../dispatch.ts"
import type { CommandKind } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisNode } from "./node/RedisNode.ts"
import type { NodeCircuit } from "./circuitBreaker/NodeCircuit.ts"
import type { CommandSpan } from "./CommandSpan.ts"
import type { Deadline, Deadlines } from "./Deadlines.ts"
import type { Distribution } from "./Distribution.ts"
import { errorType } from "./errorType.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import type * as Metrics from "./Metrics.ts"
import type { NodeSession } from "./node/NodeSession.ts"

/** Describes one call: what to do at each attempt anew, and for how long. */
export interface Call<A> {
  readonly name: string
  /** Says whether it is an operation as a whole, and not a part of one. */
  readonly isWhole: boolean
  /** The node that the last attempt was sent to, if one was. */
  readonly asked: RedisNode | undefined
  /** Says whom it asks first. */
  readonly readFrom: "master" | "replica" | undefined
  /** Says whether it only reads. */
  readonly kind: OperationKind
  /** In milliseconds, with all retries. */
  readonly timeout: number
  readonly retry: boolean
  /** For how many milliseconds it may wait to be sent for the first time. */
  readonly waitToSend: number
  /** Counts the attempts that have failed. */
  failed: number
  /** Is told what happens to it, where somebody traces it. */
  readonly trace: CommandSpan | undefined
  /** Holds what retries run in. */
  readonly context: Context.Context<never>
  /** The node that an attempt goes to now. */
  readonly node: () => RedisNode
  /** Sends what is still to be sent, and ends the attempt once, at once or later. */
  readonly send: (attempt: Attempt<A>) => void
  /** The kind of what may be sent again after a failure, or `undefined` where nothing may. */
  readonly retryable: (error: RedisError.RedisCommandError) => CommandKind | undefined
  /**
   * Sends the next attempt to the server that a reply names, and says whether there is one. It is
   * no retry: nothing went wrong.
   */
  readonly follow: (error: RedisError.RedisCommandError) => boolean
}

/** Is told once what came of an attempt, and when, in the milliseconds of `Environment.now`. */
export type Ended<A> = (result: Result.Result<A, RedisError.RedisCommandError>, at: number) => void

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

/** Holds what all attempts of a client share. */
export interface Environment {
  readonly live: LiveSettings
  readonly context: Context.Context<never>
  readonly deadlines: Deadlines
  readonly metrics: Metrics.Metrics
  /** Takes how many seconds an attempt of a command took, by its outcome. */
  readonly durations: (operation: string) => (outcome: CircuitBreaker.Outcome) => Distribution
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  /** Is told of each failure that counts as an outage of Redis. */
  readonly onFailure: (error: RedisError.RedisCommandError, node: RedisNode) => void
  /** Is told of each failure that may be the first sign of an outage. */
  readonly suspect: () => void
}

/**
 * Makes one attempt of a call: `breaker(deadline(send))`. It tells `done` once, and returns what to
 * call when nobody waits any more.
 */
export const start = <A>(
  environment: Environment,
  call: Call<A>,
  sentAt: number,
  timeout: number,
  done: Ended<A>
): Cancel => {
  const node = call.node()
  const circuit = node.circuitFor(call.kind)
  const permit = circuit.acquire()
  if (permit === undefined) {
    const refused = circuit.rejection(call.name)
    call.trace?.refused(refused)
    done(Result.fail(refused), sentAt)
    return ignore
  }
  const attempt = new Running(environment, call, node, circuit, permit, sentAt, timeout, done)
  attempt.deadline = environment.deadlines.add(sentAt + timeout, timeout, () => attempt.expire())
  call.send(attempt)
  return () => attempt.cancel()
}

const ignore = () => {}

class Running<A> implements Attempt<A> {
  readonly environment: Environment
  readonly call: Call<A>
  readonly node: RedisNode
  readonly circuit: NodeCircuit
  readonly permit: number
  readonly sentAt: number
  readonly timeout: number
  readonly done: Ended<A>
  deadline: Deadline | undefined = undefined
  // Nearly every attempt is carried by one session, which needs no list.
  session: NodeSession | undefined = undefined
  activity = 0
  others: Array<readonly [session: NodeSession, activity: number]> | undefined = undefined
  settled = false
  // Whether its end is still to be told to the circuit, although its caller has gone.
  goesOn = false

  constructor(
    environment: Environment,
    call: Call<A>,
    node: RedisNode,
    circuit: NodeCircuit,
    permit: number,
    sentAt: number,
    timeout: number,
    done: Ended<A>
  ) {
    this.environment = environment
    this.call = call
    this.node = node
    this.circuit = circuit
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
    if (isReply(result)) session.hear(this.environment.now())
  }

  end(result: Result.Result<A, RedisError.RedisCommandError>, from?: NodeSession): void {
    const at = this.environment.now()
    if (from !== undefined && isReply(result)) from.hear(at)
    if (this.settled) {
      this.endProbe(result)
      return
    }
    if (Result.isSuccess(result)) {
      this.settle(result, "success", at)
      return
    }
    const { failure } = result
    if (failure._tag === "RedisOperationError") this.node.observe(failure)
    this.fail(failure, RedisError.outcome(failure), at, this.eventOf(failure))
  }

  // What one lost session cuts is one failure, like the silence for which it was replaced. Where
  // several carried the call, nobody says which: those that one loss cut share its cause.
  eventOf(failure: RedisError.RedisCommandError): unknown {
    if (failure._tag !== "RedisConnectionError" || failure.sent !== "unknown") return undefined
    return this.others === undefined ? this.session : failure.cause
  }

  // A deadline shorter than `commandTimeout` is this caller's, and says nothing of Redis yet.
  expire(): void {
    const { call, environment, session, timeout } = this
    const silent = session !== undefined && session.connection.activity() === this.activity
    const outcome =
      timeout < environment.live.timesOf(call.kind).commandTimeout || (environment.deadlines.isCatchingUp() && !silent)
        ? "ignored"
        : "failure"
    this.settled = true
    this.goesOn = outcome === "ignored" && this.isProbing()
    // A stall opens the circuit before the caller is told, so that he does not try again.
    this.suspect(this.sentAt + timeout)
    this.fail(
      RedisError.RedisTimeoutError.after(call.name, timeout),
      outcome,
      environment.now(),
      silent ? session : undefined
    )
  }

  cancel(): void {
    if (this.settled) return
    this.settled = true
    this.deadline?.cancel()
    this.goesOn = this.isProbing()
    if (!this.goesOn) this.circuit.record(this.permit, "ignored")
    const at = this.environment.now()
    this.time("ignored", at)
    this.suspect(at)
  }

  // A probe goes on without its caller, and keeps its slot: what comes of it says whether Redis is
  // back. Callers of little patience would otherwise keep a circuit half-open for ever. If nothing
  // comes, the circuit itself ends it.
  isProbing(): boolean {
    return this.session?.isOpen() === true && !this.circuit.isClosed()
  }

  endProbe(result: Result.Result<A, RedisError.RedisCommandError>): void {
    if (!this.goesOn) return
    this.goesOn = false
    const outcome = Result.isSuccess(result) ? "success" : RedisError.outcome(result.failure)
    this.circuit.record(this.permit, outcome)
  }

  suspect(at: number): void {
    if (this.session !== undefined) this.node.suspect(this.session, this.activity, this.sentAt, at)
    if (this.others === undefined) return
    for (const [session, activity] of this.others) this.node.suspect(session, activity, this.sentAt, at)
  }

  fail(error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome, at: number, event: unknown): void {
    count(this.environment, error, outcome, this.node)
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
    if (!this.goesOn) this.circuit.record(this.permit, outcome, event)
    this.time(outcome, at)
    this.done(result, at)
  }

  time(outcome: CircuitBreaker.Outcome, at: number): void {
    this.environment
      .durations(this.call.name)(outcome)
      .record((at - this.sentAt) / 1000)
  }
}

/** Counts a failure, and tells of one that counts as an outage of the node. */
export const count = (
  { context, metrics, onFailure, suspect }: Environment,
  error: RedisError.RedisCommandError,
  outcome: CircuitBreaker.Outcome,
  node: RedisNode
): void => {
  if (countsAsError(error)) metrics.errors(errorType(error))(reasonOf(error)).updateUnsafe(1, context)
  if (outcome === "failure") onFailure(error, node)
  // A caller who is out of patience sees an outage before the circuit does.
  if (outcome === "failure" || error._tag !== "RedisOperationError") suspect()
}

// Errors of the connection and what was called off here did not come from the server.
const isReply = (result: Result.Result<unknown, RedisError.RedisCommandError>): boolean =>
  Result.isSuccess(result) || (result.failure._tag === "RedisOperationError" && result.failure.code !== "SUPERSEDED")

// The source of a script that the server has forgotten follows at once.
const countsAsError = (error: RedisError.RedisCommandError): boolean =>
  !(error._tag === "RedisOperationError" && error.code === "NOSCRIPT")

const reasonOf = (error: RedisError.RedisCommandError): string =>
  error._tag === "RedisConnectionError" ? error.reason : ""
