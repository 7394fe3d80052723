import { readFileSync } from "node:fs"
import { join } from "node:path"
import { defineConfig } from "vitepress"
import { sidebar } from "../src/sidebar.ts"

const site = join(import.meta.dirname, "..")

export default defineConfig({
  title: "effect-ioredis",
  description: "Redis for Effect programs that must keep answering when Redis does not",
  // No picture: a browser would ask for one.
  head: [["link", { rel: "icon", href: "data:," }]],
  srcDir: "pages",
  outDir: "dist",
  cacheDir: "node_modules/.vitepress",
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    // `Option<A>` in prose is a type and no element.
    html: false,
    // Anchors are those that the same pages have where the repository is read.
    anchor: {
      slugify: (title) =>
        title
          .trim()
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
          .replaceAll(/\s/g, "-")
    },
    config: (markdown) => {
      const fence = markdown.renderer.rules.fence
      // Drawings are drawn by the reader's browser, from their text.
      markdown.renderer.rules.fence = (tokens, index, ...rest) => {
        const token = tokens[index]
        if (token?.info.trim() === "mermaid") return `<TextDrawing text="${encodeURIComponent(token.content)}" />`
        return fence?.(tokens, index, ...rest) ?? ""
      }
    }
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/usage_guide" },
      { text: "Reference", link: "/reference/" }
    ],
    sidebar: [
      ...sidebar,
      {
        text: "Reference",
        collapsed: true,
        items: JSON.parse(readFileSync(join(site, "pages/reference/typedoc-sidebar.json"), "utf8"))
      }
    ]
  }
})
