import { RedisCommand, RedisScript } from "effect-ioredis"
import { Schema } from "effect"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/** Dead letters that are to be tried anew. */
export interface Replay {
  readonly keys: QueueKeys
  readonly ids: ReadonlyArray<string>
}

/** Lets dead letters be begun again, as if they had just been offered, and counts them. */
export const replay: RedisScript.RedisScript<Replay, number> = RedisScript.make({
  lua: `local tasks, dead, causes, attempts, wake, progress = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local waiting = { KEYS[7], KEYS[8], KEYS[9] }
${lua.now}${lua.wakeOne}${lua.wait}
local replayed = 0
for at = 1, #ARGV do
  local id = ARGV[at]
  if redis.call("ZREM", dead, id) == 1 then
    redis.call("HDEL", causes, id)
    redis.call("HDEL", attempts, id)
    redis.call("HDEL", progress, id)
    -- It waits from now on, and somebody wants it whatever its life was.
    local rest = string.match(redis.call("HGET", tasks, id) or "", "^%d+ %d+( .*)$")
    if rest then redis.call("HSET", tasks, id, string.format("%.0f 0", now) .. rest) end
    wait(id, false)
    replayed = replayed + 1
  end
end
if replayed > 0 then wakeOne() end
return replayed`,
  keys: ({ keys }: Replay) => [
    keys.tasks,
    keys.dead,
    keys.causes,
    keys.attempts,
    keys.wake,
    keys.progress,
    ...keys.waiting
  ],
  args: ({ ids }) => ids,
  decode: RedisCommand.decoder(Schema.Int),
  kind: "idempotent"
})
