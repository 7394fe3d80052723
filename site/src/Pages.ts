/**
 * Gathers the pages of the site: the guides as they stand in `docs/`, with the README as the first of them.
 *
 * A link to what is no page leads to the repository's public address. While there is none, its text stays, and its target is left out.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"

/** A file of the repository, and the page that is made of it. */
interface Page {
  readonly source: string
  readonly page: string
}

/** Writes every page below `target`, and says which there are. */
export const gather = (repository: string, target: string): ReadonlyArray<string> => {
  const pages = pagesOf(repository)
  const pageOf = new Map(pages.map(({ page, source }) => [source, page]))
  const address: string = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")).repository
  rmSync(target, { recursive: true, force: true })
  for (const { page, source } of pages) {
    const text = linked(readFileSync(join(repository, source), "utf8"), { source, page, pageOf, address })
    write(join(target, page), text)
  }
  for (const picture of filesIn(join(repository, "docs"), /\.(svg|png)$/)) {
    cpSync(join(repository, "docs", picture), join(target, picture))
  }
  return pages.map(({ page }) => page)
}

const pagesOf = (repository: string): ReadonlyArray<Page> => [
  { source: "README.md", page: "index.md" },
  { source: "CONTRIBUTING.md", page: "contributing.md" },
  ...filesIn(join(repository, "docs"), /\.md$/).map((file) => ({
    source: join("docs", file),
    // A folder's page is what a server answers for the folder.
    page: file.replace(/README\.md$/, "index.md")
  }))
]

const filesIn = (folder: string, ending: RegExp): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => ending.test(file))

const write = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

interface Place extends Page {
  readonly pageOf: ReadonlyMap<string, string>
  readonly address: string
}

const linked = (text: string, place: Place): string =>
  outsideCode(text, (prose) =>
    prose.replaceAll(
      /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g,
      (link, mark: string, label: string, target: string) => {
        if (mark !== "" || /^[a-z]+:|^#/.test(target)) return link
        const led = leadsTo(target, place)
        return led === undefined ? label : `[${label}](${led})`
      }
    )
  )

const leadsTo = (target: string, { address, page, pageOf, source }: Place): string | undefined => {
  const [path = "", anchor] = target.split("#")
  const file = normalize(join(dirname(source), path)).replace(/\/$/, "")
  const found = pageOf.get(file) ?? pageOf.get(join(file, "README.md"))
  const hash = anchor === undefined ? "" : `#${anchor}`
  if (found !== undefined) return (relative(dirname(page), found) || found) + hash
  return address === "" ? undefined : `${address}/blob/main/${file}${hash}`
}

// What stands in a block of code is shown as it is.
const outsideCode = (text: string, change: (prose: string) => string): string =>
  text
    .split(/^(```[\s\S]*?^```.*$)/m)
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join("")
