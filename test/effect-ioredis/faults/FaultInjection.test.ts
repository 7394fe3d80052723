import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer, Metric, Random, Result, Scheduler, type Scope } from "effect"
import { RedisClient, RedisCommand, RedisConnection, RedisConnector, RedisError } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../../support/Captured.ts"
import * as FakeConnector from "../../support/FakeConnector.ts"

interface Bench {
  readonly server: SimulatedRedis.SimulatedRedis
  readonly faults: FaultInjection.FaultInjection
  readonly connect: Effect.Effect<
    RedisConnection.RedisConnection,
    Effect.Error<ReturnType<RedisConnector.RedisConnector["Service"]["connect"]>>,
    Scope.Scope
  >
}

const withFaults = <A, E>(
  use: (bench: Bench) => Effect.Effect<A, E, Scope.Scope>,
  options?: FaultInjection.Options,
  latency?: SimulatedRedis.Options
) =>
  Effect.gen(function* () {
    const server = yield* SimulatedRedis.make(latency)
    const context = yield* Layer.build(FaultInjection.layer(options))
    const connector = Context.get(context, RedisConnector.Middleware)(server.connector)
    const faults = Context.get(context, FaultInjection.FaultInjection)
    return yield* use({ server, faults, connect: connector.connect(server.address, {}) })
  }).pipe(Effect.scoped)

const send = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string>) =>
  RedisConnection.send(connection, RedisCommand.make(name, args))

/** Submits at once, and keeps what came in its order, with the millisecond at which it came. */
const submit = (connection: RedisConnection.RedisConnection, ...commands: ReadonlyArray<readonly [string, string]>) =>
  Effect.map(Clock.Clock, (clock) => {
    const told: Array<string> = []
    const startedAt = clock.currentTimeMillisUnsafe()
    for (const [name, arg] of commands) {
      connection.submit(RedisCommand.make(name, [arg]), (result) =>
        told.push(`${arg} ${shown(result)} ${clock.currentTimeMillisUnsafe() - startedAt}`)
      )
    }
    connection.onLoss(({ reason }) => told.push(`lost ${reason}`))
    return told
  })

const shown = (result: RedisConnection.ReplyResult): string => {
  if (Result.isSuccess(result)) return String(result.success)
  return result.failure._tag === "RedisConnectionError"
    ? `${result.failure.reason} ${result.failure.sent}`
    : result.failure._tag
}

const echoes = (...texts: ReadonlyArray<string>) => texts.map((text) => ["ECHO", text] as const)

