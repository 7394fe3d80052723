import { Schema } from "effect"
import { RedisCommand, RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "../scripts/lua.ts"

/** What of a queue is old. */
export interface CleanUp {
  readonly keys: QueueKeys
  /** For how many milliseconds ids are remembered that `timeToLive` is about. */
  readonly remember: number
  /** For how many milliseconds they shall have been. */
  readonly timeToLive: number
  /** After how many milliseconds a dead letter is removed; -1 is never. */
  readonly failedTimeToLive: number
}

/** Forgets ids and dead letters that are old, up to 500 of each, and counts them. */
export const cleanUp: RedisScript.RedisScript<CleanUp, number> = RedisScript.make({
  lua: `#!lua flags=allow-oom
local tasks, attempts, over, dead, causes = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local remember, timeToLive, failedTimeToLive = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
${lua.now}
local function old(key, from, to)
  return redis.call("ZRANGE", key, from, to, "BYSCORE", "LIMIT", 0, 500)
end
local forgotten = old(over, remember, now + remember - timeToLive)
if #forgotten > 0 then redis.call("ZREM", over, unpack(forgotten)) end
local failed = {}
if failedTimeToLive >= 0 then failed = old(dead, "-inf", now - failedTimeToLive) end
if #failed > 0 then
  redis.call("ZREM", dead, unpack(failed))
  for _, key in ipairs({ tasks, attempts, causes }) do redis.call("HDEL", key, unpack(failed)) end
end
return #forgotten + #failed`,
  keys: ({ keys }: CleanUp) => [keys.tasks, keys.attempts, keys.over, keys.dead, keys.causes],
  args: ({ failedTimeToLive, remember, timeToLive }) => [remember, timeToLive, failedTimeToLive],
  decode: RedisCommand.decoder(Schema.Int),
  kind: "repeatable"
})
