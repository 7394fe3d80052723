import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Option, Result, Schedule, Scope } from "effect"
import {
  RedisClient,
  RedisCommand,
  RedisConnector,
  type RedisError,
  RedisReservation,
  RedisTopology
} from "effect-ioredis"
import { Strings } from "effect-ioredis/commands"
import { Fault, SimulatedCluster, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as VirtualCluster from "../../support/VirtualCluster.ts"

const layer = (options: RedisClient.Options, server?: SimulatedRedis.Options) =>
  RedisClient.layer(options).pipe(Layer.provideMerge(SimulatedRedis.layer(server)))

const clusterLayer = Layer.unwrap(
  Effect.map(SimulatedCluster.SimulatedCluster, () =>
    RedisClient.layer({ topology: RedisTopology.cluster({ seeds: [{ host: "simulated-cluster", port: 7000 }] }) })
  )
).pipe(Layer.provideMerge(SimulatedCluster.layer({ masters: 1 })), Layer.provideMerge(SimulatedRedis.layer()))

/** A test on a client that may log in again: its server has kept a login for a while. */
const on = <A, E>(
  options: RedisClient.Options,
  test: Effect.Effect<A, E, RedisClient.RedisClient | SimulatedRedis.SimulatedRedis | Scope.Scope>,
  server?: SimulatedRedis.Options
) => Effect.andThen(TestClock.adjust("1 second"), test).pipe(Effect.scoped, Effect.provide(layer(options, server)))

const command = (line: string) => {
  const [name = "", ...args] = line.split(" ")
  return RedisCommand.make(name, args)
}

/** The connections that carried a command, in their order. */
const carriers = (name: string) =>
  Effect.flatMap(SimulatedRedis.SimulatedRedis, ({ received }) =>
    Effect.map(received, (all) => all.filter((one) => one.name === name).map(({ connection }) => connection))
  )

const reserved = <A, E>(
  use: (connection: { readonly run: RedisClient.RedisClient["run"] }) => Effect.Effect<A, E>
): Effect.Effect<A, E | RedisError.RedisCommandError, RedisClient.RedisClient> =>
  Effect.scoped(Effect.flatMap(RedisReservation.reserve(), use))

const codeOf = (error: RedisError.RedisCommandError) =>
  error._tag === "RedisOperationError" ? error.code : error._tag === "RedisConnectionError" ? error.reason : error._tag

describe("A reserved connection", () => {
  it.effect("is nobody else's, and is kept for the next where nothing was changed", () =>
    on(
      {},
      Effect.gen(function* () {
        const { run } = yield* RedisClient.RedisClient
        yield* run(Strings.get("shared"))
        yield* reserved(({ run }) => run(Strings.getdel("a")))
        yield* reserved(({ run }) => run(Strings.getdel("b")))
        const [shared] = yield* carriers("GET")
        const [first, second] = yield* carriers("GETDEL")
        assert.notStrictEqual(first, shared)
        assert.strictEqual(first, second)
      })
    )
  )

  for (const [what, line] of [
    ["its database", "SELECT 1"],
    ["what it watches", "WATCH k"],
    ["a transaction that has begun", "MULTI"]
  ] as const) {
    it.effect(`is closed where ${what} would be left to the next`, () =>
      on(
        {},
        Effect.gen(function* () {
          yield* reserved(({ run }) => run(command(line)))
          yield* reserved(({ run }) => run(Strings.getdel("b")))
          const [before] = yield* carriers(line.split(" ")[0] ?? "")
          const [after] = yield* carriers("GETDEL")
          assert.notStrictEqual(before, after)
        })
      )
    )
  }

  it.effect("is closed after ten seconds without use", () =>
    on(
      {},
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* reserved(({ run }) => run(Strings.getdel("a")))
        assert.strictEqual(yield* server.connections, 2)
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(yield* server.connections, 2)
        yield* TestClock.adjust("7 seconds")
        assert.strictEqual(yield* server.connections, 1)
      })
    )
  )

  it.effect("waits until one is free, and for no longer than a call may take", () =>
    on(
      { maxReserved: 1 },
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Scope.provide(RedisReservation.reserve(), scope)
        const [patient, late] = [
          yield* Effect.forkChild(Effect.flip(Effect.scoped(RedisReservation.reserve()))),
          yield* Effect.forkChild(Effect.delay(Effect.scoped(RedisReservation.reserve()), "2 seconds"))
        ]
        yield* TestClock.adjust("5 seconds")
        const error = yield* Fiber.join(patient)
        assert.strictEqual(codeOf(error), "Saturated")
        assert.match(error.message, /maxReserved/)
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(late)
      })
    )
  )

  it.effect("counts among those of its own client, also when the first two are reserved at once", () =>
    on(
      { maxReserved: 1 },
      Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        const { connector } = yield* SimulatedRedis.SimulatedRedis
        const other = yield* Effect.provideService(
          RedisClient.make({ maxReserved: 1 }),
          RedisConnector.RedisConnector,
          connector
        )
        const inUse = (client: RedisClient.RedisClient) =>
          Effect.map(client.stats, ({ reservations }) => reservations.inUse)
        const both = yield* Effect.forkChild(
          Effect.all([RedisReservation.reserve(), RedisReservation.reserve()].map(Effect.result), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("5 seconds")
        const [first, second] = yield* Fiber.join(both)
        if (first === undefined || second === undefined) return assert.fail("two were reserved")
        assert.isTrue(Result.isSuccess(first))
        assert.strictEqual(Result.isFailure(second) && codeOf(second.failure), "Saturated")
        yield* Effect.provideService(RedisReservation.reserve(), RedisClient.RedisClient, other)
        assert.deepStrictEqual([yield* inUse(redis), yield* inUse(other)], [1, 1])
      })
    )
  )

  it.effect("is closed with its client when it is kept, and none is reserved after that", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const scope = yield* Scope.make()
      const redis = yield* Scope.provide(RedisClient.make(), scope)
      yield* TestClock.adjust("1 second")
      const reserving = Effect.scoped(RedisReservation.reserve()).pipe(
        Effect.provideService(RedisClient.RedisClient, redis)
      )
      yield* reserving
      assert.strictEqual(yield* server.connections, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* server.connections, 0)
      assert.strictEqual(codeOf(yield* Effect.flip(reserving)), "Closed")
      const unused = yield* Effect.scoped(RedisClient.make())
      const late = Effect.flip(Effect.scoped(RedisReservation.reserve()))
      assert.strictEqual(codeOf(yield* Effect.provideService(late, RedisClient.RedisClient, unused)), "Closed")
      assert.strictEqual(yield* server.connections, 0)
    }).pipe(Effect.provide(SimulatedRedis.layer()))
  )

  it.effect("is waited for no longer than a call may take, however many wait for a login", () =>
    on(
      { maxReserved: 10, operationTimeout: "2 seconds", circuitBreaker: false },
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const atOnce = { concurrency: "unbounded" } as const
        yield* server.inject(Fault.error("WRONGPASS"))
        const failing = Effect.flip(Effect.scoped(RedisReservation.reserve()))
        const all = yield* Effect.forkChild(Effect.forEach(Array.from({ length: 20 }), () => failing, atOnce))
        yield* TestClock.adjust("2 seconds")
        const polled = all.pollUnsafe()
        if (polled === undefined) return assert.fail("somebody waits still")
        const codes = (yield* polled).map(codeOf)
        assert.includeMembers(codes, ["Auth", "Timeout"])
        yield* server.heal
        const again = yield* Effect.forkChild(
          Effect.forEach(codes.slice(0, 10), () => RedisReservation.reserve(), atOnce)
        )
        yield* TestClock.adjust("2 seconds")
        assert.isTrue(Exit.isSuccess(again.pollUnsafe() ?? Exit.interrupt()))
      })
    )
  )

  it.effect("refuses what nobody could wait for, and what belongs elsewhere", () =>
    on(
      {},
      Effect.gen(function* () {
        const { run } = yield* RedisClient.RedisClient
        for (const [line, code, where] of [
          ["BLPOP a 0", "ARGUMENT", /waits for ever/],
          ["SUBSCRIBE a", "UNSUPPORTED", /RedisPubSub/]
        ] as const) {
          const error = yield* Effect.flip(reserved(({ run }) => run(command(line))))
          assert.strictEqual(codeOf(error), code)
          assert.match(error.message, where)
        }
        for (const [line, where] of [
          ["BLPOP a 1", /`RedisReservation.reserve`/],
          ["WATCH a", /`RedisReservation.reserve`/],
          ["MULTI", /`RedisReservation.transaction`/],
          ["SUBSCRIBE a", /RedisPubSub/]
        ] as const) {
          const error = yield* Effect.flip(run(command(line)))
          assert.strictEqual(codeOf(error), "UNSUPPORTED")
          assert.match(error.message, where)
        }
        assert.strictEqual(
          codeOf(yield* Effect.flip(RedisReservation.transaction([command("WATCH a")]))),
          "UNSUPPORTED"
        )
      })
    )
  )

  it.effect("is lost with a command that has no reply in time", () =>
    on(
      {},
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.freeze)
        const first = yield* Effect.forkChild(Effect.flip(connection.run(command("WAIT 1 3000"))))
        yield* TestClock.adjust("4900 millis")
        assert.isUndefined(first.pollUnsafe())
        yield* TestClock.adjust("100 millis")
        const error = yield* Fiber.join(first)
        assert.strictEqual(error._tag === "RedisTimeoutError" && Duration.toMillis(error.duration), 5000)
        assert.strictEqual(codeOf(yield* Effect.flip(connection.run(Strings.get("a")))), "Stalled")
      })
    )
  )

  it.effect("that cannot be made leaves room for the next attempt in the same scope", () =>
    on(
      { maxReserved: 1 },
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* server.inject(Fault.refuse)
        const reserving = yield* Effect.forkChild(Effect.retry(RedisReservation.reserve(), Schedule.spaced("1 second")))
        yield* TestClock.adjust("10 seconds")
        yield* server.heal
        yield* TestClock.adjust("10 seconds")
        assert.isTrue(Exit.isSuccess(reserving.pollUnsafe() ?? Exit.interrupt()))
      })
    )
  )

  it.effect("is over with its scope, though another one has its connection by then", () =>
    on(
      {},
      Effect.gen(function* () {
        const left = yield* Effect.scoped(RedisReservation.reserve())
        yield* RedisReservation.reserve()
        assert.strictEqual(codeOf(yield* Effect.flip(left.run(command("WATCH k")))), "Closed")
      })
    )
  )

  it.effect("is closed where a user who may not UNWATCH still watches", () =>
    on(
      {},
      Effect.gen(function* () {
        const { set } = yield* RedisClient.RedisClient
        yield* reserved(({ run }) => Effect.andThen(run(command("WATCH k")), Effect.flip(run(command("UNWATCH")))))
        yield* set("k", "1")
        assert.deepStrictEqual(yield* RedisReservation.transaction([Strings.get("k")]), [
          Result.succeed(Option.some("1"))
        ])
      }),
      { denied: ["UNWATCH"] }
    )
  )

  it.effect("has Redis refuse a time to wait that is none", () =>
    on(
      {},
      Effect.gen(function* () {
        const connection = yield* RedisReservation.reserve()
        for (const line of ["BLPOP a soon", "BLPOP a -10"]) {
          assert.strictEqual((yield* Effect.flip(connection.run(command(line))))._tag, "RedisOperationError")
        }
      })
    )
  )

  it.effect("carries a transaction and a command at once, each for itself", () =>
    on(
      {},
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { set } = yield* RedisClient.RedisClient
        yield* set("a", "A")
        yield* set("b", "B")
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.delay("50 millis"))
        const both = yield* Effect.forkChild(
          Effect.all([connection.transaction([Strings.get("a")]), connection.run(Strings.get("b"))], { concurrency: 2 })
        )
        yield* TestClock.adjust("1 second")
        const [executed, b] = yield* Fiber.join(both)
        assert.deepStrictEqual(Option.getOrThrow(executed), [Result.succeed(Option.some("A"))])
        assert.deepStrictEqual(b, Option.some("B"))
      })
    )
  )

  it.effect("is made at once, however many commands were interrupted on those before", () =>
    on(
      { maxReserved: 10 },
      Effect.gen(function* () {
        for (let n = 0; n < 5; n++) {
          const waiting = yield* Effect.forkChild(reserved(({ run }) => run(command("BLPOP jobs 5"))))
          yield* TestClock.adjust("10 millis")
          yield* Fiber.interrupt(waiting)
        }
        const all = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 10 }), () => RedisReservation.reserve(), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("10 millis")
        assert.isTrue(Exit.isSuccess(all.pollUnsafe() ?? Exit.interrupt()))
      })
    )
  )

  it.effect("is lost with a transaction that is interrupted, which may have begun", () =>
    on(
      {},
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.delay("50 millis"))
        const executing = yield* Effect.forkChild(connection.transaction([Strings.set("n", 1)]), {
          startImmediately: true
        })
        yield* TestClock.adjust("20 millis")
        yield* Fiber.interrupt(executing)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(codeOf(yield* Effect.flip(connection.run(Strings.get("n")))), "Closed")
      })
    )
  )
})

