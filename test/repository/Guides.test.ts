import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const index = readFileSync("docs/guides.md", "utf8")

/** The pages of the folder, without the one that lists them. */
const pages = readdirSync("docs").filter((file) => file.endsWith(".md") && file !== "guides.md")

describe("docs/guides.md", () => {
  it("lists every page once, with what it is in a line", () => {
    const rows = Array.from(
      index.matchAll(/^\| \[[^\]]+\]\(([a-z_]+\.md)\) \| ([^|]+) \|$/gm),
      ([, page = "", what = ""]) => ({
        page,
        what
      })
    )
    assert.deepStrictEqual(rows.map(({ page }) => page).sort(), [...pages].sort())
    for (const { page, what } of rows) assert.isAbove(what.trim().length, 20, page)
  })
})

describe("a page of docs/", () => {
  it("begins by saying what it is about", () => {
    for (const page of pages) {
      const [, title = "", first = ""] =
        /^# (.+)\n\n([^\n]+)/.exec(readFileSync(`docs/${page}`, "utf8").replace(/\r/g, "")) ?? []
      assert.isNotEmpty(title, page)
      assert.match(first, /^[A-Z`[]/, page)
    }
  })
})
