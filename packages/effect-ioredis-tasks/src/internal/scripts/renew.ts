import { Result } from "effect"
import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"
import * as lua from "./lua.ts"

/** Leases of one worker that are to last on. */
export interface Renewal {
  readonly keys: QueueKeys
  /** For how many milliseconds from now on. */
  readonly lease: number
  readonly held: ReadonlyArray<{ readonly id: string; readonly token: string }>
}

/** Says of a task that a worker has whether it still has it, and shall go on with it. */
export type Holding = "Lost" | "Held" | "Cancelled"

const holdings: ReadonlyArray<Holding> = ["Lost", "Held", "Cancelled"]

/** Renews leases, and says of each task how it stands. */
export const renew: RedisScript.RedisScript<Renewal, ReadonlyArray<Holding>> = RedisScript.make({
  lua: `#!lua flags=allow-oom
local leases, attempts, cancelled, heard = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
${lua.now}${lua.hear}
hear(tonumber(ARGV[1]))
local held = {}
for at = 2, #ARGV, 2 do
  local id = ARGV[at]
  local holder = string.match(redis.call("HGET", attempts, id) or "", "^%d+:(.*)$")
  if holder ~= ARGV[at + 1] then
    held[#held + 1] = 0
  else
    redis.call("ZADD", leases, now + tonumber(ARGV[1]), id)
    held[#held + 1] = 1 + redis.call("SISMEMBER", cancelled, id)
  end
end
return held`,
  keys: ({ keys }: Renewal) => [keys.leases, keys.attempts, keys.cancelled, keys.heard],
  args: ({ held, lease }) => [lease, ...held.flatMap(({ id, token }) => [id, token])],
  decode: (reply) =>
    Array.isArray(reply)
      ? Result.succeed(reply.map((held) => holdings[Number(held)] ?? "Lost"))
      : Result.fail("an array"),
  kind: "repeatable"
})
