import { Effect } from "effect"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisCommandError } from "../RedisError.ts"
import type { RedisScript } from "../RedisScript.ts"

/** Runs a script by its hash, and by its source where Redis does not know it. */
export const runScript = <Params, A>(
  run: (command: RedisCommand.RedisCommand<A>) => Effect.Effect<A, RedisCommandError>,
  script: RedisScript<Params, A>,
  params: Params
): Effect.Effect<A, RedisCommandError> =>
  Effect.suspend(() => {
    const keys = script.keys(params)
    const rest = [keys.length, ...keys, ...script.args(params)]
    return Effect.catchIf(run(RedisCommand.make("EVALSHA", [script.sha, ...rest], script)), isUnknown, () =>
      run(RedisCommand.make("EVAL", [script.lua, ...rest], script))
    )
  })

// A script that raises the code itself is given another one.
const isUnknown = (error: RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "NOSCRIPT"
