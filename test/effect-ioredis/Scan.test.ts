import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Fiber, Result, Stream } from "effect"
import { type RedisClient, RedisError } from "effect-ioredis"
import type * as Dispatch from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Scan from "../../packages/effect-ioredis/src/internal/Scan.ts"
import { fork, result, sent, set, withRedis } from "../support/VirtualRedis.ts"

describe("A scan", () => {
  const fill = (redis: RedisClient.RedisClient) =>
    Effect.forEach(Arr.range(1, 60), (n) => redis.set(`k${n}`, "v"), { discard: true })

  const scanned = (redis: RedisClient.RedisClient, atFirstPage: Effect.Effect<unknown>) => {
    let first = true
    return redis.scan({ count: 10 }).pipe(
      Stream.mapEffect((key) => {
        const happens = first ? atFirstPage : Effect.void
        first = false
        return Effect.as(happens, key)
      }),
      Stream.runCollect,
      Effect.map((keys) => new Set(keys))
    )
  }

  it.effect("begins anew when its connection is lost", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* fill(redis)
        const fiber = yield* fork(scanned(redis, server.restart({ data: "kept" })))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
        assert.isAtLeast((yield* sent(server, "SCAN")).filter(({ args: [cursor] }) => cursor === "0").length, 2)
      })
    )
  )

  it.effect("begins anew when its connection is lost while a page is on the way", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* fill(redis)
        const fiber = yield* fork(scanned(redis, server.inject(Fault.cut({ executed: false, at: "SCAN" }))))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
      })
    )
  )

  it.effect("begins anew when the server was resynchronised in place", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* Effect.forkChild(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        const other = yield* server.server({ host: "other", port: 1 })
        yield* fill(redis)
        yield* server.attachReplica
        yield* TestClock.adjust("2 seconds")
        const change = Effect.gen(function* () {
          yield* server.replicaOf({ address: other.address })
          yield* server.promote
          yield* Effect.ignore(Effect.forEach(Arr.range(1, 60), (n) => server.execute(set(`k${n}`, "v"))))
          yield* Effect.sleep("2 seconds")
        })
        const fiber = yield* fork(scanned(redis, change))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
        assert.isAtLeast((yield* sent(server, "SCAN")).filter(({ args: [cursor] }) => cursor === "0").length, 2)
      })
    )
  )

  it.effect("begins anew when the server changes while its last page is on the way", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        const other = yield* server.server({ host: "other", port: 1 })
        yield* fill(redis)
        yield* server.attachReplica
        yield* fork(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        yield* TestClock.adjust(1500)
        const [connection] = yield* server.clients
        const fiber = yield* fork(scanned(redis, Effect.void))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(fiber)
        const pages = (yield* sent(server, "SCAN")).length
        // The history is asked for first, and the page comes after its answer.
        yield* server.replicaOf({ address: other.address })
        yield* server.promote
        yield* server.inject(Fault.delay(700), { connection })
        yield* TestClock.adjust(600)
        const late = yield* fork(Stream.runCollect(redis.scan({ count: 1000 })))
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(result(late), "Success")
        const cursors = (yield* sent(server, "SCAN")).slice(pages).map(({ args: [cursor] }) => cursor)
        assert.strictEqual(dispatch.nodes()[0]?.generation(), 1)
        assert.deepStrictEqual(cursors, ["0", "0"])
      })
    )
  )

  it.effect("that no connection was ready for keeps to one session", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* fill(redis)
        yield* TestClock.adjust("10 seconds")
        yield* server.inject(Fault.cut({ executed: false }))
        const fiber = yield* fork(scanned(redis, server.restart({ data: "kept" })))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
      })
    )
  )
})

describe("Scan", () => {
  const error = RedisError.connectionError("SCAN", "Refused", "unknown")

  for (const [what, isOpen, tries, reason] of [
    ["of a session that is open is the scan's own", true, 1, "Refused"],
    ["of sessions that are lost ends it after eleven beginnings", false, 11, "Reset"]
  ] as const) {
    it.effect(`a failure ${what}`, () =>
      Effect.gen(function* () {
        let asked = 0
        const session = { isOpen: () => isOpen, node: { generation: () => 0 } }
        // A scan asks nothing else of a dispatch.
        const dispatch = {
          nodes: () => [{ sessionFor: () => session }],
          send: (_: unknown, __: unknown, done: Dispatch.Done<never>) => {
            asked++
            done(Result.fail(error))
            return () => {}
          }
        } as unknown as Dispatch.Dispatch
        const failed = yield* Effect.flip(Stream.runDrain(Scan.stream(dispatch)))
        assert.deepInclude({ ...failed }, { reason })
        assert.strictEqual(asked, tries)
      })
    )
  }
})
