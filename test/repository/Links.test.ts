import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const markdownIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return /^(node_modules|dist|pages|\..*)$/.test(entry.name) ? [] : markdownIn(path)
    return entry.name.endsWith(".md") ? [path] : []
  })

/** The text without its code, in which brackets mean something else. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "")

/** The anchors of a page as GitHub makes them of its headings, of which the second of a name is numbered. */
const anchorsOf = (file: string): ReadonlySet<string> => {
  const anchors = new Set<string>()
  const text = readFileSync(file, "utf8").replace(/^```[\s\S]*?^```/gm, "")
  for (const [, heading = ""] of text.matchAll(/^#{1,6} +(.*)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-")
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

const pages = markdownIn(".")

const linksOf = (file: string): ReadonlyArray<string> =>
  Array.from(
    prose(readFileSync(file, "utf8")).matchAll(/\[(?:[^[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)/g),
    ([, target = ""]) => target
  ).filter((target) => !/^[a-z]+:/.test(target))

const problemOf = (file: string, target: string): string | undefined => {
  const [path = "", anchor] = target.split("#")
  const led = path === "" ? file : normalize(join(dirname(file), path))
  if (!existsSync(led)) return `${file}: ${target} leads to no file`
  if (anchor === undefined || !led.endsWith(".md") || statSync(led).isDirectory()) return undefined
  return anchorsOf(led).has(anchor) ? undefined : `${file}: ${target} leads to no heading`
}

describe("the links of every page, changelogs included", () => {
  it("lead to a file, and to a heading where they name one", () => {
    const links = pages.flatMap((file) => linksOf(file).map((target) => [file, target] as const))
    assert.isAtLeast(links.length, 150)
    assert.deepStrictEqual(
      links.flatMap(([file, target]) => problemOf(file, target) ?? []),
      []
    )
  })

  it("name no guide in a comment of the sources that is not there", () => {
    const sources = readdirSync("packages").flatMap((name) =>
      readdirSync(join("packages", name, "src"), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => join("packages", name, "src", file))
    )
    const named = sources.flatMap((file) =>
      Array.from(readFileSync(file, "utf8").matchAll(/\bdocs\/[\w/-]+\.md\b/g), ([page]) => [file, page] as const)
    )
    assert.isNotEmpty(named)
    assert.deepStrictEqual(
      named.filter(([, page]) => !existsSync(page)),
      []
    )
  })
})
