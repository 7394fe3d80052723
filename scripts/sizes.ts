/**
 * Weighs what `pnpm build` has packed: the tarballs, and what a program's bundle holds of ours if it uses only one
 * part. `scripts/sizes.json` has what the first slice weighed, which knew neither tags nor what lookups may do when they are
 * slow. It fails if a bundle is heavier than the README says, which is how an import that drags in half of a package is
 * noticed.
 *
 * With a folder of tarballs it prints their figures in the form of `sizes.json`.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

type Figures = Record<"effect-ioredis.tgz" | "effect-ioredis-cache.tgz" | Part, number>
type Part = keyof typeof programs

const programs = {
  memory: `
    import { Effect, Schema } from "effect"
    import * as Cache from "effect-ioredis-cache/Cache"
    import * as MemoryCache from "effect-ioredis-cache/MemoryCache"
    Effect.gen(function* () {
      const users = yield* Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
      yield* users.set(1, "ada")
      return yield* users.get(1)
    }).pipe(Effect.provide(MemoryCache.layerCache), Effect.runPromise)`,
  breaker: `
    import { Effect } from "effect"
    import * as CircuitBreaker from "effect-ioredis/CircuitBreaker"
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      return yield* breaker.execute(Effect.succeed("hello"))
    }).pipe(Effect.scoped, Effect.runPromise)`,
  client: `
    import { Effect } from "effect"
    import * as Redis from "effect-ioredis/Redis"
    import * as RedisClient from "effect-ioredis/RedisClient"
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      yield* redis.set("greeting", "hello")
      return yield* redis.get("greeting")
    }).pipe(Effect.provide(Redis.layer()), Effect.runPromise)`
}

const parts = Object.keys(programs) as ReadonlyArray<Part>
const cli = "effect-ioredis-cli"
const [given] = process.argv.slice(2)
// The command line is part of no program's bundle.
const tarballs = readdirSync(given ?? "dist")
  .filter((file) => file.endsWith(".tgz") && !file.startsWith(cli))
  .map((file) => resolve(given ?? "dist", file))

const folder = mkdtempSync(join(tmpdir(), "sizes-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

const run = (command: string, ...args: ReadonlyArray<string>): Buffer =>
  execFileSync(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })

// Figures are compared with kept ones, so that esbuild is always the same.
run("npm", "install", "esbuild@0.28.2", ...tarballs)

const bundle = (part: Part, ...external: ReadonlyArray<string>): number => {
  writeFileSync(join(folder, `${part}.mjs`), programs[part])
  const options = ["--bundle", "--minify", "--platform=node", "--format=esm", "--log-level=error"]
  return run("npx", "esbuild", `${part}.mjs`, ...options, ...external.map((name) => `--external:${name}`)).length
}

const peers = ["effect", "ioredis"]

const packed = (name: string): number => {
  const file = readdirSync(given ?? "dist").find((file) => new RegExp(`^${name}-\\d.*\\.tgz$`).test(file))
  if (file === undefined) throw new Error(`There is no tarball of ${name}: run \`pnpm build\`.`)
  return statSync(resolve(given ?? "dist", file)).size
}

const figures: Figures = {
  "effect-ioredis.tgz": packed("effect-ioredis"),
  "effect-ioredis-cache.tgz": packed("effect-ioredis-cache"),
  memory: bundle("memory", ...peers),
  breaker: bundle("breaker", ...peers),
  client: bundle("client", ...peers)
}

const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

const { commit, sizes } = JSON.parse(readFileSync("scripts/sizes.json", "utf8")) as {
  readonly commit: string
  readonly sizes: Figures
}

const print = (): void => {
  const table = figures.client - bundle("client", ...peers, "*/commandTable.js")
  const notes: Record<string, string> = { client: `, the table of commands ${kB(table)} of it` }
  const row = (cells: ReadonlyArray<string>, rest: string): void =>
    console.log(
      `${cells.map((cell, n) => (n === 0 ? cell.padEnd(26) : cell.padStart(10))).join("")}  ${rest}`.trimEnd()
    )
  row(["size", commit, "now"], "")
  for (const [what, size] of Object.entries(figures)) {
    const rest = what.endsWith(".tgz") ? "" : `with Effect and ioredis ${kB(bundle(what as Part))}${notes[what] ?? ""}`
    row([what, kB(sizes[what as keyof Figures]), kB(size)], rest)
  }
  row([`${cli}.tgz`, "", kB(packed(cli))], "")
}

/** Reads the most that a bundle may weigh, as the README promises it. */
const promised = (part: Part): number => {
  const sentence = /memory alone (?<memory>\d+) kB, the breaker alone (?<breaker>\d+) kB, the client (?<client>\d+) kB/
  const found = sentence.exec(readFileSync("README.md", "utf8").replaceAll("\n", " "))?.groups?.[part]
  if (found === undefined) throw new Error("The README does not say what a bundle weighs.")
  return Number(found) * 1000
}

if (given === undefined) {
  print()
  for (const part of parts.filter((part) => figures[part] > promised(part))) {
    process.exitCode = 1
    console.error(`A bundle with ${part} alone weighs ${kB(figures[part])}, and may weigh ${kB(promised(part))}.`)
  }
} else {
  console.log(JSON.stringify(figures, undefined, 2))
}
