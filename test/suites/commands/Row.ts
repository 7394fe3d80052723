import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { RedisClient, type RedisCommand, type RedisError, RedisReservation } from "effect-ioredis"

/** A command, and what it answers after those above it. */
export interface Row {
  readonly command: RedisCommand.RedisCommand
  readonly check: (result: Result.Result<unknown, RedisError.RedisCommandError>, line: string) => void
  /** Runs on a connection of one's own, as what waits on the server does. */
  readonly isReserved?: boolean
}

/** The row on a connection of one's own. */
export const reserved = (row: Row): Row => ({ ...row, isReserved: true })

/** The command answers this. */
export const answers = <A>(command: RedisCommand.RedisCommand<A>, answer: NoInfer<A>): Row => ({
  command,
  check: (result, line) => assert.deepStrictEqual(result, Result.succeed(answer), line)
})

/** The command answers something of which this holds: what hangs on chance or on time. */
export const satisfies = <A>(command: RedisCommand.RedisCommand<A>, holds: (answer: A) => boolean): Row => ({
  command,
  // The command's decoder made it an A.
  check: (result, line) =>
    assert.isTrue(Result.isSuccess(result) && holds(result.success as A), `${line} ${String(result)}`)
})

/** Redis refuses the command with this code. */
export const refuses = (command: RedisCommand.RedisCommand, code: string): Row => ({
  command,
  check: (result, line) => {
    const failure = Result.isFailure(result) ? result.failure : undefined
    assert.strictEqual(failure?._tag === "RedisOperationError" ? failure.code : result, code, line)
  }
})

/** Rows that are played in their order, on a Redis that is empty. */
export type Scene = readonly [what: string, rows: ReadonlyArray<Row>]

/** Plays scenes on the client of the context. */
export const play = (group: string, scenes: ReadonlyArray<Scene>, provide: Provide): void => {
  for (const [what, rows] of scenes) {
    it.live(`${group}: ${what}`, () =>
      provide(
        Effect.gen(function* () {
          const redis = yield* RedisClient.RedisClient
          for (const { check, command, isReserved = false } of rows) {
            const line = `${command.name} ${command.args.join(" ")}`
            const run = isReserved
              ? Effect.scoped(Effect.flatMap(RedisReservation.reserve(), ({ run }) => run(command)))
              : redis.run(command)
            check(yield* Effect.result(run), line)
          }
        })
      )
    )
  }
}

/** Gives a client on a Redis that is empty. */
export type Provide = (test: Effect.Effect<void, never, RedisClient.RedisClient>) => Effect.Effect<void, unknown>
