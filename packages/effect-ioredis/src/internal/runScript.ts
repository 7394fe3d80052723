import { Duration, Effect } from "effect"
import type { Dispatch } from "../dispatch.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { RedisCommandError } from "../RedisError.ts"
import type { RedisScript } from "../RedisScript.ts"
import * as Monotonic from "./Monotonic.ts"

/**
 * Runs a script by its hash, and by its source where Redis does not know it. Both together take no
 * longer than one command may: `longest`, or what the client says.
 */
export const runScript = <Params, A>(
  { clock, operationTimeout }: Pick<Dispatch, "clock" | "operationTimeout">,
  run: (command: RedisCommand.RedisCommand<A>, operationTimeout: number) => Effect.Effect<A, RedisCommandError>,
  script: RedisScript<Params, A>,
  params: Params,
  longest: Duration.Input | undefined
): Effect.Effect<A, RedisCommandError> =>
  Effect.suspend(() => {
    const keys = script.keys(params)
    const rest = [keys.length, ...keys, ...script.args(params)]
    const byHash = RedisCommand.make("EVALSHA", [script.sha, ...rest], script)
    const millis = longest === undefined ? operationTimeout(byHash.kind) : Duration.toMillis(longest)
    const until = Monotonic.millis(clock) + millis
    return Effect.catchIf(run(byHash, millis), isUnknown, () =>
      run(RedisCommand.make("EVAL", [script.lua, ...rest], script), Math.max(1, until - Monotonic.millis(clock)))
    )
  })

// A script that raises the code itself is given another one.
const isUnknown = (error: RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "NOSCRIPT"
