import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scheduler, Scope } from "effect"
import {
  RedisClient,
  RedisCommand,
  RedisConnector,
  RedisError,
  RedisHealth,
  RedisTopology,
  RetryPolicy
} from "effect-ioredis"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { receivedBy, withCluster } from "../../support/VirtualCluster.ts"
import { fork, result } from "../../support/VirtualRedis.ts"

const incr = (key: string) => RedisCommand.make("INCR", [key])
const start = (options: RedisClient.Options, connector: RedisConnector.RedisConnector["Service"]) =>
  Effect.forkChild(Effect.provideService(RedisClient.make(options), RedisConnector.RedisConnector, connector), {
    startImmediately: true
  })
const bytes = (...values: ReadonlyArray<number>) => Uint8Array.of(...values)

describe("A client of a cluster, in trouble", () => {
  it.effect("is ready as soon as it knows the owners, although it was connected to all of them before", () =>
    withCluster()(({ cluster, network }) =>
      Effect.gen(function* () {
        const topology = RedisTopology.cluster({ seeds: cluster.seeds.slice(0, 3) })
        const building = yield* start({ topology }, network.connector)
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(result(building), "Success")
      })
    )
  )

  for (const [what, denied, reason, text] of [
    ["the user may not ask", ["CLUSTER"], "Auth", "Grant the user"],
    ["the server is none of a cluster", [], "NotReady", "cluster support disabled"]
  ] as const) {
    it.effect(`says within a second why it does not learn the owners: ${what}`, () =>
      withCluster()(({ network }) =>
        Effect.gen(function* () {
          const address = { host: "other", port: 1 }
          yield* network.server(address, { denied })
          const topology = RedisTopology.cluster({ seeds: [address] })
          const building = yield* start({ topology, connectTimeout: "1 minute" }, network.connector)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(result(building), "Success")
          const redis = yield* Fiber.join(building)
          const { connectError } = yield* redis.stats
          assert.strictEqual(connectError?.reason, reason)
          assert.include(connectError?.message ?? "", text)
        })
      )
    )
  }

  it.effect("sends keys of bytes to their owners", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        for (let byte = 0; byte < 256; byte += 5) {
          yield* redis.run(RedisCommand.make("SET", [bytes(0x61, byte), "value"]))
        }
        const keys = Array.from({ length: 20 }, (_, n) => bytes(0xff, n))
        yield* redis.run(RedisCommand.make("MGET", keys))
        const all = yield* Effect.forEach(yield* cluster.masters, (master) => master.received)
        const sets = all.flat().filter(({ name }) => name === "SET")
        assert.strictEqual(sets.length, 52, "none is sent elsewhere first")
      })
    )
  )

  it.effect("asks nobody for a command that was superseded meanwhile", () =>
    withCluster()(({ cluster, dispatch, redis }) =>
      Effect.gen(function* () {
        const [, other] = yield* cluster.masters
        if (other === undefined) return assert.fail("there are no masters")
        yield* redis.set("{hello}1", 1)
        const migration = yield* cluster.migrate({ key: "hello" }, other)
        yield* migration.moveKeys("{hello}1")
        let begun = 0
        let ended = 0
        const sending = {
          begin: () => begun++ === 0,
          end: () => {
            ended++
          }
        }
        const told: Array<unknown> = []
        dispatch.send(RedisCommand.make("GET", ["{hello}1"]), { sending }, (result) => told.push(result))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([begun, ended, told.length], [2, 1, 1])
        assert.strictEqual((yield* receivedBy(other, "ASKING")).length, 0)
      })
    )
  )

  it.effect("waits for a server that a reply to a batch has named, like for that of a single command", () =>
    withCluster({ retry: RetryPolicy.none })(({ cluster, redis }) =>
      Effect.gen(function* () {
        const added = yield* cluster.addNode()
        yield* cluster.moveSlots({ key: "hello" }, added)
        const counted = yield* fork(redis.pipeline([incr("hello"), incr("hello"), incr("{hello}2")]))
        yield* TestClock.adjust("1 second")
        const results = yield* Fiber.join(counted)
        assert.deepStrictEqual(
          results.map((result) => (Result.isSuccess(result) ? result.success : result.failure.message)),
          [1, 2, 1]
        )
      })
    )
  )

  it.effect("keeps in doubt what a batch may have executed before it was sent elsewhere", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const owner = yield* cluster.ownerOf("hello")
        const added = yield* cluster.addNode()
        yield* added.inject(Fault.refuse)
        yield* owner.inject(Fault.cut({ executed: true, at: "SET" }))
        const set = (key: string) => RedisCommand.make("SET", [key, 1])
        const written = yield* fork(redis.pipeline([set("hello"), set("{hello}2")]))
        yield* TestClock.adjust(0)
        yield* cluster.moveSlots({ key: "hello" }, added)
        yield* TestClock.adjust("10 seconds")
        const results = yield* Fiber.join(written)
        assert.deepStrictEqual(
          results.map((result) => RedisError.endOf(result)),
          ["doubtful", "doubtful"]
        )
      })
    )
  )

  it.effect("does not cut what is in flight on a server that has lost its slots", () =>
    withCluster({ commandTimeout: "20 seconds", operationTimeout: "1 minute" })(({ cluster, redis }) =>
      Effect.gen(function* () {
        const [one, leaving] = yield* cluster.masters
        if (one === undefined || leaving === undefined) return assert.fail("there are no masters")
        const key = "k0"
        const owner = yield* cluster.ownerOf(key)
        const target = owner === one ? leaving : one
        yield* owner.inject(Fault.delay("14 seconds"))
        const slow = yield* fork(redis.incr(key))
        yield* TestClock.adjust(1)
        yield* cluster.moveSlots({ from: 0, to: 16_383 }, target)
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(result(slow), "Success")
      })
    )
  )

  it.effect("runs the login in the scheduler of the program", () =>
    Effect.gen(function* () {
      const modes: Array<string> = []
      const login = Effect.map(Effect.service(Scheduler.Scheduler), ({ executionMode }) => {
        modes.push(executionMode)
        return {}
      })
      yield* withCluster({ login })(() => Effect.void)
      assert.deepStrictEqual(Array.from(new Set(modes)), ["async"])
    })
  )

  it.effect("is not healthy while nobody tells it the owners, although every server answers", () =>
    withCluster()(({ network }) =>
      Effect.gen(function* () {
        const address = { host: "other", port: 1 }
        const server = yield* network.server(address, { denied: ["CLUSTER"] })
        const building = yield* start({ topology: RedisTopology.cluster({ seeds: [address] }) }, network.connector)
        yield* TestClock.adjust("1 second")
        const redis = yield* Fiber.join(building)
        const health = yield* Effect.provideService(RedisHealth.make(), RedisClient.RedisClient, redis)
        for (const status of [yield* health.status, yield* health.check]) {
          assert.isTrue(status._tag === "Down" && status.reason.includes("Grant the user"))
        }
        assert.strictEqual((yield* redis.stats).connection, "Connecting")
        assert.strictEqual((yield* receivedBy(server, "PING")).length > 0, true)
      })
    )
  )

  it.effect("is healthy again when a dead master has been replaced, and not before", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const health = yield* Effect.provideService(RedisHealth.make(), RedisClient.RedisClient, redis)
        const dead = yield* cluster.ownerOf("hello")
        yield* dead.inject(Fault.refuse)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* health.status)._tag, "Partial")
        assert.strictEqual((yield* health.check)._tag, "Partial")
        yield* cluster.failOver(dead)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* health.status)._tag, "Up", "the old master is none of the owners")
      })
    )
  )

  it.effect("sends what waits for a dead master to the one that takes over, as soon as that is known", () =>
    withCluster({ cluster: { fullCoverage: false } })(({ cluster, redis }) =>
      Effect.gen(function* () {
        const dead = yield* cluster.ownerOf("a")
        yield* dead.inject(Fault.refuse)
        const patient = { operationTimeout: "1 minute", waitToSend: "30 seconds" } as const
        const waiting = [
          yield* fork(redis.run(incr("a"), patient)),
          yield* fork(redis.pipeline([incr("a"), incr("{a}b")], patient))
        ]
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(waiting.map(result), ["waiting", "waiting"])
        const promoted = yield* cluster.failOver(dead)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(waiting.map(result), ["Success", "Success"])
        assert.strictEqual((yield* receivedBy(promoted, "INCR")).length, 3)
      })
    )
  )

  it.effect("ends without a defect although a reply names a new server meanwhile", () =>
    withCluster()(({ cluster, connect }) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const redis = yield* Effect.provideService(connect(), Scope.Scope, scope)
        const owner = yield* cluster.ownerOf("hello")
        const added = yield* cluster.addNode()
        yield* owner.inject(Fault.delay("300 millis"))
        yield* cluster.moveSlots({ key: "hello" }, added)
        const asked = yield* fork(redis.incr("hello"))
        yield* TestClock.adjust(1)
        const closing = yield* fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual([result(closing)], ["Success"])
        assert.notStrictEqual(result(asked), "waiting")
        // The other client has learnt of it too.
        assert.isAtMost(yield* added.connections, 1)
      })
    )
  )

  it.effect("asks again although a reply was none that anybody could read", () =>
    withCluster()(({ cluster, network }) =>
      Effect.gen(function* () {
        let isMad = true
        // A value that has no text, as no server sends it.
        const madness = Object.create(null) as RedisCommand.Reply
        const connector: RedisConnector.RedisConnector["Service"] = {
          ...network.connector,
          connect: (address, login) =>
            Effect.map(network.connector.connect(address, login), (connection) => {
              const submit: typeof connection.submit = (command, onReply) =>
                connection.submit(command, (result) =>
                  onReply(isMad && command.args[0] === "INFO" ? Result.succeed(madness) : result)
                )
              return new Proxy(connection, {
                get: (target, name) => {
                  const own: unknown = Reflect.get(target, name)
                  if (name === "submit") return submit
                  return typeof own === "function" ? own.bind(target) : own
                }
              })
            })
        }
        const building = yield* start(
          { topology: RedisTopology.cluster({ seeds: cluster.seeds.slice(0, 1) }) },
          connector
        )
        yield* TestClock.adjust("3 seconds")
        const redis = yield* Fiber.join(building)
        isMad = false
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    )
  )
})
