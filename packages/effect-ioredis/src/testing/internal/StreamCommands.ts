import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import { type RedisStore, replace, streamAt } from "./RedisStore.ts"
import * as Stream from "./Stream.ts"
import * as StreamId from "./StreamId.ts"
import * as Wire from "./Wire.ts"

/** Streams without their groups. */

const add: Run = (args, { store }) => {
  const { create, next, trim } = trimOptions(args, true)
  const id = upper(args[next]) === "*" ? undefined : args[next] && StreamId.given(at(args, next))
  const fields = args.slice(next + 1)
  if (fields.length < 2 || fields.length % 2 !== 0) return Wire.wrongArity("xadd")
  if (id?.exact && id.id === StreamId.first) return Wire.fail("ERR The ID specified in XADD must be greater than 0-0")
  const before = streamAt(store, at(args, 0))
  if (before === undefined && !create) return null
  const stream = before ?? Stream.empty
  if (stream.lastId === StreamId.last) {
    return Wire.fail("ERR The stream has exhausted the last possible ID, unable to add more items")
  }
  const added = Stream.append(stream, { id: idFor(stream, id, store.now()), fields })
  replace(store, at(args, 0), trim === undefined ? added : Stream.trim(added, trim))
  return StreamId.show(added.lastId)
}

const idFor = (
  { lastId }: Stream.Stream,
  given: { readonly id: StreamId.StreamId; readonly exact: boolean } | undefined,
  now: number
): StreamId.StreamId => {
  const { exact, id } = given ?? { id: StreamId.make(BigInt(Math.floor(now)), 0n), exact: false }
  const sameMillis = StreamId.millisOf(id) === StreamId.millisOf(lastId)
  // A clock that went back does not matter, but a moment that was given does.
  const next = !exact && (sameMillis || (given === undefined && id < lastId)) ? lastId + 1n : id
  const refused = next <= lastId || (given !== undefined && StreamId.millisOf(next) !== StreamId.millisOf(id))
  return refused ? Wire.fail("ERR The ID specified in XADD is equal or smaller than the target stream top item") : next
}

// What XTRIM says, and XADD before its ID, whose place is `next`.
const trimOptions = (args: ReadonlyArray<Buffer>, adds: boolean) => {
  let keep: Stream.Trim["keep"] | undefined
  let approximate = false
  let limit: number | undefined
  let create = true
  let next = 1
  for (; next < args.length; next++) {
    const word = upper(args[next])
    const more = args.length - 1 - next
    if (adds && word === "*") break
    if ((word === "MAXLEN" || word === "MINID") && more > 0) {
      if (keep !== undefined) {
        return Wire.fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
      }
      const sign = more > 1 ? upper(args[next + 1]) : ""
      approximate = sign === "~"
      if (sign === "~" || sign === "=") next++
      keep = word === "MAXLEN" ? { maxLength: positive("MAXLEN", args[++next]) } : { minId: strictAt(args, ++next) }
    } else if (word === "LIMIT" && more > 0) limit = positive("LIMIT", args[++next])
    else if (adds && word === "NOMKSTREAM") create = false
    else if (adds) {
      StreamId.given(at(args, next))
      break
    } else return Wire.syntaxError()
  }
  return { create, next, trim: trimOf(keep, approximate, limit, adds) }
}

const positive = (name: string, bytes: Buffer | undefined): number => {
  const value = Wire.integer(bytes)
  return value < 0 ? Wire.fail(`ERR The ${name} argument must be >= 0.`) : value
}

const strictAt = (args: ReadonlyArray<Buffer>, index: number): StreamId.StreamId => StreamId.strict(at(args, index))

const trimOf = (
  keep: Stream.Trim["keep"] | undefined,
  approximate: boolean,
  limit: number | undefined,
  adds: boolean
): Stream.Trim | undefined => {
  if (limit && keep === undefined) {
    return Wire.fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
  }
  if (keep === undefined && !adds) {
    return Wire.fail("ERR syntax error, XTRIM must be called with a trimming strategy")
  }
  if (limit !== undefined && !approximate) {
    return Wire.fail("ERR syntax error, LIMIT cannot be used without the special ~ option")
  }
  const most = approximate ? 100 * Stream.slotsPerNode : 0
  return keep && { keep, approximate, limit: limit ?? most }
}

const trim: Run = (args, { store }) => {
  const { trim } = trimOptions(args, false)
  const stream = streamAt(store, at(args, 0))
  if (stream === undefined || trim === undefined) return 0
  return change(store, at(args, 0), stream, Stream.trim(stream, trim))
}

const remove: Run = (args, { store }) => {
  const stream = streamAt(store, at(args, 0))
  if (stream === undefined) return 0
  const ids = new Set(args.slice(1).map(StreamId.strict))
  return change(store, at(args, 0), stream, Stream.remove(stream, ids))
}

