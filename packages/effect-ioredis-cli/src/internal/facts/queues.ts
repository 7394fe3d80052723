/** Looks at the queues of tasks on a server. */
import { DateTime, Effect, Option } from "effect"
import { Hashes, Keys, Lists, Server, SortedSets } from "effect-ioredis/commands"
import type { Conversation } from "./Conversation.ts"
import type { Queue } from "./Facts.ts"
import { scanSome } from "./scanSome.ts"

const mostQueues = 20

/** How many of each list are looked at: those that were begun before are not what waits. */
const mostHeads = 20

/**
 * Looks at queues: those that are named, and else those whose keys a bounded scan finds. A name is
 * that of a queue, behind its prefix where that is not `tasks`: `mails`, `shop:mails`.
 */
export const lookAtQueues = Effect.fnUntraced(function* (
  conversation: Conversation,
  named: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<Queue>> {
  const names = named.length > 0 ? named : ((yield* scanSome(conversation, "tasks:{*}:*", mostQueues, nameIn)) ?? [])
  const queues = yield* Effect.forEach(names, (name) => lookAt(conversation, name))
  return queues.filter((queue) => queue !== undefined)
})

/** What the keys of a queue begin with. */
export const baseOf = (name: string): string => {
  const at = name.lastIndexOf(":")
  return `${at === -1 ? "tasks" : name.slice(0, at)}:{${name.slice(at + 1)}}:`
}

const keyOfQueue = /^tasks:\{([\w.-]+)\}:[a-z]/

const nameIn = (key: string): string | undefined => keyOfQueue.exec(key)?.[1]

// Of a queue whose keys are on another server, and of one that was never used, nothing is there.
const lookAt = Effect.fnUntraced(function* (conversation: Conversation, name: string) {
  const base = baseOf(name)
  const lists = ["high", "normal", "low"].map((priority) => `${base}waiting:${priority}`)
  const isThere = yield* conversation.tell(
    Keys.exists([`${base}tasks`, `${base}over`, `${base}paused`, `${base}dead`, `${base}wake`])
  )
  if (isThere === undefined || isThere === 0) return undefined
  const lengths = yield* Effect.forEach(lists, (list) => conversation.tell(Lists.llen(list)))
  const isPaused = yield* conversation.tell(Keys.exists([`${base}paused`]))
  const queue: Queue = {
    name,
    waiting: lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0),
    dead: (yield* conversation.tell(SortedSets.zcard(`${base}dead`))) ?? 0,
    isPaused: isPaused === 1,
    oldest: yield* oldestOf(conversation, base, lists)
  }
  return queue
})

const oldestOf = Effect.fnUntraced(function* (conversation: Conversation, base: string, lists: ReadonlyArray<string>) {
  const now = yield* conversation.tell(Server.time)
  const heads = yield* Effect.forEach(lists, (list) => conversation.tell(Lists.lrange(list, 0, mostHeads - 1)))
  const ids = heads.flatMap((head) => head ?? [])
  if (now === undefined || ids.length === 0) return 0
  const stored = yield* conversation.tell(Hashes.hmget(`${base}tasks`, ids))
  const begun = yield* conversation.tell(Hashes.hmget(`${base}attempts`, ids))
  const ages = (stored ?? []).flatMap((text, index) => {
    const wasBegun = Option.isSome(begun?.[index] ?? Option.none())
    // What is stored of a task begins with the moment at which it may be begun.
    const [due] = /^\d+/.exec(Option.getOrElse(text, () => "")) ?? []
    return wasBegun || due === undefined ? [] : [DateTime.toEpochMillis(now) - Number(due)]
  })
  return Math.max(0, ...ages)
})
