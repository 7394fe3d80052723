import { Result } from "effect"
import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/** Where a task is, how far it is, and what it ended with. */
export interface Look {
  readonly state: "Unknown" | "Waiting" | "Delayed" | "Running" | "Dead" | "Over"
  readonly progress: string | undefined
  /** The result of what is over, and why it is dead. */
  readonly outcome: string | undefined
}

const states: ReadonlyArray<Look["state"]> = ["Unknown", "Waiting", "Delayed", "Running", "Dead", "Over"]

/** Looks at one task. */
export const look: RedisScript.RedisScript<{ readonly keys: QueueKeys; readonly id: string }, Look> = RedisScript.make({
  lua: `local tasks, leases, delayed, dead, over = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local progress, causes, id, results = KEYS[6], KEYS[7], ARGV[1], ARGV[2]
${lua.now}
local stored, state = redis.call("HGET", tasks, id), 1
if not stored or stored == "" then
  local remembered = redis.call("ZSCORE", over, id)
  state = remembered and tonumber(remembered) > now and 5 or 0
elseif redis.call("ZSCORE", leases, id) then state = 3
elseif redis.call("ZSCORE", delayed, id) then state = 2
elseif redis.call("ZSCORE", dead, id) then state = 4
end
local outcome = false
if state == 4 then outcome = redis.call("HGET", causes, id)
elseif state == 5 then outcome = redis.call("GET", results .. id)
end
return { state, redis.call("HGET", progress, id), outcome }`,
  keys: ({ keys }: { readonly keys: QueueKeys; readonly id: string }) => [
    keys.tasks,
    keys.leases,
    keys.delayed,
    keys.dead,
    keys.over,
    keys.progress,
    keys.causes
  ],
  args: ({ id, keys }) => [id, keys.results],
  decode: (reply) => {
    if (!Array.isArray(reply) || reply.length !== 3) return Result.fail("three parts")
    const [state, progress, outcome] = reply
    return Result.succeed({
      state: states[Number(state)] ?? "Unknown",
      progress: typeof progress === "string" ? progress : undefined,
      outcome: typeof outcome === "string" ? outcome : undefined
    })
  },
  kind: "read"
})
