import { type Array as Arr, Effect } from "effect"
import type { RedisServer, RedisServerError } from "../../../../test/support/RedisServer.ts"
import type { ReplyError } from "../../../../test/support/Resp.ts"
import type { View } from "./Screen.ts"

/** One thing that happens to Redis, and how long the service is watched after it. */
export interface Step {
  readonly name: string
  readonly headline: string
  readonly redis: View["redis"]
  readonly does: Effect.Effect<unknown, RedisServerError | ReplyError>
  /** The outage is the step before this one. When `does` is through, Redis has answered a PING. */
  readonly endsOutage?: true
  readonly seconds: number
}

export type Script = Arr.NonEmptyReadonlyArray<Step>

export const make = (redis: RedisServer): Script => [
  { name: "warm-up", headline: "Redis is up, and empty", redis: "up", does: Effect.void, seconds: 5 },
  { name: "steady", headline: "Redis is up", redis: "up", does: Effect.void, seconds: 4 },
  { name: "killed", headline: "Redis was killed (SIGKILL)", redis: "down", does: redis.kill, seconds: 6 },
  {
    name: "restarted",
    headline: "Redis was started again, empty",
    redis: "up",
    does: redis.start,
    endsOutage: true,
    seconds: 6
  },
  { name: "frozen", headline: "Redis is frozen (SIGSTOP)", redis: "down", does: redis.freeze, seconds: 6 },
  {
    name: "thawed",
    headline: "Redis was thawed (SIGCONT)",
    redis: "up",
    does: Effect.andThen(redis.thaw, redis.cli("PING")),
    endsOutage: true,
    seconds: 5
  },
  { name: "steady again", headline: "Redis is up", redis: "up", does: Effect.void, seconds: 4 }
]

/** Where there is no redis-server: it shows the service, and proves nothing. */
export const withoutRedis: Script = [
  { name: "memory alone", headline: "There is no Redis: memory alone", redis: "none", does: Effect.void, seconds: 10 }
]
