import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"
import { oneOf } from "./replies.ts"
import { outcomes } from "./work.ts"

/** A task that is not wanted any more. */
export interface Cancellation {
  readonly keys: QueueKeys
  readonly id: string
  readonly remember: number
}

/**
 * Cancels a task. One that a worker has is told to him with the next renewal of its lease. One that
 * waits stays in its list, as an empty text, until it is met there: to look for it in the list
 * would take as long as the list is.
 */
export const cancel: RedisScript.RedisScript<Cancellation, "Unknown" | "Over" | "Cancelling" | "Cancelled"> =
  RedisScript.make({
    lua: `#!lua flags=allow-oom
local tasks, delayed, leases, attempts, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local causes, over, cancelled, progress = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local id, remember, results, told = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
${lua.now}${lua.finish}
local stored = redis.call("HGET", tasks, id)
if stored == "" then return 3 end
if not stored then
  local remembered = redis.call("ZSCORE", over, id)
  if not remembered or tonumber(remembered) <= now then return 0 end
  return redis.call("GET", results .. id) == '${outcomes.cancelled}' and 3 or 1
end
if redis.call("ZSCORE", leases, id) then
  redis.call("SADD", cancelled, id)
  return 2
end
local isWaiting = redis.call("ZREM", delayed, id) == 0
if redis.call("ZREM", dead, id) == 1 then
  redis.call("HDEL", causes, id)
  isWaiting = false
end
finish(id, '${outcomes.cancelled}')
if isWaiting then redis.call("HSET", tasks, id, "") end
redis.call("SPUBLISH", told, cjson.encode({ id }))
return 3`,
    keys: ({ keys }: Cancellation) => [
      keys.tasks,
      keys.delayed,
      keys.leases,
      keys.attempts,
      keys.dead,
      keys.causes,
      keys.over,
      keys.cancelled,
      keys.progress
    ],
    args: ({ id, keys, remember }) => [id, remember, keys.results, keys.told],
    decode: oneOf(["Unknown", "Over", "Cancelling", "Cancelled"]),
    kind: "repeatable"
  })
