import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Logger, Redacted, Result, Scope } from "effect"
import * as IoredisConnector from "effect-ioredis/IoredisConnector"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import * as RedisConnection from "effect-ioredis/RedisConnection"
import { RedisConnector, type RedisLogin } from "effect-ioredis/RedisConnector"
import * as RedisError from "effect-ioredis/RedisError"
import * as RedisScript from "effect-ioredis/RedisScript"
import { Streams } from "effect-ioredis/commands"
import { Fault, SimulatedCommand, SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as RedisServer from "../../../support/RedisServer.ts"

// What both implementations of the port promise is in suites/redisConnection.ts. Here: virtual time, faults, and what a test can see.

describe("SimulatedRedis", () => {
  it.effect("gives every member of a large set in pages, as a real Redis does", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      const { connect } = yield* IoredisConnector.make()
      const real = yield* connect({ host: "127.0.0.1", port }, {})
      const { connection: simulated } = yield* start()
      const members = Array.from({ length: 200 }, (_, index) => `member ${index}`)
      for (const connection of [real, simulated]) {
        yield* send(connection, "SADD", "s", ...members)
        yield* send(connection, "ZADD", "z", ...members.flatMap((member) => [1.5, member]))
        const sets = yield* pages(connection, "SSCAN", "s")
        const sorted = yield* pages(connection, "ZSCAN", "z")
        for (const { length } of [sets, sorted]) assert.isTrue(length > 5 && length < 15, `${length} pages`)
        assert.deepStrictEqual(new Set(sets.flat()), new Set(members))
        assert.deepStrictEqual(new Set(sorted.flat()), new Set([...members, "1.5"]))
      }
    }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()))
  )

  it.effect("draws members by chance, and the same ones for the same seed", () =>
    Effect.gen(function* () {
      const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
      const drawn = Effect.fnUntraced(function* (seed: number) {
        const { connection } = yield* start({ seed })
        yield* send(connection, "SADD", "s", ...names)
        yield* send(connection, "HSET", "h", ...names.flatMap((name) => [name, 1]))
        yield* send(connection, "ZADD", "z", ...names.flatMap((name) => [1, name]))
        return yield* Effect.forEach(
          [
            ["SRANDMEMBER", "s", 5],
            ["HRANDFIELD", "h", 5],
            ["HRANDFIELD", "h", -9],
            ["ZRANDMEMBER", "z", 5],
            ["ZRANDMEMBER", "z", -9],
            ["SPOP", "s", 5]
          ] as const,
          ([name, ...args]) => send(connection, name, ...args)
        )
      })
      const [first, again, ...others] = yield* Effect.forEach([1, 1, 2, 3], drawn)
      assert.deepStrictEqual(first, again)
      for (const index of [0, 1, 2, 3, 4, 5]) {
        assert.strictEqual(new Set([first, ...others].map((draws) => String(draws?.[index]))).size, 3)
      }
    })
  )

  it.effect("HSCAN finds each field of a large hash once, in pages, whatever is removed meanwhile", () =>
    Effect.gen(function* () {
      const { connection } = yield* start()
      const names = Array.from({ length: 300 }, (_, index) => `field${index}`)
      yield* send(connection, "HSET", "h", ...names.flatMap((name) => [name, 1]))
      const found: Array<unknown> = []
      let [cursor, pages] = ["0", 0]
      do {
        const page: RedisCommand.Reply = yield* send(connection, "HSCAN", "h", cursor, "COUNT", 20)
        const [next, items] = Array.isArray(page) ? page : []
        assert.lengthOf(items, 40)
        found.push(...items.filter((_: unknown, index: number) => index % 2 === 0))
        yield* send(connection, "HDEL", "h", items[0])
        ;[cursor, pages] = [next, pages + 1]
      } while (cursor !== "0")
      assert.deepStrictEqual([pages, found.toSorted()], [15, names.toSorted()])
    })
  )

  describe("time", () => {
    it.effect("without latency a reply comes at the same time, but never at once", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        let answered = false
        connection.submit(RedisCommand.make("PING"), () => {
          answered = true
        })
        assert.isFalse(answered)
        assert.strictEqual(yield* send(connection, "PING"), "PONG")
        assert.isTrue(answered)
        assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      })
    )

    it.effect("a chain of commands ends before the clock is moved on", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        const fiber = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (let index = 0; index < 100; index++) yield* send(connection, "INCR", "n")
            yield* Effect.sleep("1 second")
            return yield* Clock.currentTimeMillis
          })
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), 1000)
      })
    )

    it.effect("a reply takes the latency, and the next one no longer", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make({ latency: "30 millis" })
        const login = yield* Effect.forkScoped(open(server))
        yield* TestClock.adjust("30 millis")
        const connection = yield* Fiber.join(login)
        const answered: Array<number> = []
        const ask = () =>
          Effect.forkChild(
            Effect.andThen(
              send(connection, "PING"),
              Effect.map(Clock.currentTimeMillis, (at) => answered.push(at))
            )
          )
        yield* ask()
        yield* TestClock.adjust("10 millis")
        yield* ask()
        yield* TestClock.adjust("19 millis")
        assert.deepStrictEqual(answered, [])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(answered, [60])
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(answered, [60, 70])
      })
    )

    it.effect("a key is gone at its time, not before and not after", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* send(connection, "SET", "a", "1", "PX", 100)
        yield* TestClock.adjust("99 millis")
        assert.strictEqual(yield* send(connection, "PTTL", "a"), 1)
        yield* TestClock.adjust("1 millis")
        assert.isNull(yield* send(connection, "GET", "a"))
        assert.strictEqual((yield* server.entries).size, 0)
      })
    )

    it.effect("a login takes the latency, and what it waits for", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make({ latency: "30 millis" })
        yield* server.inject(Fault.delay("1 second"))
        const login = yield* Effect.forkScoped(open(server))
        yield* TestClock.adjust("1029 millis")
        assert.isUndefined(login.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.isTrue((yield* Fiber.join(login)).isOpen())
      })
    )

    it.effect("the server's own clock may be another", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start({ clockOffset: "1 hour" })
        yield* TestClock.adjust("1500 millis")
        assert.deepStrictEqual(yield* send(connection, "TIME"), ["3601", "500000"])
        yield* send(connection, "SET", "a", 1, "PX", 100)
        assert.strictEqual(yield* send(connection, "PEXPIRETIME", "a"), 3_601_600)
        assert.strictEqual(server.connector.clock, yield* Clock.Clock)
        assert.strictEqual(yield* Clock.currentTimeMillis, 1500)
      })
    )

    it.effect("the IDs and idle times of a stream are of the server's clock", () =>
      Effect.gen(function* () {
        const { connection } = yield* start({ clockOffset: "1 hour" })
        yield* TestClock.adjust("1500 millis")
        assert.strictEqual(yield* send(connection, "XADD", "s", "*", "n", 1), "3601500-0")
        assert.strictEqual(yield* send(connection, "XADD", "s", "*", "n", 2), "3601500-1")
        assert.strictEqual(yield* send(connection, "XADD", "s", "3700000-7", "n", 3), "3700000-7")
        assert.strictEqual(yield* send(connection, "XADD", "s", "*", "n", 4), "3700000-8")
        yield* send(connection, "XGROUP", "CREATE", "s", "g", 0)
        yield* send(connection, "XREADGROUP", "GROUP", "g", "ada", "COUNT", 1, "STREAMS", "s", ">")
        yield* TestClock.adjust("5 seconds")
        const pending = yield* send(connection, "XPENDING", "s", "g", "-", "+", 10)
        assert.deepStrictEqual(pending, [["3601500-0", "ada", 5000, 1]])
        const { decode } = Streams.xinfoConsumers("s", "g")
        const consumers = decode(yield* send(connection, "XINFO", "CONSUMERS", "s", "g"))
        assert.deepStrictEqual(consumers, Result.succeed([{ name: "ada", pending: 1, idle: Duration.seconds(5) }]))
        const claim = send(connection, "XCLAIM", "s", "g", "bob", 5001, "3601500-0", "JUSTID")
        assert.deepStrictEqual(yield* claim, [])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* claim, ["3601500-0"])
      })
    )

    it.effect("a connection that is ready and idle stays", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        yield* send(connection, "PING")
        yield* TestClock.adjust("1 hour")
        assert.isTrue(connection.isOpen())
        assert.strictEqual(yield* send(connection, "PING"), "PONG")
      })
    )

    it.effect("the same seed gives the same run", () =>
      Effect.gen(function* () {
        const run = Effect.gen(function* () {
          const { server } = yield* start({ seed: 7 })
          yield* server.inject(Fault.flaky({ rate: 0.3, seed: 3 }))
          const outcomes: Array<string> = []
          for (let index = 0; index < 200; index++) {
            outcomes.push(String(yield* answer(send(yield* open(server), "INCR", "n"))))
            yield* TestClock.adjust("10 millis")
          }
          const received = yield* server.received
          const start0 = received[0]?.at ?? 0
          return { outcomes, times: received.map(({ at }) => at - start0), runId: yield* server.runId }
        })
        const [first, second] = [yield* run, yield* run]
        assert.deepStrictEqual(first, second)
        assert.isAbove(new Set(first.outcomes).size, 2)
      })
    )
  })

  describe("faults", () => {
    it.effect("a script of faults holds when it says", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start({
          script: [
            { from: "10 seconds", to: "40 seconds", fault: Fault.refuse },
            { from: "50 seconds", fault: Fault.error("OOM") }
          ]
        })
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(yield* answer(send(connection, "SET", "a", 1)), "OK")
        yield* TestClock.adjust("1 millis")
        assert.isFalse(connection.isOpen())
        assert.strictEqual(yield* server.connections, 0)
        yield* TestClock.adjust("29999 millis")
        assert.strictEqual(yield* reason(open(server)), "Refused never")
        yield* TestClock.adjust("1 millis")
        const second = yield* open(server)
        assert.strictEqual(yield* answer(send(second, "GET", "a")), "1")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* code(send(second, "SET", "a", 1)), "OOM")
        assert.deepStrictEqual(yield* server.attempts, [0, 39_999, 40_000])
      })
    )

    it.effect("an end does not end a later fault", () =>
      Effect.gen(function* () {
        const script = [{ from: "1 second", to: "2 seconds", fault: Fault.freeze }] as const
        const { server } = yield* start({ script })
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* reason(open(server)), "Refused never")
      })
    )

    it.effect("refused before it was executed: lost for ever", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.freeze)
        const fiber = yield* Effect.forkChild(reason(send(connection, "INCR", "n")))
        yield* settled
        yield* server.inject(Fault.refuse)
        assert.strictEqual(yield* Fiber.join(fiber), "Reset unknown")
        yield* server.heal
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(yield* server.peek("n"))
      })
    )

    it.effect("cut drops every connection once, with what was sent executed or not", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make()
        for (const executed of [true, false]) {
          const [connection, other] = [yield* open(server), yield* open(server)]
          const outcomes: Array<unknown> = []
          connection.submit(RedisCommand.make("INCR", ["n"]), (outcome) => outcomes.push(outcome))
          yield* server.inject(Fault.cut({ executed }))
          assert.strictEqual(outcomes.length, 1)
          assert.isFalse(other.isOpen())
          yield* settled
          assert.strictEqual(yield* server.peek("n"), "1")
        }
      })
    )

    it.effect("cut at a command hits the connection that carries it, once", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const other = yield* open(server)
        yield* server.inject(Fault.cut({ executed: false, at: "incr" }))
        assert.strictEqual(yield* send(connection, "SET", "a", 1), "OK")
        const behind = yield* Effect.forkChild(
          Effect.all([reason(send(connection, "INCR", "a")), reason(send(connection, "SET", "a", 9))], {
            concurrency: "unbounded"
          })
        )
        yield* settled
        assert.deepStrictEqual(yield* Fiber.join(behind), ["Reset unknown", "Reset unknown"])
        assert.isTrue(other.isOpen())
        assert.strictEqual(yield* server.peek("a"), "1")
        assert.strictEqual(yield* send(other, "INCR", "a"), 2)
        // Armed and healed: it does not go off.
        yield* server.inject(Fault.cut({ executed: false, at: ({ args }) => args[0] === "a" }))
        yield* server.heal
        assert.strictEqual(yield* send(other, "INCR", "a"), 3)
      })
    )

    it.effect("frozen: what its sender no longer waits for is executed after all, oldest connection first", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.freeze)
        connection.submit(RedisCommand.make("RPUSH", ["l", "first"]), () => {})
        connection.destroy(replaced)
        const opening = yield* Effect.forkScoped(open(server), { startImmediately: true })
        assert.strictEqual(yield* server.connections, 1)
        yield* server.heal
        const other = yield* Fiber.join(opening)
        yield* send(other, "RPUSH", "l", "second")
        assert.deepStrictEqual(yield* send(other, "LRANGE", "l", 0, -1), ["first", "second"])
      })
    )

    it.effect("delay makes a command run late, also when its connection is gone", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.delay("3 seconds"))
        connection.submit(RedisCommand.make("SET", ["a", "late"]), () => {})
        yield* server.heal
        connection.destroy(replaced)
        const other = yield* open(server)
        yield* send(other, "SET", "a", "new")
        yield* TestClock.adjust("2999 millis")
        assert.strictEqual(yield* send(other, "GET", "a"), "new")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* send(other, "GET", "a"), "late")
      })
    )

    it.effect("a connection that was killed executes nothing more, also when its client had closed it", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const id = Number(yield* send(connection, "CLIENT", "ID"))
        yield* server.inject(Fault.delay("3 seconds"))
        connection.submit(RedisCommand.make("SET", ["a", "late"]), () => {})
        yield* server.heal
        connection.destroy(replaced)
        const other = yield* open(server)
        assert.strictEqual(yield* send(other, "CLIENT", "KILL", "ID", id), 1)
        assert.strictEqual(yield* send(other, "CLIENT", "KILL", "ID", id), 0)
        yield* TestClock.adjust("10 seconds")
        assert.isNull(yield* send(other, "GET", "a"))
      })
    )

    it.effect("delay holds for what is sent under it, and replies stay in order", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const answered: Array<string> = []
        const ask = (name: string) =>
          connection.submit(RedisCommand.make("ECHO", [name]), () => {
            answered.push(name)
          })
        yield* server.inject(Fault.delay("50 millis"))
        ask("slow")
        yield* server.heal
        ask("behind it")
        yield* TestClock.adjust("49 millis")
        assert.deepStrictEqual(answered, [])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(answered, ["slow", "behind it"])
      })
    )

    it.effect("errors hit the commands that a real server would refuse", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* send(connection, "SET", "a", 1)
        const refusedUnder = (fault: Fault.Fault) =>
          Effect.gen(function* () {
            yield* server.inject(fault)
            const lines = [["GET", "a"], ["SET", "a", 1], ["DEL", "b"], ["PING"]] as const
            const refused: Array<string> = []
            for (const [name, ...args] of lines) {
              const result = yield* Effect.result(send(connection, name, ...args))
              if (Result.isFailure(result)) refused.push(name)
            }
            return refused.join(" ")
          })
        assert.strictEqual(yield* refusedUnder(Fault.error("OOM")), "SET")
        assert.strictEqual(yield* refusedUnder(Fault.error("READONLY")), "SET DEL")
        assert.strictEqual(yield* refusedUnder(Fault.error("MISCONF")), "SET DEL PING")
        assert.strictEqual(yield* refusedUnder(Fault.error("LOADING")), "GET SET DEL PING")
        assert.strictEqual(yield* refusedUnder(Fault.error("NOPERM", { commands: ["get"] })), "GET")
        assert.strictEqual(yield* refusedUnder(Fault.none), "")
        yield* server.inject(Fault.error("OOM"))
        const oom = yield* Effect.flip(send(connection, "SET", "a", 2))
        assert.strictEqual(oom._tag === "RedisOperationError" && oom.code, "OOM")
        assert.include(oom.message, "command not allowed when used memory > 'maxmemory'.")
        assert.strictEqual(yield* server.peek("a"), "1")
        const script = [RedisScript.deleteIfEqual.lua, 1, "a", "1"] as const
        assert.strictEqual(yield* send(connection, "EVAL", ...script), 1)
        yield* server.inject(Fault.error("READONLY"))
        assert.strictEqual(yield* code(send(connection, "SET", "a", 1)), "READONLY")
      })
    )

    it.effect("what a script may not do is refused in the words that a real server has for it", () =>
      Effect.gen(function* () {
        const users = [{ name: "app", password: "secret", rules: "~* resetchannels +@all -get" }]
        const { port } = yield* RedisServer.make({ users })
        const { connect } = yield* IoredisConnector.make()
        const login = { username: "app", password: Redacted.make("secret") }
        const real = yield* connect({ host: "127.0.0.1", port }, login)
        const reads = RedisScript.make({ lua: `return redis.call("GET", KEYS[1])` })
        const publishes = RedisScript.make({ lua: `return redis.call("PUBLISH", ARGV[1], "1")` })
        const server = yield* SimulatedRedis.make({
          denied: ["GET"],
          channels: [],
          scripts: [
            SimulatedScript.make(reads, ([key = ""], _args, call) => call("GET", key)),
            SimulatedScript.make(publishes, (_keys, [channel = ""], call) => call("PUBLISH", channel, "1"))
          ]
        })
        const simulated = yield* open(server)
        for (const { lua } of [reads, publishes]) {
          const args = ["EVAL", lua, 1, "a", "b"] as const
          assert.strictEqual(yield* answer(send(simulated, ...args)), yield* answer(send(real, ...args)))
          assert.strictEqual(yield* code(send(simulated, ...args)), "NOPERM")
        }
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()))
    )

    it.effect("a login is refused as a real server refuses it", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make()
        for (const [fault, expected] of [
          [Fault.error("WRONGPASS"), "Auth never"],
          [Fault.error("NOAUTH"), "Auth never"],
          [Fault.error("BUSY"), "NotReady never"]
        ] as const) {
          yield* server.inject(fault)
          assert.strictEqual(yield* reason(open(server)), expected)
          assert.strictEqual(yield* server.connections, 0)
        }
        yield* server.inject(Fault.error("LOADING"))
        const connection = yield* open(server, { db: 1 })
        assert.strictEqual(yield* code(send(connection, "PING")), "LOADING")
        assert.include(String(yield* send(connection, "INFO")), "loading:1\r\n")
        yield* server.heal
        assert.include(String(yield* send(connection, "INFO")), "loading:0\r\n")
      })
    )

    it.effect("passwords and permissions change while it runs", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make({ users: { app: "old" }, denied: ["CLIENT KILL", "info"] })
        const login = (password: string) => open(server, { username: "app", password: Redacted.make(password) })
        const connection = yield* login("old")
        const id = Number(yield* send(connection, "CLIENT", "ID"))
        const kill = send(connection, "CLIENT", "KILL", "ID", id + 1)
        assert.strictEqual(yield* answer(kill), "NOPERM this user has no permissions to run the 'client|kill' command")
        assert.strictEqual(yield* code(send(connection, "INFO", "server")), "NOPERM")
        yield* server.setAccess({ users: { app: "new" } })
        assert.strictEqual(yield* kill, 0)
        assert.strictEqual(yield* reason(login("old")), "Auth never")
        assert.isTrue((yield* login("new")).isOpen())
      })
    )

    it.effect("a connection may have a fault of its own", () =>
      Effect.gen(function* () {
        const { connection: bad, server } = yield* start()
        const good = yield* open(server)
        const [id = 0] = yield* server.clients
        yield* server.inject(Fault.freeze, { connection: id })
        const frozen = yield* Effect.forkChild(send(bad, "INCR", "n"))
        assert.strictEqual(yield* send(good, "PING"), "PONG")
        assert.isUndefined(frozen.pollUnsafe())
        yield* server.inject(Fault.none, { connection: id })
        assert.strictEqual(yield* Fiber.join(frozen), 1)
        yield* server.inject(Fault.error("OOM"), { connection: id })
        assert.strictEqual(yield* code(send(bad, "SET", "a", 1)), "OOM")
        assert.strictEqual(yield* send(good, "SET", "a", 1), "OK")
        yield* server.heal
        assert.strictEqual(yield* send(bad, "SET", "a", 1), "OK")
        yield* server.inject(Fault.cut({ executed: false, at: "get" }), { connection: id })
        assert.strictEqual(yield* send(good, "GET", "a"), "1")
        assert.strictEqual(yield* reason(send(bad, "GET", "a")), "Reset unknown")
        assert.isTrue(good.isOpen())
        const second = yield* open(server)
        yield* server.inject(Fault.cut({ executed: false }), { connection: id + 2 })
        assert.deepStrictEqual([good.isOpen(), second.isOpen()], [true, false])
      })
    )

    it.effect("a mute connection executes nothing and says nothing, not even later", () =>
      Effect.gen(function* () {
        const { connection: bad, server } = yield* start()
        const [good, idle] = [yield* open(server), yield* open(server)]
        const [id = 0, , idleId = 0] = yield* server.clients
        yield* server.inject(Fault.mute, { connection: id })
        yield* server.inject(Fault.mute, { connection: idleId })
        const swallowed = yield* Effect.forkChild(send(bad, "SET", "a", 1))
        yield* TestClock.adjust("1 hour")
        yield* server.heal
        assert.isNull(yield* send(good, "GET", "a"))
        const after = yield* Effect.forkChild(send(bad, "PING"))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual([swallowed.pollUnsafe(), after.pollUnsafe()], [undefined, undefined])
        assert.isTrue(bad.isOpen())
        assert.strictEqual(yield* send(idle, "PING"), "PONG")
      })
    )

    it.effect("a server may let clients log in and then drop them", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.dropLogins())
        assert.isFalse(connection.isOpen())
        const second = yield* open(server)
        yield* settled
        assert.isFalse(second.isOpen())
        assert.strictEqual(yield* reason(send(second, "PING")), "Reset never")
        yield* server.inject(Fault.dropLogins({ after: "3 seconds" }))
        const third = yield* open(server)
        yield* TestClock.adjust("2999 millis")
        assert.strictEqual(yield* send(third, "PING"), "PONG")
        yield* TestClock.adjust("1 millis")
        assert.isFalse(third.isOpen())
      })
    )

    it.effect(
      "a reply that nobody asked for ends the connection, at the latest when the last reply is one too many",
      () =>
        Effect.gen(function* () {
          const { connection, server } = yield* start()
          const other = yield* open(server)
          const [id = 0] = yield* server.clients
          yield* send(connection, "MSET", "a", 1, "b", 2)
          const asked = ["a", "b"].map((key) => send(connection, "GET", key))
          yield* server.inject(Fault.unsolicited("stray"), { connection: id })
          assert.deepStrictEqual(yield* Effect.all(asked, { concurrency: "unbounded" }), ["stray", "1"])
          yield* settled
          assert.isFalse(connection.isOpen())
          assert.isTrue(other.isOpen())
          yield* server.inject(Fault.unsolicited())
          yield* settled
          assert.strictEqual(yield* reason(send(other, "PING")), "Reset never")
        })
    )

    it.effect("flaky costs its share of the commands their connection, some of them executed", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make()
        yield* server.inject(Fault.flaky({ rate: 0.2, seed: 1 }))
        let lost = 0
        for (let index = 0; index < 500; index++) {
          if (typeof (yield* answer(send(yield* open(server), "INCR", "n"))) === "string") lost++
        }
        assert.isTrue(lost > 70 && lost < 130, `${lost} lost`)
        const counter = Number(yield* server.peek("n"))
        assert.isTrue(counter > 500 - lost + 20 && counter < 500 - 20, `${counter} executed`)
      })
    )
  })

  describe("what a test sees and does", () => {
    it.effect("layer provides the server and the way to it; two processes are two connections", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { connect } = yield* RedisConnector
        const [one, two] = [yield* open(server), yield* connect({ host: "any", port: 1 }, { clientName: "two" })]
        yield* send(one, "SET", "a", 1)
        assert.strictEqual(yield* send(two, "GET", "a"), "1")
        assert.strictEqual(yield* send(two, "CLIENT", "GETNAME"), "two")
        assert.strictEqual(yield* send(one, "CLIENT", "GETNAME"), "effect-ioredis")
        assert.deepStrictEqual(yield* server.clients, [1, 2])
        assert.notStrictEqual(yield* send(one, "CLIENT", "ID"), yield* send(two, "CLIENT", "ID"))
      }).pipe(Effect.provide(SimulatedRedis.layer()))
    )

    it.effect("an address may have a server of its own", () =>
      Effect.gen(function* () {
        const redis = yield* SimulatedRedis.make({ password: "secret" })
        const address = { host: "10.0.0.2", port: 6379 }
        const second = yield* redis.server(address, { password: undefined })
        assert.strictEqual(yield* second.runId, yield* (yield* redis.server(address)).runId)
        assert.notStrictEqual(yield* second.runId, yield* redis.runId)
        const connection = yield* redis.connector.connect(address, {})
        yield* send(connection, "SET", "a", 1)
        assert.strictEqual(yield* second.peek("a"), "1")
        assert.isUndefined(yield* redis.peek("a"))
        assert.strictEqual(yield* reason(redis.connector.connect({ ...address, port: 1 }, {})), "Auth never")
        yield* second.inject(Fault.refuse)
        assert.isFalse(connection.isOpen())
        assert.strictEqual(yield* reason(redis.connector.connect(address, {})), "Refused never")
      })
    )

    it.effect("nobody waits for ever for servers that are gone", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const server = yield* Scope.provide(SimulatedRedis.make({ latency: "1 second" }), scope)
        const opening = yield* Effect.forkScoped(open(server))
        yield* TestClock.adjust("1 second")
        const connection = yield* Fiber.join(opening)
        const waiting = yield* Effect.forkChild(reason(send(connection, "PING")), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* Fiber.join(waiting), "Reset unknown")
        assert.strictEqual(yield* reason(send(connection, "PING")), "Reset never")
      })
    )

    it.effect("what a callback throws is told to the log, without what it says", () => {
      const messages: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => messages.push(message))])
      return Effect.gen(function* () {
        const { connection } = yield* start()
        connection.submit(RedisCommand.make("PING"), () => {
          throw new TypeError("a secret")
        })
        yield* settled
        assert.deepStrictEqual(messages, [["A callback of a Redis command threw TypeError. Others were served"]])
      }).pipe(Effect.provide(logger))
    })

    it.effect("leaves nobody asleep behind, in whatever state it is closed", () =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        let sleeping = 0
        const sleep = (duration: Duration.Duration) =>
          Effect.acquireUseRelease(
            Effect.sync(() => sleeping++),
            () => clock.sleep(duration),
            () => Effect.sync(() => sleeping--)
          )
        const script = [{ from: "1 hour", fault: Fault.none }] as const
        for (const fault of [Fault.none, Fault.freeze, Fault.refuse, Fault.delay("1 hour"), Fault.error("LOADING")]) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { connection, server } = yield* start({ script })
              yield* server.inject(fault)
              yield* Effect.forkScoped(Effect.ignore(open(server)))
              connection.submit(RedisCommand.make("PING"), () => {})
              yield* settled
              assert.isAbove(sleeping, 0)
            })
          ).pipe(Effect.provideService(Clock.Clock, { ...clock, sleep }))
          assert.strictEqual(sleeping, 0, fault._tag)
        }
      })
    )

    it.effect("received lists what came, when and from whom", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* TestClock.adjust("5 millis")
        yield* send(connection, "SET", "a", 1)
        yield* answer(send(connection, "NONSENSE"))
        assert.deepStrictEqual(yield* server.received, [
          { name: "SET", args: ["a", "1"], at: 5, connection: 1 },
          { name: "NONSENSE", args: [], at: 5, connection: 1 }
        ])
      })
    )

    it.effect("execute reaches past every fault", () =>
      Effect.gen(function* () {
        const { server } = yield* start()
        yield* server.inject(Fault.freeze)
        assert.strictEqual(yield* server.execute(RedisCommand.make("SET", ["a", 1, "PX", 50])), "OK")
        assert.deepStrictEqual(yield* server.entries, new Map([["a", { type: "string" as const, expiresAt: 50 }]]))
        assert.strictEqual(yield* code(server.execute(RedisCommand.make("LPUSH", ["a", 1]))), "WRONGTYPE")
        assert.deepStrictEqual(yield* server.received, [])
      })
    )

    it.effect("a script's counterpart runs as the script would", () =>
      Effect.gen(function* () {
        const push = RedisScript.make({
          lua: `redis.call("RPUSH", KEYS[1], ARGV[1]) return redis.call("LLEN", KEYS[1])`
        })
        const { connection } = yield* start({
          scripts: [
            SimulatedScript.make(push, ([key = ""], [item = ""], call) => {
              call("RPUSH", key, item)
              return call("LLEN", key)
            })
          ]
        })
        const bytes = Uint8Array.from([255, 0, 200])
        assert.strictEqual(yield* send(connection, "EVAL", push.lua, 1, "l", bytes), 1)
        const item = yield* RedisConnection.send(connection, RedisCommand.make("LPOP", ["l"], { reply: "bytes" }))
        assert.deepStrictEqual(item, Buffer.from(bytes))
        yield* send(connection, "SET", "s", 1)
        assert.strictEqual(yield* code(send(connection, "EVALSHA", push.sha, 1, "s", "x")), "WRONGTYPE")
        assert.strictEqual(yield* code(send(connection, "EVAL", "return 1", 0)), "NOSIMULATEDSCRIPT")
      })
    )

    it.effect("one without a counterpart is warned of once, for its caller may take the error for an outage", () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }: Logger.Options<unknown>) => {
        lines.push(String(message))
      })
      return Effect.gen(function* () {
        const { connection } = yield* start()
        for (const lua of ["return 1", "return 1", "return 2"]) yield* code(send(connection, "EVAL", lua, 0))
        assert.strictEqual(lines.length, 2)
        for (const line of lines) assert.include(line, "effect-ioredis-cache/testing")
      }).pipe(Effect.provide(Logger.layer([logger])))
    })

    it.effect("a connection that killed itself is told so, and then lost", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        const id = yield* send(connection, "CLIENT", "ID")
        assert.strictEqual(yield* send(connection, "CLIENT", "KILL", "ID", Number(id)), 1)
        yield* settled
        assert.isFalse(connection.isOpen())
      })
    )

    it.effect("a script may call whatever the simulation knows, and fail with an error of its own", () =>
      Effect.gen(function* () {
        const script = RedisScript.make({ lua: "-- stands for a longer one" })
        const { connection } = yield* start({
          scripts: [
            SimulatedScript.make(script, ([key = ""], [fails], call) => {
              if (fails === "yes") return SimulatedScript.fail("WRONGTYPE it was asked to")
              const now = call("TIME")
              return [
                call("SET", key, "0123456789", "PX", 1000, "NX"),
                call("GETRANGE", key, 2, 4),
                call("SETRANGE", key, 3, "xy"),
                call("PEXPIRE", key, 500, "GT"),
                call("PEXPIRE", key, 5000, "GT"),
                call("PTTL", key),
                call("EXISTS", key),
                Array.isArray(now) ? now.length : null,
                call("UNLINK", key),
                call("GET", key),
                1.9
              ]
            })
          ]
        })
        assert.deepStrictEqual(yield* send(connection, "EVAL", script.lua, 1, "k", "no"), [
          ...["OK", "234", 10, 0, 1, 5000, 1, 2, 1, null, 1]
        ])
        assert.strictEqual(yield* code(send(connection, "EVAL", script.lua, 1, "k", "yes")), "WRONGTYPE")
      })
    )

    it.effect("a test may add a command, and a command that the simulation lacks says so", () =>
      Effect.gen(function* () {
        const { connection } = yield* start({
          commands: [
            SimulatedCommand.make("rename", ([from = "", to = ""], call) => {
              const value = call("GETDEL", from)
              return typeof value === "string" ? call("SET", to, value) : SimulatedCommand.fail("ERR no such key")
            })
          ]
        })
        yield* send(connection, "SET", "a", 1)
        assert.strictEqual(yield* send(connection, "RENAME", "a", "b"), "OK")
        assert.strictEqual(yield* answer(send(connection, "RENAME", "a", "b")), "ERR no such key")
        assert.strictEqual(yield* send(connection, "GET", "b"), "1")
        assert.strictEqual(yield* code(send(connection, "PFADD", "p", "m")), "NOSIMULATEDCOMMAND")
        yield* send(connection, "XADD", "s", "*", "n", 1)
        assert.strictEqual(yield* code(send(connection, "XINFO", "STREAM", "s", "FULL")), "NOSIMULATEDCOMMAND")
        assert.strictEqual(yield* code(send(connection, "CLIENT", "TRACKING", "ON")), "NOSIMULATEDCOMMAND")
      })
    )
  })
})