// How many entries fewer there are.
const change = (store: RedisStore, key: Buffer, before: Stream.Stream, after: Stream.Stream): number => {
  if (after !== before) replace(store, key, after)
  return before.length - after.length
}

const range =
  (reversed: boolean): Run =>
  (args, { store }) => {
    const [one, other] = [at(args, 1), at(args, 2)]
    const [start, end] = reversed ? [other, one] : [one, other]
    const [from, to] = [StreamId.start(start), StreamId.end(end)]
    const count = countOption(args.slice(3))
    const stream = streamAt(store, at(args, 0))
    if (stream === undefined) return []
    if (count === 0) return null
    const found = Stream.between(stream, from, to)
    return (reversed ? found.toReversed() : found).slice(0, count).map(show)
  }

const countOption = (words: ReadonlyArray<Buffer>): number | undefined => {
  let count: number | undefined
  for (let index = 0; index < words.length; index += 2) {
    if (upper(words[index]) !== "COUNT" || words[index + 1] === undefined) return Wire.syntaxError()
    count = Math.max(0, Wire.integer(words[index + 1]))
  }
  return count
}

/** An entry as replies have it. */
export const show = ({ fields, id }: Stream.Entry): Wire.Wire => [StreamId.show(id), fields]

const setId: Run = (args, { store }) => {
  const id = strictAt(args, 1)
  const { entriesAdded, maxDeletedId } = setIdOptions(args.slice(2), id)
  const stream = streamAt(store, at(args, 0)) ?? Wire.fail("ERR no such key")
  const top = Stream.lastOf(stream)
  if (top !== undefined && id < top.id) {
    return Wire.fail("ERR The ID specified in XSETID is smaller than the target stream top item")
  }
  if (top !== undefined && entriesAdded !== undefined && entriesAdded < stream.length) {
    return Wire.fail("ERR The entries_added specified in XSETID is smaller than the target stream length")
  }
  replace(store, at(args, 0), {
    ...stream,
    lastId: id,
    entriesAdded: entriesAdded ?? stream.entriesAdded,
    maxDeletedId: maxDeletedId || stream.maxDeletedId
  })
  return "OK"
}

const setIdOptions = (words: ReadonlyArray<Buffer>, id: StreamId.StreamId) => {
  let entriesAdded: bigint | undefined
  let maxDeletedId = StreamId.first
  for (let index = 0; index < words.length; index += 2) {
    const word = upper(words[index])
    const argument = words[index + 1] ?? Wire.syntaxError()
    if (word === "ENTRIESADDED") {
      entriesAdded = Wire.bigInteger(argument)
      if (entriesAdded < 0n) return Wire.fail("ERR entries_added must be positive")
    } else if (word === "MAXDELETEDID") {
      maxDeletedId = StreamId.strict(argument)
      if (id < maxDeletedId) {
        return Wire.fail("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
      }
    } else return Wire.syntaxError()
  }
  return { entriesAdded, maxDeletedId }
}

const info: Run = (args, { store }) => {
  const stream = streamAt(store, at(args, 0)) ?? Wire.fail("ERR no such key")
  if (args.length > 1) return full(args.slice(1))
  const [first, last] = [Stream.firstOf(stream), Stream.lastOf(stream)]
  return named({
    length: stream.length,
    "radix-tree-keys": stream.nodes.length,
    // How Redis cuts the keys of its tree is not simulated.
    "radix-tree-nodes": stream.nodes.length + 1,
    "last-generated-id": StreamId.show(stream.lastId),
    "max-deleted-entry-id": StreamId.show(stream.maxDeletedId),
    "entries-added": stream.entriesAdded,
    "recorded-first-entry-id": StreamId.show(first?.id ?? StreamId.first),
    groups: stream.groups.size,
    "first-entry": first === undefined ? null : show(first),
    "last-entry": last === undefined ? null : show(last)
  })
}

const full = ([word, count, amount, ...more]: ReadonlyArray<Buffer>): never => {
  const known = upper(word) === "FULL" && (count === undefined || upper(count) === "COUNT")
  if (!known || more.length > 0 || (count === undefined) !== (amount === undefined)) {
    return Wire.fail("ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.")
  }
  return Wire.fail(
    "NOSIMULATEDCOMMAND SimulatedRedis does not know XINFO STREAM with FULL, which Redis does: add it with `commands`"
  )
}

/** Names and what belongs to them, in turns. */
export const named = (fields: Readonly<Record<string, Wire.Wire>>): Wire.Wire =>
  Object.entries(fields).flatMap(([name, value]) => [Buffer.from(name), value])

export const commands: Commands = {
  xadd: grow(-5, add),
  xlen: read(2, (args, { store }) => streamAt(store, at(args, 0))?.length ?? 0),
  xrange: read(-4, range(false)),
  xrevrange: read(-4, range(true)),
  xdel: write(-3, remove),
  xtrim: write(-4, trim),
  xsetid: grow(-3, setId),
  "xinfo|stream": read(-3, info)
}