describe("FaultInjection", () => {
  it.effect("off: the connection below is given what was submitted as it is, also after it was on", () =>
    Effect.gen(function* () {
      const given: Array<unknown> = []
      const fake = yield* FakeConnector.make()
      const context = yield* Layer.build(FaultInjection.layer())
      const faults = Context.get(context, FaultInjection.FaultInjection)
      const connector = Context.get(
        context,
        RedisConnector.Middleware
      )({
        ...fake.connector,
        connect: (address, login) =>
          Effect.map(fake.connector.connect(address, login), (connection) => ({
            ...connection,
            submit: (command, onReply) => given.push(command, onReply)
          }))
      })
      const connection = yield* connector.connect({ host: "redis", port: 6379 }, {})
      const command = RedisCommand.make("PING")
      const onReply = () => {}
      connection.submit(command, onReply)
      yield* faults.turnOn({ rate: 0 })
      yield* faults.turnOff
      connection.submit(command, onReply)
      assert.deepStrictEqual(given, [command, onReply, command, onReply])
      assert.isTrue(given.every((one) => one === command || one === onReply))
    })
  )

  it.effect("Delay: a reply comes late and so does all behind it, in order, and nothing before that", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        const connection = yield* connect
        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "300 millis" })
        const told = yield* submit(connection, ...echoes("a"))
        yield* TestClock.adjust("1 millis")
        const heard = connection.activity()
        yield* faults.turnOn({ rate: 0 })
        const behind = yield* submit(connection, ...echoes("b", "c"))
        yield* TestClock.adjust("298 millis")
        assert.deepStrictEqual([told, behind, connection.inFlight()], [[], [], 3])
        // What came meanwhile was not heard: a late reply is a silent connection.
        assert.strictEqual(connection.activity(), heard)
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual([told, behind, connection.inFlight()], [["a a 300"], ["b b 299", "c c 299"], 0])
        assert.isAbove(connection.activity(), heard)
      })
    )
  )

  it.effect("Delay: a connection whose replies are all late, but come, is heard each time", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        const connection = yield* connect
        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "400 millis" })
        const told: Array<ReadonlyArray<string>> = []
        let heard = connection.activity()
        for (let n = 0; n < 100; n++) {
          told.push(yield* submit(connection, ...echoes(`${n}`)))
          yield* TestClock.adjust("100 millis")
          if (n < 4) continue
          assert.isAbove(connection.inFlight(), 0)
          assert.isAbove(connection.activity(), heard)
          heard = connection.activity()
        }
        assert.deepStrictEqual(told[95], ["95 95 400"])
        yield* faults.turnOff
        assert.isAtLeast(connection.activity(), heard)
      })
    )
  )

  it.effect("Mute: neither its reply comes nor any behind it, until all come at once when it is off", () =>
    withFaults(({ connect, faults, server }) =>
      Effect.gen(function* () {
        const connection = yield* connect
        const before = yield* submit(connection, ...echoes("before"))
        yield* faults.turnOn({ rate: 1, kinds: ["Mute"], duration: "1 day" })
        const told = yield* submit(connection, ["INCR", "n"], ["INCR", "n"])
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual([before, told], [["before before 0"], []])
        assert.strictEqual(yield* server.peek("n"), "2")
        yield* faults.turnOff
        assert.deepStrictEqual(told, ["n 1 3600000", "n 2 3600000"])
        assert.strictEqual(yield* send(connection, "INCR", "n"), 3)
      })
    )
  )

  it.effect("Mute: a connection that is given up fails what it held back, first of all and in order", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        const connection = yield* connect
        yield* faults.turnOn({ rate: 1, kinds: ["Mute"] })
        const told = yield* submit(connection, ...echoes("a", "b"))
        yield* TestClock.adjust("10 millis")
        const late = yield* submit(connection, ...echoes("c"))
        connection.destroy(RedisError.connectionError("CONNECT", "Timeout", "never"))
        assert.deepStrictEqual(told, ["a Timeout unknown 10", "b Timeout unknown 10", "lost Timeout"])
        assert.deepStrictEqual(late, ["c Timeout unknown 0", "lost Timeout"])
        yield* faults.turnOff
        assert.strictEqual(told.length + late.length, 5)
      })
    )
  )

  it.effect("Cut: half before they are sent, half after they were executed, each told like a reset", () =>
    withFaults(({ connect, faults, server }) =>
      Effect.gen(function* () {
        yield* faults.turnOn({ rate: 1, kinds: ["Cut"] })
        let cuts = 0
        for (let n = 0; n < 200; n++) {
          yield* faults.turnOff
          const connection = yield* connect
          const first = yield* submit(connection, ...echoes("first"))
          yield* faults.turnOn({ rate: 1, kinds: ["Cut"] })
          const told = yield* submit(connection, ["INCR", "n"], ["INCR", "never"])
          assert.deepStrictEqual(told, [])
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(told, ["n Reset unknown 0", "never Reset unknown 0", "lost Reset"])
          assert.isTrue(first[0] === "first first 0" || first[0] === "first Reset unknown 0")
          assert.isFalse(connection.isOpen())
          cuts++
        }
        const executed = Number(yield* server.peek("n"))
        assert.isTrue(executed > 75 && executed < 125, `${executed} of ${cuts}`)
      })
    ).pipe(Random.withSeed("cuts"))
  )

  it.effect("befalls logins: refused, hung up on, late, or not answered until it is off", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        const failure = Effect.map(Effect.flip(connect), ({ cause, message, reason, sent }) => ({
          said: `${reason} ${sent} ${cause instanceof Error && cause.message}`,
          message
        }))
        yield* faults.turnOn({ rate: 1, kinds: ["Refuse"] })
        assert.strictEqual((yield* failure).said, "Refused never refused by FaultInjection")
        yield* faults.turnOn({ rate: 1, kinds: ["Cut"] })
        assert.strictEqual((yield* failure).said, "Reset never cut by FaultInjection")

        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "2 seconds" })
        const late = yield* Effect.forkScoped(connect, { startImmediately: true })
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(late.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.isDefined(late.pollUnsafe())

        yield* faults.turnOn({ rate: 1, kinds: ["Mute"], duration: "1 day" })
        const never = yield* Effect.forkScoped(connect, { startImmediately: true })
        yield* TestClock.adjust("1 hour")
        assert.isUndefined(never.pollUnsafe())
        yield* faults.turnOff
        yield* TestClock.adjust("1 millis")
        assert.isDefined(never.pollUnsafe())
      })
    )
  )

  it.effect("befalls connections that are made while it is on", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "50 millis" })
        const connecting = yield* Effect.forkScoped(connect, { startImmediately: true })
        yield* TestClock.adjust("50 millis")
        const told = yield* submit(yield* Fiber.join(connecting), ...echoes("a"))
        yield* TestClock.adjust("50 millis")
        assert.deepStrictEqual(told, ["a a 50"])
      })
    )
  )

  it.effect("a connection made while it is on is an ordinary one as soon as it is off", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        yield* faults.turnOn({ rate: 1, kinds: ["Delay", "Mute"] })
        const connecting = yield* Effect.forkScoped(connect, { startImmediately: true })
        yield* faults.turnOff
        yield* TestClock.adjust("1 millis")
        const exit = connecting.pollUnsafe()
        const connection = exit?._tag === "Success" ? exit.value : assert.fail("it is not connected")
        for (let n = 0; n < 100; n++) assert.strictEqual(yield* send(connection, "ECHO", `${n}`), `${n}`)
      })
    )
  )

  it.effect("befalls the share that it is told, and no command by what befalls logins, and counts them", () =>
    withFaults(({ connect, faults }) =>
      Effect.gen(function* () {
        const connection = yield* connect
        yield* faults.turnOn({ rate: 0.05, kinds: ["Delay"], delay: "1 millis" })
        for (let n = 0; n < 10_000; n++) connection.submit(RedisCommand.make("PING"), () => {})
        yield* TestClock.adjust("1 second")
        const { Delay } = yield* faults.injected
        assert.closeTo(Delay / 10_000, 0.05, 0.007)

        yield* faults.turnOn({ rate: 1, kinds: ["Refuse"] })
        for (let n = 0; n < 100; n++) assert.strictEqual(yield* send(connection, "PING"), "PONG")
        assert.deepStrictEqual(yield* faults.injected, { Cut: 0, Delay, Mute: 0, Refuse: 0 })
        const counted = (yield* Metric.snapshot).find(
          ({ attributes, id }) => id === "redis.client.faults" && attributes?.["redis.client.fault"] === "Delay"
        )
        assert.deepInclude(counted?.state, { count: Delay })
      })
    ).pipe(Random.withSeed("share"), Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("keeps pushes behind the replies that it holds back", () =>
    withFaults(({ connect, faults, server }) =>
      Effect.gen(function* () {
        const [subscriber, publisher] = [yield* connect, yield* connect]
        const told: Array<string> = []
        subscriber.onPush((push) => told.push(push.map(String).join(" ")))
        yield* send(subscriber, "SUBSCRIBE", "news")
        yield* send(publisher, "PUBLISH", "news", "one")
        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "50 millis" })
        subscriber.submit(RedisCommand.make("PING"), () => told.push("pong"))
        yield* TestClock.adjust("1 millis")
        yield* server.execute(RedisCommand.make("PUBLISH", ["news", "two"]))
        yield* TestClock.adjust("48 millis")
        assert.deepStrictEqual(told, ["message news one"])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(told, ["message news one", "pong", "message news two"])
      })
    )
  )

  it.effect("turns itself off, later where it is turned on again, and says so in two lines", () => {
    const captured = Captured.make()
    return withFaults(
      ({ faults }) =>
        Effect.gen(function* () {
          yield* faults.turnOn({ duration: "10 seconds" })
          yield* TestClock.adjust("9 seconds")
          yield* faults.turnOn({ rate: 0.5 })
          yield* TestClock.adjust("59 seconds")
          assert.isTrue(yield* faults.isOn)
          yield* TestClock.adjust("1 second")
          assert.isFalse(yield* faults.isOn)
          yield* faults.turnOff
          assert.strictEqual(captured.logs.length, 3)
          assert.include(captured.logs[0], "Fault injection is on: it fails Redis commands and logins on purpose")
          assert.include(captured.logs[1], "rate=0.5 kinds=Delay,Mute,Refuse,Cut delay=100ms duration=1m")
          assert.include(captured.logs[2], "Fault injection is off")
        }),
      {}
    ).pipe(Effect.provide(captured.layer))
  })

  it.effect("off for a moment: what was asked before stays before what was asked meanwhile", () =>
    withFaults(
      ({ connect, faults }) =>
        Effect.gen(function* () {
          const connecting = yield* Effect.forkScoped(connect, { startImmediately: true })
          yield* TestClock.adjust("1 second")
          const connection = yield* Fiber.join(connecting)
          for (const kinds of [["Mute"], ["Delay"]] as const) {
            const told: Array<string> = []
            const ask = (text: string) =>
              connection.submit(RedisCommand.make("ECHO", [text]), (result) => told.push(shown(result)))
            yield* faults.turnOn({ rate: 1, kinds, duration: "1 day" })
            ask("a")
            yield* faults.turnOff
            ask("b")
            yield* faults.turnOn({ rate: 1, kinds, duration: "1 day" })
            yield* TestClock.adjust("100 millis")
            // Neither is of this time: what befell the one is over, and nothing befell the other.
            assert.deepStrictEqual(told, ["a", "b"])
          }
        }),
      {},
      { latency: "100 millis" }
    )
  )

  it.effect("holds nothing back from who drains: the reply of what was in flight comes", () =>
    withFaults(
      ({ connect, faults }) =>
        Effect.gen(function* () {
          for (const kind of ["Mute", "Delay"] as const) {
            const connecting = yield* Effect.forkScoped(connect, { startImmediately: true })
            yield* TestClock.adjust("1 second")
            const connection = yield* Fiber.join(connecting)
            yield* faults.turnOn({ rate: 1, kinds: [kind], delay: "1 hour", duration: "1 day" })
            const told = yield* submit(connection, ...echoes("a"))
            yield* Effect.forkScoped(connection.drain, { startImmediately: true })
            yield* TestClock.adjust("100 millis")
            assert.deepStrictEqual(told, ["a a 100"], kind)
            yield* faults.turnOff
          }
        }),
      {},
      { latency: "100 millis" }
    )
  )

  it.effect("leaves to the layer what the options of a turn have as undefined", () => {
    const captured = Captured.make()
    return withFaults(
      ({ faults }) =>
        Effect.gen(function* () {
          yield* faults.turnOn({ rate: undefined, kinds: undefined, delay: undefined, duration: undefined })
          assert.include(captured.logs[0], "rate=0.25 kinds=Cut delay=7s duration=3s")
        }),
      { rate: 0.25, kinds: ["Cut"], delay: "7 seconds", duration: "3 seconds" }
    ).pipe(Effect.provide(captured.layer))
  })

  it.effect("turns itself off whenever who turned it on was interrupted", () =>
    withFaults(({ faults }) =>
      Effect.gen(function* () {
        for (let steps = 5; steps < 200; steps++) {
          const turning = yield* faults
            .turnOn({ duration: "1 minute" })
            .pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, steps),
              Effect.forkChild({ startImmediately: true })
            )
          yield* Fiber.interrupt(turning)
          // The first lets the timer begin, which has as few steps at a time.
          yield* TestClock.adjust("1 second")
          yield* TestClock.adjust("1 minute")
          assert.isFalse(yield* faults.isOn, `${steps}`)
        }
      })
    )
  )

  it.effect("refuses options that make no sense, and stays as it was", () =>
    withFaults(({ faults }) =>
      Effect.gen(function* () {
        const wrong = { rate: 5, kinds: [], delay: -1, duration: 0 }
        const error = yield* Effect.flip(faults.turnOn(wrong))
        assert.strictEqual(error._tag, "FaultInjectionError")
        assert.deepStrictEqual(error.message.split("\n"), [
          "rate is 5: expected a share from 0 to 1, for example 0.05",
          'kinds is an object: expected a list of Delay, Mute, Refuse, Cut, for example ["Delay"]',
          "delay is -1: expected a duration above zero, for example 2 seconds",
          "duration is 0: expected a duration above zero, for example 2 seconds"
        ])
        assert.isFalse(yield* faults.isOn)
        assert.strictEqual((yield* Effect.flip(Layer.build(FaultInjection.layer(wrong)))).message, error.message)
      })
    )
  )

  it.effect("is below a client, whose retries outlast it", () =>
    Effect.gen(function* () {
      const faults = yield* FaultInjection.FaultInjection
      const redis = yield* RedisClient.RedisClient
      yield* redis.set("greeting", "hello")
      yield* faults.turnOn({ rate: 0.05, delay: "20 millis" })
      let failed = 0
      assert.sameMembers(Object.keys(yield* faults.injected), [...FaultInjection.kinds])
      for (let n = 0; n < 500; n++) {
        const call = yield* Effect.forkChild(Effect.result(redis.get("greeting")), { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        const exit = call.pollUnsafe()
        if (exit?._tag !== "Success" || Result.isFailure(exit.value)) failed++
      }
      const { Cut, Delay, Mute } = yield* faults.injected
      assert.isAbove(Cut, 3)
      assert.isAbove(Delay, 3)
      assert.isAbove(Mute, 3)
      // Without retries each Mute and each Cut would be a failure, and all that was in flight with it.
      assert.isBelow(failed, 500 * 0.2)
      yield* faults.turnOff
      yield* TestClock.adjust("1 minute")
      for (let n = 0; n < 20; n++) assert.strictEqual((yield* redis.get("greeting"))._tag, "Some")
    }).pipe(
      Effect.provide(
        RedisClient.layer({ commandTimeout: "50 millis" }).pipe(
          Layer.provideMerge(FaultInjection.layer()),
          Layer.provideMerge(SimulatedRedis.layer())
        )
      ),
      Random.withSeed("client")
    )
  )
})
