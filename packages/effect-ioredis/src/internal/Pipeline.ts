import { Result } from "effect"
import type { AttemptResult, CallOptions, PipelineResults } from "../RedisClient.ts"
import type { CommandKind, RedisCommand, Reply } from "../RedisCommand.ts"
import * as RedisConnection from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Cancel, Dispatch } from "./Attempts.ts"

/** One sending of one command, which `options` may call off and follow. `index` is its place in a pipeline. */
export const dispatchOne = (
  carrier: RedisConnection.RedisConnection,
  command: RedisCommand,
  index: number,
  { isCurrent, onAttempt }: CallOptions,
  done: (result: AttemptResult) => void
): Cancel => {
  if (isCurrent?.(index) === false) {
    done(Result.fail(superseded(command.name)))
    return ignore
  }
  if (onAttempt === undefined) {
    carrier.send(command, done)
    return ignore
  }
  const settle = onAttempt(index, carrier.session())
  let replied = false
  carrier.send(command, (result) => {
    replied = true
    settle(result)
    done(result)
  })
  return () => {
    if (!replied) settle(undefined)
  }
}

/** One sending of several commands, back to back: a result each, or one failure of them all. */
export const dispatchAll =
  (
    connection: RedisConnection.RedisConnection,
    commands: ReadonlyArray<RedisCommand>,
    options: CallOptions
  ): Dispatch<PipelineResults> =>
  (done) => {
    const results: Array<Result.Result<Reply, RedisError.RedisOperationError>> = []
    const losses: Array<RedisError.RedisCommandError> = []
    let outstanding = commands.length
    const settle = (index: number, result: AttemptResult): void => {
      if (Result.isSuccess(result)) results[index] = Result.succeed(result.success)
      else if (result.failure._tag === "RedisOperationError") results[index] = Result.fail(result.failure)
      else losses.push(result.failure)
      outstanding--
      if (outstanding > 0) return
      const failure = lossOf(losses, commands) ?? failureOf(results)
      done(failure === undefined ? Result.succeed(results) : Result.fail(failure))
    }
    const giveUps = commands.map((command, index) => {
      const carrier = options.on ?? RedisConnection.memberFor(connection, command)
      return dispatchOne(carrier, command, index, options, (result) => settle(index, result))
    })
    return () => {
      for (const giveUp of giveUps) giveUp()
    }
  }

/** The kind of a batch is that of its riskiest command. */
export const riskiest = (commands: ReadonlyArray<RedisCommand>): CommandKind =>
  riskiestFirst.find((kind) => commands.some((command) => command.kind === kind)) ?? "read"

const riskiestFirst: ReadonlyArray<CommandKind> = ["connection", "blocking", "effectful", "idempotent", "repeatable"]

// A batch was never sent only if none of it was.
const lossOf = (
  losses: ReadonlyArray<RedisError.RedisCommandError>,
  commands: ReadonlyArray<RedisCommand>
): RedisError.RedisCommandError | undefined => {
  const [first] = losses
  if (first === undefined) return undefined
  const unknown = losses.find((loss) => loss._tag !== "RedisConnectionError" || loss.sent === "unknown")
  if (unknown !== undefined || losses.length === commands.length) return unknown ?? first
  return first._tag === "RedisConnectionError"
    ? RedisError.connectionError(first.command, first.reason, "unknown", first.cause)
    : first
}

// A batch fails as a whole where one reply says that Redis cannot serve, or all that it may do so later. Unless all of it was
// refused, the error is that of a pipeline: a part of it may have run.
const failureOf = (results: PipelineResults): RedisError.RedisOperationError | undefined => {
  if (results.every(Result.isSuccess)) return undefined
  const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
  const mayPass = failures.length === results.length && failures.every((error) => RedisError.isRetryable(error, "read"))
  const failure = failures.find((error) => mayPass || RedisError.outcome(error) === "failure")
  const allRefused = results.every((result) => RedisError.endOf(result) === "refused")
  return failure === undefined || allRefused ? failure : RedisError.ofPipeline(failure)
}

const superseded = (command: string): RedisError.RedisOperationError =>
  new RedisError.RedisOperationError({
    command,
    code: "SUPERSEDED",
    message: `${command} was not sent: something newer has taken its place`
  })

const ignore = () => {}
