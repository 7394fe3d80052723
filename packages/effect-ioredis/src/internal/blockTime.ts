import * as RedisCommand from "../RedisCommand.ts"
import { textOf, wordOf } from "./commandKeys.ts"
import { blockAt } from "./commandKinds.ts"

/**
 * For how many milliseconds a blocking command may wait on the server: infinitely long by a time of
 * 0, and 0 for a command that does not block.
 */
export const blockTime = ({ args, kind, name }: RedisCommand.RedisCommand): number => {
  if (kind !== "blocking") return 0
  const time = args[timeAt(name, args)]
  const millis = Number(time === undefined ? undefined : textOf(time)) * (inSeconds.has(name) ? 1000 : 1)
  if (millis === 0) return Number.POSITIVE_INFINITY
  // Redis refuses at once what is no time.
  return Number.isNaN(millis) ? 0 : Math.max(0, millis)
}

/**
 * The same blocking command with another time to wait, in milliseconds, where asking again after
 * nil is the same as having waited on: nothing that came in between is left out.
 */
export const withBlockTime = <A>(
  command: RedisCommand.RedisCommand<A>,
  millis: number
): RedisCommand.RedisCommand<A> | undefined => {
  const { args, kind, name } = command
  if (!answersNil.has(name) || (name === "XREAD" && args.some((arg) => wordOf(arg) === "$"))) return undefined
  const time = inSeconds.has(name) ? millis / 1000 : millis
  return RedisCommand.make(name, args.with(timeAt(name, args), time), {
    kind,
    reply: command.reply,
    decode: command.decode
  })
}

const timeAt = (name: string, args: RedisCommand.RedisCommand["args"]): number => {
  if (timeIsFirst.has(name)) return 0
  return isStreamRead(name) ? blockAt(args) + 1 : args.length - 1
}

const isStreamRead = (name: string): boolean => name === "XREAD" || name === "XREADGROUP"

const inSeconds = new Set(["BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"])

const timeIsFirst = new Set(["BLMPOP", "BZMPOP"])

const answersNil = new Set([...inSeconds, "XREAD", "XREADGROUP"])
