/** Reads the site that was built, and says which of its links lead nowhere and what of it asks another host. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

/** Gives a line for each link of a page to a page or an anchor that is not there, and for each foreign request. */
export const problemsIn = (folder: string): ReadonlyArray<string> => {
  const pages = new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".html"))
      .map((file) => [file, readFileSync(join(folder, file), "utf8")])
  )
  const anchors = new Map(Array.from(pages, ([file, html]) => [file, anchorsOf(html)]))
  return Array.from(pages).flatMap(([file, html]) => [
    ...deadLinks(file, html, anchors),
    ...Array.from(
      html.matchAll(/<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"/g),
      ([, url]) => `${file} asks ${url}`
    )
  ])
}

const anchorsOf = (html: string): ReadonlySet<string> =>
  new Set(Array.from(html.matchAll(/\sid="([^"]+)"/g), ([, id = ""]) => id))

const deadLinks = (
  file: string,
  html: string,
  anchors: ReadonlyMap<string, ReadonlySet<string>>
): ReadonlyArray<string> =>
  Array.from(html.matchAll(/<a[^>]+href="([^"]+)"/g), ([, href = ""]) => href)
    .filter((href) => !/^[a-z]+:/.test(href))
    .flatMap((href) => {
      const [path = "", anchor = ""] = href.split("#")
      const page = path === "" ? file : pageAt(file, path)
      const known = anchors.get(page) ?? anchors.get(page.replace(/\.html$/, "/index.html"))
      if (known === undefined) return [`${file}: ${href} is no page`]
      return anchor === "" || known.has(decodeURIComponent(anchor)) ? [] : [`${file}: ${href} has no such anchor`]
    })

const pageAt = (file: string, path: string): string => {
  const whole = normalize(path.startsWith("/") ? path.slice(1) : join(dirname(file), path))
  if (whole === "" || whole === "." || whole.endsWith("/")) return join(whole, "index.html")
  return whole.endsWith(".html") ? whole : `${whole}.html`
}
