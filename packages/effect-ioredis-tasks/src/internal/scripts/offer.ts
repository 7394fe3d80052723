import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"
import { oneOf } from "./replies.ts"

/** A task as it is offered. */
export interface Offer {
  readonly id: string
  /** What is stored of it. It is unlike that of every other offer. */
  readonly content: string
  /** 0 goes before 1, and 1 before 2. */
  readonly priority: 0 | 1 | 2
  /** In how many milliseconds it may be begun. */
  readonly delay: number
  /** In how many milliseconds it is not worth beginning any more; 0 says that it always is. */
  readonly life: number
}

/**
 * Enqueues a task, unless one of its id is known. It may run twice: it knows its own offer by the
 * content, as long as the task is not over.
 */
export const offer: RedisScript.RedisScript<Offer & { readonly keys: QueueKeys }, "Duplicate" | "Enqueued"> =
  RedisScript.make({
    lua: `local tasks, over, delayed, wake = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, content, priority, delay, life = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
${lua.now}${lua.wakeOne}
local known = redis.call("HGET", tasks, id)
if known and known ~= "" then return string.sub(known, -#content) == content and 1 or 0 end
local remembered = redis.call("ZSCORE", over, id)
if remembered and tonumber(remembered) > now then return 0 end
-- What was cancelled may wait in its list for longer than its id is remembered.
if known then for list = 5, 7 do redis.call("LREM", KEYS[list], 0, id) end end
local expires = life == 0 and 0 or now + life
redis.call("HSET", tasks, id, string.format("%.0f %.0f ", now + delay, expires) .. priority .. " " .. content)
if delay > 0 then
  redis.call("ZADD", delayed, now + delay, id)
  if redis.call("ZRANGE", delayed, 0, 0)[1] == id then wakeOne() end
else
  redis.call("RPUSH", KEYS[5 + priority], id)
  wakeOne()
end
return 1`,
    keys: ({ keys }: Offer & { readonly keys: QueueKeys }) => [
      keys.tasks,
      keys.over,
      keys.delayed,
      keys.wake,
      ...keys.waiting
    ],
    args: ({ content, delay, id, life, priority }) => [id, content, priority, delay, life],
    decode: oneOf(["Duplicate", "Enqueued"]),
    kind: "repeatable"
  })
