import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const run = (program: string) =>
  spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], { encoding: "utf8" })

/** The files of a package that a process has loaded when it has imported a module. */
const loads = (specifier: string, packageName: string): ReadonlyArray<string> => {
  const program = `
    import { createRequire } from "node:module"
    await import(${JSON.stringify(specifier)})
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)))`
  const { stderr, stdout } = run(program)
  const files: ReadonlyArray<string> = stdout === "" ? assert.fail(stderr) : JSON.parse(stdout)
  return files.filter((file) => file.includes(`/node_modules/${packageName}/`))
}

const sources = "packages/effect-ioredis-cache/src"

/** What a module and those of its package that it imports import, types apart. Node does not tell which modules it has. */
const importedBy = (file: string, seen = new Set<string>()): ReadonlyArray<string> => {
  if (seen.has(file)) return []
  seen.add(file)
  const imported = Array.from(
    readFileSync(file, "utf8").matchAll(/^(?! \*|import type\b).* from "(.+)"$/gm),
    ([, specifier = ""]) => specifier
  )
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

  it("nothing but its own entry loads the persistence modules of Effect, and that when it makes a layer", () => {
    const own = "packages/effect-ioredis/src"
    for (const file of ["index.ts", "dispatch.ts", "persistence.ts"]) {
      const imported = importedBy(join(own, file)).filter((one) => one.startsWith("effect/persistence"))
      assert.deepStrictEqual(imported, [], file)
    }
    assert.include(importedBy(join(own, "internal/persistence/RedisService.ts")), "effect/persistence/Redis")
    const tasks = "packages/effect-ioredis-tasks/src"
    for (const file of ["index.ts", "persistence.ts"]) {
      const imported = importedBy(join(tasks, file)).filter((one) => one.startsWith("effect/persistence"))
      assert.deepStrictEqual(imported, [], file)
    }
    const store = importedBy(join(tasks, "internal/persistence/PersistedStore.ts"))
    assert.include(store, "effect/persistence/PersistedQueue")
  })

  it("nothing but the routes loads HTTP, and a program that asks for no health of its own loads none", () => {
    const own = "packages/effect-ioredis/src"
    for (const file of ["index.ts", "dispatch.ts", "Health.ts"].map((file) => join(own, file))) {
      assert.notInclude(importedBy(file), "effect/http", file)
    }
    assert.notInclude(importedBy(join(sources, "CacheHealth.ts")), "effect/http")
    assert.include(importedBy(join(own, "HealthHttp.ts")), "effect/http")
    for (const file of [join(own, "index.ts"), join(sources, "index.ts")]) {
      const seen = new Set<string>()
      importedBy(file, seen)
      assert.isEmpty(Array.from(seen).filter((one) => /\/(Health|CacheHealth|HealthHttp)\.ts$/.test(one)))
    }
  })

  it("a program that only gets and sets loads nothing of reservations, transactions, subscriptions and typed commands", () => {
    const own = "packages/effect-ioredis/src"
    const others =
      /\/(RedisReservation|RedisPubSub|Reserv\w+|reserv\w+|Transaction|Exec|blockTime)\.ts$|\/(commands|pubsub)\//
    const loadedBy = (...files: ReadonlyArray<string>) => {
      const seen = new Set<string>()
      for (const file of files) importedBy(join(own, file), seen)
      return Array.from(seen).filter((file) => others.test(file))
    }
    assert.deepStrictEqual(loadedBy("Redis.ts", "RedisClient.ts"), [])
    for (const name of ["Reservations", "ReservedConnection", "Transaction", "Exec", "blockTime"]) {
      assert.include(loadedBy("RedisReservation.ts"), join(own, "internal", `${name}.ts`))
    }
    assert.isNotEmpty(loadedBy("RedisPubSub.ts"))
    assert.isNotEmpty(loadedBy("commands/index.ts"))
  })

  it("a layer for another version of Effect dies with what to do", () => {
    const { stdout } = run(`
      import { Cause, Effect, Exit, Layer, Version } from "effect"
      Version.setCurrentVersion("4.2.0")
      const { layer } = await import("effect-ioredis/persistence")
      const exit = await Effect.runPromiseExit(Effect.scoped(Layer.build(layer())))
      console.log(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "built")`)
    assert.match(stdout, /effect is 4\.2\.0 here\. Install effect@~4\.1\.0/)
  })

  it("a live Redis does", () => {
    assert.isNotEmpty(loads("effect-ioredis/IoredisConnector", "ioredis"))
  })
})
