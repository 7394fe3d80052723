import { Effect, Option, type Scope } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type * as RedisError from "../RedisError.ts"
import type { TransactionResults } from "../RedisReservation.ts"
import { textOf } from "./commandKeys.ts"
import type { ReservedConnection } from "./ReservedConnection.ts"

/** Says where a transaction runs, and until when. */
export interface Options {
  /** Reserves a connection where a key is. */
  readonly reserve: (key?: string) => Effect.Effect<ReservedConnection, RedisError.RedisCommandError, Scope.Scope>
  /** Asks who owns what now. */
  readonly refresh: Effect.Effect<unknown>
  /** When there is no time left, in the milliseconds of `now`. */
  readonly until: number
  readonly now: () => number
}

/**
 * Runs a transaction where its keys are, on a connection that is reserved for it. Where the slot
 * turns out to be another server's nothing was executed, and it goes there.
 */
export const run = <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
  commands: Commands,
  { now, refresh, reserve, until }: Options
): Effect.Effect<TransactionResults<Commands>, RedisError.RedisCommandError> => {
  const key = commands.flatMap(RedisCommand.keysOf).map(textOf)[0]
  const once = Effect.scoped(
    Effect.flatMap(reserve(key), (reserved) => Effect.map(reserved.execute(commands, until), executed))
  )
  const refreshed = Effect.suspend(() =>
    Effect.map(Effect.timeoutOption(refresh, Math.max(0, until - now())), () => now() < until)
  )
  return Effect.retry(once, {
    times: mostHops,
    while: (error) => (isElsewhere(error) ? refreshed : Effect.succeed(false))
  })
}

// Nothing was watched, so nothing can have kept Redis from executing it.
const executed = <A>(results: Option.Option<A>): A => Option.getOrThrow(results)

const isElsewhere = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.redirect?.ask === false

const mostHops = 5
