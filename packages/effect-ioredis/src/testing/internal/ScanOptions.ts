import { upper } from "./Command.ts"
import * as Glob from "./Glob.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** What SCAN and its kind for one key take: a cursor, and what follows it. */
export interface ScanOptions {
  readonly count: number
  readonly matches: (name: string) => boolean
  /** The type of value that is asked for. */
  readonly type: string | undefined
}

/** Reads a cursor as C reads a number without a sign. */
export const cursor = (bytes: Buffer): number => {
  const [text = ""] = keyOf(bytes).split("\0", 1)
  const isNumber = text === "" || (/^[-+]?[0-9]+$/.test(text) && BigInt(text.replace(/^[-+]/, "")) < 2n ** 64n)
  return isNumber ? Number(BigInt.asUintN(64, BigInt(text.replace("+", "")))) : Wire.fail("ERR invalid cursor")
}

/** Reads what follows the cursor; only SCAN itself takes TYPE. */
export const parse = (words: ReadonlyArray<Buffer>, takesType: boolean): ScanOptions => {
  let count = 10
  let matches: ScanOptions["matches"] = () => true
  let type: string | undefined
  for (let index = 0; index < words.length; index += 2) {
    const argument = words[index + 1] ?? Wire.syntaxError()
    const word = upper(words[index])
    if (word === "COUNT") {
      count = Wire.integer(argument)
      if (count < 1) return Wire.syntaxError()
    } else if (word === "MATCH") matches = Glob.matches(keyOf(argument))
    else if (word === "TYPE" && takesType) type = keyOf(argument).toLowerCase()
    else return Wire.syntaxError()
  }
  return { count, matches, type }
}
