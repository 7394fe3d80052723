import { Result } from "effect"
import type { Sending, SendingEnd } from "../dispatch.ts"
import type { RedisCommand } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import * as RedisError from "../RedisError.ts"
import type { Carrier } from "./node/RedisNode.ts"
import { tell } from "./tell.ts"

/** Sends a command once on a carrier, and tells `sending` of it, if there is one. */
export const submit = (
  carrier: Carrier,
  command: RedisCommand,
  sending: Sending | undefined,
  onDefect: (defect: unknown) => void,
  onReply: (result: ReplyResult) => void
): void => {
  const { session } = carrier
  if (session.isFull()) {
    onReply(Result.fail(RedisError.connectionError(command.name, "Saturated", "never")))
    return
  }
  if (sending === undefined) {
    carrier.submit(command, onReply)
    return
  }
  let begun = false
  tell(
    () => {
      begun = sending.begin(session)
    },
    undefined,
    onDefect
  )
  if (!begun) {
    onReply(Result.fail(superseded(command.name)))
    return
  }
  carrier.submit(command, (result) => {
    tell((end) => sending.end(session, end), endOf(result), onDefect)
    onReply(result)
  })
}

const endOf = (result: ReplyResult): SendingEnd => {
  if (Result.isSuccess(result)) return { _tag: "Confirmed", result: Result.succeed(result.success) }
  const error = result.failure
  switch (RedisError.endOf(result)) {
    case "confirmed":
      // Only an error reply of a script confirms.
      return { _tag: "Confirmed", result: Result.fail(error as RedisError.RedisOperationError) }
    case "refused":
      return { _tag: "Refused", error }
    case "doubtful":
      return { _tag: "Doubtful", error }
  }
}

const superseded = (command: string): RedisError.RedisOperationError =>
  new RedisError.RedisOperationError({
    command,
    code: "SUPERSEDED",
    message: `${command} was not sent: something newer has taken its place`
  })
