import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { commandNames } from "../../../packages/effect-ioredis/src/testing/internal/Interpreter.ts"
import type { Line } from "../../support/RawConnection.ts"
import * as RandomCommands from "../../support/RandomCommands.ts"

// Both tell why a command is not among the random lines, though a program may send it.
const leftOut: Readonly<Record<string, string>> = {
  psubscribe: "a server answers it for each name, and then says more than it is asked",
  ssubscribe: "as PSUBSCRIBE",
  subscribe: "as PSUBSCRIBE",
  punsubscribe: "a server answers it for each name",
  sunsubscribe: "as PUNSUBSCRIBE",
  unsubscribe: "as PUNSUBSCRIBE",
  "function|delete": "the simulation has no functions",
  "function|dump": "as FUNCTION DELETE",
  "function|flush": "as FUNCTION DELETE",
  "function|list": "as FUNCTION DELETE",
  "function|load": "as FUNCTION DELETE",
  "function|restore": "as FUNCTION DELETE",
  "function|stats": "as FUNCTION DELETE",
  fcall: "as FUNCTION DELETE",
  fcall_ro: "as FUNCTION DELETE"
}

const unknown: Readonly<Record<string, string>> = {
  "client|list": "what it says is of connections that have no address",
  "command|count": "how many there are is Redis' own",
  "config|get": "the simulation has no settings of its own",
  "config|set": "as CONFIG GET",
  lastsave: "nothing is saved",
  "memory|usage": "it is Redis' own",
  "object|encoding": "as MEMORY USAGE",
  "object|idletime": "as MEMORY USAGE"
}

const containers = new Set([...commandNames, ...Object.keys(unknown)].flatMap((name) => name.split("|").slice(0, -1)))

const nameOf = ([first, second]: Line): string => {
  const name = String(first).toLowerCase()
  return containers.has(name) ? `${name}|${String(second).toLowerCase()}` : name
}

const folder = new URL("../../../packages/effect-ioredis/src/commands/", import.meta.url)

/** The names in the typed constructors, as their sources have them. */
const typed = readdirSync(folder).flatMap((file) =>
  Array.from(
    readFileSync(new URL(file, folder), "utf8").matchAll(/RedisCommand\.make\(\s*"([A-Z_]+)"(?:,\s*\[\s*"([A-Z]+)")?/g),
    ([, name = "", word = ""]) => nameOf([name, word])
  )
)

describe("RandomCommands", () => {
  const drawn = new Set(RandomCommands.make({ count: 20_000, seed: 1 }).map(nameOf))

  it("draw every command that the simulation knows, but those that have a reason", () => {
    assert.deepStrictEqual(commandNames.filter((name) => !drawn.has(name)).sort(), reasonsFor(commandNames))
  })

  it("draw every typed command, but those that the simulation lacks", () => {
    assert.isAbove(new Set(typed).size, 150)
    const missing = Array.from(new Set(typed)).filter((name) => !drawn.has(name))
    assert.deepStrictEqual(missing.sort(), [...reasonsFor(typed), ...Object.keys(unknown)].sort())
  })
})

const reasonsFor = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  Object.keys(leftOut)
    .filter((name) => names.includes(name))
    .sort()
