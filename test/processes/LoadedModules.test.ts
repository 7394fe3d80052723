import { spawnSync } from "node:child_process"
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

  it("a live Redis does", () => {
    assert.isNotEmpty(loads("effect-ioredis/IoredisConnector", "ioredis"))
  })
})
