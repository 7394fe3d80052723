import { RedisCommand, RedisScript } from "effect-ioredis"
import { Schema } from "effect"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/** Dead letters that are to be tried anew. */
export interface Replay {
  readonly keys: QueueKeys
  readonly ids: ReadonlyArray<string>
}

/**
 * Lets dead letters be begun again, as if they never had been, and counts them. They wait from now
 * on, and do not expire: whoever replays one wants it, however old it is.
 */
export const replay: RedisScript.RedisScript<Replay, number> = RedisScript.make({
  lua: `local tasks, dead, causes, attempts, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local waiting = { KEYS[6], KEYS[7], KEYS[8] }
${lua.now}${lua.wakeOne}${lua.wait}
local replayed, times = 0, string.format("%.0f 0 ", now)
for at = 2, #ARGV do
  local id = ARGV[at]
  if redis.call("ZREM", dead, id) == 1 then
    redis.call("HDEL", causes, id)
    redis.call("HDEL", attempts, id)
    redis.call("UNLINK", ARGV[1] .. id)
    redis.call("HSET", tasks, id, (string.gsub(redis.call("HGET", tasks, id) or "", "^%d+ %d+ ", times)))
    wait(id, false)
    replayed = replayed + 1
  end
end
if replayed > 0 then wakeOne() end
return replayed`,
  keys: ({ keys }: Replay) => [keys.tasks, keys.dead, keys.causes, keys.attempts, keys.wake, ...keys.waiting],
  args: ({ ids, keys }) => [keys.results, ...ids],
  decode: RedisCommand.decoder(Schema.Int),
  kind: "idempotent"
})
