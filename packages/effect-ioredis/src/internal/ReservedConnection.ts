import { Effect, Exit, Option, Result, Semaphore } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisConnection, ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisReservation, TransactionResults } from "../RedisReservation.ts"
import type { Failed } from "./Attempts.ts"
import { blockTime } from "./blockTime.ts"
import type { Deadlines } from "./Deadlines.ts"
import { Exec } from "./Exec.ts"
import type { NodeSession } from "./node/NodeSession.ts"
import { reservedRefusal } from "./reservedRefusal.ts"
import * as Replies from "./Replies.ts"

/** Sets how long a command may take, and who is told of those that fail. */
export interface Settings {
  readonly commandTimeout: number
  readonly deadlines: Deadlines
  /** The monotonic time in milliseconds. */
  readonly now: () => number
  readonly failed: Failed
}

/**
 * A connection that one caller has for himself.
 *
 * What its commands come to counts for the circuit of its node, if that was closed when they left.
 * No other circuit is asked: what was begun on a connection can be ended on it, and a command that
 * waits on the server would hold a probe.
 */
export class ReservedConnection implements RedisReservation {
  readonly #link: NodeSession
  readonly #settings: Settings
  readonly #turns = Semaphore.makeUnsafe(1)
  #isWatching = false
  #isChanged = false
  #isOver = false

  constructor(link: NodeSession, settings: Settings) {
    this.#link = link
    this.#settings = settings
  }

  get connection(): RedisConnection {
    return this.#link.connection
  }

