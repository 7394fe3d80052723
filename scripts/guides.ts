/**
 * Types what the guides tell a reader to type: every shell block that neither the CI nor `scripts/readme.ts` runs
 * otherwise, and "Step by step" as a reader plays it, in several terminals, with a Redis that is killed and frozen. The
 * packages are the tarballs of `pnpm build`.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, resolve } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect, Schedule } from "effect"
import * as DebianPackage from "../test/support/DebianPackage.ts"
import * as RedisBinary from "../test/support/RedisBinary.ts"
import * as RedisServer from "../test/support/RedisServer.ts"
import * as ShellBlocks from "./ShellBlocks.ts"

class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}

const findCli = DebianPackage.find({
  name: "redis-cli",
  package: "redis-tools",
  file: "usr/bin/redis-cli",
  variable: "REDIS_CLI_BIN",
  howTo: "Install it (Debian, Ubuntu: apt-get install redis-tools; macOS: brew install redis)."
})

const tarballOf = (name: string): string => {
  const file = readdirSync("dist").find((entry) => new RegExp(`^${name}-\\d.*\\.tgz$`).test(entry))
  if (file === undefined) throw new Error(`dist/ has no tarball of ${name}: run \`pnpm build\`.`)
  return resolve("dist", file)
}

const withTarballs = (line: string): string => line.replace(/(?<= )effect-ioredis(-cache|-tasks)?(?= |$)/g, tarballOf)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "guides-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

/** Runs a line to its end. The doctor ends with 1 where something is wrong, which is an answer too. */
const run = (cwd: string, line: string, env: Record<string, string>) =>
  Effect.gen(function* () {
    yield* Console.log(`$ ${line}`)
    const options = { cwd, encoding: "utf8", env: { ...process.env, ...env }, input: "" } as const
    const { status, stderr, stdout } = spawnSync("bash", ["-c", line], options)
    const fine = status === 0 || (status === 1 && line.includes(" doctor"))
    if (!fine) return yield* new Failed({ message: `${line} ended with ${status}:\n${stdout}${stderr}` })
  })

/** A line that goes on in a terminal of its own, until its scope ends. */
const start = (cwd: string, line: string, env: Record<string, string>) =>
  Effect.gen(function* () {
    yield* Console.log(`$ ${line}   # in a terminal of its own`)
    const printed = { text: "" }
    // A group of its own, so that what it started ends with it.
    const open = Effect.sync(() =>
      spawn("bash", ["-c", `exec env ${line}`], { cwd, detached: true, env: { ...process.env, ...env } })
    )
    const child = yield* Effect.acquireRelease(open, (child) => Effect.sync(() => end(child)))
    child.stdout.on("data", (chunk) => (printed.text += String(chunk)))
    child.stderr.on("data", (chunk) => (printed.text += String(chunk)))
    return {
      /** What it prints from now on matches, within a minute. */
      prints: (pattern: RegExp) =>
        Effect.suspend(() => {
          const from = printed.text.length
          const seen = Effect.suspend(() =>
            pattern.test(printed.text.slice(from))
              ? Effect.void
              : Effect.fail(new Failed({ message: `${line} did not print ${pattern}:\n${printed.text.slice(from)}` }))
          )
          return Effect.andThen(seen.pipe(Effect.retry({ times: 600, schedule: tenth })), Console.log(`  ✔ ${pattern}`))
        }),
      /** Ctrl-C, and waits until it is gone. */
      interrupt: Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        signal(child, "SIGINT")
      }),
      thaw: Effect.sync(() => signal(child, "SIGCONT"))
    }
  })

const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, name)
}

const end = (child: ChildProcess): void => {
  signal(child, "SIGCONT")
  signal(child, "SIGKILL")
}

const tenth = Schedule.spaced("100 millis")

/** The lines of a page's blocks, each block as one. */
const linesOf = (page: string): ReadonlyArray<string> =>
  ShellBlocks.blocksOf(page)
    .filter(({ isLeftOut }) => !isLeftOut)
    .map(({ commands }) => commands.join(" && "))

const playStory = Effect.gen(function* () {
  const page = ShellBlocks.story
  const cwd = yield* folder
  const path = [dirname(yield* RedisBinary.find), dirname(yield* findCli), process.env.PATH].join(delimiter)
  const env = { PATH: path, NO_COLOR: "1" }
  const lines = linesOf(page)
  if (lines.length !== 5) return yield* new Failed({ message: `${page} has ${lines.length} blocks, and 5 are played` })
  const [install = "", program = "", redis = "", freeze = "", stricter = ""] = lines
  yield* run(cwd, withTarballs(install), env)
  const [, code = ""] = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(page, "utf8")) ?? []
  writeFileSync(join(cwd, "program.ts"), code)

  const running = yield* start(cwd, program, env)
  yield* running.prints(/starting without it[\s\S]*in 0 ms[\s\S]*Deferred/)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const server = yield* start(cwd, redis, env)
      yield* running.prints(/answers again[\s\S]*Applied/)
      yield* server.interrupt
      yield* running.prints(/does not answer[\s\S]*Deferred/)
    })
  )
  const server = yield* start(cwd, redis, env)
  yield* running.prints(/answers again[\s\S]*Applied/)
  yield* run(cwd, freeze, env)
  yield* running.prints(/cents in 1\d\d\d ms[\s\S]*in 0 ms/)
  yield* server.thaw
  yield* running.prints(/Applied/)
  const other = yield* start(cwd, stricter, env)
  yield* other.prints(/cents in[\s\S]*Applied/)
}).pipe(Effect.scoped)

const typeTheRest = Effect.gen(function* () {
  const cwd = yield* folder
  const server = yield* RedisServer.make()
  const env = { REDIS_URL: server.url, NO_COLOR: "1" }
  yield* run(cwd, "npm init -y && npm pkg set type=module", env)
  yield* run(cwd, `npm install ${tarballOf("effect-ioredis")} ${tarballOf("effect-ioredis-cli")}`, env)
  const lines = ShellBlocks.pages()
    .filter((page) => page !== ShellBlocks.story)
    .flatMap(ShellBlocks.blocksOf)
    .filter(({ isLeftOut }) => !isLeftOut)
    .flatMap(({ commands, page }) => commands.filter((command) => ShellBlocks.runnerOf(page, command) === "guides"))
  for (const line of new Set(lines)) {
    yield* line.startsWith("npx -y pnpm@12 ") ? run(".", line, {}) : run(cwd, withTarballs(line), env)
  }
}).pipe(Effect.scoped)

NodeRuntime.runMain(Effect.andThen(playStory, typeTheRest))
