import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

/** The files of a package that a process has loaded when it has imported a module. */
const loads = (specifier: string, packageName: string): ReadonlyArray<string> => {
  const program = `
    import { createRequire } from "node:module"
    await import(${JSON.stringify(specifier)})
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)))`
  const args = ["--import", "tsx", "--input-type=module", "--eval", program]
  const { stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" })
  const files: ReadonlyArray<string> = stdout === "" ? assert.fail(stderr) : JSON.parse(stdout)
  return files.filter((file) => file.includes(`/node_modules/${packageName}/`))
}

const sources = "packages/effect-ioredis-cache/src"

/** What a module and those of its package that it imports import, as text. Node does not tell which modules it has. */
const importedBy = (file: string, seen = new Set<string>()): ReadonlyArray<string> => {
  if (seen.has(file)) return []
  seen.add(file)
  const imported = Array.from(readFileSync(file, "utf8").matchAll(/ from "(.+)"$/gm), ([, specifier = ""]) => specifier)
  return imported.flatMap((one) => (one.startsWith(".") ? importedBy(join(dirname(file), one), seen) : [one]))
}

describe("What a module loads", () => {
  for (const specifier of [
    "effect-ioredis-cache/MemoryCache",
    "effect-ioredis/testing",
    "effect-ioredis-cache/testing"
  ]) {
    it(`${specifier} loads no driver`, () => {
      assert.deepStrictEqual(loads(specifier, "ioredis"), [])
    })
  }

  it("a cache loads no binary codec, and whoever asks for it does", () => {
    const needs = (file: string) => importedBy(join(sources, file)).includes("effect/encoding/SchemaBinary")
    assert.isFalse(needs("index.ts"))
    assert.isTrue(needs("BinaryCodec.ts"))
  })

  it("a live Redis does", () => {
    assert.isNotEmpty(loads("effect-ioredis/IoredisConnector", "ioredis"))
  })
})
