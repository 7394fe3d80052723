import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { Console, Data, Effect, Result } from "effect"

/** A program that is neither here nor could be fetched. The message says how to get it. */
export class MissingProgram extends Data.TaggedError("MissingProgram")<{
  readonly message: string
  readonly reason?: string
}> {}

/** A program of one of Debian's packages. */
export interface Program {
  /** Its name on PATH, and of the folder in `node_modules/.cache` that it is unpacked into. */
  readonly name: string
  /** The package that it is in. Default: `name`. */
  readonly package?: string
  /** Where it stands in the package. */
  readonly file: string
  /** The environment variable that names another one. */
  readonly variable: string
  readonly howTo: string
}

/**
 * The path of a program: the one that its environment variable names, else the one on PATH, else the distribution's own package, fetched
 * once with apt-get and unpacked under `node_modules/.cache`. Nothing is installed on the system, no service is
 * started, and neither root nor sudo is needed.
 */
export const find = (program: Program): Effect.Effect<string, MissingProgram> =>
  Effect.suspend(() => {
    const { name, variable } = program
    const named = process.env[variable]
    if (named !== undefined && named !== "") {
      return isExecutable(named)
        ? Effect.succeed(named)
        : Effect.fail(new MissingProgram({ message: `${variable} is ${named}, which is not an executable file` }))
    }
    const found = onPath(name) ?? (isExecutable(unpackedAs(name)) ? unpackedAs(name) : undefined)
    return found === undefined ? fetch(program) : Effect.succeed(found)
  })

const cacheOf = (name: string): string => fileURLToPath(new URL(`../../node_modules/.cache/${name}`, import.meta.url))

const unpackedAs = (name: string): string => Path.join(cacheOf(name), name)

// PATH may hold directories that this user may not look into.
const isExecutable = (file: string): boolean =>
  Result.isSuccess(Result.try(() => Fs.accessSync(file, Fs.constants.X_OK))) && Fs.statSync(file).isFile()

const onPath = (program: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(Path.delimiter)
    .map((dir) => Path.join(dir, program))
    .find(isExecutable)

const fetch = Effect.fnUntraced(function* (program: Program) {
  const { howTo, name } = program
  const cache = cacheOf(name)
  const missing = ["apt-get", "dpkg-deb"].filter((program) => onPath(program) === undefined)
  if (missing.length > 0) {
    return yield* new MissingProgram({ message: `There is no ${name} on PATH. ${howTo}` })
  }
  yield* Console.error(`No ${name} on PATH: fetching Debian's package into node_modules/.cache (once) ...`)
  // A directory of its own, moved into place when complete: two runs at once do not meet, an interrupted one leaves nothing.
  yield* Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        Fs.mkdirSync(Path.dirname(cache), { recursive: true })
        return Fs.mkdtempSync(`${cache}-`)
      },
      catch: (error) => failed(program, String(error))
    }),
    (dir) => unpackInto(program, dir),
    (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true }))
  )
  return unpackedAs(name)
})

// apt-get with lists and archives of its own, but the system's sources and its record of what is installed, resolves and
// downloads what is missing as any user; dpkg-deb unpacks it, running none of the packages' scripts.
const unpackInto = Effect.fnUntraced(function* (program: Program, dir: string) {
  const { name } = program
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
  const warnings = yield* run(program, "apt-get", [...options, "-qq", "update"])
  const install = ["-qq", "--yes", "--no-install-recommends", "--download-only", "install", program.package ?? name]
  yield* Effect.mapError(run(program, "apt-get", [...options, ...install]), (error) =>
    warnings === "" ? error : failed(program, `${error.reason}\n${warnings}`)
  )
  const archives = Path.join(apt, "cache", "archives")
  for (const file of Fs.readdirSync(archives)) {
    if (file.endsWith(".deb")) yield* run(program, "dpkg-deb", ["--extract", Path.join(archives, file), root])
  }
  Fs.rmSync(apt, { recursive: true, force: true })
  Fs.writeFileSync(Path.join(dir, name), wrapper(root, program.file), { mode: 0o755 })
  yield* run(program, Path.join(dir, name), ["--version"])
  const moved = Result.try(() => Fs.renameSync(dir, cacheOf(name)))
  // A run at the same time may have been first; its copy is as good.
  if (Result.isFailure(moved) && !isExecutable(unpackedAs(name))) return yield* failed(program, String(moved.failure))
})

// `exec`, so that the process that is frozen and killed by its id is the program itself.
const wrapper = (root: string, file: string): string => {
  const files = Fs.readdirSync(root, { recursive: true, encoding: "utf8" })
  const libraries = new Set(files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => Path.dirname(file)))
  const path = Array.from(libraries, (dir) => `$root/${dir}:`).join("")
  return `#!/bin/sh
root="$(dirname "$0")/root"
LD_LIBRARY_PATH="${path}$LD_LIBRARY_PATH" exec "$root/${file}" "$@"
`
}

const failed = ({ howTo, name }: Program, reason: string) =>
  new MissingProgram({
    reason,
    message: `There is no ${name} on PATH, and fetching it failed: ${reason}\n${howTo}`
  })

/** What the program says on stderr, when it succeeds. */
const run = (wanted: Program, program: string, args: ReadonlyArray<string>): Effect.Effect<string, MissingProgram> =>
  Effect.callback((resume, signal) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" }
    ChildProcess.execFile(program, args, { env, signal, timeout: 300_000 }, (error, _stdout, stderr) =>
      resume(
        error === null ? Effect.succeed(stderr.trim()) : Effect.fail(failed(wanted, stderr.trim() || error.message))
      )
    )
  })
