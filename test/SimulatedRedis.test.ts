import { assert, describe, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber, Layer, Result } from "effect"
import {
  IoredisConnection,
  RedisClient,
  RedisCommand,
  RedisConnection,
  type RedisError,
  RedisScript
} from "effect-ioredis"
import { Fault, SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as RandomCommands from "./support/RandomCommands.ts"
import * as RedisServer from "./support/RedisServer.ts"

// What both implementations of the port promise is in suites/redisConnection.ts. Here: virtual time, faults, and what a test can see.

describe("SimulatedRedis", () => {
  it.effect("answers random commands as a real Redis does", () =>
    Effect.gen(function* () {
      const real = yield* IoredisConnection.make({ port: (yield* RedisServer.make()).port })
      yield* RedisConnection.awaitReady(real)
      const server = yield* SimulatedRedis.make()
      const commands = RandomCommands.make({ count: 5000, seed: 20 })
      const expected = yield* Effect.forEach(commands, (command) => answer(RedisConnection.send(real, command)), {
        concurrency: "unbounded"
      })
      const actual = yield* Effect.forEach(commands, (command) => answer(server.execute(command)))
      for (const [index, command] of commands.entries()) {
        const line = `${index}: ${command.name} ${command.args.join(" ")}`
        const [simulated, live] = [actual[index], expected[index]]
        // A second may end between the two; and ioredis reads integers beyond 2^53 one digit at a time, rounding at each.
        if (/TTL|TIME/.test(command.name) && typeof simulated === "number" && typeof live === "number") {
          assert.isAtMost(Math.abs(simulated - live), command.name.startsWith("P") ? 2000 : 2, line)
        } else if (typeof simulated === "number" && !Number.isSafeInteger(simulated)) {
          assert.approximately(simulated, Number(live), 1e4, line)
        } else assert.deepStrictEqual(simulated, live, line)
      }
    }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()))
  )

  describe("time", () => {
    it.effect("without latency a reply comes at the same time, but never at once", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        let answered = false
        connection.send(RedisCommand.make("PING"), () => {
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
        const { connection } = yield* start({ latency: "30 millis" }, TestClock.adjust("30 millis"))
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

    it.effect("connects again after 20 ms, doubling to 500 ms, each ±25 %", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const failed: Array<number> = []
        const clock = yield* Clock.Clock
        connection.listen(() => failed.push(clock.currentTimeMillisUnsafe()))
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("10 seconds")
        const delays = failed.slice(1).map((at, index) => at - (failed[index] ?? 0))
        for (const [index, delay] of delays.entries()) {
          const middle = Math.min(20 * 2 ** index, 500)
          assert.isTrue(delay >= middle * 0.75 && delay <= middle * 1.25, `${delay} around ${middle}`)
        }
        assert.isAbove(delays.length, 18)
        assert.isAbove(new Set(delays.slice(6)).size, 5)
      })
    )

    it.effect("gives up connecting after 2 seconds, and tries again", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make()
        yield* server.inject(Fault.freeze)
        const connection = yield* server.connect()
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(connection.lastError())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(connection.lastError()?.reason, "Timeout")
        yield* TestClock.adjust("25 millis")
        yield* server.heal
        yield* settled
        assert.strictEqual(connection.status(), "Ready")
      })
    )

    it.effect("a connection that is ready and idle stays", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        const events: Array<unknown> = []
        connection.listen((event) => events.push(event))
        yield* send(connection, "PING")
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(events, [])
        assert.strictEqual(yield* send(connection, "PING"), "PONG")
      })
    )

    it.effect("the same seed gives the same run", () =>
      Effect.gen(function* () {
        const run = Effect.gen(function* () {
          const { connection, server } = yield* start({ seed: 7 })
          yield* server.inject(Fault.flaky({ rate: 0.3, seed: 3 }))
          const outcomes: Array<string> = []
          for (let index = 0; index < 200; index++) {
            outcomes.push(String(yield* answer(send(connection, "INCR", "n"))))
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
        assert.strictEqual(connection.status(), "Reconnecting")
        assert.strictEqual(yield* server.connections, 0)
        yield* TestClock.adjust("29999 millis")
        assert.strictEqual(yield* reason(send(connection, "GET", "a")), "Refused never")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* answer(send(connection, "GET", "a")), "1")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* code(send(connection, "SET", "a", 1)), "OOM")
      })
    )

    it.effect("an end does not end a later fault", () =>
      Effect.gen(function* () {
        const script = [{ from: "1 second", to: "2 seconds", fault: Fault.freeze }] as const
        const { connection, server } = yield* start({ script })
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(connection.lastError()?.reason, "Refused")
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
        const { connection, server } = yield* start()
        const other = yield* server.connect()
        yield* RedisConnection.awaitReady(other)
        for (const [executed, expected] of [
          [true, "1"],
          [false, "1"]
        ] as const) {
          const outcomes: Array<unknown> = []
          connection.send(RedisCommand.make("INCR", ["n"]), (outcome) => outcomes.push(outcome))
          yield* server.inject(Fault.cut({ executed }))
          assert.strictEqual(outcomes.length, 1)
          assert.strictEqual(other.status(), "Reconnecting")
          yield* TestClock.adjust("30 millis")
          assert.strictEqual(connection.status(), "Ready")
          assert.strictEqual(other.status(), "Ready")
          assert.strictEqual(yield* server.peek("n"), expected)
        }
      })
    )

    it.effect("cut at a command hits the connection that carries it, once", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const other = yield* server.connect()
        yield* RedisConnection.awaitReady(other)
        yield* server.inject(Fault.cut({ executed: false, at: "incr" }))
        assert.strictEqual(yield* send(connection, "SET", "a", 1), "OK")
        const behind = yield* Effect.forkChild(
          Effect.all([reason(send(connection, "INCR", "a")), reason(send(connection, "SET", "a", 9))], {
            concurrency: "unbounded"
          })
        )
        yield* settled
        assert.deepStrictEqual(yield* Fiber.join(behind), ["Reset unknown", "Reset unknown"])
        assert.strictEqual(other.status(), "Ready")
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
        connection.send(RedisCommand.make("RPUSH", ["l", "first"]), () => {})
        connection.reconnect()
        const other = yield* server.connect()
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(yield* server.connections, 2)
        yield* server.heal
        yield* settled
        yield* send(other, "RPUSH", "l", "second")
        assert.deepStrictEqual(yield* send(connection, "LRANGE", "l", 0, -1), ["first", "second"])
      })
    )

    it.effect("delay makes a command run late, also when its connection is gone", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.delay("3 seconds"))
        connection.send(RedisCommand.make("SET", ["a", "late"]), () => {})
        yield* server.heal
        connection.reconnect()
        yield* TestClock.adjust("100 millis")
        yield* send(connection, "SET", "a", "new")
        yield* TestClock.adjust("2899 millis")
        assert.strictEqual(yield* send(connection, "GET", "a"), "new")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* send(connection, "GET", "a"), "late")
      })
    )

    it.effect("a connection that was killed executes nothing more, also when its client had closed it", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const id = Number(yield* send(connection, "CLIENT", "ID"))
        yield* server.inject(Fault.delay("3 seconds"))
        connection.send(RedisCommand.make("SET", ["a", "late"]), () => {})
        yield* server.heal
        connection.reconnect()
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(yield* send(connection, "CLIENT", "KILL", "ID", id), 1)
        yield* TestClock.adjust("10 seconds")
        assert.isNull(yield* send(connection, "GET", "a"))
      })
    )

    it.effect("delay holds for what is sent under it, and replies stay in order", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        const answered: Array<string> = []
        const ask = (name: string) =>
          connection.send(RedisCommand.make("ECHO", [name]), () => {
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

    it.effect("a login that is refused, and a server that loads, keep new connections from being ready", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.make()
        yield* server.inject(Fault.error("WRONGPASS"))
        const connection = yield* server.connect()
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(connection.lastError()?.reason, "Auth")
        assert.strictEqual(yield* reason(send(connection, "GET", "a")), "Auth never")
        yield* server.inject(Fault.error("LOADING"))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(connection.status(), "Connecting")
        assert.strictEqual(yield* server.connections, 1)
        yield* server.heal
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(connection.status(), "Ready")
      })
    )

    it.effect("flaky costs its share of the commands their connection, some of them executed", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* server.inject(Fault.flaky({ rate: 0.2, seed: 1 }))
        let lost = 0
        for (let index = 0; index < 500; index++) {
          if (typeof (yield* answer(send(connection, "INCR", "n"))) === "string") lost++
          yield* TestClock.adjust("30 millis")
        }
        assert.isTrue(lost > 70 && lost < 130, `${lost} lost`)
        const counter = Number(yield* server.peek("n"))
        assert.isTrue(counter > 500 - lost + 20 && counter < 500 - 20, `${counter} executed`)
      })
    )
  })

  describe("what a test sees and does", () => {
    it.effect("a program's client under an outage, as in the documentation", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const redis = yield* RedisClient.RedisClient
        yield* redis.set("visits", 41)
        yield* server.inject(Fault.refuse)
        const visits = yield* Effect.forkChild(redis.incr("visits"))
        yield* TestClock.adjust("100 millis")
        yield* server.heal
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(visits), 42)
        assert.strictEqual(yield* server.peek("visits"), "42")
        assert.match((yield* redis.info("server")).run_id ?? "", /^[0-9a-f]{40}$/)
      }).pipe(Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer()))))
    )

    it.effect("two clients of one server", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const first = yield* Effect.provide(RedisConnection.RedisConnection, SimulatedRedis.layerConnection())
        const [one, two] = [yield* server.connect(), yield* server.connect()]
        yield* RedisConnection.awaitReady(one)
        yield* RedisConnection.awaitReady(two)
        yield* send(one, "SET", "a", 1)
        assert.strictEqual(yield* send(two, "GET", "a"), "1")
        assert.notStrictEqual(yield* send(one, "CLIENT", "ID"), yield* send(two, "CLIENT", "ID"))
        assert.strictEqual(yield* server.connections, 2)
        // Its layer's scope is closed.
        assert.strictEqual(first.status(), "Closed")
      }).pipe(Effect.provide(SimulatedRedis.layerServer()))
    )

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
              yield* server.connect()
              connection.send(RedisCommand.make("PING"), () => {})
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

    it.effect("restart: new run_id, connections dropped, scripts forgotten, data kept or not", () =>
      Effect.gen(function* () {
        const { connection, server } = yield* start()
        yield* send(connection, "SET", "a", 1)
        const { lua, sha } = RedisScript.deleteIfEqual
        yield* send(connection, "SCRIPT", "LOAD", lua)
        assert.deepStrictEqual(yield* send(connection, "SCRIPT", "EXISTS", sha, "0"), [1, 0])
        const before = yield* server.runId
        for (const [keepData, expected] of [
          [true, "1"],
          [false, undefined]
        ] as const) {
          yield* server.restart({ keepData })
          assert.strictEqual(connection.status(), "Reconnecting")
          yield* TestClock.adjust("30 millis")
          assert.notStrictEqual(yield* server.runId, before)
          assert.include(String(yield* send(connection, "INFO")), `run_id:${yield* server.runId}\r\n`)
          assert.strictEqual(yield* server.peek("a"), expected)
          assert.deepStrictEqual(yield* send(connection, "SCRIPT", "EXISTS", sha), [0])
        }
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

    it.effect("a connection that killed itself is told so, and then lost", () =>
      Effect.gen(function* () {
        const { connection } = yield* start()
        const id = yield* send(connection, "CLIENT", "ID")
        assert.strictEqual(yield* send(connection, "CLIENT", "KILL", "ID", Number(id)), 1)
        yield* settled
        assert.strictEqual(connection.status(), "Reconnecting")
      })
    )
  })
})

const start = Effect.fnUntraced(function* (
  options?: SimulatedRedis.Options,
  untilReady: Effect.Effect<unknown> = Effect.void
) {
  const server = yield* SimulatedRedis.make(options)
  const connection = yield* server.connect()
  yield* untilReady
  yield* RedisConnection.awaitReady(connection)
  return { server, connection }
})

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

const reason = (call: Effect.Effect<RedisCommand.Reply, RedisError.RedisCommandError>) =>
  Effect.map(Effect.flip(call), (error) =>
    error._tag === "RedisConnectionError" ? `${error.reason} ${error.sent}` : error._tag
  )

// What is under way at this very time comes to its end.
const settled = TestClock.adjust(0)
