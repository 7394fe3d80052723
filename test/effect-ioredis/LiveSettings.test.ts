import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Fiber, Logger, Layer, Option, Result, Schedule } from "effect"
import {
  CircuitBreaker,
  RedisClient,
  type RedisConnector,
  type RedisError,
  RedisHealth,
  RedisReservation,
  RedisTopology,
  RetryPolicy,
  RuntimeSettings
} from "effect-ioredis"
import { Strings } from "effect-ioredis/commands"
import { of } from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { resolve } from "../../packages/effect-ioredis/src/internal/clientSettings.ts"
import { LiveSettings } from "../../packages/effect-ioredis/src/internal/LiveSettings.ts"
import * as Captured from "../support/Captured.ts"
import { elapsed, failure, fork, get, sent, type Server, set, settled, withRedis } from "../support/VirtualRedis.ts"

type Settings = RuntimeSettings.RuntimeSettings["Service"]

/** Runs a test with a client that follows settings. */
const withSettings =
  (options: RedisClient.Options = {}, document: RuntimeSettings.Document = {}) =>
  <A, E>(use: (redis: RedisClient.RedisClient, settings: Settings, server: Server) => Effect.Effect<A, E>) =>
    Effect.flatMap(RuntimeSettings.RuntimeSettings, (settings) =>
      withRedis(options)((redis, server) => use(redis, settings, server))
    ).pipe(Effect.provide(RuntimeSettings.layer({ document }).pipe(Layer.provideMerge(Logger.layer([])))))

const outcome = <A, E>(call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* fork(Effect.exit(call))
    yield* TestClock.adjust(0)
    return settled(fiber)
  })

const failureReason = (error: RedisError.RedisCommandError) =>
  error._tag === "RedisConnectionError" ? error.reason : error._tag

const tagOf = (exit: Exit.Exit<Exit.Exit<unknown, RedisError.RedisCommandError>>): string =>
  Exit.isSuccess(exit) && Exit.isFailure(exit.value) ? failure(exit.value)._tag : "Success"

describe("deadlines", () => {
  it.effect("of reads and writes change apart, and the silence of a connection follows the longer one", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* settings.update({
          commandTimeout: "300 millis",
          write: { commandTimeout: "700 millis", operationTimeout: "500 millis" }
        })
        yield* server.inject(Fault.freeze)
        const calls = [yield* fork(elapsed(redis.run(get("k")))), yield* fork(elapsed(redis.run(set("k", "v"))))]
        yield* TestClock.adjust("600 millis")
        assert.deepStrictEqual(
          (yield* Effect.forEach(calls, Fiber.join)).map(({ millis }) => millis),
          [300, 500]
        )
        assert.strictEqual((yield* redis.stats).connection, "Ready")
        yield* TestClock.adjust("101 millis")
        assert.notStrictEqual((yield* redis.stats).connection, "Ready")
        const { settings: shown } = yield* redis.stats
        assert.deepStrictEqual(
          [shown.commandTimeout, shown.read, shown.write],
          [
            "700ms",
            { commandTimeout: "300ms", operationTimeout: "5s" },
            { commandTimeout: "700ms", operationTimeout: "500ms" }
          ]
        )
      })
    )
  )
})

describe("retries", () => {
  it.effect("change for reads and writes apart, and an overall number leaves writes at two", () =>
    withSettings({ retry: { ...RetryPolicy.none, budget: false } })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        const attempts = Effect.gen(function* () {
          const before = [(yield* sent(server, "GET")).length, (yield* sent(server, "SET")).length]
          yield* fork(Effect.exit(redis.run(get("k"))))
          yield* fork(Effect.exit(redis.run(set("k", "v"))))
          yield* TestClock.adjust("5 seconds")
          const after = [(yield* sent(server, "GET")).length, (yield* sent(server, "SET")).length]
          return Arr.zipWith(after, before, (later, earlier) => later - earlier)
        })
        assert.deepStrictEqual(yield* attempts, [1, 1])
        yield* settings.update({ retry: { maxRetries: 4, delay: "10 millis" } })
        assert.deepStrictEqual(yield* attempts, [5, 3])
        yield* settings.update({ write: { retry: { maxRetries: 3 } } })
        assert.deepStrictEqual(yield* attempts, [5, 4])
        yield* settings.replace({})
        assert.deepStrictEqual(yield* attempts, [1, 1])
      })
    )
  )

  it.effect("that leave something open have it from the profile", () =>
    withSettings({ profile: "production" })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        yield* settings.update({ retry: { maxRetries: 1 } })
        yield* fork(Effect.exit(redis.run(get("k"))))
        // With the 100 ms that hold without a profile it comes after 80 ms at the least.
        yield* TestClock.adjust("61 millis")
        assert.lengthOf(yield* sent(server, "GET"), 2)
      })
    )
  )
})

