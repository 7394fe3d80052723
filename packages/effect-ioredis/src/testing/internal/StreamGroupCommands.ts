import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import { bytesOf, keyOf, type RedisStore, replace, streamAt } from "./RedisStore.ts"
import * as Stream from "./Stream.ts"
import { named, show } from "./StreamCommands.ts"
import * as StreamId from "./StreamId.ts"
import * as Wire from "./Wire.ts"

/** Groups of consumers, and what was delivered to them. */

interface Found {
  readonly stream: Stream.Stream
  readonly group: Stream.Group
  /** Stores the group as it is now. */
  readonly put: (group: Stream.Group) => void
}

const find = (store: RedisStore, key: Buffer, name: Buffer): Found | undefined => {
  const stream = streamAt(store, key)
  const group = stream?.groups.get(keyOf(name))
  if (stream === undefined || group === undefined) return undefined
  return { stream, group, put: (group) => replace(store, key, Stream.withGroup(stream, keyOf(name), group)) }
}

const found = (store: RedisStore, key: Buffer, name: Buffer): Found =>
  find(store, key, name) ??
  Wire.fail(`NOGROUP No such key '${Wire.quoted(key)}' or consumer group '${Wire.quoted(name)}'`)

// XGROUP wants the key to be there, and says so in words of its own.
const managed = (store: RedisStore, key: Buffer, name: Buffer): Found => {
  if (streamAt(store, key) === undefined) return noKey()
  return (
    find(store, key, name) ??
    Wire.fail(`NOGROUP No such consumer group '${Wire.quoted(name)}' for key name '${Wire.quoted(key)}'`)
  )
}

const noKey = (): never =>
  Wire.fail(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
  )

const groupOptions = (name: "CREATE" | "SETID", words: ReadonlyArray<Buffer>) => {
  let [make, entriesRead]: [boolean, bigint | undefined] = [false, undefined]
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    if (word === "MKSTREAM" && name === "CREATE") make = true
    else if (word === "ENTRIESREAD" && words[index + 1] !== undefined) {
      const value = Wire.bigInteger(words[++index])
      if (value < -1n) return Wire.fail("ERR value for ENTRIESREAD must be positive or -1")
      entriesRead = value === -1n ? undefined : value
    } else return wrongWords(name)
  }
  return { make, entriesRead }
}

