import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const page = readFileSync("docs/logging_and_tracing.md", "utf8")

/** The lines that the page lists. What differs from time to time is left out of one that ends in an ellipsis. */
const listed = page
  .split("\n")
  .flatMap((line) => {
    const [, name = ""] = line.split("|").map((cell) => cell.trim())
    const text = /^`([A-Z].*)`$/.exec(name)?.[1]
    return text === undefined ? [] : [text]
  })
  .sort()

const sources = [
  "packages/effect-ioredis/src",
  "packages/effect-ioredis-cache/src",
  "packages/effect-ioredis-tasks/src"
].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(folder, file), "utf8").replaceAll(/^\s*(\*|\/\/|\/\*).*$/gm, ""))
)

/** What begins a line of the log: the message follows, or a choice of two. */
const begins = /(?:\.log(?:Trace|Debug|Info|Warning|Error|Fatal|WithLevel\(\w+\))|\.write|#warn)\(\s*/g

const messageAt = (source: string, at: number): ReadonlyArray<string> => {
  const rest = source.slice(at)
  const chosen = /^[\w.]+ === "\w+"\s*\?\s*"([^"]+)"\s*:\s*"([^"]+)"/.exec(rest)
  if (chosen !== null) return chosen.slice(1)
  const text = /^(?:"([^"]+)"|`([^`$]+))/.exec(rest)
  const said = text?.[1] ?? text?.[2]
  return said === undefined ? [] : [said.trim()]
}

const written = Array.from(
  new Set([
    ...sources.flatMap((source) =>
      Array.from(source.matchAll(begins), ({ 0: text, index }) => messageAt(source, index + text.length)).flat()
    ),
    ...sources.flatMap((source) =>
      Array.from(source.matchAll(/const message = "([^"]+)"\s*this\.log/g), ([, text = ""]) => text)
    )
  ])
)
  .filter((text) => /^[A-Z].* /.test(text))
  .sort()

const isOf = (known: string, text: string): boolean =>
  known.endsWith(" …") ? text.startsWith(known.slice(0, -2)) : text === known

describe("docs/logging_and_tracing.md", () => {
  it("lists every line of the code, and no other", () => {
    const shortened = written.map((text) => listed.find((known) => isOf(known, text)) ?? text)
    assert.isAbove(written.length, 40)
    assert.deepStrictEqual(Array.from(new Set(shortened)).sort(), listed)
  })
})