  /** Takes the connection from the caller, and gives the next one another hold of it. */
  passOn(): ReservedConnection {
    this.#isOver = true
    return new ReservedConnection(this.#link, this.#settings)
  }

  /** Tells whether it is as one would be made now, so that somebody else may have it. */
  isClean(): boolean {
    const { connection, isOutdated } = this.#link
    return connection.isOpen() && connection.inFlight() === 0 && !this.#isWatching && !this.#isChanged && !isOutdated
  }

  readonly run: RedisReservation["run"] = (command) =>
    this.#inTurn(command.name, () => {
      const refused = reservedRefusal(command)
      if (refused !== undefined) return Effect.fail(refused)
      this.#follow(command)
      return Effect.flatMap(this.#send([command], { waits: blockTime(command) }), ([result = missing(command)]) => {
        // A user may be refused UNWATCH, and watches on.
        if (command.name === "UNWATCH" && Result.isSuccess(result)) this.#isWatching = false
        return Effect.fromResult(decoded(command, result))
      })
    })

  readonly transaction: RedisReservation["transaction"] = <
    const Commands extends ReadonlyArray<RedisCommand.RedisCommand>
  >(
    commands: Commands
  ) => this.execute(commands, Number.POSITIVE_INFINITY)

  /** Runs a transaction, for which there is time until a moment in the milliseconds of `now`. */
  readonly execute = <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
    commands: Commands,
    until: number
  ): Effect.Effect<Option.Option<TransactionResults<Commands>>, RedisError.RedisCommandError> =>
    this.#inTurn(multi.name, () => {
      const refused = commands.map(refusalInTransaction).find((refused) => refused !== undefined)
      if (refused !== undefined) return Effect.fail(refused)
      const exec = new Exec(commands)
      // Where MULTI is refused, what follows it would be executed all the same: it has to be
      // answered first.
      return this.#send([multi], { until }).pipe(
        Effect.flatMap(([begun]) => Effect.fromResult(begun ?? missing(multi))),
        Effect.mapError(notBegun),
        Effect.andThen(this.#ending(this.#send([...commands, exec], { until }))),
        Effect.flatMap((results) => {
          // However EXEC ends, nothing is watched after it.
          this.#isWatching = false
          return Effect.fromResult(resultsOf(commands, exec, results))
        })
      )
    })

  /** Asks whether the server answers, by then. It counts for nothing. */
  readonly ping = (until: number): Effect.Effect<void, RedisError.RedisCommandError> =>
    Effect.flatMap(this.#send([ping], { until, isProbe: true }), ([result = missing(ping)]) =>
      Result.isFailure(result) && RedisError.outcome(result.failure) === "failure"
        ? Effect.fail(result.failure)
        : Effect.void
    )

  // One after another, for what comes between MULTI and EXEC would be queued. What is interrupted
  // loses the connection: it may have begun a transaction, or go on waiting and take an element for
  // nobody.
  #inTurn<A>(
    name: string,
    use: () => Effect.Effect<A, RedisError.RedisCommandError>
  ): Effect.Effect<A, RedisError.RedisCommandError> {
    const used = Effect.suspend(() =>
      this.#isOver ? Effect.fail(RedisError.connectionError(name, "Closed", "never", over)) : use()
    )
    return this.#turns.withPermit(Effect.onInterrupt(used, () => this.#lose(name, interrupted)))
  }

  // A transaction that is not over would take in what the next one sends.
  #ending<E>(sending: Effect.Effect<ReadonlyArray<ReplyResult>, E>): Effect.Effect<ReadonlyArray<ReplyResult>, E> {
    return Effect.onExit(sending, (exit) =>
      Exit.isSuccess(exit) && isOver(exit.value) ? Effect.void : this.#lose("EXEC", notOver)
    )
  }

  #lose(name: string, cause: Error): Effect.Effect<void> {
    return Effect.sync(() => this.connection.destroy(RedisError.connectionError(name, "Closed", "unknown", cause)))
  }

  #follow({ kind, name }: RedisCommand.RedisCommand): void {
    if (name === "WATCH") this.#isWatching = true
    else if (kind === "connection" && name !== "UNWATCH") this.#isChanged = true
  }

  // Together, so that nothing stands between them. What is late loses the connection: its reply
  // would be taken for the next command's.
  #send(
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    { isProbe = false, until = Number.POSITIVE_INFINITY, waits = 0 }: Sent
  ): Effect.Effect<ReadonlyArray<ReplyResult>, RedisError.RedisTimeoutError | RedisError.RedisConnectionError> {
    return Effect.callback((resume) => {
      const { commandTimeout, deadlines, now } = this.#settings
      const { connection, node } = this.#link
      const name = commands.at(-1)?.name ?? ""
      const sentAt = now()
      const longest = waits + commandTimeout
      const millis = Math.min(longest, until - sentAt)
      if (millis <= 0) return resume(Effect.fail(RedisError.connectionError(name, "Timeout", "never")))
      // What is sent on a lost connection says nothing new of the server.
      const isCounted = !isProbe && connection.isOpen()
      const circuit = node.circuitFor("write")
      const permit = isCounted ? circuit.closedPermit() : undefined
      const activity = connection.activity()
      const results: Array<ReplyResult> = []
      let isOver = false
      const end = (outcome: CircuitBreaker.Outcome, error?: RedisError.RedisCommandError): void => {
        isOver = true
        deadline.cancel()
        if (isCounted && error !== undefined) this.#settings.failed(error, outcome, node)
        // A connection is lost once, whatever it loses.
        const event = error === undefined || error._tag === "RedisOperationError" ? undefined : this.#link
        if (permit !== undefined) circuit.record(permit, outcome, event)
      }
      const deadline = deadlines.add(sentAt + millis, millis, () => {
        const isSilent = connection.activity() === activity
        // A time shorter than `commandTimeout` is its caller's, and says nothing of Redis.
        const isOwn = millis < longest
        const error = RedisError.RedisTimeoutError.after(name, millis)
        resume(Effect.fail(error))
        end(isOwn || (deadlines.isCatchingUp() && !isSilent) ? "ignored" : "failure", error)
        // A silence of that length is a stall, which opens the circuit.
        if (!isOwn) node.suspect(this.#link, activity, sentAt + waits, sentAt + millis)
        connection.destroy(RedisError.connectionError(name, "Stalled", "unknown"))
      })
      for (const command of commands) {
        connection.submit(command, (result) => {
          if (isOver) return
          if (Result.isFailure(result) && result.failure._tag === "RedisOperationError") node.observe(result.failure)
          results.push(result)
          if (results.length < commands.length) return
          end(...this.#outcomeOf(results))
          resume(Effect.succeed(results))
        })
      }
      // Whoever is interrupted says nothing of the server.
      return Effect.sync(() => end("ignored"))
    })
  }

  // A connection that this program has ended says nothing of the server.
  #outcomeOf(results: ReadonlyArray<ReplyResult>): [CircuitBreaker.Outcome, RedisError.RedisCommandError?] {
    const failures = results.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
    const worst = failures.find((error) => RedisError.outcome(error) === "failure") ?? failures[0]
    if (worst === undefined) return ["success"]
    const isOwn = worst._tag === "RedisConnectionError" && (worst.reason === "Closed" || this.#link.isReplaced)
    return [isOwn ? "ignored" : RedisError.outcome(worst), worst]
  }
}

/** Says how commands are sent. */
interface Sent {
  /** For how many milliseconds the server may wait before it answers. Default: 0. */
  readonly waits?: number
  /** When there is no time left, in the milliseconds of `now`. Default: never. */
  readonly until?: number
  /** Says that somebody else counts what comes of it. */
  readonly isProbe?: boolean
}

const ping = RedisCommand.make("PING")

const multi = RedisCommand.make("MULTI")

const interrupted = new Error("A command on the reserved connection was interrupted.")
const over = new Error("The reserved connection was given back.")
const notOver = new Error("A transaction on the reserved connection was not ended.")

// Redis ends one with EXEC, also where it executes nothing: because it has refused something, or
// because a server of a cluster does not serve the keys any more.
const isOver = (results: ReadonlyArray<ReplyResult>): boolean => {
  const executed = results.at(-1)
  if (executed === undefined) return false
  if (Result.isSuccess(executed)) return true
  return executed.failure._tag === "RedisOperationError" && ending.has(executed.failure.code)
}

const ending: ReadonlySet<string> = new Set(["EXECABORT", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "CROSSSLOT"])

const refusalInTransaction = (command: RedisCommand.RedisCommand): RedisError.RedisOperationError | undefined =>
  reservedRefusal(command, "transaction")

// What is lost before the commands have left has executed none of them.
const notBegun = (error: RedisError.RedisCommandError): RedisError.RedisCommandError =>
  error._tag === "RedisConnectionError"
    ? RedisError.connectionError(error.command, error.reason, "never", error.cause)
    : error

const decoded = <A>(
  command: RedisCommand.RedisCommand<A>,
  result: ReplyResult
): Result.Result<A, RedisError.RedisCommandError> =>
  Result.isSuccess(result) ? Replies.decode(command, result.success) : Result.fail(result.failure)

const missing = ({ name }: RedisCommand.RedisCommand): ReplyResult =>
  Result.fail(RedisError.connectionError(name, "Reset", "unknown"))

// Of what was queued, and of EXEC. Why a command was not queued says more than that EXEC therefore
// ran none.
const resultsOf = <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
  commands: Commands,
  exec: Exec,
  results: ReadonlyArray<ReplyResult>
): Result.Result<Option.Option<TransactionResults<Commands>>, RedisError.RedisCommandError> => {
  const executed = results.at(-1)
  if (executed === undefined || Result.isFailure(executed)) {
    const first = results.find((result) => Result.isFailure(result))
    return Result.fail((first ?? (missing(multi) as Result.Failure<never, RedisError.RedisCommandError>)).failure)
  }
  const answered = Replies.decode(exec, executed.success)
  if (Result.isFailure(answered)) return Result.fail(answered.failure)
  if (answered.success === null) return Result.succeedNone
  const replies = answered.success
  const all = commands.map((command, index) => {
    const reply = replies[index] ?? null
    return reply instanceof RedisError.RedisOperationError ? Result.fail(reply) : Replies.decode(command, reply)
  })
  // The results stand in the order of their commands, which a tuple's type says and a map cannot.
  return Result.succeed(Option.some(all as TransactionResults<Commands>))
}