const start = Effect.fnUntraced(function* (options?: SimulatedRedis.Options) {
  const server = yield* SimulatedRedis.make(options)
  return { server, connection: yield* open(server) }
})

const open = (server: SimulatedRedis.SimulatedRedis, login: RedisLogin = {}) =>
  server.connector.connect(server.address, login)

// What a scan answers, page by page.
const pages = Effect.fnUntraced(function* (connection: RedisConnection.RedisConnection, name: string, key: string) {
  const pages: Array<ReadonlyArray<unknown>> = []
  let cursor: unknown = "0"
  do {
    const page: RedisCommand.Reply = yield* send(connection, name, key, String(cursor), "COUNT", 20)
    const [next, found] = Array.isArray(page) ? page : []
    pages.push(Array.isArray(found) ? found : [])
    cursor = next
  } while (cursor !== "0")
  return pages
})

// Why a caller ends a connection.
const replaced = RedisError.connectionError("CONNECT", "Timeout", "never", new Error("it was replaced"))

const send = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
) => RedisConnection.send(connection, RedisCommand.make(name, args))

// The reply, or the text of the error.
const answer = (call: Effect.Effect<RedisCommand.Reply, RedisError.RedisCommandError>) =>
  Effect.catch(call, (error) => Effect.succeed(error.cause instanceof Error ? error.cause.message : error.message))

const code = (call: Effect.Effect<RedisCommand.Reply, RedisError.RedisCommandError>) =>
  Effect.map(Effect.flip(call), (error) => (error._tag === "RedisOperationError" ? error.code : error._tag))

const reason = <A, R>(call: Effect.Effect<A, RedisError.RedisCommandError, R>) =>
  Effect.map(Effect.flip(call), (error) =>
    error._tag === "RedisConnectionError" ? `${error.reason} ${error.sent}` : error._tag
  )

// What is in flight at this very time comes to its end.
const settled = TestClock.adjust(0)