describe("circuits", () => {
  it.effect("of writes open while reads go on, where the settings say so", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* settings.update({ write: { circuit: { failureThreshold: 2, resetTimeout: "10 seconds" } } })
        yield* server.inject(Fault.error("LOADING", { commands: ["SET"] }))
        const write = outcome(redis.run(set("k", "v")))
        const read = outcome(redis.run(get("k")))
        assert.deepStrictEqual((yield* Effect.replicateEffect(write, 3)).map(tagOf), [
          "RedisOperationError",
          "RedisOperationError",
          "RedisCircuitBreakerOpenError"
        ])
        assert.deepStrictEqual((yield* Effect.replicateEffect(read, 10)).map(tagOf), Arr.replicate("Success", 10))
        const state = yield* redis.breaker.state
        assert.deepStrictEqual(state._tag === "Partial" && state.nodes.map(({ node }) => node), ["redis writes"])
        const stats = yield* redis.stats
        assert.deepStrictEqual(
          [stats.breaker._tag, stats.nodes[0]?.breaker._tag, stats.nodes[0]?.writeBreaker?._tag],
          ["Partial", "Closed", "Open"]
        )
        // The next write is the probe of the writes' own circuit.
        yield* server.heal
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(tagOf(yield* write), "Success")
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      })
    )
  )

  it.effect("are one again when the settings say so, and what had opened is gone", () =>
    withSettings(
      { retry: RetryPolicy.none },
      { read: { circuit: { failureThreshold: 100 } } }
    )((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("LOADING", { commands: ["SET"] }))
        const write = outcome(redis.run(set("k", "v")))
        yield* Effect.replicateEffect(write, 5)
        assert.strictEqual(tagOf(yield* write), "RedisCircuitBreakerOpenError")
        yield* settings.replace({})
        assert.strictEqual(tagOf(yield* write), "RedisOperationError")
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
      })
    )
  )

  it.effect("take another threshold and another open time while they are closed and while they are open", () =>
    withSettings({ retry: RetryPolicy.none, circuitBreaker: { tripPolicy: CircuitBreaker.rate({ window: 10 }) } })(
      (redis, settings, server) =>
        Effect.gen(function* () {
          const read = outcome(redis.run(get("k")))
          yield* server.inject(Fault.error("LOADING"))
          yield* Effect.replicateEffect(read, 2)
          yield* settings.update({ circuit: { failureThreshold: 3 } })
          yield* read
          const state = yield* redis.breaker.state
          assert.strictEqual(state._tag, "Open")
          yield* TestClock.adjust("5 seconds")
          yield* settings.update({ circuit: { resetTimeout: "6 seconds" } })
          yield* server.heal
          assert.strictEqual(tagOf(yield* read), "RedisCircuitBreakerOpenError")
          yield* TestClock.adjust("1 second")
          assert.strictEqual(tagOf(yield* read), "Success")
          // An opening is never lengthened, and a rate is judged again as before.
          yield* settings.replace({})
          assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
          yield* server.inject(Fault.error("LOADING"))
          yield* Effect.replicateEffect(read, 9)
          assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
          yield* read
          assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
        })
    )
  )
})

