import { at, type Client, type Commands, read, type Run } from "./Command.ts"
import * as Glob from "./Glob.ts"
import type { Kind } from "./PubSub.ts"
import { bytesOf, keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

const subscribe =
  (word: string, kind: Kind): Run =>
  (args, { client }) =>
    answer(word, client, args.map(keyOf), (names, name) => names.add(name), kind)

const unsubscribe =
  (word: string, kind: Kind): Run =>
  (args, { client }) => {
    const names = args.length === 0 ? Array.from(client.subscriptions[kind]) : args.map(keyOf)
    if (names.length === 0) return [Buffer.from(word), null, client.subscriptions.countOf(kind)]
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
  return [Buffer.from(word), bytesOf(names.at(-1) ?? ""), subscriptions.countOf(kind)]
}

const subscribeToShard: Run = (args, machine) =>
  machine.mayBlock
    ? subscribe("ssubscribe", "shardChannels")(args, machine)
    : Wire.fail("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")

const channels =
  (name: string, kind: "channels" | "shardChannels"): Run =>
  (args, { pubSub }) => {
    if (args.length > 1) return badSubcommand(name)
    const matches = args[0] === undefined ? () => true : Glob.matches(keyOf(args[0]))
    return Array.from(pubSub.channels(kind).keys()).filter(matches).map(bytesOf)
  }

const numbers =
  (kind: "channels" | "shardChannels"): Run =>
  (args, { pubSub }) => {
    const counts = pubSub.channels(kind)
    return args.flatMap((channel) => [channel, counts.get(keyOf(channel)) ?? 0])
  }

const badSubcommand = (name: string): never =>
  Wire.fail(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try PUBSUB HELP.`)

/** Commands that a client may send while it is subscribed. */
export const isAllowed = (name: string): boolean => allowed.has(name)

const allowed = new Set([
  ...["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
  ...["PING", "QUIT", "RESET"]
])

export const commands: Commands = {
  subscribe: read(-2, subscribe("subscribe", "channels")),
  psubscribe: read(-2, subscribe("psubscribe", "patterns")),
  ssubscribe: read(-2, subscribeToShard),
  unsubscribe: read(-1, unsubscribe("unsubscribe", "channels")),
  punsubscribe: read(-1, unsubscribe("punsubscribe", "patterns")),
  sunsubscribe: read(-1, unsubscribe("sunsubscribe", "shardChannels")),
  publish: read(3, (args, { pubSub }) => pubSub.publish(keyOf(at(args, 0)), at(args, 1))),
  spublish: read(3, (args, { pubSub }) => pubSub.publishToShard(keyOf(at(args, 0)), at(args, 1))),
  "pubsub|channels": read(-2, channels("CHANNELS", "channels")),
  "pubsub|numsub": read(-2, numbers("channels")),
  "pubsub|numpat": read(2, (_, { pubSub }) => pubSub.patterns()),
  "pubsub|shardchannels": read(-2, channels("SHARDCHANNELS", "shardChannels")),
  "pubsub|shardnumsub": read(-2, numbers("shardChannels"))
}
