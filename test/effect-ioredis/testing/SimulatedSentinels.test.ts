import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Result } from "effect"
import { RedisCommand, RedisConnection } from "effect-ioredis"
import { Fault, SimulatedRedis, SimulatedSentinels, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// What a sentinel answers is in suites/sentinels.ts, and held against Redis. Here: what a test can do to them.

describe("SimulatedSentinels", () => {
  it.effect("watches a master, whose replicas follow it", () =>
    Effect.gen(function* () {
      const { group, master, sentinels } = yield* start({ replicas: 2, sentinels: 5, name: "cache" })
      assert.deepStrictEqual(sentinels.map(nameOf), [26379, 26380, 26381, 26382, 26383].map(sentinelAt))
      assert.strictEqual(nameOf(master), "simulated-primary:6379")
      yield* master.execute(RedisCommand.make("SET", ["a", 1]))
      for (const replica of yield* group.replicas) assert.strictEqual(yield* replica.peek("a"), "1")
      assert.deepStrictEqual(
        yield* named(sentinels, "cache"),
        sentinels.map(() => "simulated-primary:6379 of 0")
      )
      assert.include(String(yield* ask(sentinels[0], "SENTINEL", "MASTER", "primary")), "No such master with that name")
    })
  )

  it.effect("names the new master after a failover, with the next epoch", () =>
    Effect.gen(function* () {
      const { group, master, sentinels } = yield* start({ replicas: 2 })
      const [first = master, second = master] = yield* group.replicas
      assert.strictEqual(yield* group.failOver(second), second)
      assert.deepStrictEqual(
        yield* named(sentinels),
        sentinels.map(() => "simulated-primary:6381 of 1")
      )
      assert.strictEqual(yield* group.master, second)
      assert.deepStrictEqual(yield* group.replicas, [master, first])
      yield* second.execute(RedisCommand.make("SET", ["a", 1]))
      assert.strictEqual(yield* master.peek("a"), "1")
      assert.strictEqual(yield* first.peek("a"), "1")
      assert.strictEqual(yield* group.failOver(), master)
      assert.deepStrictEqual(
        yield* named(sentinels),
        sentinels.map(() => "simulated-primary:6379 of 2")
      )
    })
  )

  it.effect("during a failover the leader alone names the replica", () =>
    Effect.gen(function* () {
      const { group, master, sentinels } = yield* start()
      const failOver = yield* group.beginFailOver()
      const before = "simulated-primary:6379 of 0"
      assert.deepStrictEqual(yield* named(sentinels), ["simulated-primary:6380 of 1", before, before])
      const leader = JSON.stringify(yield* ask(sentinels[0], "SENTINEL", "MASTERS"))
      assert.include(leader, '"ip","simulated-primary","port","6379"')
      assert.include(leader, '"flags","master,failover_in_progress"')
      const replicas = JSON.stringify(yield* ask(sentinels[0], "SENTINEL", "REPLICAS", "primary"))
      assert.include(replicas, '"flags","slave,promoted"')
      // Both are masters now, and what the old one takes is lost.
      yield* failOver.replica.execute(RedisCommand.make("SET", ["a", 1]))
      yield* master.execute(RedisCommand.make("SET", ["a", 2]))
      yield* failOver.finish
      assert.deepStrictEqual(
        yield* named(sentinels),
        sentinels.map(() => "simulated-primary:6380 of 1")
      )
      assert.notInclude(JSON.stringify(yield* ask(sentinels[0], "SENTINEL", "MASTERS")), "failover_in_progress")
      assert.strictEqual(yield* master.peek("a"), "1")
    })
  )

  it.effect("a replica that lags has lost the last writes as a master", () =>
    Effect.gen(function* () {
      const { group, master } = yield* start()
      const [replica = master] = yield* group.replicas
      yield* master.execute(RedisCommand.make("SET", ["a", 1]))
      yield* replica.cutReplication
      yield* master.execute(RedisCommand.make("SET", ["a", 2]))
      yield* group.failOver()
      assert.strictEqual(yield* replica.peek("a"), "1")
      assert.strictEqual(yield* master.peek("a"), "1")
    })
  )

  it.effect("a master that is cut off takes writes, which are lost when it comes back", () =>
    Effect.gen(function* () {
      const { group, master, redis } = yield* start()
      const connection = yield* redis.connector.connect(master.address, {})
      yield* group.isolate(master)
      const next = yield* group.failOver()
      assert.strictEqual(yield* send(connection, "SET", "a", 1), "OK")
      assert.include(JSON.stringify(yield* send(connection, "ROLE")), "master")
      assert.isUndefined(yield* next.peek("a"))
      yield* group.rejoin(master)
      assert.include(JSON.stringify(yield* send(connection, "ROLE")), '"slave","simulated-primary",6380,"connected"')
      assert.isUndefined(yield* master.peek("a"))
      assert.include(String(yield* send(connection, "SET", "a", 2)), "READONLY")
    })
  )

  it.effect("a master that was cut off and not replaced has its replicas again", () =>
    Effect.gen(function* () {
      const { group, master } = yield* start()
      const [replica = master] = yield* group.replicas
      yield* group.isolate(master)
      yield* master.execute(RedisCommand.make("SET", ["a", 1]))
      assert.isUndefined(yield* replica.peek("a"))
      yield* group.rejoin(master)
      assert.strictEqual(yield* replica.peek("a"), "1")
    })
  )

  it.effect("a sentinel may know less than the others, or nothing", () =>
    Effect.gen(function* () {
      const { group, sentinels } = yield* start()
      const [first, second] = sentinels
      if (first === undefined || second === undefined) return assert.fail("there are no sentinels")
      yield* group.isolate(first)
      yield* group.forget(second)
      yield* group.failOver()
      const now = "simulated-primary:6380 of 1"
      assert.deepStrictEqual(yield* named(sentinels), ["simulated-primary:6379 of 0", "nothing", now])
      assert.deepStrictEqual(yield* ask(second, "SENTINEL", "MASTERS"), [])
      assert.deepStrictEqual(yield* ask(second, "ROLE"), ["sentinel", []])
      yield* group.rejoin(first)
      yield* group.rejoin(second)
      assert.deepStrictEqual(yield* named(sentinels), [now, now, now])
    })
  )

  it.effect("shows whom it takes for dead", () =>
    Effect.gen(function* () {
      const { group, master, sentinels } = yield* start()
      const [replica = master] = yield* group.replicas
      const flags = Effect.gen(function* () {
        const replies = [
          yield* ask(sentinels[0], "SENTINEL", "MASTER", "primary"),
          ...((yield* ask(sentinels[0], "SENTINEL", "REPLICAS", "primary")) as ReadonlyArray<RedisCommand.Reply>)
        ]
        return replies.map((reply) => /"flags","([^"]*)"/.exec(JSON.stringify(reply))?.[1])
      })
      assert.deepStrictEqual(yield* flags, ["master", "slave"])
      yield* group.markFailed(master)
      yield* group.markFailed(replica)
      assert.deepStrictEqual(yield* flags, ["s_down,o_down,master,disconnected", "s_down,slave,disconnected"])
      yield* group.markAlive(master)
      assert.deepStrictEqual(yield* flags, ["master", "s_down,slave,disconnected"])
    })
  )

  it.effect("a sentinel breaks as every server does, and has a password of its own", () =>
    Effect.gen(function* () {
      const { master, redis, sentinels } = yield* start({
        sentinel: { password: "secret" },
        server: { password: "other" }
      })
      const [sentinel = master] = sentinels
      const refused = yield* Effect.flip(redis.connector.connect(sentinel.address, {}))
      assert.strictEqual(refused.reason, "Auth")
      const login = { password: Redacted.make("secret") }
      const connection = yield* redis.connector.connect(sentinel.address, login)
      yield* redis.connector.connect(master.address, { password: Redacted.make("other") })
      assert.strictEqual((yield* Effect.flip(redis.connector.connect(master.address, login))).reason, "Auth")

      yield* sentinel.inject(Fault.freeze)
      let answered = false
      connection.submit(RedisCommand.make("PING"), () => {
        answered = true
      })
      yield* TestClock.adjust("1 minute")
      assert.isFalse(answered)
      yield* sentinel.heal
      yield* TestClock.adjust("1 millis")
      assert.isTrue(answered)
    })
  )

  it.effect("has a layer", () =>
    Effect.gen(function* () {
      const group = yield* SimulatedSentinels.SimulatedSentinels
      assert.deepStrictEqual(yield* named(group.sentinels), ["simulated-primary:6379 of 0"])
    }).pipe(Effect.provide(Layer.provide(SimulatedSentinels.layer({ sentinels: 1 }), SimulatedRedis.layer())))
  )
})

