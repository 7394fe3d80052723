import { at, upper } from "./Command.ts"
import * as Glob from "./Glob.ts"
import { placeOf } from "./Keyspace.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** HSCAN and its like: the items of a collection, in pages. */

/** What a key holds, for such a command. */
export interface Collection {
  /** Holds the items by their name, each as the reply shows it. */
  readonly items: ReadonlyMap<string, ReadonlyArray<Wire.Wire>>
  /** Says whether Redis keeps it in one piece, which comes in one page whatever COUNT says. */
  readonly isCompact: boolean
}

/** A key that is not there is answered before the options are looked at. */
export const scan = (args: ReadonlyArray<Buffer>, collectionAt: (key: Buffer) => Collection | undefined): Wire.Wire => {
  const cursor = keyOf(at(args, 1))
  if (!/^(?:[-+]?[0-9]+)?$/.test(cursor)) return Wire.fail("ERR invalid cursor")
  const collection = collectionAt(at(args, 0))
  if (collection === undefined) return [Buffer.from("0"), []]
  const { count, holds } = optionsOf(args.slice(2))
  const { names, next } = pageOf(collection, Math.abs(Number(cursor)), count)
  return [Buffer.from(String(next)), names.filter(holds).flatMap((name) => collection.items.get(name) ?? [])]
}

// What is added or removed meanwhile leaves all others in their place.
const pageOf = ({ isCompact, items }: Collection, cursor: number, count: number) => {
  if (isCompact) return { names: Array.from(items.keys()), next: 0 }
  const places = Array.from(items.keys(), (name) => [placeOf(name, 0), name] as const)
    .filter(([place]) => place >= cursor)
    .sort(([one], [other]) => one - other)
  const [last] = places[count - 1] ?? [Number.POSITIVE_INFINITY]
  const [next] = places.find(([place]) => place > last) ?? [0]
  return { names: places.flatMap(([place, name]) => (place <= last ? [name] : [])), next }
}

const optionsOf = (words: ReadonlyArray<Buffer>) => {
  let holds = (_: string) => true
  let count = 10
  for (let index = 0; index < words.length; index += 2) {
    const argument = words[index + 1] ?? Wire.syntaxError()
    const word = upper(words[index])
    if (word === "MATCH") holds = Glob.matches(keyOf(argument))
    else if (word === "COUNT") count = Wire.integer(argument)
    else return Wire.syntaxError()
    if (count < 1) return Wire.syntaxError()
  }
  return { count, holds }
}
