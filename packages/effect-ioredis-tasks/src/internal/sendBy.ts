import { Effect } from "effect"
import type { RedisCommand, RedisError } from "effect-ioredis"
import type { Dispatch, SendOptions } from "effect-ioredis/dispatch"

/** Sends a command by a dispatch, which may say to which server, and gives its reply as it came. */
export const sendBy = (
  dispatch: Dispatch,
  command: RedisCommand.RedisCommand,
  options: SendOptions
): Effect.Effect<RedisCommand.Reply, RedisError.RedisCommandError> =>
  Effect.callback((resume) => {
    const cancel = dispatch.send(command, options, (result) => resume(Effect.fromResult(result)))
    return Effect.sync(cancel)
  })
