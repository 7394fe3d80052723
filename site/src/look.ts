/**
 * Looks at the built site in a real browser, as a reader would: every page opens without an error and without asking another host, every drawing
 * is drawn, and the search finds the error that he has in front of him.
 */
import { readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schedule } from "effect"
import { type Browser, chromium, type Page } from "playwright-core"
import * as Chromium from "../../test/support/Chromium.ts"

const dist = join(import.meta.dirname, "../dist")

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png"
}

const serve = Effect.acquireRelease(
  Effect.callback<{ readonly address: string; readonly close: () => void }>((resume) => {
    const server = createServer(({ url = "/" }, response) => {
      const path = new URL(url, "http://site").pathname
      const file = path.endsWith("/") ? `${path}index.html` : path
      // Only what was built is asked for, by its own links.
      Effect.runFork(
        Effect.match(
          Effect.try(() => readFileSync(join(dist, file))),
          {
            onSuccess: (body) =>
              response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" }).end(body),
            onFailure: () => response.writeHead(404).end()
          }
        )
      )
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(
        Effect.succeed({
          address: `http://127.0.0.1:${port}`,
          close: () => server.closeAllConnections() ?? server.close()
        })
      )
    })
  }),
  ({ close }) => Effect.sync(close)
)

// As root a browser needs --no-sandbox; the others keep it from looking hosts up by itself.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

const launch = Effect.flatMap(Chromium.find, (executablePath) =>
  Effect.acquireRelease(
    Effect.promise(() => chromium.launch({ executablePath, args })),
    (browser) => Effect.promise(() => browser.close())
  )
)

const newPage = (browser: Browser, address: string, problems: Array<string>) =>
  Effect.promise(async () => {
    const page = await browser.newPage()
    page.on("console", (message) => message.type() === "error" && problems.push(`${page.url()}: ${message.text()}`))
    page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`))
    page.on("request", (request) => {
      if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url()))
        problems.push(`${page.url()} asks ${request.url()}`)
    })
    return page
  })

const drawingsOf = (page: Page) =>
  Effect.promise(() =>
    page.evaluate("[...document.querySelectorAll('.drawing')].map((drawing) => drawing.querySelector('svg') !== null)")
  ).pipe(
    Effect.map((drawn) => drawn as ReadonlyArray<boolean>),
    Effect.repeat({ until: (drawn) => drawn.every((is) => is), schedule: Schedule.spaced("100 millis"), times: 100 })
  )

const open = Effect.fnUntraced(function* (page: Page, url: string, problems: Array<string>) {
  const response = yield* Effect.promise(() => page.goto(url, { waitUntil: "load" }))
  if (response?.status() !== 200) problems.push(`${url} is ${response?.status()}`)
  const drawn = yield* drawingsOf(page)
  if (drawn.includes(false)) problems.push(`${url} has a drawing that is not drawn`)
  return drawn.length
})

const search = Effect.fnUntraced(function* (page: Page, address: string, wanted: string) {
  return yield* Effect.promise(async () => {
    await page.goto(address)
    await page.click(".DocSearch-Button")
    await page.fill(".search-input", wanted)
    await page.waitForSelector("#localsearch-list .result", { timeout: 10_000 }).catch(() => undefined)
    return (await page.textContent("#localsearch-list").catch(() => null)) ?? ""
  })
})

const linksFound = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(
      `[...document.querySelectorAll('#localsearch-list a.result')].slice(0, ${firstResults}).map((link) => link.getAttribute('href'))`
    )
  ).pipe(Effect.map((links) => links as ReadonlyArray<string>))

const sources = ["effect-ioredis/src/RedisError.ts", "effect-ioredis-cache/src/Cache.ts"]

const tags = sources.flatMap((source) =>
  Array.from(
    readFileSync(join(import.meta.dirname, "../../packages", source), "utf8").matchAll(
      /extends (?:Schema|Data)\.TaggedError(?:<\w+>\(\))?\(\s*"(\w+)"/g
    ),
    ([, tag = ""]) => tag
  )
)

/** What somebody on call types, and the pages of which the search has to name one among its first. */
const questions: ReadonlyArray<readonly [question: string, ...pages: ReadonlyArray<string>]> = [
  ["why is Redis not used right now", "guides.html", "error_handling.html", "health.html"],
  ["stale answers last night", "guides.html", "lookups.html", "monitoring.html"],
  ["circuit does not close", "guides.html", "error_handling.html"],
  ["many retries", "error_handling.html", "guides.html"],
  ["express", "promises.html"],
  ["journal full", "journal.html", "health.html", "guides.html"]
]

const firstResults = 5

const look = Effect.gen(function* () {
  const { address } = yield* serve
  const browser = yield* launch
  const problems: Array<string> = []
  const page = yield* newPage(browser, address, problems)
  const pages = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".html") && file !== "404.html"
  )
  const drawings = yield* Effect.forEach(pages, (file) => open(page, `${address}/${file}`, problems))
  if (tags.length === 0) problems.push("No error has a tag to be searched for")
  for (const tag of tags) {
    const found = yield* search(page, address, tag)
    if (!found.includes(tag)) problems.push(`The search does not find ${tag}`)
  }
  for (const [question, ...wanted] of questions) {
    yield* search(page, address, question)
    const links = yield* linksFound(page)
    if (!links.some((link) => wanted.some((one) => link.includes(one)))) {
      problems.push(`The search for "${question}" finds ${links.join(", ")}`)
    }
  }
  yield* Effect.promise(() => page.goto(address))
  yield* Effect.promise(() => page.screenshot({ path: join(dist, "..", ".look.png"), fullPage: false }))
  for (const problem of problems) yield* Console.error(problem)
  if (problems.length > 0) return yield* Effect.die("The site is not as it should be")
  yield* Console.log(
    `${pages.length} pages, ${drawings.reduce((sum, count) => sum + count, 0)} drawings, ${tags.length} tags and ${questions.length} questions found by search, no other host asked`
  )
})

NodeRuntime.runMain(Effect.scoped(look))
