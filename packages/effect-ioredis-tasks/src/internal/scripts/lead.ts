import { Result } from "effect"
import { RedisScript } from "effect-ioredis"
import * as lua from "./lua.ts"

/** A process that would enqueue the occurrences of a schedule. */
export interface Candidacy {
  readonly key: string
  readonly process: string
  /** For how many milliseconds it leads, if it does. */
  readonly lease: number
  /** The last occurrence that was enqueued, as it was told when it led last, in milliseconds. */
  readonly known: number
  /** The last occurrence that it has enqueued since, or `known`. */
  readonly enqueued: number
}

export interface Leading {
  readonly leads: boolean
  /** The server's clock, in milliseconds. */
  readonly now: number
  /** The last occurrence that any process has enqueued, or 0. */
  readonly last: number
}

/**
 * Leads where nobody else does, and keeps what was enqueued last: that is what the leader says, if
 * nobody has enqueued anything else since it was told.
 */
export const lead: RedisScript.RedisScript<Candidacy, Leading> = RedisScript.make({
  lua: `local process, lease, told, enqueued = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
${lua.now}
local known = redis.call("HMGET", KEYS[1], "leader", "until", "last")
local last = tonumber(known[3] or 0)
if known[1] and known[1] ~= process and tonumber(known[2]) > now then return { 0, now, last } end
if last == told then last = enqueued end
redis.call("HSET", KEYS[1], "leader", process, "until", now + lease, "last", last)
return { 1, now, last }`,
  keys: ({ key }: Candidacy) => [key],
  args: ({ enqueued, known, lease, process }) => [process, lease, known, enqueued],
  decode: (reply) => {
    if (!Array.isArray(reply) || reply.length !== 3) return Result.fail("three numbers")
    const [leads, now = 0, last = 0] = reply.map(Number)
    return Result.succeed({ leads: leads === 1, now, last })
  },
  kind: "repeatable"
})
