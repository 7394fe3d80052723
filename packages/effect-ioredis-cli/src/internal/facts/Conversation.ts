/**
 * Asks one connection one thing after the other, until a deadline, the first silence or its end.
 *
 * **Details**
 *
 * A server that hangs costs one wait and no more: whatever is asked after a silence is not sent.
 * Whatever is asked after the end of the connection fails at once.
 */
import { Clock, Duration, Effect, Result } from "effect"
import { type RedisCommand, RedisConnection, RedisError } from "effect-ioredis"

/** How long a doctor waits: for one answer, and until when for all of them. */
export interface Patience {
  /** For a connection, in milliseconds. */
  readonly connect: number
  /** For one answer, in milliseconds. */
  readonly answer: number
  /** The moment at which everything has to be over, in milliseconds. */
  readonly until: number
}

/** The command after which nothing was asked any more. */
export interface Silence {
  readonly command: string
  /** In milliseconds. */
  readonly waited: number
  /** Tells whether all patience was used up, so that the server may only be slow. */
  readonly isEnd: boolean
}

/** The first command that failed because the other side ended the connection. */
export interface Loss {
  readonly command: string
  /** What the library says of it. */
  readonly said: string
}

/** What came of a command. */
export type Answer<A> = Result.Result<A, RedisError.RedisCommandError>

/** Waits so long at most, and never beyond the end of all patience. */
export const atMost = (millis: number, { until }: Patience): Effect.Effect<number> =>
  Effect.map(Clock.currentTimeMillis, (now) => Math.max(1, Math.min(millis, until - now)))

/** A connection that is asked. */
export class Conversation {
  readonly #connection: RedisConnection.RedisConnection
  readonly #patience: Patience
  #silence: Silence | undefined
  #loss: Loss | undefined

  constructor(connection: RedisConnection.RedisConnection, patience: Patience) {
    this.#connection = connection
    this.#patience = patience
  }

  /** The command that got no answer, if there was one. */
  get silence(): Silence | undefined {
    return this.#silence
  }

  /** The command at which the connection ended, if it did. */
  get loss(): Loss | undefined {
    return this.#loss
  }

  /** Sends a command, and gives what its answer means. */
  ask<A>(command: RedisCommand.RedisCommand<A>): Effect.Effect<Answer<A>> {
    if (this.#silence !== undefined) return Effect.succeed(Result.fail(this.#unanswered(command.name)))
    return Effect.flatMap(atMost(this.#patience.answer, this.#patience), (millis) =>
      RedisConnection.send(this.#connection, command).pipe(
        Effect.timeoutOrElse({
          duration: Duration.millis(millis),
          orElse: () => {
            this.#silence ??= { command: command.name, waited: millis, isEnd: millis < this.#patience.answer }
            return Effect.fail(this.#unanswered(command.name))
          }
        }),
        Effect.tapErrorTag("RedisConnectionError", ({ message }) =>
          Effect.sync(() => {
            this.#loss ??= { command: command.name, said: message }
          })
        ),
        Effect.flatMap((reply) =>
          Result.match(command.decode(reply), {
            onSuccess: Effect.succeed,
            onFailure: (expected) => Effect.fail(unexpected(command.name, expected))
          })
        ),
        Effect.result
      )
    )
  }

  /** The answer, or nothing where the command was refused or not answered. */
  tell<A>(command: RedisCommand.RedisCommand<A>): Effect.Effect<A | undefined> {
    return Effect.map(this.ask(command), Result.getOrUndefined)
  }

  #unanswered(command: string): RedisError.RedisTimeoutError {
    return RedisError.RedisTimeoutError.after(command, this.#silence?.waited ?? 0)
  }
}

const unexpected = (command: string, expected: string) =>
  new RedisError.RedisOperationError({ command, code: "REPLY", message: `${command} did not answer with ${expected}` })
