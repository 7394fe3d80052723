import { Effect, Option } from "effect"
import type { RedisClient } from "../RedisClient.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type * as RedisError from "../RedisError.ts"
import type { TransactionResults } from "../RedisReservation.ts"
import { textOf } from "./commandKeys.ts"

/**
 * Runs a transaction where its keys are, on a connection that is reserved for it. Where the slot
 * turns out to be another server's nothing was executed, and it goes there.
 */
export const run = <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
  commands: Commands,
  reserve: RedisClient["reserve"],
  refresh: Effect.Effect<boolean>
): Effect.Effect<TransactionResults<Commands>, RedisError.RedisCommandError> => {
  const key = commands.flatMap(RedisCommand.keysOf).map(textOf)[0]
  const once = Effect.scoped(
    Effect.flatMap(reserve({ key }), (reserved) => Effect.map(reserved.transaction(commands), executed))
  )
  return Effect.retry(once, {
    times: mostHops,
    while: (error) => (isElsewhere(error) ? Effect.as(refresh, true) : Effect.succeed(false))
  })
}

// Nothing was watched, so nothing can have kept Redis from executing it.
const executed = <A>(results: Option.Option<A>): A => Option.getOrThrow(results)

const isElsewhere = (error: RedisError.RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.redirect?.ask === false

const mostHops = 5
