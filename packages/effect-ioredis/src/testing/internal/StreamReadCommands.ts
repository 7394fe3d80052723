import * as BlockTime from "./BlockTime.ts"
import { at, type Commands, type Machine, read, type Run, upper, write } from "./Command.ts"
import { keyOf, type RedisStore, replace, streamAt } from "./RedisStore.ts"
import * as Stream from "./Stream.ts"
import { show } from "./StreamCommands.ts"
import * as StreamId from "./StreamId.ts"
import * as Wire from "./Wire.ts"

/** XREAD and XREADGROUP. */

interface Options {
  /** Sets how many entries of each stream; 0 is all. */
  readonly count: number
  readonly noAck: boolean
  /** Sets for how many milliseconds it waits where nothing is there; nothing lets it not wait. */
  readonly block: number | undefined
  readonly group: { readonly name: Buffer; readonly consumer: Buffer } | undefined
  readonly streams: ReadonlyArray<readonly [key: Buffer, id: Buffer]>
}

const readOptions = (name: "xread" | "xreadgroup", args: ReadonlyArray<Buffer>): Options => {
  const grouped = name === "xreadgroup"
  const onlyGrouped = (option: string) =>
    grouped || Wire.fail(`ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`)
  let count = 0
  let noAck = false
  let block: Options["block"]
  let group: Options["group"]
  for (let index = 0; index < args.length; index++) {
    const word = upper(args[index])
    const more = args.length - 1 - index
    if (word === "BLOCK" && more > 0) block = BlockTime.ofMillis(at(args, ++index))
    else if (word === "COUNT" && more > 0) count = Math.max(0, Wire.integer(args[++index]))
    else if (word === "STREAMS" && more > 0) {
      const streams = streamsOf(args.slice(index + 1))
      if (grouped && group === undefined) return Wire.fail("ERR Missing GROUP option for XREADGROUP")
      return { block, count, group, noAck, streams }
    } else if (word === "GROUP" && more > 1 && onlyGrouped("GROUP")) {
      group = { name: at(args, ++index), consumer: at(args, ++index) }
    } else if (word === "NOACK" && onlyGrouped("NOACK")) noAck = true
    else return Wire.syntaxError()
  }
  return Wire.syntaxError()
}