const wrongWords = (name: string): never =>
  Wire.fail(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try XGROUP HELP.`)

const create: Run = (args, { store }) => {
  const [key, name] = [at(args, 0), keyOf(at(args, 1))]
  const { entriesRead, make } = groupOptions("CREATE", args.slice(3))
  const stream = streamAt(store, key) ?? (make ? undefined : noKey())
  // So many words come of naming an option twice.
  if (args.length > 6) return wrongWords("CREATE")
  const id = at(args, 2)
  const lastDelivered = keyOf(id) === "$" ? (stream?.lastId ?? StreamId.first) : StreamId.strict(id)
  if (stream?.groups.has(name)) return Wire.fail("BUSYGROUP Consumer Group name already exists")
  const group = { lastDelivered, entriesRead, pending: new Map(), consumers: new Map() }
  replace(store, key, Stream.withGroup(stream ?? Stream.empty, name, group))
  return "OK"
}

const setId: Run = (args, { store }) => {
  const { entriesRead } = groupOptions("SETID", args.slice(3))
  const { group, put, stream } = managed(store, at(args, 0), at(args, 1))
  if (args.length > 5) return wrongWords("SETID")
  const id = at(args, 2)
  put({ ...group, lastDelivered: keyOf(id) === "$" ? stream.lastId : StreamId.edge(id), entriesRead })
  return "OK"
}

const destroy: Run = (args, { store }) => {
  const stream = streamAt(store, at(args, 0)) ?? noKey()
  const groups = new Map(stream.groups)
  if (!groups.delete(keyOf(at(args, 1)))) return 0
  replace(store, at(args, 0), { ...stream, groups })
  return 1
}

const createConsumer: Run = (args, { store }) => {
  const { group, put } = managed(store, at(args, 0), at(args, 1))
  const name = keyOf(at(args, 2))
  if (group.consumers.has(name)) return 0
  put({ ...group, consumers: new Map(group.consumers).set(name, timeOf(store)) })
  return 1
}

const deleteConsumer: Run = (args, { store }) => {
  const { group, put } = managed(store, at(args, 0), at(args, 1))
  const name = keyOf(at(args, 2))
  const consumers = new Map(group.consumers)
  if (!consumers.delete(name)) return 0
  const pending = new Map(Array.from(group.pending).filter(([, { consumer }]) => consumer !== name))
  put({ ...group, consumers, pending })
  return group.pending.size - pending.size
}

const timeOf = (store: RedisStore): number => Math.floor(store.now())

const acknowledge: Run = (args, { store }) => {
  const known = find(store, at(args, 0), at(args, 1))
  if (known === undefined) return 0
  const pending = new Map(known.group.pending)
  const acknowledged = args
    .slice(2)
    .map(StreamId.strict)
    .filter((id) => pending.delete(id)).length
  if (acknowledged > 0) known.put({ ...known.group, pending })
  return acknowledged
}

const claim: Run = (args, { store }) => {
  const { group, put, stream } = found(store, at(args, 0), at(args, 1))
  const minIdle = idleOf("XCLAIM", at(args, 3))
  const parsed = args.slice(4).map((word) => StreamId.parse(word))
  const end = parsed.indexOf(undefined)
  const ids = parsed.slice(0, end === -1 ? parsed.length : end).flatMap((id) => id ?? [])
  const now = timeOf(store)
  const { deliveredAt, force, justId, lastId, retryCount } = claimOptions(args.slice(4 + ids.length), now)
  const consumer = keyOf(at(args, 2))
  const pending = new Map(group.pending)
  const answers = ids.flatMap((id): ReadonlyArray<Wire.Wire> => {
    const entry = Stream.entryOf(stream, id)
    if (entry === undefined) pending.delete(id)
    const before = pending.get(id)
    if (entry === undefined || (before === undefined && !force)) return []
    if (before !== undefined && minIdle > 0 && now - before.deliveredAt < minIdle) return []
    const deliveries = retryCount ?? (before?.deliveries ?? 1n) + (justId ? 0n : 1n)
    pending.set(id, { consumer, deliveredAt, deliveries })
    return [justId ? StreamId.show(id) : show(entry)]
  })
  const lastDelivered = StreamId.later(lastId, group.lastDelivered)
  put({ ...group, lastDelivered, pending, consumers: seenIf(answers.length > 0, group, consumer, now) })
  return answers
}

// Only who gets something was there, and is known from then on.
const seenIf = (claims: boolean, { consumers }: Stream.Group, name: string, now: number): Stream.Group["consumers"] =>
  claims ? new Map(consumers).set(name, now) : consumers

const idleOf = (name: string, bytes: Buffer): number =>
  Math.max(0, integerOr(bytes, `ERR Invalid min-idle-time argument for ${name}`))

const integerOr = (bytes: Buffer | undefined, message: string): number => Number(bigIntegerOr(bytes, message))

const bigIntegerOr = (bytes: Buffer | undefined, message: string): bigint =>
  bytes !== undefined && Wire.isInteger(bytes) ? Wire.bigInteger(bytes) : Wire.fail(message)

const claimOptions = (words: ReadonlyArray<Buffer>, now: number) => {
  let [deliveredAt, force, justId] = [now, false, false]
  let lastId = StreamId.first
  let retryCount: bigint | undefined
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    const more = words[index + 1] !== undefined
    if (word === "FORCE") force = true
    else if (word === "JUSTID") justId = true
    else if (word === "IDLE" && more) {
      deliveredAt = now - integerOr(words[++index], "ERR Invalid IDLE option argument for XCLAIM")
    } else if (word === "TIME" && more) {
      deliveredAt = integerOr(words[++index], "ERR Invalid TIME option argument for XCLAIM")
    } else if (word === "RETRYCOUNT" && more) {
      const count = bigIntegerOr(words[++index], "ERR Invalid RETRYCOUNT option argument for XCLAIM")
      retryCount = count < 0n ? undefined : count
    } else if (word === "LASTID" && more) lastId = StreamId.strict(at(words, ++index))
    else return Wire.fail(`ERR Unrecognized XCLAIM option '${Wire.quoted(at(words, index))}'`)
  }
  // A moment that cannot be is taken for now.
  return { deliveredAt: deliveredAt < 0 || deliveredAt > now ? now : deliveredAt, force, justId, lastId, retryCount }
}

const autoclaim: Run = (args, { store }) => {
  const minIdle = idleOf("XAUTOCLAIM", at(args, 3))
  const start = StreamId.start(at(args, 4))
  const { count, justId } = autoclaimOptions(args.slice(5))
  const { group, put, stream } = found(store, at(args, 0), at(args, 1))
  const [now, consumer] = [timeOf(store), keyOf(at(args, 2))]
  const pending = new Map(group.pending)
  const queue = Stream.pendingOf(group).filter(([id]) => id >= start)
  const answers: Array<Wire.Wire> = []
  const deleted: Array<Wire.Wire> = []
  let looked = 0
  // Redis looks at ten times as many as it may claim.
  for (; looked < count * 10 && answers.length + deleted.length < count; looked++) {
    const [id, { deliveredAt, deliveries }] = queue[looked] ?? [undefined, { deliveredAt: 0, deliveries: 0n }]
    if (id === undefined) break
    const entry = Stream.entryOf(stream, id)
    if (entry === undefined) {
      pending.delete(id)
      deleted.push(StreamId.show(id))
    } else if (minIdle === 0 || now - deliveredAt >= minIdle) {
      pending.set(id, { consumer, deliveredAt: now, deliveries: deliveries + (justId ? 0n : 1n) })
      answers.push(justId ? StreamId.show(id) : show(entry))
    }
  }
  put({ ...group, pending, consumers: seenIf(answers.length > 0, group, consumer, now) })
  return [StreamId.show(queue[looked]?.[0] ?? StreamId.first), answers, deleted]
}

// More would not fit the memory that Redis sets aside.
const mostClaims = 2 ** 63 / 16

const autoclaimOptions = (words: ReadonlyArray<Buffer>) => {
  let [count, justId] = [100, false]
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    if (word === "JUSTID") justId = true
    else if (word === "COUNT" && words[index + 1] !== undefined) {
      count = integerOr(words[++index], "ERR COUNT must be > 0")
      if (count < 1 || count >= mostClaims) return Wire.fail("ERR COUNT must be > 0")
    } else return Wire.syntaxError()
  }
  return { count, justId }
}

const pending: Run = (args, { store }) => {
  if (args.length > 2) return pendingRange(args, store)
  const { group } = found(store, at(args, 0), at(args, 1))
  const all = Stream.pendingOf(group)
  const [first, last] = [all[0], all.at(-1)]
  if (first === undefined || last === undefined) return [0, null, null, null]
  const consumers = namesOf(group.consumers).flatMap((name) => {
    const count = Stream.pendingOf(group, name).length
    return count === 0 ? [] : [[bytesOf(name), Buffer.from(String(count))]]
  })
  return [all.length, StreamId.show(first[0]), StreamId.show(last[0]), consumers]
}

// Redis keeps names in the order of their bytes.
const namesOf = (map: ReadonlyMap<string, unknown>): ReadonlyArray<string> => Array.from(map.keys()).sort()

const pendingRange = (args: ReadonlyArray<Buffer>, store: RedisStore): Wire.Wire => {
  if (args.length < 5 || args.length > 8) return Wire.syntaxError()
  const idle = upper(args[2]) === "IDLE"
  const minIdle = idle ? Wire.integer(args[3]) : 0
  const words = args.slice(idle ? 4 : 2)
  if (words.length < 3) return Wire.syntaxError()
  const count = Math.max(0, Wire.integer(words[2]))
  const [start, end] = [StreamId.start(at(words, 0)), StreamId.end(at(words, 1))]
  const { group } = found(store, at(args, 0), at(args, 1))
  const now = timeOf(store)
  return Stream.pendingOf(group, words[3] && keyOf(words[3]))
    .filter(([id, { deliveredAt }]) => id >= start && id <= end && (minIdle === 0 || now - deliveredAt >= minIdle))
    .slice(0, count)
    .map(([id, { consumer, deliveredAt, deliveries }]) => [
      StreamId.show(id),
      bytesOf(consumer),
      Math.max(0, now - deliveredAt),
      deliveries
    ])
}

const infoOf = (store: RedisStore, key: Buffer): Stream.Stream => streamAt(store, key) ?? Wire.fail("ERR no such key")

const infoGroups: Run = (args, { store }) => {
  const stream = infoOf(store, at(args, 0))
  return namesOf(stream.groups).flatMap((name) => {
    const group = stream.groups.get(name)
    return group === undefined ? [] : [groupInfo(stream, name, group)]
  })
}

const groupInfo = (stream: Stream.Stream, name: string, group: Stream.Group): Wire.Wire =>
  named({
    name: bytesOf(name),
    consumers: group.consumers.size,
    pending: group.pending.size,
    "last-delivered-id": StreamId.show(group.lastDelivered),
    "entries-read": group.entriesRead ?? null,
    lag: Stream.lagOf(stream, group) ?? null
  })

const infoConsumers: Run = (args, { store }) => {
  const [key, name] = [at(args, 0), at(args, 1)]
  const group = infoOf(store, key).groups.get(keyOf(name))
  if (group === undefined)
    return Wire.fail(`NOGROUP No such consumer group '${Wire.quoted(name)}' for key name '${Wire.quoted(key)}'`)
  return namesOf(group.consumers).map((consumer) =>
    named({
      name: bytesOf(consumer),
      pending: Stream.pendingOf(group, consumer).length,
      idle: Math.max(0, timeOf(store) - (group.consumers.get(consumer) ?? 0))
    })
  )
}

export const commands: Commands = {
  "xgroup|create": grow(-5, create),
  "xgroup|setid": write(-5, setId),
  "xgroup|destroy": write(4, destroy),
  "xgroup|createconsumer": grow(5, createConsumer),
  "xgroup|delconsumer": write(5, deleteConsumer),
  "xinfo|groups": read(3, infoGroups),
  "xinfo|consumers": read(4, infoConsumers),
  xack: write(-4, acknowledge),
  xclaim: write(-6, claim),
  xautoclaim: write(-6, autoclaim),
  xpending: read(-3, pending)
}
