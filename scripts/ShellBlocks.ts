/**
 * Finds every shell block of the pages, and says how the CI runs each of its lines.
 *
 * A block whose first line is `# Not run in CI: …` is left out, because it publishes, installs for the whole machine
 * or takes longer than a part of the night may. Every other line is run: by `.ci/run` or `.ci/night` as it stands, by
 * `scripts/readme.ts`, or by `scripts/guides.ts`, which is the night's part `guides`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** A block of a page, with its lines without comments. */
export interface ShellBlock {
  readonly page: string
  readonly line: number
  readonly isLeftOut: boolean
  readonly commands: ReadonlyArray<string>
}

/** How a line is run, and `undefined` where nothing runs it. */
export type Runner = "ci" | "readme" | "guides" | undefined

/** The page whose blocks are a story of their own: `scripts/guides.ts` plays it in several terminals. */
export const story = "docs/step_by_step.md"

/** The line of the README that installs the packages. */
export const installLine = /^(npm install .* effect-ioredis .*)$/m

/** The lines of the README that install vitest on the oldest Node. */
export const testInstallLines = /^(npm pkg set .*\nnpm install --save-dev .*)$/m

/** Every page that shows commands to its readers. */
export const pages = (): ReadonlyArray<string> => [
  "README.md",
  "CONTRIBUTING.md",
  "bench/README.md",
  ...markdownIn("docs"),
  ...readdirSync("packages").map((name) => join("packages", name, "README.md"))
]

/** The shell blocks of a page. */
export const blocksOf = (page: string): ReadonlyArray<ShellBlock> => {
  const text = readFileSync(page, "utf8")
  return Array.from(
    text.matchAll(/^```(?:sh|bash|shell|console)\b.*\n([\s\S]*?)^```/gm),
    ({ 1: code = "", index }) => ({
      page,
      line: text.slice(0, index).split("\n").length,
      isLeftOut: code.startsWith("# Not run in CI: "),
      commands: code
        .split("\n")
        .map((line) => line.replace(/(^|\s)# .*$/, "").trim())
        .filter((line) => line !== "")
    })
  )
}

/** Says who runs a line. */
export const runnerOf = (page: string, command: string): Runner => {
  if (isInCi(command)) return "ci"
  if (page === "README.md" && isInReadmeScript(command)) return "readme"
  return page === story || /^npx -y pnpm@12 |^npm install |^npx effect-ioredis-cli /.test(command)
    ? "guides"
    : undefined
}

const markdownIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join(folder, file))

const run = readFileSync(".ci/run", "utf8")
const night = readFileSync(".ci/night", "utf8")

// `.ci/run` runs each of its words by pnpm.
const scripts = /^for script in (.*); do$/m.exec(run)?.[1]?.split(" ") ?? []

const isInCi = (command: string): boolean => {
  const [, script = ""] = /^npx -y pnpm@12 (\S+)$/.exec(command) ?? []
  return scripts.includes(script) || night.split(/['\n]|&&/).some((line) => line.trim() === command)
}

const isInReadmeScript = (command: string): boolean =>
  [installLine, testInstallLines].some((lines) => {
    const [, found = ""] = lines.exec(readFileSync("README.md", "utf8")) ?? []
    return found.split("\n").includes(command)
  })
