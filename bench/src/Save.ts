import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { RedisServer } from "../../test/support/RedisServer.ts"
import type { Result } from "./Result.ts"
import * as Settings from "./Settings.ts"

const directory = new URL("../results/", import.meta.url)
const require = createRequire(import.meta.url)

const version = (name: string): string => {
  for (let place = new URL("../node_modules/", import.meta.url); ; place = new URL("../../node_modules/", place)) {
    const file = new URL(`${name}/package.json`, place)
    if (Fs.existsSync(file)) return require(fileURLToPath(file)).version
    if (place.pathname === "/node_modules/") return "unknown"
  }
}

const contenders = [
  "effect-ioredis",
  "effect-ioredis-cache",
  "effect-ioredis-tasks",
  "effect",
  "@effect/platform-node",
  "ioredis",
  "redis",
  "bentocache",
  "bullmq",
  "cacheable",
  "keyv",
  "@keyv/redis",
  "cache-manager",
  "@qified/redis",
  "lru-cache",
  "cockatiel",
  "opossum"
]

export const redisVersion = (server: RedisServer) =>
  Effect.map(server.cli("INFO", "server"), (info) => /redis_version:(\S+)/.exec(String(info))?.[1])

/** Writes `results/<scenario>.json`, with all one needs to know to compare it with another. */
export const write = (result: Result, redis: string | undefined) =>
  Effect.sync(() => {
    const file = {
      scenario: result.scenario,
      date: new Date().toISOString(),
      cpus: Os.cpus().length,
      platform: `${process.platform} ${process.arch}`,
      rounds: Settings.rounds,
      versions: {
        node: process.versions.node,
        "redis-server": redis,
        ...Object.fromEntries(contenders.map((name) => [name, version(name)]))
      },
      cells: result.cells
    }
    Fs.mkdirSync(directory, { recursive: true })
    Fs.writeFileSync(new URL(`${result.scenario}.json`, directory), `${JSON.stringify(file, undefined, 2)}\n`)
  })
