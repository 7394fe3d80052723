/** Builds the site into `site/dist`: the guides, and the reference of every package. It asks no other host. */
import { join } from "node:path"
import { build } from "vitepress"
import { problemsIn } from "./Links.ts"
import { gather } from "./Pages.ts"
import { sidebar } from "./sidebar.ts"
import { makeReference } from "./Reference.ts"

const site = join(import.meta.dirname, "..")
const repository = join(site, "..")
const pages = join(site, "pages")

const unlisted = gather(repository, pages).filter((page) => !isListed(page))
if (unlisted.length > 0) throw new Error(`src/sidebar.ts does not list ${unlisted.join(", ")}`)
await makeReference(repository, site, join(pages, "reference"))
await build(site)

// Decisions are listed on a page of their own.
function isListed(page: string): boolean {
  const link = `/${page.replace(/(index)?\.md$/, "")}`
  return page.startsWith("decisions/") || sidebar.some(({ items }) => items.some((item) => item.link === link))
}

const problems = problemsIn(join(site, "dist"))
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)
console.log("The site: site/dist/index.html")
