import { Result } from "effect"
import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/** How many tasks are where, at one moment. */
export interface Counts {
  readonly high: number
  readonly normal: number
  readonly low: number
  readonly delayed: number
  readonly running: number
  readonly dead: number
  readonly paused: boolean
  /** For how many milliseconds the oldest task waits that was not begun yet; 0 where none does. */
  readonly oldest: number
}

/** Counts tasks, and looks at the first of those that wait. */
export const inspect: RedisScript.RedisScript<{ readonly keys: QueueKeys }, Counts> = RedisScript.make({
  lua: `local tasks, delayed, leases, dead, paused, attempts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
${lua.now}
local counts, oldest = {}, 0
for list = 7, 9 do
  counts[#counts + 1] = redis.call("LLEN", KEYS[list])
  for _, id in ipairs(redis.call("LRANGE", KEYS[list], 0, 19)) do
    local due = string.match(redis.call("HGET", tasks, id) or "", "^%d+")
    if due and redis.call("HEXISTS", attempts, id) == 0 then oldest = math.max(oldest, now - tonumber(due)) end
  end
end
-- What is due waits as well, if no worker has met it.
local overdue = redis.call("ZRANGE", delayed, "-inf", now, "BYSCORE", "LIMIT", 0, 20, "WITHSCORES")
for at = 1, #overdue, 2 do
  if redis.call("HEXISTS", attempts, overdue[at]) == 0 then oldest = math.max(oldest, now - tonumber(overdue[at + 1])) end
end
for _, key in ipairs({ delayed, leases, dead }) do counts[#counts + 1] = redis.call("ZCARD", key) end
counts[#counts + 1] = redis.call("EXISTS", paused)
counts[#counts + 1] = oldest
return counts`,
  keys: ({ keys }: { readonly keys: QueueKeys }) => [
    keys.tasks,
    keys.delayed,
    keys.leases,
    keys.dead,
    keys.paused,
    keys.attempts,
    ...keys.waiting
  ],
  decode: (reply) => {
    if (!Array.isArray(reply) || reply.length !== 8) return Result.fail("eight numbers")
    const [high = 0, normal = 0, low = 0, delayed = 0, running = 0, dead = 0, paused = 0, oldest = 0] =
      reply.map(Number)
    return Result.succeed({ high, normal, low, delayed, running, dead, paused: paused === 1, oldest })
  },
  kind: "read"
})
