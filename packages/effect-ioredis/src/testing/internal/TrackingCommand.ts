import { at, type Commands, type Machine, read, type Run, upper } from "./Command.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

const tracking: Run = ([word, ...words], machine) => {
  const options = optionsOf(words, machine)
  switch (upper(word)) {
    case "ON":
      return start(options, machine)
    case "OFF":
      machine.track(undefined)
      return "OK"
    default:
      return Wire.syntaxError()
  }
}

interface Options {
  redirect: number | undefined
  broadcast: boolean
  readonly prefixes: Array<string>
}

const optionsOf = (words: ReadonlyArray<Buffer>, { isConnected }: Machine): Options => {
  const options: Options = { redirect: undefined, broadcast: false, prefixes: [] }
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    const hasValue = index + 1 < words.length
    if (word === "BCAST") options.broadcast = true
    else if (word === "REDIRECT" && hasValue) {
      if (options.redirect !== undefined) return Wire.fail("ERR A client can only redirect to a single other client")
      options.redirect = Wire.integer(words[++index])
      if (!isConnected(options.redirect)) return Wire.fail("ERR The client ID you want redirect to does not exist")
    } else if (word === "PREFIX" && hasValue) options.prefixes.push(keyOf(at(words, ++index)))
    else if (["NOLOOP", "OPTIN", "OPTOUT"].includes(word)) return lacking(word)
    else return Wire.syntaxError()
  }
  return options
}

const start = ({ broadcast, prefixes, redirect }: Options, { client, track }: Machine): Wire.Wire => {
  if (!broadcast) {
    if (prefixes.length > 0) return Wire.fail("ERR PREFIX option requires BCAST mode to be enabled")
    return lacking("ON without BCAST")
  }
  const known = client.tracked?.prefixes ?? new Map<string, Set<string>>()
  for (const [index, prefix] of prefixes.entries()) {
    const clash = (others: Iterable<string>) => Array.from(others).find((other) => overlap(prefix, other))
    const [existing, provided] = [clash(Array.from(known.keys()).sort()), clash(prefixes.slice(index + 1))]
    if (existing !== undefined) return overlapping(prefix, `an existing prefix '${existing}'`)
    if (provided !== undefined) return overlapping(prefix, `another provided prefix '${provided}'`)
  }
  // Without a prefix every key is tracked, whatever was asked for before.
  const added = prefixes.length === 0 && !known.has("") ? [""] : prefixes
  track({ redirect, prefixes: new Map([...known, ...added.map((prefix) => [prefix, new Set<string>()] as const)]) })
  return "OK"
}

const overlapping = (prefix: string, what: string): never =>
  Wire.fail(`ERR Prefix '${prefix}' overlaps with ${what}. Prefixes for a single client must not overlap.`)

const overlap = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one)

const lacking = (what: string): never =>
  Wire.fail(`NOSIMULATEDCOMMAND SimulatedRedis does not know CLIENT TRACKING ${what}, which Redis does`)

export const commands: Commands = { "client|tracking": read(-3, tracking) }