describe("A transaction", () => {
  it.effect("that ran out of time behind MULTI is not what the next one gets into", () =>
    on(
      {},
      Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* RedisReservation.transaction([])
        yield* server.inject(Fault.delay("100 millis"))
        // Whose deadline comes first has the others looked at behind the reply to MULTI.
        const other = redis.run(Strings.get("x"), { operationTimeout: "50 millis", retry: false })
        yield* Effect.forkChild(Effect.exit(other), { startImmediately: true })
        const transaction = RedisReservation.transaction([Strings.set("n", 1)], { operationTimeout: "100 millis" })
        const late = yield* Effect.forkChild(Effect.flip(transaction), { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        yield* server.heal
        assert.deepInclude({ ...(yield* Fiber.join(late)) }, { reason: "Timeout", sent: "never" })
        assert.deepStrictEqual(yield* reserved(({ run }) => run(Strings.get("k"))), Option.none())
      })
    )
  )

  it.effect("gives a result for each command, and executes the others where one fails", () =>
    on(
      {},
      Effect.gen(function* () {
        const results = yield* RedisReservation.transaction([
          Strings.set("n", 41),
          Strings.incr("n"),
          RedisCommand.make("LPUSH", ["n", "x"]),
          Strings.get("n")
        ])
        assert.deepStrictEqual(results[0], Result.succeed(true))
        assert.deepStrictEqual(results[1], Result.succeed(42))
        assert.strictEqual(Result.isFailure(results[2]) && results[2].failure.code, "WRONGTYPE")
        assert.strictEqual(Result.isFailure(results[2]) && results[2].failure.command, "LPUSH")
        assert.deepStrictEqual(results[3], Result.succeed(Option.some("42")))
        assert.deepStrictEqual(yield* RedisReservation.transaction([]), [])
      })
    )
  )

  it.effect("executes nothing where a command may not be queued, and says which", () =>
    on(
      {},
      Effect.gen(function* () {
        const { get } = yield* RedisClient.RedisClient
        const error = yield* Effect.flip(
          RedisReservation.transaction([Strings.set("n", 1), RedisCommand.make("GET", ["a", "b"])])
        )
        assert.strictEqual(error._tag === "RedisOperationError" && error.command, "GET")
        assert.deepStrictEqual(yield* get("n"), Option.none())
      })
    )
  )

  it.effect("executes nothing where a watched key was changed", () =>
    on(
      {},
      Effect.gen(function* () {
        const { set } = yield* RedisClient.RedisClient
        const connection = yield* RedisReservation.reserve({ key: "k" })
        for (const [change, isNone] of [
          [Effect.void, false],
          [set("k", "other"), true],
          [Effect.void, false]
        ] as const) {
          yield* connection.run(command("WATCH k"))
          yield* change
          assert.strictEqual(Option.isNone(yield* connection.transaction([Strings.set("k", "mine")])), isNone)
        }
      })
    )
  )
})

