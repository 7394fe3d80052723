import { Clock, Effect, Option, Result, Semaphore } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisConnection, ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { RedisReservation, TransactionResults } from "../RedisReservation.ts"
import { blockTime } from "./blockTime.ts"
import { Exec } from "./Exec.ts"
import { refusalOfReserved } from "./refusal.ts"
import * as Replies from "./Replies.ts"

/** Sets how long a command may take, and by which clock. */
export interface Settings {
  readonly commandTimeout: number
  readonly clock: Clock.Clock
  /** Is told of error replies, by which the node learns that a key is another's, say. */
  readonly observe: (error: RedisError.RedisOperationError) => void
}

/** A connection that one caller has for himself. */
export class ReservedConnection implements RedisReservation {
  readonly connection: RedisConnection
  readonly #settings: Settings
  readonly #turns = Semaphore.makeUnsafe(1)
  #isWatching = false
  #isChanged = false
  #isOver = false

  constructor(connection: RedisConnection, settings: Settings) {
    this.connection = connection
    this.#settings = settings
  }

  /** Takes the connection from the caller, and gives the next one another hold of it. */
  passOn(): ReservedConnection {
    this.#isOver = true
    return new ReservedConnection(this.connection, this.#settings)
  }

  /** Tells whether it is as it was when it was made, so that somebody else may have it. */
  isClean(): boolean {
    return this.connection.isOpen() && this.connection.inFlight() === 0 && !this.#isWatching && !this.#isChanged
  }

  readonly run: RedisReservation["run"] = (command) =>
    this.#inTurn(command.name, () => {
      const refused = refusalOfReserved(command)
      if (refused !== undefined) return Effect.fail(refused)
      this.#follow(command)
      return Effect.flatMap(this.#send([command], blockTime(command)), ([result = missing(command)]) => {
        // A user may be refused UNWATCH, and watches on.
        if (command.name === "UNWATCH" && Result.isSuccess(result)) this.#isWatching = false
        return Effect.fromResult(decoded(command, result))
      })
    })

  readonly transaction: RedisReservation["transaction"] = <
    const Commands extends ReadonlyArray<RedisCommand.RedisCommand>
  >(
    commands: Commands
  ) =>
    this.#inTurn(multi.name, () => {
      const refused = commands.map(refusalInTransaction).find((refused) => refused !== undefined)
      if (refused !== undefined) return Effect.fail(refused)
      const exec = new Exec(commands)
      // Where MULTI is refused, what follows it would be executed all the same: it has to be
      // answered first.
      return this.#send([multi], 0).pipe(
        Effect.flatMap(([begun]) => Effect.fromResult(begun ?? missing(multi))),
        Effect.mapError(notBegun),
        Effect.andThen(this.#send([...commands, exec], 0)),
        Effect.flatMap((results) => {
          // However EXEC ends, nothing is watched after it.
          this.#isWatching = false
          return Effect.fromResult(resultsOf(commands, exec, results))
        })
      )
    })

  // One after another, for what comes between MULTI and EXEC would be queued. What is interrupted
  // loses the connection: it may have begun a transaction, or go on waiting and take an element for
  // nobody.
  #inTurn<A>(
    name: string,
    use: () => Effect.Effect<A, RedisError.RedisCommandError>
  ): Effect.Effect<A, RedisError.RedisCommandError> {
    const { connection } = this
    const lose = Effect.sync(() =>
      connection.destroy(RedisError.connectionError(name, "Closed", "unknown", interrupted))
    )
    const used = Effect.suspend(() =>
      this.#isOver ? Effect.fail(RedisError.connectionError(name, "Closed", "never", over)) : use()
    )
    return this.#turns.withPermit(Effect.onInterrupt(used, () => lose))
  }

  #follow({ kind, name }: RedisCommand.RedisCommand): void {
    if (name === "WATCH") this.#isWatching = true
    else if (kind === "connection" && name !== "UNWATCH") this.#isChanged = true
  }

  // Together, so that nothing stands between them. What is late loses the connection: its reply
  // would be taken for the next command's.
  #send(
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    waits: number
  ): Effect.Effect<ReadonlyArray<ReplyResult>, RedisError.RedisTimeoutError> {
    const { connection } = this
    const { clock, commandTimeout, observe } = this.#settings
    const millis = waits + commandTimeout
    const name = commands.at(-1)?.name ?? ""
    return Effect.callback<ReadonlyArray<ReplyResult>>((resume) => {
      const results: Array<ReplyResult> = []
      for (const command of commands) {
        connection.submit(command, (result) => {
          if (Result.isFailure(result) && result.failure._tag === "RedisOperationError") observe(result.failure)
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
      Effect.provideService(Clock.Clock, clock)
    )
  }
}

const multi = RedisCommand.make("MULTI")

const interrupted = new Error("A command on the reserved connection was interrupted.")
const over = new Error("The reserved connection was given back.")

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
