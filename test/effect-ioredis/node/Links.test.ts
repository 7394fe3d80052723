import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { RedisClient, RedisCommand, RedisConnection, RedisConnector, RedisTopology } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../../support/Captured.ts"
import { fork, noRetry, result, settled, withRedis } from "../../support/VirtualRedis.ts"
import * as VirtualSentinels from "../../support/VirtualSentinels.ts"

const nodeOf = (dispatch: Dispatch.Dispatch): Dispatch.Node => dispatch.nodes()[0] ?? assert.fail("there is no node")

const address = { host: "redis", port: 6379 }

/** A link, when its turn has come. */
const connect = (dispatch: Dispatch.Dispatch) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const connecting = yield* fork(Scope.provide(nodeOf(dispatch).connect, scope))
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(connecting)
  })

/** What becomes of links. */
const lossOf = ({ connection }: Dispatch.Link) => {
  const told: Array<string> = []
  connection.onLoss(({ reason }) => told.push(reason))
  return told
}

const ask = ({ connection }: Dispatch.Link, name: string, ...args: ReadonlyArray<RedisCommand.Argument>) =>
  RedisConnection.send(connection, RedisCommand.make(name, args))

describe("A link", () => {
  it.effect("is one more login, which knows who it is", () =>
    withRedis(
      { login: { clientName: "mine", password: Redacted.make("secret") } },
      { password: "secret" }
    )((_, server, dispatch) =>
      Effect.gen(function* () {
        const link = yield* connect(dispatch)
        assert.strictEqual(link.runId, yield* server.runId)
        assert.strictEqual(link.id, yield* ask(link, "CLIENT", "ID"))
        assert.strictEqual(yield* ask(link, "CLIENT", "GETNAME"), "mine")
        assert.strictEqual(yield* server.connections, 2)
        const [session] = nodeOf(dispatch).sessions()
        assert.notStrictEqual(session?.id, link.id)
        assert.strictEqual(nodeOf(dispatch).sessions().length, 1)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is logged in anew before its password expires, or ends where it is subscribed and takes no AUTH", () =>
    Effect.suspend(() => {
      const captured = Captured.make()
      const login = Effect.succeed({ password: Redacted.make("secret"), expiresIn: "100 seconds" } as const)
      return withRedis(
        { login },
        { password: "secret" }
      )((_, server, dispatch) =>
        Effect.gen(function* () {
          const [plain, subscribed] = [yield* connect(dispatch), yield* connect(dispatch)]
          yield* ask(subscribed, "SUBSCRIBE", "a")
          const [kept, lost] = [lossOf(plain), lossOf(subscribed)]
          yield* TestClock.adjust("100 seconds")
          assert.deepStrictEqual([kept, lost], [[], ["Login"]])
          assert.strictEqual(yield* server.connections, 2)
          assert.deepStrictEqual(captured.logs, [])
        }).pipe(Effect.scoped)
      ).pipe(Effect.provide(captured.layer))
    })
  )

  it.effect("says nothing of itself where its user may not ask", () =>
    withRedis(
      {},
      { denied: ["CLIENT", "INFO"] }
    )((_, __, dispatch) =>
      Effect.gen(function* () {
        const { id, runId } = yield* connect(dispatch)
        assert.deepStrictEqual([id, runId], [undefined, undefined])
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is nothing to the node, whatever becomes of it", () =>
    withRedis(noRetry)((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        const told: Array<string> = []
        dispatch.listen(({ _tag }) => told.push(_tag))
        for (const fault of [Fault.mute, Fault.freeze, Fault.cut({ executed: true })]) {
          const link = yield* connect(dispatch)
          yield* server.inject(fault, { connection: link.id })
          link.connection.submit(RedisCommand.make("PING"), () => {})
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(link.connection.isOpen(), fault._tag !== "Cut")
        }
        const { breaker, connection, connections, inFlight } = yield* redis.stats
        assert.deepStrictEqual([breaker._tag, connection, connections, inFlight], ["Closed", "Ready", 1, 0])
        assert.deepStrictEqual(told, [])
      }).pipe(Effect.scoped)
    )
  )

  it.effect("ends with its scope, which costs the next login no time", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        for (let n = 0; n < 20; n++) {
          const scope = yield* Scope.make()
          const connecting = yield* fork(Scope.provide(nodeOf(dispatch).connect, scope))
          yield* TestClock.adjust(0)
          const told = lossOf(yield* settled(connecting))
          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual(told, ["Closed"])
        }
        assert.strictEqual(yield* server.connections, 1)
      })
    )
  )

  it.effect("ends with the client, and so does the wait for one", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const closing = yield* Scope.make()
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector),
        Scope.provide(closing)
      )
      const told = lossOf(yield* connect(Dispatch.of(redis)))
      yield* server.inject(Fault.freeze)
      const waiting = yield* fork(Effect.flip(Effect.scoped(nodeOf(Dispatch.of(redis)).connect)))
      yield* TestClock.adjust(0)
      assert.strictEqual(result(waiting), "waiting")
      const closed = yield* fork(Scope.close(closing, Exit.void))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(result(closed), "Success")
      assert.deepStrictEqual(told, ["Closed"])
      assert.strictEqual((yield* settled(waiting)).reason, "Closed")
      const late = yield* Effect.flip(nodeOf(Dispatch.of(redis)).connect)
      assert.strictEqual(late.reason, "Closed")
      yield* server.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* server.connections, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("is not tried while the node has no session", () =>
    withRedis(noRetry)((_, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("10 seconds")
        const before = (yield* server.attempts).length
        assert.strictEqual((yield* Effect.flip(nodeOf(dispatch).connect)).reason, "Refused")
        assert.strictEqual((yield* server.attempts).length, before)
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is bounded by the time for a login, on the connector's clock whoever waits", () =>
    withRedis({ connectTimeout: "3 seconds" })((_, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.freeze)
        const connecting = yield* fork(
          Effect.provideService(
            Effect.flip(Effect.scoped(nodeOf(dispatch).connect)),
            Clock.Clock,
            Clock.Clock.defaultValue()
          )
        )
        yield* TestClock.adjust(2999)
        assert.strictEqual(result(connecting), "waiting")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* settled(connecting)).reason, "Timeout")
      }).pipe(Effect.scoped)
    )
  )

  it.effect("takes its turn: a server that drops each of them is not hammered, and the node goes on", () =>
    withRedis(noRetry)((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("10 seconds")
        const dropped = Effect.scoped(
          Effect.flatMap(nodeOf(dispatch).connect, ({ id }) =>
            server.inject(Fault.cut({ executed: true }), { connection: id })
          )
        )
        yield* fork(Effect.forever(Effect.andThen(Effect.ignore(dropped), Effect.sleep("1 millis"))))
        yield* TestClock.adjust("20 seconds")
        const { length } = yield* server.attempts
        assert.isTrue(length > 10 && length < 45, `there were ${length} logins`)
        yield* redis.ping
      }).pipe(Effect.scoped)
    )
  )

  it.effect("is left when the node moves to another server, and the next one goes there", () =>
    Effect.gen(function* () {
      const { connect: client, sentinels } = yield* VirtualSentinels.make()
      const dispatch = Dispatch.of(yield* client())
      const old = yield* connect(dispatch)
      const told = lossOf(old)
      const promoted = yield* sentinels.failOver()
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(told, ["Reset"])
      const next = yield* connect(dispatch)
      assert.strictEqual(next.runId, yield* promoted.runId)
      assert.notStrictEqual(next.runId, old.runId)
    }).pipe(Effect.scoped)
  )

  it.effect("is replaced with every other connection of the client", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        const told = lossOf(yield* connect(dispatch))
        yield* redis.reconnect
        assert.deepStrictEqual(told, ["Reset"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* server.connections, 1)
      }).pipe(Effect.scoped)
    )
  )

  for (const denied of [[], ["INFO"]]) {
    it.effect(`hides no change of history from the node${denied.length > 0 ? " whose user may not ask" : ""}`, () =>
      withRedis(
        { topology: RedisTopology.server(address) },
        { denied }
      )((_, server, dispatch) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("1 second")
          const before = nodeOf(dispatch).history()
          // The address leads to another server now, which the link is the first to reach.
          const other = yield* server.server({ host: "other", port: 6379 })
          yield* server.route(address, other)
          yield* connect(dispatch)
          assert.strictEqual(yield* other.connections, 1)
          assert.strictEqual(nodeOf(dispatch).history(), before)
          assert.strictEqual(nodeOf(dispatch).generation(), 0)
          yield* server.inject(Fault.cut({ executed: true }))
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* other.connections, 2)
          assert.strictEqual(nodeOf(dispatch).generation(), 1)
        }).pipe(Effect.scoped)
      )
    )
  }
})