describe("A reserved connection of a simulated cluster", () => {
  it.effect("lets the client ask who owns the slots when a key is another's", () =>
    VirtualCluster.withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const owner = yield* cluster.ownerOf("jobs")
        const other = (yield* cluster.masters).find((master) => master !== owner)
        if (other === undefined) return assert.fail("there is one master alone")
        const pop = Effect.scoped(
          Effect.flatMap(RedisReservation.reserve({ key: "jobs" }), ({ run }) => run(command("BLPOP jobs 0.1")))
        ).pipe(Effect.provideService(RedisClient.RedisClient, redis))
        yield* cluster.moveSlots({ key: "jobs" }, other)
        const refused = yield* Effect.forkChild(Effect.flip(pop))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(codeOf(yield* Fiber.join(refused)), "MOVED")
        const popped = yield* Effect.forkChild(pop)
        yield* TestClock.adjust("1 second")
        assert.isNull(yield* Fiber.join(popped))
      })
    )
  )
})

describe("A transaction on a simulated cluster", () => {
  it.effect("executes nothing where its keys are of two slots, be they one master's", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      const { get } = yield* RedisClient.RedisClient
      const commands = ["a", "b", "c", "d", "e", "f"].map((key) => Strings.incr(key))
      assert.strictEqual(codeOf(yield* Effect.flip(RedisReservation.transaction(commands))), "CROSSSLOT")
      assert.deepStrictEqual(yield* get("a"), Option.none())
      const results = yield* RedisReservation.transaction([Strings.incr("{a}1"), Strings.incr("{a}2")])
      assert.deepStrictEqual(results, [Result.succeed(1), Result.succeed(1)])
    }).pipe(Effect.scoped, Effect.provide(clusterLayer))
  )
})
