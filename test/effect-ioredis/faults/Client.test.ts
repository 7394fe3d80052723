import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Random, Stream } from "effect"
import { RedisClient, RedisCommand, RedisPubSub, RedisReservation } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { Strings } from "effect-ioredis/commands"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const withClient = (options: RedisClient.Options) =>
  Effect.provide(
    Layer.fresh(
      RedisClient.layer({ circuitBreaker: false, ...options }).pipe(
        Layer.provideMerge(FaultInjection.layer({ delay: "20 millis" })),
        Layer.provideMerge(SimulatedRedis.layer())
      )
    )
  )

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a client with faults", () => {
  it.effect("executes a transaction as a whole or not at all, and says truly that it did", () =>
    Effect.gen(function* () {
      const faults = yield* FaultInjection.FaultInjection
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* faults.turnOn({ rate: 0.15, duration: "1 day" })
      const count = { sure: 0, unknown: 0, never: 0 }
      for (let n = 0; n < 300; n++) {
        const both = RedisReservation.transaction([Strings.incr("a"), Strings.incr("b")])
        const call = yield* fork(Effect.match(both, { onSuccess: () => "sure", onFailure: endOf }))
        yield* TestClock.adjust("10 seconds")
        count[(yield* Fiber.join(call)) as keyof typeof count]++
      }
      const [a, b] = [Number(yield* server.peek("a")), Number(yield* server.peek("b"))]
      assert.strictEqual(a, b)
      assert.isAbove(count.unknown, 10)
      assert.isTrue(count.sure <= a && a <= count.sure + count.unknown, JSON.stringify({ ...count, a }))
    }).pipe(withClient({ commandTimeout: "100 millis" }), Random.withSeed("transactions"))
  )

  it.effect("is left with nothing of them when they are off: all that is under way ends, and no time goes by", () =>
    Effect.gen(function* () {
      const faults = yield* FaultInjection.FaultInjection
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      for (const kind of ["Mute", "Delay"] as const) {
        const reserving = yield* fork(RedisReservation.reserve())
        yield* TestClock.adjust("1 second")
        const reserved = yield* Fiber.join(reserving)
        yield* faults.turnOn({ rate: 1, kinds: [kind], delay: "1 minute", duration: "1 day" })
        const calls = yield* Effect.all([
          fork(redis.get("k")),
          // Its login is befallen too.
          fork(RedisReservation.transaction([Strings.incr(kind)])),
          fork(reserved.run(RedisCommand.make("BLPOP", ["jobs", 50])))
        ])
        const ends = () => calls.map((call) => String(call.pollUnsafe()?._tag))
        yield* TestClock.adjust("100 millis")
        yield* server.execute(RedisCommand.make("RPUSH", ["jobs", kind]))
        yield* TestClock.adjust("100 millis")
        assert.deepStrictEqual(ends(), ["undefined", "undefined", "undefined"], kind)
        yield* faults.turnOff
        for (let turn = 0; turn < 20; turn++) yield* TestClock.adjust(0)
        assert.deepStrictEqual(ends(), ["Success", "Success", "Success"], kind)
      }
    }).pipe(Effect.scoped, withClient({ commandTimeout: "1 minute", operationTimeout: "1 minute" }))
  )

  it.effect("gives a subscription all messages in order, and tells each gap", () =>
    Effect.gen(function* () {
      const faults = yield* FaultInjection.FaultInjection
      const server = yield* SimulatedRedis.SimulatedRedis
      const told: Array<number | "gap"> = []
      yield* RedisPubSub.subscribe(["news"]).pipe(
        Stream.runForEach((one) => Effect.sync(() => told.push(one._tag === "Gap" ? "gap" : Number(one.payload)))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* faults.turnOn({ rate: 0.3, duration: "1 day" })
      let n = 0
      const publish = Effect.gen(function* () {
        yield* server.execute(RedisCommand.make("PUBLISH", ["news", String(++n)]))
        yield* TestClock.adjust("50 millis")
      })
      while (n < 1_200) yield* publish
      yield* faults.turnOff
      yield* TestClock.adjust("1 minute")
      const before = n
      while (n < before + 20) yield* publish
      let last = 0
      let mayMiss = false
      for (const one of told) {
        if (one === "gap") mayMiss = true
        else {
          assert.isTrue(mayMiss ? one > last : one === last + 1, `${one} after ${last}`)
          last = one
          mayMiss = false
        }
      }
      assert.strictEqual(last, n)
      assert.isAbove(told.filter((one) => one === "gap").length, 3)
      assert.isAbove(told.length, 300)
    }).pipe(Effect.scoped, withClient({ commandTimeout: "200 millis" }), Random.withSeed("news"))
  )
})

const endOf = (error: { readonly _tag: string; readonly sent?: string }) =>
  error._tag === "RedisConnectionError" && error.sent === "never" ? "never" : "unknown"
