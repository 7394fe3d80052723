import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { RedisCommand, RedisConnection, RedisScript } from "effect-ioredis"
import { Fault, SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const command = (line: string) => {
  const [name = "", ...args] = line.split(" ")
  return RedisCommand.make(name, args)
}

const script = RedisScript.make({ lua: "redis.call('RPUSH', KEYS[1], 'x') return redis.call('LLEN', KEYS[1])" })

const simulated = SimulatedScript.make(script, ([key = ""], _, call) => {
  call("RPUSH", key, "x")
  return call("LLEN", key)
})

/** A server, and as many clients as are wanted. Each notes its answers and when they came. */
const start = Effect.fnUntraced(function* (options?: SimulatedRedis.Options) {
  const server = yield* SimulatedRedis.make({ scripts: [simulated], ...options })
  const log: Array<readonly [client: string, answer: RedisCommand.Reply, at: number]> = []
  const client = Effect.fnUntraced(function* (name: string, on: { readonly address: typeof server.address } = server) {
    const connection = yield* server.connector.connect(on.address, {})
    const send = (line: string) => {
      connection.submit(command(line), (result) => {
        const answer = Result.isSuccess(result) ? result.success : result.failure.message
        log.push([name, answer, server.connector.clock.currentTimeMillisUnsafe()])
      })
    }
    return { connection, send, run: (line: string) => RedisConnection.send(connection, command(line)) }
  })
  const answers = (name: string) => log.flatMap(([client, answer]) => (client === name ? [answer] : []))
  return { answers, client, log, server }
})

const settle = TestClock.adjust(0)

describe("A command that blocks on a simulated Redis", () => {
  it.effect("is answered nil when its time is over, and not before", () =>
    Effect.gen(function* () {
      const { client, log } = yield* start()
      const { send } = yield* client("a")
      send("BLPOP l 5")
      yield* TestClock.adjust(4999)
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(log, [["a", null, 5000]])
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(log, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("lets the one go first who has waited longest, whatever the times", () =>
    Effect.gen(function* () {
      const { client, log } = yield* start()
      for (const [name, line] of [
        ["a", "BLPOP l 9"],
        ["b", "BRPOP x l 8"],
        ["c", "BLMOVE l m LEFT LEFT 0"],
        ["d", "BLMPOP 0 1 m LEFT"]
      ] as const) {
        const { send } = yield* client(name)
        send(line)
        yield* TestClock.adjust(1)
      }
      const pusher = yield* client("pusher")
      assert.strictEqual(yield* pusher.run("RPUSH l 1"), 1)
      yield* settle
      assert.deepStrictEqual(log, [["a", ["l", "1"], 4]])
      // Whoever is served by what another one was served with.
      assert.strictEqual(yield* pusher.run("RPUSH l 2 3 4"), 3)
      yield* settle
      assert.deepStrictEqual(log.slice(1), [
        ["b", ["l", "4"], 4],
        ["c", "2", 4],
        ["d", ["m", ["2"]], 4]
      ])
      assert.deepStrictEqual(yield* pusher.run("LRANGE l 0 -1"), ["3"])
    }).pipe(Effect.scoped)
  )

  it.effect("is served nothing else before it is answered", () =>
    Effect.gen(function* () {
      const { answers, client } = yield* start()
      const [waiting, other] = [yield* client("waiting"), yield* client("other")]
      for (const line of ["BLPOP l 60", "SET k 1", "BZPOPMIN z 1", "GET k"]) waiting.send(line)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(answers("waiting"), [])
      assert.isNull(yield* other.run("GET k"))
      yield* other.run("RPUSH l x")
      yield* settle
      assert.deepStrictEqual(answers("waiting"), [["l", "x"], "OK"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(answers("waiting").slice(2), [null, "1"])
    }).pipe(Effect.scoped)
  )

  it.effect("is woken when a transaction or a script is done, and not within", () =>
    Effect.gen(function* () {
      const { answers, client } = yield* start()
      const [a, b, other] = [yield* client("a"), yield* client("b"), yield* client("other")]
      a.send("BLPOP l 0")
      for (const line of ["MULTI", "RPUSH l 1", "LLEN l", "DEL l", "RPUSH l 2", "EXEC", "LLEN l"]) other.send(line)
      yield* settle
      assert.deepStrictEqual(answers("a"), [["l", "2"]])
      assert.deepStrictEqual(answers("other").slice(-2), [[1, 1, 1, 1], 0])
      b.send("BRPOP l 0")
      yield* settle
      const reply = yield* RedisConnection.send(other.connection, RedisCommand.make("EVAL", [script.lua, 1, "l"]))
      assert.strictEqual(reply, 1)
      yield* settle
      assert.deepStrictEqual(answers("b"), [["l", "x"]])
    }).pipe(Effect.scoped)
  )

  it.effect("does not block in a transaction", () =>
    Effect.gen(function* () {
      const { answers, client } = yield* start()
      const { send } = yield* client("a")
      const blocking = [
        "BLPOP l 0",
        "BLMOVE a b LEFT LEFT 0",
        "BZMPOP 0 1 z MIN",
        "XREAD BLOCK 0 STREAMS s $",
        "WAIT 1 0"
      ]
      for (const line of ["MULTI", ...blocking, "EXEC"]) send(line)
      yield* settle
      assert.deepStrictEqual(answers("a").at(-1), [null, null, null, null, 0])
    }).pipe(Effect.scoped)
  )

  it.effect("is woken by whatever makes a key ready, of its type and in its database", () =>
    Effect.gen(function* () {
      const { answers, client } = yield* start()
      const [a, other] = [yield* client("a"), yield* client("other")]
      for (const [line, lines, answer] of [
        ["BLPOP l 0", ["SELECT 1", "RPUSH l no", "SELECT 0", "ZADD l 1 m", "DEL l", "RPUSH l 1"], ["l", "1"]],
        ["BLPOP l 0", ["RPUSH k 2", "RENAME k l"], ["l", "2"]],
        ["BZPOPMAX z y 0", ["ZADD y 1 a 2 b"], ["y", "b", "2"]],
        ["BZMPOP 0 2 x z MIN COUNT 9", ["ZADD z 1 a"], ["z", [["a", "1"]]]],
        ["XREAD BLOCK 0 STREAMS s t $ 5", ["XADD t 4 n 1", "XADD t 6-0 n 2"], [["t", [["6-0", ["n", "2"]]]]]],
        ["BLMOVE from text LEFT LEFT 0", ["SET text x", "RPUSH from 1"], "WRONGTYPE"]
      ] as const) {
        a.send(line)
        yield* settle
        for (const each of lines) yield* other.run(each)
        yield* settle
        const last = answers("a").at(-1)
        if (answer === "WRONGTYPE") assert.include(String(last), "kind of value")
        else assert.deepStrictEqual(last, answer, line)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("reads what is new to a group, until the group or its stream is gone", () =>
    Effect.gen(function* () {
      const { client } = yield* start()
      const [a, other] = [yield* client("a"), yield* client("other")]
      yield* other.run("XGROUP CREATE s g $ MKSTREAM")
      for (const [lines, answer] of [
        [["XADD s 1-0 n 1"], [["s", [["1-0", ["n", "1"]]]]]],
        [["XGROUP DESTROY s g", "XADD s 2-0 n 1"], "NOGROUP"],
        [["DEL s"], "UNBLOCKED"],
        [["FLUSHALL"], "UNBLOCKED"]
      ] as const) {
        yield* Effect.ignore(other.run("XGROUP CREATE s g $ MKSTREAM"))
        const waiting = yield* Effect.forkChild(Effect.result(a.run("XREADGROUP GROUP g ada BLOCK 60000 STREAMS s >")))
        yield* settle
        for (const line of lines) yield* other.run(line)
        const result = yield* Fiber.join(waiting)
        if (typeof answer !== "string") assert.deepStrictEqual(result, Result.succeed(answer))
        else {
          const failure = Result.isFailure(result) ? result.failure : undefined
          assert.strictEqual(failure?._tag === "RedisOperationError" ? failure.code : failure, answer)
        }
      }
      assert.deepStrictEqual(yield* other.run("EXISTS s"), 0)
    }).pipe(Effect.scoped)
  )

  it.effect("is forgotten with its connection, and what it sent behind it too", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      const [gone, killed, other] = [yield* client("gone"), yield* client("killed"), yield* client("other")]
      const id = yield* killed.run("CLIENT ID")
      for (const { send } of [gone, killed]) for (const line of ["BLPOP l 60", "SET k 1"]) send(line)
      yield* settle
      gone.connection.destroy(yield* Effect.flip(killedBy(server)))
      assert.strictEqual(yield* other.run(`CLIENT KILL ID ${id}`), 1)
      yield* other.run("RPUSH l 1 2")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* other.run("LLEN l"), 2)
      assert.isNull(yield* other.run("GET k"))
      assert.strictEqual(yield* server.connections, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is answered when the server goes on that stands still", () =>
    Effect.gen(function* () {
      const { client, log, server } = yield* start()
      const [a, b] = [yield* client("a"), yield* client("b")]
      a.send("BLPOP l 5")
      b.send("BLPOP m 60")
      b.send("PING")
      yield* TestClock.adjust(1)
      yield* server.inject(Fault.freeze)
      yield* server.execute(command("RPUSH m x"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(log, [])
      yield* server.heal
      yield* settle
      assert.sameDeepMembers(log, [
        ["a", null, 10_001],
        ["b", ["m", "x"], 10_001],
        ["b", "PONG", 10_001]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("costs its connection after it was served, where that was cut", () =>
    Effect.gen(function* () {
      const { answers, client, server } = yield* start()
      const [a, other] = [yield* client("a"), yield* client("other")]
      yield* server.inject(Fault.cut({ executed: true, at: "BLPOP" }))
      a.send("BLPOP l 60")
      yield* settle
      assert.isTrue(a.connection.isOpen())
      yield* other.run("RPUSH l 1 2")
      yield* settle
      assert.isFalse(a.connection.isOpen())
      assert.match(String(answers("a")[0]), /lost|connection/i)
      assert.strictEqual(yield* other.run("LLEN l"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("waits in vain on a server that becomes a replica", () =>
    Effect.gen(function* () {
      const { client, server } = yield* start()
      const master = yield* server.server({ host: "master", port: 1 })
      const a = yield* client("a")
      const waiting = yield* Effect.forkChild(Effect.flip(a.run("BLPOP l 0")))
      yield* settle
      yield* server.replicaOf(master)
      assert.include(String(yield* Fiber.join(waiting)), "UNBLOCKED")
      yield* settle
      assert.isFalse(a.connection.isOpen())
    }).pipe(Effect.scoped)
  )

  it.effect("reads on a replica what its master was given", () =>
    Effect.gen(function* () {
      const { answers, client, server } = yield* start()
      const replica = yield* server.server({ host: "replica", port: 1 })
      yield* replica.replicaOf(server)
      const [a, other] = [yield* client("a", replica), yield* client("other")]
      a.send("XREAD BLOCK 0 STREAMS s $")
      yield* settle
      yield* other.run("XADD s 1-0 n 1")
      yield* settle
      assert.deepStrictEqual(answers("a"), [[["s", [["1-0", ["n", "1"]]]]]])
    }).pipe(Effect.scoped)
  )

  it.effect("WAIT answers how many replicas have caught up", () =>
    Effect.gen(function* () {
      const { client, log, server } = yield* start()
      const replica = yield* server.server({ host: "replica", port: 1 })
      const [a, b, onReplica] = [yield* client("a"), yield* client("b"), yield* client("r", replica)]
      assert.strictEqual(yield* a.run("WAIT 0 0"), 0)
      a.send("WAIT 1 0")
      b.send("WAIT 2 700")
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(log, [])
      yield* replica.replicaOf(server)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, [
        ["a", 1, 500],
        ["b", 1, 700]
      ])
      yield* replica.cutReplication
      const waiting = yield* Effect.forkChild(a.run("WAIT 1 100"))
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(waiting), 0)
      assert.include(String(yield* Effect.flip(onReplica.run("WAIT 0 0"))), "replica instances")
    }).pipe(Effect.scoped)
  )
})

const killedBy = (server: SimulatedRedis.SimulatedRedis) =>
  Effect.scoped(server.connector.connect({ host: "nowhere.invalid", port: 1 }, {}))
