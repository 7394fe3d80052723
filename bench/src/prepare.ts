import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Settings from "./Settings.ts"

const bench = fileURLToPath(new URL("..", import.meta.url))
const packages = ["effect-ioredis", "effect-ioredis-cache", "effect-ioredis-tasks"]

/** Where the compiled workers are. */
export const worker = Path.join(bench, "dist", "worker.js")

/**
 * Builds our packages, lays them out as an installed package is, and compiles the workers: plain JavaScript throughout, since what tsx makes
 * of a closure is slower.
 */
export const prepare = (): void => {
  if (!Settings.keepPackages) {
    const configs = packages.map((name) => Path.join("..", "packages", name, "tsconfig.build.json"))
    tsc("--build", "--force", ...configs)
    for (const name of packages) layOut(name)
  }
  Fs.rmSync(Path.join(bench, "dist"), { recursive: true, force: true })
  tsc("-p", "tsconfig.build.json")
  assertOneInstance()
}

export const check = (): void => {
  prepare()
  tsc("-p", "tsconfig.json")
}

const tsc = (...args: ReadonlyArray<string>): void => {
  const manifest = requireFrom(bench).resolve("typescript/package.json")
  const program = Path.join(Path.dirname(manifest), "bin", "tsc")
  const { status } = ChildProcess.spawnSync(process.execPath, [program, ...args], { cwd: bench, stdio: "inherit" })
  if (status !== 0) throw new Error(`tsc ${args.join(" ")} failed`)
}

// In the workspace their exports are their sources; here they are what `publishConfig` says, as for those who install them.
const layOut = (name: string): void => {
  const from = Path.join(bench, "..", "packages", name)
  const to = Path.join(bench, "node_modules", name)
  const { publishConfig, ...manifest } = JSON.parse(Fs.readFileSync(Path.join(from, "package.json"), "utf8"))
  Fs.rmSync(to, { recursive: true, force: true })
  Fs.cpSync(Path.join(from, "dist"), Path.join(to, "dist"), { recursive: true })
  Fs.writeFileSync(Path.join(to, "package.json"), JSON.stringify({ ...manifest, exports: publishConfig.exports }))
}

// Everything that uses effect or ioredis must find the same one.
const assertOneInstance = (): void => {
  const places = [
    bench,
    ...["bentocache", "bullmq", ...packages].map((name) => Fs.realpathSync(Path.join(bench, "node_modules", name)))
  ]
  const platform = Path.dirname(requireFrom(bench).resolve("@effect/platform-node/package.json"))
  const found = (module: string, from: ReadonlyArray<string>) =>
    new Set(from.map((place) => Fs.realpathSync(requireFrom(place).resolve(`${module}/package.json`))))
  for (const [module, from] of [
    ["effect", [...places, platform]],
    ["ioredis", places]
  ] as const) {
    const all = [...found(module, from)]
    if (all.length !== 1) throw new Error(`there is more than one ${module}: ${all.join(", ")}`)
  }
}

const requireFrom = (place: string) => createRequire(Path.join(place, "package.json"))
