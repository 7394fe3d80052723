import { upper } from "./Command.ts"
import * as Glob from "./Glob.ts"
import type { Keyspace } from "./Keyspace.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** SCAN and its like: what their words say, and the part of a collection that they answer. */

/** Describes what the words behind a cursor ask for. */
export interface Options {
  readonly count: number
  readonly matches: (name: string) => boolean
  /** The type of keys alone, in lower case. */
  readonly type: string | undefined
}

/** Reads a cursor as C reads a number: nothing at all is 0, and what is negative counts down. */
export const cursorOf = (bytes: Buffer): number => {
  const [, sign, digits = ""] = /^(?:([+-])?([0-9]+))?(?:$|\0)/.exec(keyOf(bytes)) ?? Wire.fail(invalid)
  const cursor = BigInt(digits)
  if (BigInt.asUintN(64, cursor) !== cursor) return Wire.fail(invalid)
  return Number(sign === "-" ? BigInt.asUintN(64, -cursor) : cursor)
}

const invalid = "ERR invalid cursor"

/** Reads the words behind a cursor; only SCAN itself asks for a type. */
export const optionsOf = (words: ReadonlyArray<Buffer>, asksForType = false): Options => {
  let [count, matches]: [number, Options["matches"]] = [10, () => true]
  let type: string | undefined
  for (let index = 0; index < words.length; index += 2) {
    const argument = words[index + 1] ?? Wire.syntaxError()
    const word = upper(words[index])
    if (word === "COUNT") {
      count = Wire.integer(argument)
      if (count < 1) return Wire.syntaxError()
    } else if (word === "MATCH") matches = Glob.matches(keyOf(argument))
    else if (word === "TYPE" && asksForType) type = keyOf(argument).toLowerCase()
    else return Wire.syntaxError()
  }
  return { count, matches, type }
}

/** The names of a collection from a cursor on, and the cursor that goes on behind them. */
export const page = (
  names: Iterable<string>,
  keyspace: Pick<Keyspace, "placeOf">,
  cursor: number,
  { count, matches }: Options
): { readonly next: number; readonly names: ReadonlyArray<string> } => {
  const left = Array.from(names, (name) => ({ name, place: keyspace.placeOf(name) }))
    .filter(({ place }) => place >= cursor)
    .sort((one, other) => one.place - other.place)
  // Names of one place come together, as those of one bucket do.
  const end = left.findIndex(({ place }, index) => index >= count && place !== left[index - 1]?.place)
  const found = end === -1 ? left : left.slice(0, end)
  return { next: left[end]?.place ?? 0, names: found.map(({ name }) => name).filter(matches) }
}
