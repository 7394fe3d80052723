import type { RedisCommand } from "../RedisCommand.ts"
import { textOf } from "./commandKeys.ts"
import { blockAt } from "./commandKinds.ts"

/**
 * For how many milliseconds a blocking command may wait on the server: infinitely long by a time of
 * 0, and 0 for a command that does not block.
 */
export const blockTime = ({ args, kind, name }: RedisCommand): number => {
  if (kind !== "blocking") return 0
  const millis = Number(timeOf(name, args)) * (inSeconds.has(name) ? 1000 : 1)
  if (millis === 0) return Number.POSITIVE_INFINITY
  // Redis refuses at once what is no time.
  return Number.isNaN(millis) ? 0 : Math.max(0, millis)
}

const timeOf = (name: string, args: RedisCommand["args"]): string | undefined => {
  const time = timeIsFirst.has(name) ? args[0] : isStreamRead(name) ? args[blockAt(args) + 1] : args.at(-1)
  return time === undefined ? undefined : textOf(time)
}

const isStreamRead = (name: string): boolean => name === "XREAD" || name === "XREADGROUP"

const inSeconds = new Set(["BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"])

const timeIsFirst = new Set(["BLMPOP", "BZMPOP"])