const start = Effect.fnUntraced(function* (options?: SimulatedSentinels.Options) {
  const redis = yield* SimulatedRedis.make()
  const group = yield* redis.sentinels(options)
  return { group, master: yield* group.master, redis, sentinels: group.sentinels }
})

// Which master each sentinel names, and of which epoch.
const named = (sentinels: ReadonlyArray<SimulatedServer.SimulatedServer>, name = "primary") =>
  Effect.forEach(sentinels, (sentinel) =>
    Effect.gen(function* () {
      const address = yield* ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
      if (!Array.isArray(address)) return "nothing"
      const described = JSON.stringify(yield* ask(sentinel, "SENTINEL", "MASTER", name))
      return `${address.join(":")} of ${/"config-epoch","(\d+)"/.exec(described)?.[1]}`
    })
  )

const ask = (server: SimulatedServer.SimulatedServer | undefined, name: string, ...args: ReadonlyArray<string>) =>
  server === undefined ? Effect.die("there is no such server") : textOf(server.execute(RedisCommand.make(name, args)))

const send = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string | number>) =>
  textOf(RedisConnection.send(connection, RedisCommand.make(name, args)))

const textOf = <E extends { readonly message: string }>(reply: Effect.Effect<RedisCommand.Reply, E>) =>
  Effect.map(Effect.result(reply), (result) => (Result.isSuccess(result) ? result.success : result.failure.message))

const nameOf = ({ address: { host, port } }: SimulatedServer.SimulatedServer): string => `${host}:${port}`

const sentinelAt = (port: number): string => `simulated-sentinel:${port}`
