import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const filesIn = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))

const sources = [
  "README.md",
  ...filesIn("docs", ".md"),
  ...filesIn("packages", ".ts").filter((file) => /^packages\/[a-z-]+\/src\//.test(file))
]

/** The examples of a page or a doc comment that are tests. */
const testsIn = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(file, "utf8")
  const plain = file.endsWith(".md") ? text : text.replace(/^ *\* ?/gm, "")
  return Array.from(plain.matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, code = ""]) => code).filter((code) =>
    /^it\.(effect|live)\(/m.test(code)
  )
}

// They are imported from beside the packages, whose names they use, and as a user of vitest has them.
const cache = "node_modules/.cache/documented-tests"
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, "run-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the tests of the documentation, as they stand", async () => {
  let count = 0
  for (const source of sources) {
    for (const code of testsIn(source)) {
      const file = join(process.cwd(), folder, `example-${count++}.ts`)
      writeFileSync(file, code)
      await import(file)
    }
  }
  it("are found", () => assert.isAtLeast(count, 8))
})
