import { Clock, Effect, Option, Result } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisConnection, ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisReservation, TransactionResults } from "../RedisReservation.ts"
import { blockTime } from "./blockTime.ts"
import { Exec } from "./Exec.ts"
import { refusalOfReserved } from "./refusal.ts"
import * as Replies from "./Replies.ts"

/** A connection that one caller has for himself. */
export class ReservedConnection implements RedisReservation {
  readonly connection: RedisConnection
  readonly #commandTimeout: number
  readonly #clock: Clock.Clock
  #isWatching = false
  #isChanged = false

  constructor(connection: RedisConnection, commandTimeout: number, clock: Clock.Clock) {
    this.connection = connection
    this.#commandTimeout = commandTimeout
    this.#clock = clock
  }

  /** Tells whether it is as it was when it was made, so that somebody else may have it. */
  isClean(): boolean {
    return this.connection.isOpen() && this.connection.inFlight() === 0 && !this.#isWatching && !this.#isChanged
  }

  readonly run: RedisReservation["run"] = (command) =>
    Effect.suspend(() => {
      const refused = refusalOfReserved(command)
      if (refused !== undefined) return Effect.fail(refused)
      this.#follow(command)
      return Effect.flatMap(this.#send([command], blockTime(command)), ([result]) =>
        Effect.fromResult(decoded(command, result ?? missing(command)))
      )
    })

  readonly transaction: RedisReservation["transaction"] = <
    const Commands extends ReadonlyArray<RedisCommand.RedisCommand>
  >(
    commands: Commands
  ) =>
    Effect.suspend(() => {
      const refused = commands.map(refusalInTransaction).find((refused) => refused !== undefined)
      if (refused !== undefined) return Effect.fail(refused)
      this.#isWatching = false
      // Where MULTI is refused, what follows it would be executed all the same: it has to be
      // answered first.
      return this.#send([multi], 0).pipe(
        Effect.flatMap(([begun]) => Effect.fromResult(begun ?? missing(multi))),
        Effect.mapError(notBegun),
        Effect.andThen(this.#send([...commands, new Exec(commands)], 0)),
        Effect.flatMap((results) => Effect.fromResult(resultsOf(commands, results)))
      )
    })

  #follow({ kind, name }: RedisCommand.RedisCommand): void {
    if (name === "WATCH") this.#isWatching = true
    else if (name === "UNWATCH" || name === "EXEC" || name === "DISCARD") this.#isWatching = false
    else if (kind === "connection") this.#isChanged = true
  }

  // Together, so that nothing stands between them. What is late loses the connection: its reply
  // would be taken for the next command's.
  #send(
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    waits: number
  ): Effect.Effect<ReadonlyArray<ReplyResult>, RedisError.RedisTimeoutError> {
    const { connection } = this
    const millis = waits + this.#commandTimeout
    const name = commands.at(-1)?.name ?? ""
    return Effect.callback<ReadonlyArray<ReplyResult>>((resume) => {
      const results: Array<ReplyResult> = []
      for (const command of commands) {
        connection.submit(command, (result) => {
          results.push(result)
          if (results.length === commands.length) resume(Effect.succeed(results))
        })
      }
    }).pipe(
      Effect.timeoutOrElse({
        duration: millis,
        orElse: () =>
          Effect.suspend(() => {
            connection.destroy(RedisError.connectionError(name, "Stalled", "unknown"))
            return Effect.fail(RedisError.RedisTimeoutError.after(name, millis))
          })
      }),
      Effect.provideService(Clock.Clock, this.#clock)
    )
  }
}

const multi = RedisCommand.make("MULTI")

const refusalInTransaction = (command: RedisCommand.RedisCommand): RedisError.RedisOperationError | undefined =>
  refusalOfReserved(command, "transaction")

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
  results: ReadonlyArray<ReplyResult>
): Result.Result<Option.Option<TransactionResults<Commands>>, RedisError.RedisCommandError> => {
  const executed = results.at(-1)
  if (executed === undefined || Result.isFailure(executed)) {
    const first = results.find((result) => Result.isFailure(result))
    return Result.fail((first ?? (missing(multi) as Result.Failure<never, RedisError.RedisCommandError>)).failure)
  }
  if (executed.success === null) return Result.succeedNone
  const replies: ReadonlyArray<RedisCommand.Reply> = Array.isArray(executed.success) ? executed.success : []
  const all = commands.map((command, index) => {
    const reply = replies[index] ?? null
    return reply instanceof RedisError.RedisOperationError ? Result.fail(reply) : Replies.decode(command, reply)
  })
  // The results stand in the order of their commands, which a tuple's type says and a map cannot.
  return Result.succeed(Option.some(all as TransactionResults<Commands>))
}
