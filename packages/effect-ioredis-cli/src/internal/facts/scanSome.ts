/** Finds some keys on a server, without a look at all of them. */
import { Effect, Result } from "effect"
import { RedisCommand } from "effect-ioredis"
import type { Conversation } from "./Conversation.ts"

const mostPages = 10

/**
 * Scans for keys of a pattern until there are `most` of what `pick` makes of them, each once, or
 * ten pages were looked at. Gives nothing where the server does not let it scan.
 */
export const scanSome = Effect.fnUntraced(function* (
  conversation: Conversation,
  pattern: string,
  most: number,
  pick: (key: string) => string | undefined = (key) => key
): Effect.fn.Return<ReadonlyArray<string> | undefined> {
  const found = new Set<string>()
  let cursor = "0"
  for (let page = 0; page < mostPages && found.size < most; page++) {
    const answer = yield* conversation.tell(scan(cursor, pattern))
    if (answer === undefined) return page === 0 ? undefined : Array.from(found)
    for (const key of answer.keys) {
      const picked = pick(key)
      if (picked !== undefined) found.add(picked)
    }
    cursor = answer.cursor
    if (cursor === "0") break
  }
  return Array.from(found).slice(0, most)
})

const scan = (cursor: string, pattern: string) =>
  RedisCommand.make("SCAN", [cursor, "MATCH", pattern, "COUNT", 500], {
    decode: (reply) => {
      const [next, keys] = Array.isArray(reply) ? reply : []
      return typeof next === "string" && Array.isArray(keys)
        ? Result.succeed({ cursor: next, keys: keys.map(String) })
        : Result.fail("a cursor and a list of keys")
    }
  })
