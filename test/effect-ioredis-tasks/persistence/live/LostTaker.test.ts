import * as ChildProcess from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { Redis } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

const lease = "3 seconds"

const program = fileURLToPath(new URL("../../../support/takerProcess.ts", import.meta.url))

/** Another process, once it has taken an element. */
const startTaker = Effect.fnUntraced(function* (url: string) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(process.execPath, ["--import", "tsx", program], {
        env: { ...process.env, REDIS_URL: url, LEASE: lease },
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const lines = createInterface({ input: child.stdout })
  const taken = new Promise<string>((resolve) => lines.on("line", (line) => line.startsWith("> ") && resolve(line)))
  return {
    taken: Effect.promise(() => taken),
    kill: Effect.sync(() => child.kill("SIGKILL"))
  }
})

const durable: RedisServer.Options = { config: ["appendonly yes", "appendfsync always"] }

type Away = (server: RedisServer.RedisServer) => Effect.Effect<void, RedisServer.RedisServerError>

const outages: ReadonlyArray<readonly [name: string, away: Away]> = [
  ["without an outage", () => Effect.void],
  [
    "after Redis was killed",
    ({ kill, start }) => Effect.andThen(Effect.andThen(kill, Effect.sleep("1500 millis")), start)
  ],
  [
    "after Redis was frozen",
    ({ freeze, thaw }) => Effect.andThen(Effect.andThen(freeze, Effect.sleep("1500 millis")), thaw)
  ]
]

describe("An element that a killed process had", () => {
  for (const [name, away] of outages) {
    it.live(`begins again within its lease and two seconds, ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make(durable)
        const Queues = PersistedQueue.layer.pipe(
          Layer.provide(Persistence.layerStore({ lease })),
          Layer.provide(Redis.layer({ url: server.url }))
        )
        yield* Effect.gen(function* () {
          const jobs = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Number })
          yield* jobs.offer(7, { id: "job" })
          const lost = yield* startTaker(server.url)
          assert.strictEqual(yield* lost.taken, "> 7 1")
          const taking = yield* Effect.forkChild(jobs.take((n, { attempts }) => Effect.succeed([n, attempts])))
          yield* Wait.until("it waits", Effect.map(server.cli("INFO", "clients"), isBlocking))
          yield* away(server)
          yield* lost.kill
          const { millis, value } = yield* Wait.timed(Fiber.join(taking))
          assert.deepStrictEqual(value, [7, 2])
          assert.isBelow(millis, Duration.toMillis(lease) + 2000)
        }).pipe(Effect.provide(Queues))
      }).pipe(Effect.scoped)
    )
  }
})

const isBlocking = (info: unknown): boolean => /blocked_clients:[1-9]/.test(String(info))
