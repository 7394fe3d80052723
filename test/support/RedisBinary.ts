import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { Console, Data, Effect, Result } from "effect"

/** There is no redis-server and it could not be fetched. The message says how to get one. */
export class RedisBinaryError extends Data.TaggedError("RedisBinaryError")<{
  readonly message: string
  readonly reason?: string
}> {}

/**
 * The path of a redis-server: `REDIS_SERVER_BIN`, else the one on PATH, else the distribution's own package, fetched
 * once with apt-get and unpacked under `node_modules/.cache`. Nothing is installed on the system, no service is
 * started, and neither root nor sudo is needed.
 */
export const find: Effect.Effect<string, RedisBinaryError> = Effect.suspend(() => {
  const named = process.env.REDIS_SERVER_BIN
  if (named !== undefined && named !== "") {
    return isExecutable(named)
      ? Effect.succeed(named)
      : Effect.fail(new RedisBinaryError({ message: `REDIS_SERVER_BIN is ${named}, which is not an executable file` }))
  }
  const found = onPath("redis-server") ?? (isExecutable(unpacked) ? unpacked : undefined)
  return found === undefined ? fetch : Effect.succeed(found)
})

const cache = fileURLToPath(new URL("../../node_modules/.cache/redis-server", import.meta.url))
const unpacked = Path.join(cache, "redis-server")

// PATH may hold directories that this user may not look into.
const isExecutable = (file: string): boolean =>
  Result.isSuccess(Result.try(() => Fs.accessSync(file, Fs.constants.X_OK))) && Fs.statSync(file).isFile()

const onPath = (program: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(Path.delimiter)
    .map((dir) => Path.join(dir, program))
    .find(isExecutable)

const howTo = [
  "Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis; Alpine: apk add redis)",
  "or set REDIS_SERVER_BIN to the path of one."
].join(" ")

const fetch: Effect.Effect<string, RedisBinaryError> = Effect.gen(function* () {
  const missing = ["apt-get", "dpkg-deb"].filter((program) => onPath(program) === undefined)
  if (missing.length > 0) {
    return yield* new RedisBinaryError({ message: `There is no redis-server on PATH. ${howTo}` })
  }
  yield* Console.error("No redis-server on PATH: fetching Debian's package into node_modules/.cache (once) ...")
  // A directory of its own, moved into place when complete: two runs at once do not meet, an interrupted one leaves nothing.
  yield* Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        Fs.mkdirSync(Path.dirname(cache), { recursive: true })
        return Fs.mkdtempSync(`${cache}-`)
      },
      catch: (error) => failed(String(error))
    }),
    unpackInto,
    (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true }))
  )
  return unpacked
})

// apt-get with lists and archives of its own, but the system's sources and its record of what is installed, resolves and
// downloads what is missing as any user; dpkg-deb unpacks it, running none of the packages' scripts.
const unpackInto = Effect.fnUntraced(function* (dir: string) {
  const apt = Path.join(dir, "apt")
  const root = Path.join(dir, "root")
  for (const sub of ["state/lists/partial", "cache/archives/partial"]) {
    Fs.mkdirSync(Path.join(apt, sub), { recursive: true })
  }
  const options = [
    `Dir::State=${apt}/state`,
    "Dir::State::status=/var/lib/dpkg/status",
    `Dir::Cache=${apt}/cache`,
    "Debug::NoLocking=1",
    "APT::Sandbox::User=root",
    "APT::Update::Post-Invoke=",
    "Acquire::Languages=none",
    "Acquire::Retries=3"
  ].flatMap((option) => ["-o", option])
  // It succeeds, and only warns, where a source could not be reached; whether that matters shows in the next step.
  const warnings = yield* run("apt-get", [...options, "-qq", "update"])
  const install = ["-qq", "--yes", "--no-install-recommends", "--download-only", "install", "redis-server"]
  yield* Effect.mapError(run("apt-get", [...options, ...install]), (error) =>
    warnings === "" ? error : failed(`${error.reason}\n${warnings}`)
  )
  const archives = Path.join(apt, "cache", "archives")
  for (const file of Fs.readdirSync(archives)) {
    if (file.endsWith(".deb")) yield* run("dpkg-deb", ["--extract", Path.join(archives, file), root])
  }
  Fs.rmSync(apt, { recursive: true, force: true })
  Fs.writeFileSync(Path.join(dir, "redis-server"), wrapper(root), { mode: 0o755 })
  yield* run(Path.join(dir, "redis-server"), ["--version"])
  const moved = Result.try(() => Fs.renameSync(dir, cache))
  // A run at the same time may have been first; its copy is as good.
  if (Result.isFailure(moved) && !isExecutable(unpacked)) return yield* failed(String(moved.failure))
})

// `exec`, so that the process that is frozen and killed by its id is the server.
const wrapper = (root: string): string => {
  const files = Fs.readdirSync(root, { recursive: true, encoding: "utf8" })
  const libraries = new Set(files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => Path.dirname(file)))
  const path = Array.from(libraries, (dir) => `$root/${dir}:`).join("")
  return `#!/bin/sh
root="$(dirname "$0")/root"
LD_LIBRARY_PATH="${path}$LD_LIBRARY_PATH" exec "$root/usr/bin/redis-server" "$@"
`
}

const failed = (reason: string) =>
  new RedisBinaryError({
    reason,
    message: `There is no redis-server on PATH, and fetching it failed: ${reason}\n${howTo}`
  })

/** What the program says on stderr, when it succeeds. */
const run = (program: string, args: ReadonlyArray<string>): Effect.Effect<string, RedisBinaryError> =>
  Effect.callback((resume, signal) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" }
    ChildProcess.execFile(program, args, { env, signal, timeout: 300_000 }, (error, _stdout, stderr) =>
      resume(error === null ? Effect.succeed(stderr.trim()) : Effect.fail(failed(stderr.trim() || error.message)))
    )
  })
