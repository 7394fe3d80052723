import { RedisCommand, RedisScript } from "effect-ioredis"
import { Schema } from "effect"
import type { QueueKeys } from "../QueueKeys.ts"

/** How far a task is, as whoever has it says. */
export interface Telling {
  readonly keys: QueueKeys
  readonly id: string
  readonly token: string
  readonly progress: string
}

/** Keeps how far a task is, if whoever says so still has it. Answers 1 where he has. */
export const tell: RedisScript.RedisScript<Telling, number> = RedisScript.make({
  lua: `local holder = string.match(redis.call("HGET", KEYS[1], ARGV[1]) or "", "^%d+:(.*)$")
if holder ~= ARGV[2] then return 0 end
redis.call("HSET", KEYS[2], ARGV[1], ARGV[3])
redis.call("SPUBLISH", ARGV[4], cjson.encode({ ARGV[1] }))
return 1`,
  keys: ({ keys }: Telling) => [keys.attempts, keys.progress],
  args: ({ id, keys, progress, token }) => [id, token, progress, keys.told],
  decode: RedisCommand.decoder(Schema.Int),
  kind: "repeatable"
})
