/** Looks at some keys of the cache's keyspace. */
import { Effect, Option, Result } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Keys } from "effect-ioredis/commands"
import type { Conversation } from "./Conversation.ts"
import type { KeySample } from "./Facts.ts"

const mostPages = 10
const mostKeys = 100

/** Scans some keys that begin with the prefix, and counts those that are not the cache's. */
export const sampleKeys = Effect.fnUntraced(function* (
  conversation: Conversation,
  prefix: string
): Effect.fn.Return<KeySample | undefined> {
  const keys = yield* someKeys(conversation, prefix)
  if (keys === undefined) return undefined
  const kinds = yield* Effect.forEach(keys, (key) => kindOf(conversation, key), { concurrency: "unbounded" })
  return { looked: keys.length, ...tally(kinds) }
})

// Without TYPE, a read of text tells strings from everything else.
const kindOf = Effect.fnUntraced(function* (conversation: Conversation, key: string): Effect.fn.Return<Kind> {
  const type = yield* conversation.ask(Keys.type(key))
  const found = Result.isSuccess(type) ? Option.getOrElse(type.success, () => "none") : "unknown"
  if (found === "none") return "ours"
  if (found !== "string" && found !== "unknown") return { type: found }
  const start = yield* conversation.ask(beginningOf(key))
  if (Result.isSuccess(start)) return isForeign(key, start.success) ? "foreign" : "ours"
  const isOther = start.failure._tag === "RedisOperationError" && start.failure.code === "WRONGTYPE"
  return isOther ? { type: "other" } : "ours"
})

type Kind = "ours" | "foreign" | { readonly type: string }

const tally = (kinds: ReadonlyArray<Kind>): Omit<KeySample, "looked"> => {
  const otherTypes: Record<string, number> = {}
  for (const kind of kinds) {
    if (typeof kind === "object") otherTypes[kind.type] = (otherTypes[kind.type] ?? 0) + 1
  }
  return { otherTypes, otherFormats: kinds.filter((kind) => kind === "foreign").length }
}

const someKeys = Effect.fnUntraced(function* (conversation: Conversation, prefix: string) {
  const found = new Set<string>()
  let cursor = "0"
  for (let page = 0; page < mostPages && found.size < mostKeys; page++) {
    const answer = yield* conversation.tell(scan(cursor, prefix))
    if (answer === undefined) return page === 0 ? undefined : Array.from(found)
    for (const key of answer.keys) found.add(key)
    cursor = answer.cursor
    if (cursor === "0") break
  }
  return Array.from(found).slice(0, mostKeys)
})

const scan = (cursor: string, prefix: string) =>
  RedisCommand.make("SCAN", [cursor, "MATCH", `${escaped(prefix)}:*`, "COUNT", 500], {
    decode: (reply) => {
      const [next, keys] = Array.isArray(reply) ? reply : []
      return typeof next === "string" && Array.isArray(keys)
        ? Result.succeed({ cursor: next, keys: keys.map(String) })
        : Result.fail("a cursor and a list of keys")
    }
  })

const escaped = (prefix: string): string => prefix.replace(/[\\*?[\]]/g, "\\$&")

const beginningOf = (key: string) => RedisCommand.make("GETRANGE", [key, 0, 43])

// The key of a lease holds the token of a lookup, and no value. A value begins with its format,
// and the 44th character ends its header.
const isForeign = (key: string, start: RedisCommand.Reply | undefined): boolean =>
  typeof start === "string" && start !== "" && !key.includes("!lease:") && !/^E1[\s\S]{41}:$/.test(start)
