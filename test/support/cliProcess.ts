import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { Effect } from "effect"

/** What a run of the command line has printed, and the code it ended with. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const source = "packages/effect-ioredis-cli"

/**
 * The program `effect-ioredis`, as one file, gone with its scope. To load TypeScript, or Effect module by module, would take
 * longer than everything else that a run does.
 */
export const program = Effect.gen(function* () {
  const cache = Path.resolve("node_modules/.cache")
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => {
      Fs.mkdirSync(cache, { recursive: true })
      return Fs.mkdtempSync(Path.join(cache, "effect-ioredis-cli-"))
    }),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true, force: true }))
  )
  Fs.copyFileSync(`${source}/package.json`, Path.join(folder, "package.json"))
  const file = Path.join(folder, "dist", "bin.js")
  yield* Effect.promise(() =>
    esbuild().build({
      entryPoints: [`${source}/src/bin.ts`],
      outfile: file,
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["ioredis"]
    })
  )
  return file
})

/** Runs it with these arguments and nothing but these settings in its environment. */
export const run = (
  file: string,
  args: ReadonlyArray<string>,
  settings: Readonly<Record<string, string>> = {}
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const env = { PATH: process.env.PATH ?? "", ...settings }
    const child = ChildProcess.execFile(process.execPath, [file, ...args], { env }, (_, stdout, stderr) => {
      resume(Effect.succeed({ code: child.exitCode ?? -1, stdout, stderr }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

interface Esbuild {
  readonly build: (options: Readonly<Record<string, unknown>>) => Promise<unknown>
}

// tsx brings it along.
const esbuild = (): Esbuild => {
  const { resolve } = createRequire(import.meta.url)
  return createRequire(resolve("tsx"))("esbuild") as Esbuild
}
