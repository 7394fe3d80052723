import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { RedisClient, RedisConnector } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { withRedis, get, fork, sent } from "../../support/VirtualRedis.ts"

/** The events of the nodes, as they come. */
const events = (dispatch: Dispatch.Dispatch) => {
  const told: Array<Dispatch.NodeEvent["_tag"]> = []
  dispatch.listen(({ _tag }) => told.push(_tag))
  return told
}

describe("A history", () => {
  it.effect("is told before anything is sent in the session that showed it", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1000)
        const told: Array<string> = []
        const first = dispatch.nodes()[0]?.sessions()[0]
        dispatch.listen((event) => {
          told.push(event._tag)
          if (event._tag === "HistoryChanged") {
            assert.deepStrictEqual(event.node.sessions(), [])
            dispatch.send(
              get("k"),
              { sending: { begin: (session) => told.push(session === first ? "old" : "new") > 0, end: () => {} } },
              () => {}
            )
          }
        })
        yield* server.restart({ data: "kept" })
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(told, ["SessionLost", "HistoryChanged", "SessionReady", "new"])
        assert.strictEqual(dispatch.nodes()[0]?.generation(), 1)
        yield* redis.ping
      })
    )
  )

  it.effect("does not change when a connection is lost, however far its login came", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1000)
        const told = events(dispatch)
        const node = dispatch.nodes()[0]
        for (const name of ["PING", "CLIENT", "INFO", "TIME"]) {
          yield* server.inject(Fault.cut({ executed: false, at: name }))
          yield* server.inject(Fault.cut({ executed: false }))
          yield* TestClock.adjust("2 seconds")
        }
        assert.isTrue(node?.isReady())
        assert.strictEqual(node?.generation(), 0)
        assert.notInclude(told, "HistoryChanged")
        // A session that died while it introduced itself was never one.
        assert.strictEqual(told.filter((tag) => tag === "SessionReady").length, 4)
      })
    ).pipe(Effect.asVoid)
  )

  for (const [denied, generation] of [
    [["INFO"], 0],
    [["INFO", "SCRIPT"], 1],
    [["INFO", "SCRIPT", "CLIENT", "TIME", "PING"], 1]
  ] as const) {
    it.effect(
      `of a user without ${denied.join(", ")}: a lost connection ${generation === 0 ? "is none" : "is a change"}, a restart is one`,
      () =>
        withRedis(
          {},
          { denied }
        )((redis, server, dispatch) =>
          Effect.gen(function* () {
            const node = dispatch.nodes()[0]
            assert.strictEqual(node?.history()?.role, "master")
            yield* server.inject(Fault.cut({ executed: false }))
            yield* TestClock.adjust("1 second")
            assert.strictEqual(node?.generation(), generation)
            yield* server.restart({ data: "kept" })
            yield* TestClock.adjust("1 second")
            assert.strictEqual(node?.generation(), generation + 1)
            assert.isTrue(yield* redis.set("k", "v"))
          })
        )
    )
  }

  it.effect("is asked for each second while it is watched, and a resynchronisation in place is noticed", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const other = yield* server.server({ host: "other", port: 1 })
        const node = dispatch.nodes()[0]
        const watch = yield* fork(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        yield* server.attachReplica
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(node?.generation(), 0)
        yield* server.replicaOf({ address: other.address })
        yield* server.promote
        yield* TestClock.adjust("1 second")
        assert.strictEqual(node?.generation(), 1)
        yield* Fiber.interrupt(watch)
        const asked = (yield* sent(server, "INFO")).length
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost((yield* sent(server, "INFO")).length, asked + 1)
      })
    )
  )
})

describe("Redis' time", () => {
  it.effect("is that of the server that is reached now", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const a = yield* server.server({ host: "a", port: 1 }, { clockOffset: "1 hour" })
      const b = yield* server.server({ host: "b", port: 1 }, { clockOffset: "-1 hour", latency: 10 })
      let now = a
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...server.connector,
        connect: (_, login) => Effect.suspend(() => server.connector.connect(now.address, login))
      }
      const redis = yield* Effect.provideService(RedisClient.make(), RedisConnector.RedisConnector, connector)
      const node = Dispatch.of(redis).nodes()[0]
      yield* TestClock.adjust("1 day")
      const hour = Duration.toMillis("1 hour")
      const day = Duration.toMillis("1 day")
      assert.strictEqual(node?.time(), day + hour)
      now = b
      yield* a.inject(Fault.refuse)
      yield* TestClock.adjust("1 hour")
      assert.isTrue(node?.isReady())
      assert.closeTo(node?.time() ?? 0, day, 10)
    }).pipe(Effect.scoped)
  )
})