describe("the load rule", () => {
  const fixed = RetryPolicy.make({
    read: Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 3 })),
    budget: false
  })
  const client = { retry: fixed, circuitBreaker: false } as const
  // So many calls each 20 ms, for 3 seconds, and the attempts in each of the last 2.
  const attempts = (redis: RedisClient.RedisClient, server: Server, callsEach20: number) =>
    Effect.gen(function* () {
      for (let step = 0; step < 150; step++) {
        for (let n = 0; n < callsEach20; n++) yield* fork(Effect.exit(redis.run(get("k"))))
        yield* TestClock.adjust("20 millis")
      }
      const all = (yield* sent(server, "GET")).map(({ at }) => at)
      const end = Math.max(...all)
      return [2, 1].map((back) => all.filter((at) => at > end - back * 1000 && at <= end - (back - 1) * 1000).length)
    })

  it.effect(
    "makes no more attempts a second when the load doubles, and lets go afterwards",
    () =>
      withSettings(client)((redis, settings, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.error("LOADING"))
          const free = yield* attempts(redis, server, 2)
          assert.isAtLeast(Math.min(...free), 390)
          // 100 calls a second that take 300 ms each are 30 in flight.
          yield* settings.update({ load: { enabled: true, from: 31, upTo: 60 } })
          assert.isAtLeast(Math.min(...(yield* attempts(redis, server, 2))), 390)
          const doubled = yield* attempts(redis, server, 4)
          assert.isAtMost(Math.max(...doubled), Math.max(...free))
          const { load } = (yield* redis.stats).settings
          assert.isAbove(load?.level ?? 0, 0.5)
          // It lets go of its own accord when the load is what it was.
          yield* attempts(redis, server, 2)
          assert.isAtLeast(Math.min(...(yield* attempts(redis, server, 2))), 390)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual((yield* redis.stats).settings.load, {
            from: 31,
            upTo: 60,
            shortest: 0.25,
            demand: 0,
            level: 0
          })
        })
      ),
    { tags: ["long"] }
  )

  it.effect("shortens deadlines down to its bound, which opens no circuit, and no further", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* settings.update({ load: { enabled: true, from: 1, upTo: 9, shortest: 0.5 } })
        yield* server.inject(Fault.delay("1900 millis"))
        const calls = yield* Effect.forEach(Arr.range(1, 12), () => fork(elapsed(redis.run(get("k")))))
        yield* TestClock.adjust("3 seconds")
        const ended = yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(
          ended.map(({ millis }) => millis),
          [1900, 1875, 1750, 1625, 1500, 1375, 1250, 1125, 1000, 1000, 1000, 1000]
        )
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        assert.deepStrictEqual((yield* redis.stats).settings.load?.demand, 0)
      })
    )
  )
})

