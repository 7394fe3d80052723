import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import { RedisClient, type RedisCommand, type RedisConnection, RedisConnector, RedisTopology } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { unknown } from "../../../packages/effect-ioredis/src/internal/node/History.ts"
import { makeWitness } from "../../../packages/effect-ioredis/src/internal/node/Introduction.ts"
import * as Lineage from "../../../packages/effect-ioredis/src/internal/node/Lineage.ts"
import * as RedisTime from "../../../packages/effect-ioredis/src/internal/node/RedisTime.ts"
import type { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import { fork, get, noRetry, sent, set, withRedis } from "../../support/VirtualRedis.ts"

const address = { host: "redis", port: 6379 }

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

  it.effect("of a user without INFO: a restart is a change, although the login that found it out came to nothing", () =>
    withRedis(
      {},
      { denied: ["INFO"] }
    )((_, server, dispatch) =>
      Effect.gen(function* () {
        const node = dispatch.nodes()[0]
        yield* server.inject(
          Fault.cut({ executed: true, at: ({ args, name }) => name === "SCRIPT" && args[0] === "LOAD" })
        )
        yield* server.restart({ data: "kept" })
        yield* TestClock.adjust("3 seconds")
        assert.isTrue(node?.isReady())
        assert.strictEqual(node?.generation(), 1)
      })
    )
  )

  it.effect("of a user without INFO: each move between two servers is a change", () =>
    withRedis(
      { topology: RedisTopology.server(address) },
      { denied: ["INFO"], servers: [address] }
    )((_, server, dispatch) =>
      Effect.gen(function* () {
        const node = dispatch.nodes()[0]
        const own = yield* server.server(address)
        const other = yield* server.server({ host: "other", port: 6379 })
        let left = own
        for (const [generation, next] of [other, own, other].entries()) {
          yield* server.route(address, next)
          yield* left.inject(Fault.cut({ executed: false }))
          left = next
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(node?.generation(), generation + 1)
        }
      })
    )
  )

  it.effect("of a user without INFO: a look whether the address shows a master hides no change", () =>
    withRedis(
      { topology: RedisTopology.server(address), ...noRetry },
      { denied: ["INFO"] }
    )((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        const other = yield* server.server({ host: "other", port: 6379 })
        yield* server.inject(Fault.error("READONLY", { commands: ["SET"] }))
        yield* server.route(address, other)
        yield* fork(Effect.exit(redis.run(set("k", "v"))))
        yield* TestClock.adjust("3 seconds")
        assert.isAbove(yield* other.connections, 0)
        assert.strictEqual(dispatch.nodes()[0]?.generation(), 1)
      })
    )
  )

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

/** A session that answers so, after so many milliseconds, and what it was asked. */
const sessionOf = Effect.fnUntraced(function* (
  reply: RedisCommand.Reply,
  { isOpen = true, millis = 0 }: { readonly isOpen?: boolean; readonly millis?: number } = {}
) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const asked: Array<string> = []
  const submit: RedisConnection.RedisConnection["submit"] = ({ name }, onReply) => {
    asked.push(name)
    run(
      Effect.delay(
        Effect.sync(() => onReply(Result.succeed(reply))),
        millis
      )
    )
  }
  // A lineage asks nothing else of a session.
  const session = { runId: "a", connection: { submit }, isOpen: () => isOpen } as unknown as NodeSession
  return { asked, session }
})

const make = Effect.gen(function* () {
  let changes = 0
  const lineage = yield* Lineage.make(() => changes++)
  const learn = (history: Partial<Dispatch.RedisHistory>, isNew = false, time?: RedisTime.RedisTime) =>
    lineage.learn({
      id: 1,
      history: { ...unknown, role: "master", ...history },
      ...(isNew && { witness: makeWitness(0) }),
      time
    })
  return { ...lineage, learn, changes: () => changes }
})

const concurrently = { concurrency: "unbounded" } as const

describe("Lineage", () => {
  it.effect("counts the changes that may have lost data, and tells of each", () =>
    Effect.gen(function* () {
      const { changes, generation, history, learn } = yield* make
      assert.isUndefined(history())
      const rows: ReadonlyArray<readonly [Partial<Dispatch.RedisHistory>, isNew: boolean, generation: number]> = [
        [{ runId: "a" }, true, 0],
        [{ runId: "a" }, false, 0],
        [{ runId: "a", replid: "first replica" }, false, 0],
        [{ runId: "b" }, false, 1],
        [{ runId: "b", role: "replica" }, false, 2],
        [{ runId: "b", role: "replica" }, true, 3]
      ]
      for (const [next, isNew, expected] of rows) {
        learn(next, isNew)
        assert.deepStrictEqual([generation(), changes()], [expected, expected])
        assert.strictEqual(history()?.runId, next.runId)
      }
    })
  )

  for (const [what, isOpen, generation] of [
    ["is open still", true, 1],
    ["was lost meanwhile, whose answer may be another server's", false, 0]
  ] as const) {
    it.effect(`asks in a session that ${what}: generation ${generation}`, () =>
      Effect.gen(function* () {
        const lineage = yield* make
        lineage.learn({ runId: "a", replid: "1" })
        const { asked, session } = yield* sessionOf("role:master\r\nmaster_replid:2\r\nmaster_replid2:1\r\n", {
          isOpen
        })
        const asking = yield* fork(lineage.ask(session))
        yield* TestClock.adjust(0)
        yield* Fiber.join(asking)
        assert.deepStrictEqual(asked, ["INFO"])
        assert.strictEqual(lineage.generation(), generation)
        assert.strictEqual(lineage.history()?.runId, "a")
      })
    )
  }

  it.effect("asks for nothing before the first session was introduced", () =>
    Effect.gen(function* () {
      const { ask } = yield* make
      const { asked, session } = yield* sessionOf("")
      yield* ask(session)
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("takes the time of three answers anew, however exact an earlier one was", () =>
    Effect.gen(function* () {
      const { asker, refreshTime, time } = yield* make
      asker.time().learn(["1000", "0"], 0, 0)
      const { asked, session } = yield* sessionOf(["5", "0"], { millis: 10 })
      const refreshing = yield* fork(refreshTime(session))
      yield* TestClock.adjust(30)
      yield* Fiber.join(refreshing)
      assert.deepStrictEqual(asked, ["TIME", "TIME", "TIME"])
      assert.strictEqual(time(), 5005)
    })
  )

  it.effect("takes nothing of what an older session answers once a newer one was told", () =>
    Effect.gen(function* () {
      const { ask, asker, generation, history, learn, refreshTime, time } = yield* make
      learn({ runId: "a", replid: "1" })
      const times = yield* sessionOf(["9", "0"], { millis: 10 })
      const histories = yield* sessionOf("role:slave\r\nmaster_replid:2\r\n", { millis: 10 })
      const asking = yield* fork(Effect.all([refreshTime(times.session), ask(histories.session)], concurrently))
      learn({ runId: "b", replid: "3" }, false, RedisTime.make(asker.wallClock, 5000))
      yield* TestClock.adjust(30)
      yield* Fiber.join(asking)
      assert.deepStrictEqual([generation(), history()?.runId, time()], [1, "b", 5030])
    })
  )
})
