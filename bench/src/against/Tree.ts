import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import * as Command from "./Command.ts"

/** A commit, installed by its own lockfile and built, with the worker that measures it. */
export interface Tree {
  readonly commit: string
  readonly worker: string
}

const root = fileURLToPath(new URL("../../..", import.meta.url))
const cache = Path.join(root, "node_modules", ".cache", "bench-against")

const git = (...args: ReadonlyArray<string>) => Command.run("git", args, { cwd: root })

/** The commit that is asked for. Its tree is kept, so that the next run only starts it. */
export const ofCommit = Effect.fnUntraced(function* (name: string) {
  const commit = yield* git("rev-parse", "--verify", "--quiet", `${name}^{commit}`).pipe(
    Effect.mapError(() => new Error(`There is no commit ${name}`))
  )
  return yield* make(commit, Path.join(cache, commit.slice(0, 12)))
})

/** What the files are at this moment, committed or not. One tree is kept, and moves along. */
export const ofWorkTree = Effect.suspend(() =>
  Effect.flatMap(snapshot, (commit) => make(commit, Path.join(cache, "now")))
)

/** A commit of all files as they are, without a change to the index, to the branch, or to any file. */
const snapshot = Effect.acquireUseRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-against-"))),
  (directory) =>
    Effect.gen(function* () {
      const head = yield* git("rev-parse", "HEAD")
      const index = { cwd: root, env: { GIT_INDEX_FILE: Path.join(directory, "index") } }
      yield* Command.run("git", ["read-tree", "HEAD"], index)
      yield* Command.run("git", ["add", "--all"], index)
      const tree = yield* Command.run("git", ["write-tree"], index)
      if (tree === (yield* git("rev-parse", "HEAD^{tree}"))) return head
      const author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
      return yield* git(...author, "commit-tree", tree, "-p", head, "-m", "The work tree as it was measured")
    }),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

const make = Effect.fnUntraced(function* (commit: string, directory: string) {
  const built = Path.join(directory, "node_modules", ".cache", "bench-against-built")
  if (!Fs.existsSync(built) || Fs.readFileSync(built, "utf8") !== commit) {
    yield* checkOut(commit, directory)
    yield* build(directory)
    yield* Effect.sync(() => {
      Fs.mkdirSync(Path.dirname(built), { recursive: true })
      Fs.writeFileSync(built, commit)
    })
  }
  const tree: Tree = { commit, worker: yield* addWorker(directory) }
  return tree
})

const checkOut = (commit: string, directory: string) =>
  Fs.existsSync(Path.join(directory, ".git"))
    ? git("-C", directory, "checkout", "--quiet", "--force", "--detach", commit)
    : Effect.suspend(() => {
        Fs.rmSync(directory, { recursive: true, force: true })
        // Forced, because git remembers a tree whose folder was deleted with the rest of node_modules.
        return git("worktree", "add", "--quiet", "--force", "--detach", directory, commit)
      })

const build = Effect.fnUntraced(function* (directory: string) {
  yield* Command.run("pnpm", ["install", "--frozen-lockfile", "--prefer-offline"], {
    cwd: directory,
    env: { CI: "true" }
  })
  const configurationOf = (place: string) => Path.join(place, "tsconfig.build.json")
  const packages = Fs.readdirSync(Path.join(directory, "packages"))
    .map((name) => Path.join(directory, "packages", name))
    .filter((place) => Fs.existsSync(configurationOf(place)))
  for (const place of packages) {
    const args = ["-p", configurationOf(place), ...withoutTypes]
    yield* Command.run(tscOf(directory), args, { cwd: directory })
  }
  for (const place of packages) useBuilt(Path.join(place, "package.json"))
})

// TypeScript infers other types below a folder called node_modules, and no types are measured.
const withoutTypes =
  "--noCheck --composite false --incremental false --tsBuildInfoFile null --declaration false --declarationMap false".split(
    " "
  )

// In the workspace a package's exports are its sources; what is measured is what is published.
const useBuilt = (manifest: string): void => {
  const { publishConfig, ...rest } = JSON.parse(Fs.readFileSync(manifest, "utf8"))
  Fs.writeFileSync(manifest, JSON.stringify({ ...rest, exports: publishConfig.exports }))
}

const tscOf = (directory: string): string => Path.join(directory, "node_modules", ".bin", "tsc")

// The source is this work tree's for every commit, so its types are not checked against theirs.
const addWorker = Effect.fnUntraced(function* (directory: string) {
  const source = Path.join(root, "bench", "src")
  const target = Path.join(directory, "bench", "dist")
  Fs.rmSync(target, { recursive: true, force: true })
  const options = "--noCheck --ignoreConfig --target ES2022 --module NodeNext --rewriteRelativeImportExtensions"
  const files = [Path.join(source, "worker.ts"), Path.join(source, "contenders", "against.ts")]
  const args = [...options.split(" "), "--rootDir", source, "--outDir", target, ...files]
  yield* Command.run(tscOf(root), args, { cwd: root })
  return Path.join(target, "worker.js")
})
