/**
 * Does what the README says to somebody who uses the packages, with plain npm in an empty folder, on the oldest Node that
 * it names: its install line, with the tarballs of `pnpm build` in the place of the packages, and its first example to the
 * letter: compiled as users compile it, and run with a Redis and without one.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import * as FreePort from "../test/support/FreePort.ts"
import * as RedisServer from "../test/support/RedisServer.ts"
import * as ShellBlocks from "./ShellBlocks.ts"

const readme = readFileSync("README.md", "utf8")

const inReadme = (what: string, pattern: RegExp): string => {
  const [, found] = pattern.exec(readme) ?? []
  if (found === undefined) throw new Error(`The README has no ${what}.`)
  return found
}

const node = inReadme("oldest Node", /With Node (\d+) or later/)
const installLine = inReadme("install line", ShellBlocks.installLine)
const example = inReadme("example", /^```ts\n([\s\S]*?)^```/m)

const testInstall = inReadme("lines that install vitest", ShellBlocks.testInstallLines)
const testExample = inReadme("test", /^```ts\n(import \{ assert, it \}[\s\S]*?)^```/m)

const packages = ["effect-ioredis", "effect-ioredis-cache"]

const tarballOf = (name: string): string => {
  const file = readdirSync("dist").find((entry) => new RegExp(`^${name}-\\d.*\\.tgz$`).test(entry))
  if (file === undefined) throw new Error(`dist/ has no tarball of ${name}: run \`pnpm build\`.`)
  return resolve("dist", file)
}

// What the third package brings is its command.
const cli = "effect-ioredis-cli"

const install = installLine.replace(/(?<= )effect-ioredis(-cache)?(?= |$)/g, tarballOf)

/** Runs a command line in the folder, and gives what it printed; what failed is shown whole. */
const run = (folder: string, line: string, env: Record<string, string> = {}): string => {
  // npx hands its own options on to an npx inside it, which then refuses a command.
  const other = `npx -y -p node@${node} -c 'unset npm_config_call npm_config_package; ${line.replaceAll("'", "'\\''")}'`
  const onNode = process.versions.node.startsWith(`${node}.`) ? line : other
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

/** The lines of a module that names every module which the installed package exports. */
const importsOf = (folder: string, name: string): ReadonlyArray<string> => {
  const { exports } = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")) as {
    readonly exports: Record<string, string>
  }
  return Object.keys(exports)
    .filter((path) => !path.endsWith(".json"))
    .map((path, n) => `export * as ${name.replaceAll("-", "_")}_${n} from "${name}${path.slice(1)}"`)
}

const compilers = ["npx tsc", "npx -y -p typescript@5.9 tsc"]
const resolutions = ["--module nodenext", "--module esnext --moduleResolution bundler"]

/** Compiles the example, and with it our types themselves: every module, and not only those that the example needs. */
const compile = (folder: string): void => {
  writeFileSync(join(folder, "modules.mts"), packages.flatMap((name) => importsOf(folder, name)).join("\n"))
  for (const compiler of compilers) {
    for (const resolution of resolutions) {
      const options = `--noEmit --strict --skipLibCheck false --target es2022 --types node ${resolution}`
      run(folder, `${compiler} ${options} example.mts modules.mts`)
    }
  }
}

const check = (folder: string) =>
  Effect.gen(function* () {
    run(folder, install)
    // Node 20 does not run TypeScript by itself.
    run(folder, "npm install tsx typescript @types/node@20")
    writeFileSync(join(folder, "example.mts"), example)
    compile(folder)
    const server = yield* RedisServer.make()
    expect(run(folder, "npx tsx example.mts", { REDIS_URL: server.url }), "Engineer for", "Applied")
    const nobody = yield* FreePort.make
    expect(run(folder, "npx tsx example.mts", { REDIS_URL: `redis://127.0.0.1:${nobody}` }), "Engineer for", "Deferred")
    for (const line of testInstall.split("\n")) run(folder, line)
    writeFileSync(join(folder, "example.test.ts"), testExample)
    expect(run(folder, "npx vitest run", { NO_COLOR: "1" }), "1 passed")
    writeFileSync(join(folder, "memory.mjs"), loadsOfDriver)
    expect(run(folder, "node memory.mjs"), "0 modules of the driver")
    run(folder, `npm install ${tarballOf(cli)}`)
    expect(run(folder, "npx effect-ioredis doctor --help"), "Tells what is wrong with a Redis")
    expect(run(folder, "npx effect-ioredis doctor", { REDIS_URL: server.url, NO_COLOR: "1" }), "healthy")
    for (const name of [...packages, cli]) {
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
