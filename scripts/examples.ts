/**
 * Puts every TypeScript example of the README, the guides and the doc comments into a file of its own, for `tsc` to check: an example that
 * does not compile is worse than none.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const target = "node_modules/.cache/examples"

const filesIn = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))

const sources = [
  "README.md",
  "packages/effect-ioredis/README.md",
  "packages/effect-ioredis-cache/README.md",
  "packages/effect-ioredis-tasks/README.md",
  "packages/effect-ioredis-cli/README.md",
  ...filesIn("docs", ".md"),
  ...filesIn("packages/effect-ioredis/src", ".ts"),
  ...filesIn("packages/effect-ioredis-cache/src", ".ts"),
  ...filesIn("packages/effect-ioredis-tasks/src", ".ts"),
  ...filesIn("packages/effect-ioredis-cli/src", ".ts")
]

const examplesOf = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(file, "utf8")
  const plain = file.endsWith(".md") ? text : text.replace(/^ *\* ?/gm, "")
  return Array.from(plain.matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, code = ""]) => code)
}

rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
let count = 0
for (const source of sources) {
  examplesOf(source).forEach((code, index) => {
    const name = `${source.replaceAll(/[^A-Za-z]+/g, "-")}-${index + 1}.ts`
    writeFileSync(join(target, name), `// ${source}\n${code}export {}\n`)
    count++
  })
}
// Otherwise they would be loaded as CommonJS, and what they import dynamically with another copy of Effect.
writeFileSync(join(target, "package.json"), JSON.stringify({ type: "module" }))
writeFileSync(
  join(target, "tsconfig.json"),
  JSON.stringify({
    extends: "../../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false },
    include: ["*.ts"],
    exclude: []
  })
)
console.log(`${count} examples`)
