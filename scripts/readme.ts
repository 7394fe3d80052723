/**
 * Does what the README says to somebody who uses the packages, with plain npm in an empty folder, on the oldest Node that
 * it names: its install line, with the tarballs of `pnpm build` in the place of the packages, and its first example to the
 * letter, with a Redis and without one.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import * as FreePort from "../test/support/FreePort.ts"
import * as RedisServer from "../test/support/RedisServer.ts"

const readme = readFileSync("README.md", "utf8")

const inReadme = (what: string, pattern: RegExp): string => {
  const [, found] = pattern.exec(readme) ?? []
  if (found === undefined) throw new Error(`The README has no ${what}.`)
  return found
}

const node = inReadme("oldest Node", /With Node (\d+) or later/)
const installLine = inReadme("install line", /^(npm install .* effect-ioredis .*)$/m)
const example = inReadme("example", /^```ts\n([\s\S]*?)^```/m)

const tarballOf = (name: string): string => {
  const file = readdirSync("dist").find((entry) => new RegExp(`^${name}-\\d.*\\.tgz$`).test(entry))
  if (file === undefined) throw new Error(`dist/ has no tarball of ${name}: run \`pnpm build\`.`)
  return resolve("dist", file)
}

const install = installLine.replace(/(?<= )effect-ioredis(-cache)?(?= |$)/g, tarballOf)

/** Runs a command line in the folder, and gives what it printed; what failed is shown whole. */
const run = (folder: string, line: string, env: Record<string, string> = {}): string => {
  const onNode = process.versions.node.startsWith(`${node}.`) ? line : `npx -y -p node@${node} -c '${line}'`
  console.log(`$ ${line}`)
  const { status, stderr, stdout } = spawnSync("bash", ["-c", onNode], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env }
  })
  if (status !== 0) throw new Error(`It ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

const expect = (output: string, ...texts: ReadonlyArray<string>): void => {
  for (const text of texts) {
    if (!output.includes(text)) throw new Error(`It should have printed ${text}, and printed\n${output}`)
  }
}

// A cache in memory alone is for programs without Redis.
const loadsOfDriver = `import { createRequire } from "node:module"
await import("effect-ioredis-cache/MemoryCache")
const loaded = Object.keys(createRequire(import.meta.url).cache)
console.log(loaded.filter((file) => file.includes("/node_modules/ioredis/")).length + " modules of the driver")
`

const check = (folder: string) =>
  Effect.gen(function* () {
    run(folder, install)
    // Node 20 does not run TypeScript by itself.
    run(folder, "npm install tsx typescript @types/node@20")
    writeFileSync(join(folder, "example.mts"), example)
    run(folder, "npx tsc --noEmit --strict --module nodenext --types node --skipLibCheck example.mts")
    const server = yield* RedisServer.make()
    expect(run(folder, "npx tsx example.mts", { REDIS_URL: server.url }), "Engineer for", "Applied")
    const nobody = yield* FreePort.make
    expect(run(folder, "npx tsx example.mts", { REDIS_URL: `redis://127.0.0.1:${nobody}` }), "Engineer for", "Deferred")
    writeFileSync(join(folder, "memory.mjs"), loadsOfDriver)
    expect(run(folder, "node memory.mjs"), "0 modules of the driver")
    for (const name of ["effect-ioredis", "effect-ioredis-cache"]) {
      run(folder, `node --print "require(\\"${name}/package.json\\").version"`)
    }
  })

await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "readme-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      ),
      check
    )
  )
)
