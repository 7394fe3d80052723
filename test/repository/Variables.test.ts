import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const filesIn = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))

const textOf = (files: ReadonlyArray<string>): string => files.map((file) => readFileSync(file, "utf8")).join("\n")

const found = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  Array.from(new Set(Array.from(text.matchAll(pattern), ([, name = ""]) => name))).sort()

const sources = readdirSync("packages").flatMap((name) => filesIn(join("packages", name, "src"), ".ts"))
const pages = ["README.md", ...filesIn("docs", ".md")]

// Names are literals, so that whoever looks for one finds it.
const read = found(textOf(sources), /"((?:REDIS|CACHE)_[A-Z_]+)"/g)

describe("the environment variables", () => {
  it("are all in a table of a guide", () => {
    assert.isAtLeast(read.length, 25)
    const listed = found(textOf(pages), /^\| `([A-Z_]+)` \|/gm)
    assert.deepStrictEqual(
      read.filter((name) => !listed.includes(name)),
      []
    )
  })

  it("that the guides name are all read, perhaps with a prefix", () => {
    const named = found(textOf(pages), /\b((?:[A-Z]+_)*(?:REDIS|CACHE)_[A-Z_]+)\b/g)
    assert.deepStrictEqual(
      named.filter((name) => !read.some((variable) => name === variable || name.endsWith(`_${variable}`))),
      []
    )
  })
})
