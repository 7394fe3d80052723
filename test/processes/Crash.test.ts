import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { type CacheProcess, startCacheProcess } from "../support/startCacheProcess.ts"
import { eventually, layerReal, Server } from "../suites/cacheLayers.ts"
import * as TcpProxy from "../support/TcpProxy.ts"

const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)

// Its patience is short, so that a busy machine may take longer.
const isApplied = (process: CacheProcess, command: string) =>
  Effect.map(process.ask(command), (outcome) => outcome === "Applied")

/** How many older values another process reads after one that removed half of the keys and set the others anew while it was cut off from Redis. */
const olderAfter = Effect.fnUntraced(function* (
  ending: (
    process: CacheProcess,
    backAgain: Effect.Effect<void, TcpProxy.TcpProxyError>
  ) => Effect.Effect<unknown, TcpProxy.TcpProxyError>
) {
  const server = yield* Server
  const proxy = yield* TcpProxy.make(server.port)
  const one = yield* startCacheProcess({ REDIS_URL: `redis://127.0.0.1:${proxy.port}`, CACHE_PATIENCE_MS: "100" })
  for (const key of keys) yield* eventually(isApplied(one, `set ${key} older`))
  yield* proxy.refuse
  yield* proxy.cut
  for (const [index, key] of keys.entries()) {
    assert.strictEqual(yield* one.ask(index % 2 === 0 ? `remove ${key}` : `set ${key} newer`), "Deferred")
  }
  yield* ending(one, proxy.listen)
  const cache = yield* Cache.region({ name: "shared", version: 1, key: Schema.String, value: Schema.String })
  const read = yield* cache.getMany(keys)
  return read.filter((value) => Option.isSome(value) && value.value === "older").length
})

describe("a process that ends with deferred writes", () => {
  it.live("loses all of them when it crashes: every older value is read again", () =>
    Effect.gen(function* () {
      const older = yield* olderAfter((process, backAgain) => Effect.andThen(process.kill, backAgain))
      assert.strictEqual(older, 100)
    }).pipe(Effect.provide(layerReal()))
  )

  it.live("loses none of them when it closes and Redis answers it again", () =>
    Effect.gen(function* () {
      const older = yield* olderAfter((process, backAgain) =>
        Effect.gen(function* () {
          yield* backAgain
          yield* eventually(isApplied(process, "set other value"))
          assert.strictEqual((yield* process.end).code, 0)
        })
      )
      assert.strictEqual(older, 0)
    }).pipe(Effect.provide(layerReal()))
  )
})