const streamsOf = (words: ReadonlyArray<Buffer>): Options["streams"] => {
  if (words.length % 2 !== 0) {
    return Wire.fail("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
  }
  const amount = words.length / 2
  return words.slice(0, amount).map((key, index) => [key, at(words, amount + index)] as const)
}

// Redis answers by the one stream that has changed, and also where what was added is gone again.
const waitFor = (
  { block, mayBlock }: Machine,
  { block: millis, streams }: Options,
  serve: (key: Buffer) => ReadonlyArray<Wire.Wire> | undefined
): Wire.Wire => {
  if (millis === undefined || !mayBlock) return null
  const answer = (key: Buffer) => {
    const found = serve(key)
    return found && [[key, found]]
  }
  return block({
    keys: streams.map(([key]) => key),
    millis,
    serve: (key) => key && answer(key),
    timedOut: () => null
  })
}

/**
 * Tells of a stream whether it is a reason to wake: entries were added since it was looked at last,
 * a group is gone, or it is another one. Whatever else is done to a stream wakes nobody.
 */
const watchAdded = (store: RedisStore, streams: Options["streams"]) => {
  const look = (key: Buffer) => (isStream(store, key) ? streamAt(store, key) : undefined)
  const seen = new Map(streams.map(([key]) => [keyOf(key), look(key)]))
  return (key: Buffer): boolean => {
    const [before, now] = [seen.get(keyOf(key)), look(key)]
    seen.set(keyOf(key), now)
    const isGone = (group: string) => now?.groups.has(group) !== true
    return before?.entriesAdded !== now?.entriesAdded || Array.from(before?.groups.keys() ?? []).some(isGone)
  }
}

const isStream = (store: RedisStore, key: Buffer): boolean => store.get(key)?.value.type === "stream"

const xread: Run = (args, machine) => {
  const { store } = machine
  const options = readOptions("xread", args)
  const { count, streams } = options
  const places = streams.map(([key, id]) => {
    const stream = streamAt(store, key)
    const word = keyOf(id)
    if (word === "$") return stream?.lastId ?? StreamId.first
    if (word !== ">") return StreamId.strict(id)
    return Wire.fail(
      "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
    )
  })
  const answers = streams.flatMap(([key], index) => {
    const stream = streamAt(store, key)
    const found = stream === undefined ? [] : behind(stream, places[index] ?? StreamId.first, count)
    return found.length === 0 ? [] : [[key, found.map(show)]]
  })
  if (answers.length > 0) return answers
  const hasMore = watchAdded(store, streams)
  return waitFor(machine, options, (key) => {
    const stream = hasMore(key) && isStream(store, key) ? streamAt(store, key) : undefined
    const place = places[streams.findIndex(([named]) => named.equals(key))] ?? StreamId.first
    return stream !== undefined && stream.lastId > place ? behind(stream, place, count).map(show) : undefined
  })
}

const behind = (stream: Stream.Stream, id: StreamId.StreamId, count: number): ReadonlyArray<Stream.Entry> => {
  const found = Stream.between(stream, id + 1n, StreamId.last)
  return count === 0 ? found : found.slice(0, count)
}

const xreadgroup: Run = (args, machine) => {
  const options = readOptions("xreadgroup", args)
  const { count, group, noAck, streams } = options
  if (group === undefined) return Wire.syntaxError()
  const places = streams.map(([key, id]) => placeOf(machine, key, group.name, id))
  const answers = streams.flatMap(([key], index) => {
    const place = places[index]
    const found = deliver(machine, { key, group: group.name, consumer: group.consumer, place, count, noAck })
    return found === undefined ? [] : [[key, found]]
  })
  if (answers.length > 0) return answers
  const { store } = machine
  const hasMore = watchAdded(store, streams)
  return waitFor(machine, options, (key) => {
    if (!isStream(store, key)) return Wire.fail("UNBLOCKED the stream key no longer exists")
    const stream = streamAt(store, key)
    const lastDelivered = stream?.groups.get(keyOf(group.name))?.lastDelivered
    if (stream === undefined || lastDelivered === undefined) return Wire.fail(noGroup)
    if (!hasMore(key) || stream.lastId <= lastDelivered) return undefined
    return deliver(machine, { key, group: group.name, consumer: group.consumer, place: undefined, count, noAck }) ?? []
  })
}

const noGroup = "NOGROUP the consumer group this client was blocked on no longer exists"

// Behind which entry of its own a consumer wants to read; none for what is new to the group.
const placeOf = ({ store }: Machine, key: Buffer, group: Buffer, id: Buffer): StreamId.StreamId | undefined => {
  if (!streamAt(store, key)?.groups.has(keyOf(group))) {
    return Wire.fail(
      `NOGROUP No such key '${Wire.quoted(key)}' or consumer group '${Wire.quoted(group)}' in XREADGROUP with GROUP option`
    )
  }
  const word = keyOf(id)
  if (word === "$") {
    return Wire.fail(
      "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
    )
  }
  const place = word === ">" ? StreamId.last : StreamId.strict(id)
  return place === StreamId.last ? undefined : place
}

interface Delivery {
  readonly key: Buffer
  readonly group: Buffer
  readonly consumer: Buffer
  readonly place: StreamId.StreamId | undefined
  readonly count: number
  readonly noAck: boolean
}

const deliver = ({ store }: Machine, delivery: Delivery): ReadonlyArray<Wire.Wire> | undefined => {
  const stream = streamAt(store, delivery.key)
  const before = stream?.groups.get(keyOf(delivery.group))
  if (stream === undefined || before === undefined) return undefined
  const now = Math.floor(store.now())
  const consumer = keyOf(delivery.consumer)
  const seen = { ...before, consumers: new Map(before.consumers).set(consumer, now) }
  const put = (group: Stream.Group) =>
    replace(store, delivery.key, Stream.withGroup(stream, keyOf(delivery.group), group))
  if (delivery.place !== undefined) {
    const { answers, pending } = again(stream, seen, consumer, delivery.place, delivery.count, now)
    put({ ...seen, pending })
    return answers
  }
  const found = behind(stream, before.lastDelivered, delivery.count)
  if (found.length === 0) return undefined
  const group = found.reduce<Stream.Group>((group, { id }) => Stream.read(stream, group, id), seen)
  const pending = new Map(group.pending)
  if (!delivery.noAck) for (const { id } of found) pending.set(id, { consumer, deliveredAt: now, deliveries: 1n })
  put({ ...group, pending })
  return found.map(show)
}

// What a consumer has not acknowledged is delivered once more.
const again = (
  stream: Stream.Stream,
  group: Stream.Group,
  consumer: string,
  place: StreamId.StreamId,
  count: number,
  now: number
) => {
  const pending = new Map(group.pending)
  const own = Stream.pendingOf(group, consumer).filter(([id]) => id > place)
  const answers = (count === 0 ? own : own.slice(0, count)).map(([id, { deliveries }]) => {
    const entry = Stream.entryOf(stream, id)
    if (entry === undefined) return [StreamId.show(id), null]
    pending.set(id, { consumer, deliveredAt: now, deliveries: deliveries + 1n })
    return show(entry)
  })
  return { answers, pending }
}

export const commands: Commands = {
  xread: read(-4, xread),
  xreadgroup: write(-7, xreadgroup)
}
