import { Result } from "effect"
import { RedisScript } from "effect-ioredis"
import type { QueueKeys } from "../QueueKeys.ts"

/** Which dead letters are looked at: so many, from this place on, the latest first. */
export interface Page {
  readonly keys: QueueKeys
  readonly offset: number
  readonly limit: number
}

export interface Letter {
  readonly id: string
  /** When it was decided, in milliseconds of the server's clock. */
  readonly at: number
  readonly attempts: number
  readonly stored: string
  readonly cause: string
}

/** Looks at dead letters. */
export const letters: RedisScript.RedisScript<Page, ReadonlyArray<Letter>> = RedisScript.make({
  lua: `local dead, tasks, attempts, causes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local page = redis.call("ZRANGE", dead, ARGV[1], ARGV[1] + ARGV[2] - 1, "REV", "WITHSCORES")
local letters = {}
for at = 1, #page, 2 do
  local id = page[at]
  local attempt = string.match(redis.call("HGET", attempts, id) or "0", "^%d+")
  local stored, cause = redis.call("HGET", tasks, id) or "", redis.call("HGET", causes, id) or ""
  letters[#letters + 1] = { id, page[at + 1], attempt, stored, cause }
end
return letters`,
  keys: ({ keys }: Page) => [keys.dead, keys.tasks, keys.attempts, keys.causes],
  args: ({ limit, offset }) => [offset, limit],
  decode: (reply) => {
    if (!Array.isArray(reply)) return Result.fail("an array")
    return Result.succeed(
      reply.map((letter) => {
        const [id, at, attempts, stored, cause] = Array.isArray(letter) ? letter.map(String) : []
        return { id: id ?? "", at: Number(at), attempts: Number(attempts), stored: stored ?? "", cause: cause ?? "" }
      })
    )
  },
  kind: "read"
})
