import { Data, Effect, Result } from "effect"
import type { RedisCommand, RedisError } from "effect-ioredis"
import type { Cancel, Dispatch, Done, Sending, SendOptions, Session } from "effect-ioredis/dispatch"
import * as Scripts from "./scripts.ts"

/** Describes what came of one command. */
export type Outcome = Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>

/** There is no session to do something in now. */
export class NoSession extends Data.TaggedError("NoSession")<{ readonly message: string }> {}

/** How commands are sent. */
export interface Options extends SendOptions {
  /**
   * The time in milliseconds by which a script that is sent again gets what is left of `timeout`.
   */
  readonly now?: (() => number) | undefined
}

/** Sends one command. A script that the server does not know is sent again with its source. */
export const send = (
  dispatch: Dispatch,
  command: RedisCommand.RedisCommand,
  options: Options,
  done: Done<RedisCommand.Reply>
): Cancel => {
  if (!Scripts.isScript(command)) return dispatch.send(command, options, done)
  let second: Cancel | undefined
  const rest = timing(options)
  const first = dispatch.send(command, options, (result) => {
    const timeout = rest()
    if (Result.isSuccess(result) || !Scripts.isUnknownScript(result.failure) || isOver(timeout)) return done(result)
    second = dispatch.send(Scripts.withSource(command), { ...options, timeout }, done)
  })
  return () => (second ?? first)()
}

/** Sends commands back to back, likewise. */
export const sendAll = (
  dispatch: Dispatch,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  options: Options & { readonly sendings?: ReadonlyArray<Sending | undefined> | undefined },
  done: (outcomes: ReadonlyArray<Outcome>) => void
): Cancel => {
  let second: Cancel | undefined
  const rest = timing(options)
  const first = dispatch.sendAll(commands, options, (outcomes) => {
    const unknown = outcomes.flatMap((outcome, index) =>
      Result.isFailure(outcome) && Scripts.isUnknownScript(outcome.failure) ? [index] : []
    )
    const timeout = rest()
    if (unknown.length === 0 || isOver(timeout)) return done(outcomes)
    const again = unknown.flatMap((index) => commands[index] ?? []).map(Scripts.withSource)
    const sendings = unknown.map((index) => options.sendings?.[index])
    second = dispatch.sendAll(again, { ...options, sendings, timeout }, (later) => {
      const byIndex = new Map(unknown.map((index, n) => [index, later[n]]))
      done(outcomes.map((outcome, index) => byIndex.get(index) ?? outcome))
    })
  })
  return () => (second ?? first)()
}

// What is left of the timeout. Where a batch has waited for another command, nothing may be.
const timing = ({ now, timeout }: Options): (() => number | undefined) => {
  if (now === undefined || timeout === undefined) return () => timeout
  const until = now() + timeout
  return () => until - now()
}

const isOver = (timeout: number | undefined): boolean => timeout !== undefined && timeout <= 0

/** Sends one command once, as an Effect. */
export const sendOnce = (
  dispatch: Dispatch,
  command: RedisCommand.RedisCommand,
  session: Session
): Effect.Effect<RedisCommand.Reply, RedisError.RedisCommandError> =>
  Effect.callback((resume) => {
    const cancel = send(dispatch, command, { retry: false, session }, (result) => resume(Effect.fromResult(result)))
    return Effect.sync(cancel)
  })

/** Sends commands back to back once, as an Effect. */
export const sendAllOnce = (
  dispatch: Dispatch,
  commands: ReadonlyArray<RedisCommand.RedisCommand>,
  options: { readonly session?: Session | undefined; readonly sendings?: ReadonlyArray<Sending | undefined> }
): Effect.Effect<ReadonlyArray<Outcome>> =>
  Effect.callback((resume) => {
    const cancel = sendAll(dispatch, commands, { ...options, retry: false }, (outcomes) =>
      resume(Effect.succeed(outcomes))
    )
    return Effect.sync(cancel)
  })
