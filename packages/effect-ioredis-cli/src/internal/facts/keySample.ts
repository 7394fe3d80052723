/** Looks at some keys of the cache's keyspace. */
import { Effect, Option, Result } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Keys } from "effect-ioredis/commands"
import type { Conversation } from "./Conversation.ts"
import type { KeySample } from "./Facts.ts"
import { scanSome } from "./scanSome.ts"

const mostKeys = 100

/** Scans some keys that begin with the prefix, and counts those that are not the cache's. */
export const sampleKeys = Effect.fnUntraced(function* (
  conversation: Conversation,
  prefix: string
): Effect.fn.Return<KeySample | undefined> {
  const keys = yield* scanSome(conversation, `${escaped(prefix)}:*`, mostKeys)
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

const escaped = (prefix: string): string => prefix.replace(/[\\*?[\]]/g, "\\$&")

const beginningOf = (key: string) => RedisCommand.make("GETRANGE", [key, 0, 43])

// The key of a lease holds the token of a lookup, and no value. A value begins with its format,
// and the 44th character ends its header.
const isForeign = (key: string, start: RedisCommand.Reply | undefined): boolean =>
  typeof start === "string" && start !== "" && !key.includes("!lease:") && !/^E1[\s\S]{41}:$/.test(start)
