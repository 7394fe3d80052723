import { at, upper } from "./Command.ts"
import * as Glob from "./Glob.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** HSCAN and its like. One page has all that a collection holds, whatever COUNT says. */

/** Gives what a key holds by its name, and as the reply shows it. */
export type Items = (key: Buffer) => ReadonlyMap<string, ReadonlyArray<Wire.Wire>> | undefined

/** A key that is not there is answered before the options are looked at. */
export const scan = (args: ReadonlyArray<Buffer>, itemsAt: Items): Wire.Wire => {
  if (!/^(?:[-+]?[0-9]+)?$/.test(keyOf(at(args, 1)))) return Wire.fail("ERR invalid cursor")
  const items = itemsAt(at(args, 0))
  if (items === undefined) return page([])
  const holds = patternOf(args.slice(2))
  return page(Array.from(items).flatMap(([name, item]) => (holds(name) ? item : [])))
}

const page = (items: ReadonlyArray<Wire.Wire>): Wire.Wire => [Buffer.from("0"), items]

const patternOf = (words: ReadonlyArray<Buffer>): ((name: string) => boolean) => {
  let holds = (_: string) => true
  for (let index = 0; index < words.length; index += 2) {
    const argument = words[index + 1] ?? Wire.syntaxError()
    const word = upper(words[index])
    if (word === "MATCH") holds = Glob.matches(keyOf(argument))
    else if (word !== "COUNT" || Wire.integer(argument) < 1) return Wire.syntaxError()
  }
  return holds
}