describe("the connection", () => {
  const idOf = (redis: RedisClient.RedisClient) => of(redis).nodes()[0]?.sessions()[0]?.id ?? -1

  it.effect("has a successor when its settings change, which is sent nothing before the last reply of its own", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        const before = idOf(redis)
        yield* server.inject(Fault.delay("1 second"), { connection: before })
        const first = yield* fork(Effect.exit(redis.run(set("k", "1"))))
        yield* settings.update({ connection: { username: "default", password: "" } })
        yield* TestClock.adjust(100)
        assert.notStrictEqual(idOf(redis), before)
        const second = yield* fork(Effect.exit(redis.run(set("k", "2"))))
        yield* TestClock.adjust(500)
        assert.lengthOf(yield* sent(server, "SET"), 0)
        assert.isUndefined(second.pollUnsafe())
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual([settled(first)._tag, settled(second)._tag], ["Success", "Success"])
        assert.deepStrictEqual(
          (yield* sent(server, "SET")).map(({ args }) => args[1]),
          ["1", "2"]
        )
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    )
  )

  it.effect("has a successor also where that of the last change still waits for replies, and stays in order", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("1 second"), { connection: idOf(redis) })
        const calls = [yield* fork(Effect.exit(redis.run(set("k", "1"))))]
        for (const value of ["2", "3", "4"]) {
          yield* settings.update({ connection: { username: "default", password: value === "3" ? "any" : "" } })
          yield* TestClock.adjust(100)
          calls.push(yield* fork(Effect.exit(redis.run(set("k", value)))))
        }
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(calls.map(settled).map(tagOf), ["Success", "Success", "Success", "Success"])
        assert.deepStrictEqual(
          (yield* sent(server, "SET")).map(({ args }) => args[1]),
          ["1", "2", "3", "4"]
        )
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    )
  )

  it.effect("that waits for a reply is heard out as long as its calls were given, where calls now are given less", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("1500 millis"), { connection: idOf(redis) })
        const first = yield* fork(Effect.exit(redis.run(set("k", "1"))))
        yield* settings.update({ commandTimeout: "100 millis", connection: { username: "default" } })
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(tagOf(settled(first)), "Success")
      })
    )
  )

  it.effect("is sent nothing before those before it have answered, also where calls now are given less", () =>
    withSettings({ commandTimeout: "5 seconds", retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("2 seconds"), { connection: idOf(redis) })
        const calls = [yield* fork(Effect.exit(redis.run(set("k", "1"))))]
        for (const password of ["", "other"]) {
          yield* settings.update({ commandTimeout: "100 millis", connection: { username: "default", password } })
          yield* TestClock.adjust(100)
        }
        calls.push(yield* fork(Effect.exit(redis.run(set("k", "2")))))
        yield* TestClock.adjust("1 second")
        assert.lengthOf(yield* sent(server, "SET"), 0)
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(
          (yield* sent(server, "SET")).map(({ args }) => args[1]),
          ["1", "2"]
        )
      })
    )
  )

  it.effect("that is made anew after an outage has no successor for what changed meanwhile", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        yield* settings.update({ connection: { username: "default", password: "" } })
        yield* TestClock.adjust("1 second")
        yield* server.heal
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(
          (yield* redis.events.last).map(({ _tag }) => _tag),
          ["NodeAdded", "ConnectionReady", "ConnectionLost", "ConnectionFailed", "SettingsChanged", "ConnectionReady"]
        )
      })
    )
  )

  it.effect("whose successor is lost before it has answered ends with it, as one that may be retried", () =>
    withSettings()((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("1 second"), { connection: idOf(redis) })
        const write = yield* fork(Effect.flip(redis.run(set("k", "1"), { retry: false })))
        const read = yield* fork(Effect.exit(redis.run(get("k"))))
        yield* settings.update({ connection: { username: "default" } })
        yield* TestClock.adjust(100)
        yield* server.inject(Fault.refuse, { connection: idOf(redis) })
        yield* TestClock.adjust("2 seconds")
        assert.deepInclude({ ...(yield* Fiber.join(write)) }, { reason: "Reset", sent: "unknown" })
        assert.strictEqual(tagOf(settled(read)), "Success")
      })
    )
  )

  it.effect("that still answers has its calls counted", () =>
    withSettings()((redis, settings, server) =>
      Effect.gen(function* () {
        const before = idOf(redis)
        yield* server.inject(Fault.delay("1 second"), { connection: before })
        yield* fork(Effect.exit(redis.run(set("k", "1"))))
        yield* settings.update({ connection: { username: "default" } })
        yield* TestClock.adjust(100)
        assert.notStrictEqual(idOf(redis), before)
        yield* fork(Effect.exit(redis.run(set("k", "2"))))
        assert.strictEqual((yield* redis.stats).inFlight, 3)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* redis.stats).inFlight, 0)
      })
    )
  )

  for (const [what, change, after] of [
    ["database", { db: 2 }, "Reset"],
    ["user", { username: "app" }, "none"]
  ] as const) {
    it.effect(`that is reserved under another ${what} is nobody's after whoever has it`, () =>
      withSettings()((redis, settings, server) =>
        Effect.gen(function* () {
          const write = (value: string) => RedisReservation.transaction([Strings.set("k", value)])
          const connections = Effect.map(sent(server, "MULTI"), (all) => all.map(({ connection }) => connection))
          yield* TestClock.adjust("1 second")
          const held = yield* RedisReservation.reserve()
          yield* write("0")
          yield* write("1")
          yield* settings.update({ connection: change })
          yield* TestClock.adjust("1 second")
          yield* write("2")
          assert.deepStrictEqual(yield* redis.get("k"), Option.some("2"))
          const [first, second, third] = yield* connections
          assert.strictEqual(first, second)
          assert.notStrictEqual(second, third)
          const ended = yield* Effect.result(held.run(Strings.get("k")))
          assert.strictEqual(Result.isSuccess(ended) ? "none" : failureReason(ended.failure), after)
        }).pipe(Effect.provideService(RedisClient.RedisClient, redis), Effect.scoped)
      )
    )
  }

  it.effect("tells nothing of its server any more when its successor has told of another one", () =>
    withSettings({ topology: RedisTopology.server({ host: "a", port: 1 }) })((redis, settings, server) =>
      Effect.gen(function* () {
        const b = yield* server.server({ host: "b", port: 2 })
        const dispatch = of(redis)
        const node = dispatch.nodes()[0]
        yield* dispatch.watchHistory
        yield* TestClock.adjust("1900 millis")
        yield* server.inject(Fault.delay("500 millis"), { connection: idOf(redis) })
        yield* TestClock.adjust("100 millis")
        yield* settings.update({ connection: { host: "b", port: 2 } })
        yield* TestClock.adjust("3 seconds")
        const runId = yield* b.runId
        assert.deepStrictEqual([node?.generation(), node?.history()?.runId], [1, runId])
      }).pipe(Effect.scoped)
    )
  )

  it.effect("that is silent is not waited for longer than the client waits for any", () =>
    withSettings({ retry: RetryPolicy.none })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.mute, { connection: idOf(redis) })
        const first = yield* fork(Effect.exit(redis.run(set("k", "1"))))
        yield* settings.update({ connection: { username: "default" } })
        yield* TestClock.adjust(1000)
        const second = yield* fork(Effect.exit(redis.run(set("k", "2"))))
        yield* TestClock.adjust(1200)
        assert.deepStrictEqual(
          [first, second].map((fiber) => tagOf(settled(fiber))),
          ["RedisTimeoutError", "Success"]
        )
      })
    )
  )

  it.effect("is shown as it is now, and an outage is told of where it is", () => {
    const captured = Captured.make()
    return withSettings({ login: { db: 1 } })((redis, settings, server) =>
      Effect.gen(function* () {
        yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
        yield* settings.update({ connection: { host: "elsewhere", db: 2, password: "s3cret" } })
        const shown = (yield* redis.stats).settings
        assert.deepStrictEqual(
          [shown.addresses, shown.login],
          [["elsewhere:6379"], { database: 2, tls: false, password: true }]
        )
        assert.deepInclude((yield* redis.events.last).at(-1), {
          _tag: "SettingsChanged",
          settings: ["connection.host", "connection.db", "connection.password"]
        })
        yield* settings.update({ connection: { host: "elsewhere" } })
        assert.lengthOf(
          (yield* redis.events.last).filter(({ _tag }) => _tag === "SettingsChanged"),
          1
        )
        yield* settings.replace({ connection: { host: "elsewhere" } })
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.refuse)
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        assert.include(captured.text(), "server=elsewhere:6379")
      }).pipe(Effect.scoped, Effect.provide(captured.layer))
    )
  })

  it("goes by TLS with the certificates of the client, and only who says so turns it off", () => {
    const tls = { caFile: "/ca.crt" }
    const login = (connection: RuntimeSettings.ConnectionSettings, own: RedisConnector.RedisLogin) => {
      const live = new LiveSettings(resolve({}))
      live.apply({ connection })
      return Effect.runSync(live.login(own)).tls
    }
    assert.deepStrictEqual(login({ url: "rediss://other" }, { tls }), tls)
    assert.deepStrictEqual(login({ tls: true }, { tls }), tls)
    assert.deepStrictEqual(login({ url: "redis://other" }, { tls }), tls)
    assert.deepStrictEqual(login({ url: "rediss://other" }, {}), true)
    assert.deepStrictEqual(login({ url: "redis://other", tls: false }, { tls }), false)
    assert.deepStrictEqual(login({ url: "redis://other" }, {}), undefined)
  })

  it.effect("of a cluster takes a login, and an address is refused whole", () =>
    withSettings({ topology: RedisTopology.cluster({ seeds: [{ host: "localhost", port: 6379 }] }) })((_, settings) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(settings.update({ patience: 5, connection: { host: "elsewhere", db: 1 } }))
        assert.deepStrictEqual(error.problems, [
          "connection.host: a client that asks its cluster where Redis is takes username, password and tls alone",
          "connection.db: a cluster has database 0 alone"
        ])
        assert.deepStrictEqual(yield* settings.current, {})
        yield* settings.update({ connection: { password: "s3cret" } })
      })
    )
  )
})
