import { at, type Client, type Commands, read, type Run } from "./Command.ts"
import { bytesOf, keyOf } from "./RedisStore.ts"
import type * as Wire from "./Wire.ts"

type Kind = "channels" | "patterns"

const subscribe =
  (word: string, kind: Kind): Run =>
  (args, { client }) =>
    answer(word, client, args.map(keyOf), (names, name) => names.add(name), kind)

const unsubscribe =
  (word: string, kind: Kind): Run =>
  (args, { client }) => {
    const names = args.length === 0 ? Array.from(client.subscriptions[kind]) : args.map(keyOf)
    if (names.length === 0) return [Buffer.from(word), null, client.subscriptions.count]
    return answer(word, client, names, (subscribed, name) => subscribed.delete(name), kind)
  }

// A server answers for each name. The connection's client takes the last answer for the reply.
const answer = (
  word: string,
  { subscriptions }: Client,
  names: ReadonlyArray<string>,
  change: (names: Set<string>, name: string) => void,
  kind: Kind
): Wire.Wire => {
  for (const name of names) change(subscriptions[kind], name)
  return [Buffer.from(word), bytesOf(names.at(-1) ?? ""), subscriptions.count]
}

/** Commands that a client may send while it is subscribed. */
export const isAllowed = (name: string): boolean => allowed.has(name)

const allowed = new Set(["SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT", "RESET"])

export const commands: Commands = {
  subscribe: read(-2, subscribe("subscribe", "channels")),
  psubscribe: read(-2, subscribe("psubscribe", "patterns")),
  unsubscribe: read(-1, unsubscribe("unsubscribe", "channels")),
  punsubscribe: read(-1, unsubscribe("punsubscribe", "patterns")),
  publish: read(3, (args, { pubSub }) => pubSub.publish(keyOf(at(args, 0)), at(args, 1)))
}
