import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { RedisCommand, RedisConnection } from "effect-ioredis"
import { Fault, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { Harness, pushesSuite } from "../../suites/pushes.ts"

const simulated = Layer.effect(
  Harness,
  Effect.gen(function* () {
    const redis = yield* SimulatedRedis.make()
    const master = yield* redis.server({ host: "master", port: 6379 })
    const last = (fault: Fault.Fault) =>
      Effect.flatMap(redis.clients, (clients) => redis.inject(fault, { connection: clients.at(-1) }))
    return {
      connector: redis.connector,
      address: redis.address,
      execute: executeOn(redis),
      master: { address: master.address, execute: executeOn(master) },
      allow: ({ channels, denied }) =>
        redis.setAccess({ channels: channels?.split(" "), denied: denied === undefined ? [] : [denied] }),
      reload: Effect.andThen(redis.save, redis.reload),
      evict: redis.evict,
      freeze: redis.inject(Fault.freeze),
      thaw: redis.heal,
      last: {
        cut: last(Fault.cut({ executed: false })),
        freeze: last(Fault.freeze),
        thaw: last(Fault.none),
        mute: last(Fault.mute)
      },
      clients: redis.connections,
      waitFor: (condition) =>
        Effect.repeat(Effect.andThen(TestClock.adjust("10 millis"), holds(condition)), {
          until: (held) => held,
          times: 1000
        }).pipe(Effect.flatMap((held) => (held ? Effect.void : Effect.die("it never came to that")))),
      pause: TestClock.adjust("50 millis")
    }
  })
)

const executeOn =
  ({ execute }: SimulatedServer.SimulatedServer): Harness["execute"] =>
  (name, ...args) =>
    Effect.orDie(execute(RedisCommand.make(name, args)))

const holds = (condition: (() => boolean) | Effect.Effect<boolean>): Effect.Effect<boolean> =>
  typeof condition === "function" ? Effect.sync(condition) : condition

pushesSuite("SimulatedRedis", simulated)

describe("SimulatedRedis, beside what the suite asks", () => {
  /** A server, and the keys that a connection to it is told of. */
  const tracked = Effect.gen(function* () {
    const redis = yield* SimulatedRedis.make()
    const connection = yield* redis.connector.connect(redis.address, {})
    const told: Array<string> = []
    connection.onPush(([, , keys]) => told.push(Array.isArray(keys) ? keys.map(String).join() : "all"))
    const [id = 0] = yield* redis.clients
    for (const line of [`CLIENT TRACKING ON REDIRECT ${id} BCAST`, "SUBSCRIBE __redis__:invalidate"]) {
      const [name = "", ...args] = line.split(" ")
      yield* RedisConnection.send(connection, RedisCommand.make(name, args))
    }
    return { redis, connection, told, execute: executeOn(redis) }
  })

  it.effect("a replica that catches up tells of what it missed, and no more", () =>
    Effect.gen(function* () {
      const { redis, told } = yield* tracked
      const master = yield* redis.server({ host: "master", port: 6379 })
      const execute = executeOn(master)
      yield* execute("MSET", "kept", 1, "changed", 1, "gone", 1)
      yield* redis.replicaOf(master)
      yield* redis.cutReplication
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(told.splice(0), ["all"])
      yield* execute("MSET", "changed", 2, "new", 1)
      yield* execute("UNLINK", "gone")
      yield* redis.replicaOf(master)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(told, ["changed,gone,new"])
    }).pipe(Effect.scoped)
  )

  it.effect("a key that ends while the server stands still is told when it goes on", () =>
    Effect.gen(function* () {
      const { execute, redis, told } = yield* tracked
      yield* execute("SET", "k", 1, "PX", 1000)
      yield* TestClock.adjust(0)
      yield* redis.inject(Fault.freeze)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(told, ["k"])
      yield* redis.heal
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(told, ["k", "k"])
    }).pipe(Effect.scoped)
  )

  it.effect("a connection that has lost a push says nothing any more", () =>
    Effect.gen(function* () {
      const { connection, execute, redis, told } = yield* tracked
      yield* redis.inject(Fault.mute)
      yield* execute("SET", "k", 1)
      yield* TestClock.adjust(0)
      yield* redis.heal
      yield* execute("SET", "k", 2)
      const answered: Array<unknown> = []
      connection.submit(RedisCommand.make("PING"), (reply) => answered.push(reply))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([told, answered], [[], []])
    }).pipe(Effect.scoped)
  )

  it.effect("a push takes as long as a reply", () =>
    Effect.gen(function* () {
      const { redis } = yield* tracked
      const slow = yield* redis.server({ host: "slow", port: 1 }, { latency: "1 second" })
      const connecting = yield* Effect.forkScoped(redis.connector.connect(slow.address, {}))
      yield* TestClock.adjust("1 second")
      const connection = yield* Fiber.join(connecting)
      const told: Array<unknown> = []
      connection.onPush((push) => told.push(push[2]))
      connection.submit(RedisCommand.make("SUBSCRIBE", ["a"]), () => {})
      yield* TestClock.adjust("1 second")
      yield* executeOn(slow)("PUBLISH", "a", "hello")
      yield* TestClock.adjust(999)
      assert.strictEqual(told.length, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(told.map(String).join(), "hello")
    }).pipe(Effect.scoped)
  )
})
