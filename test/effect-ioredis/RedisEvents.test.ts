import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Logger, Schema, Stream } from "effect"
import { RedisEvents } from "effect-ioredis"
import { makeOperationLines } from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as EventLog from "../../packages/effect-ioredis/src/internal/EventLog.ts"
import { get, withRedis } from "../support/VirtualRedis.ts"

const All = Schema.Array(RedisEvents.RedisEvent)

describe("the events of a client", () => {
  it.effect("say in their order what befell it, and are good as JSON", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(redis.events.all, 6)), {
          startImmediately: true
        })
        yield* server.inject(Fault.refuse)
        yield* redis.reconnect
        // It fails again and again in the same way.
        yield* TestClock.adjust("1 minute")
        yield* redis.breaker.trip
        yield* server.heal
        yield* TestClock.adjust("1 minute")
        const last = yield* redis.events.last
        assert.deepStrictEqual(
          last.map(({ _tag }) => _tag),
          ["NodeAdded", "ConnectionReady", "ConnectionLost", "ConnectionFailed", "CircuitChanged", "ConnectionReady"]
        )
        assert.deepInclude(last[3], { node: "redis", reason: "Refused" })
        assert.deepInclude(last[4], { from: "Closed", to: "Open", failures: 1 })
        assert.deepStrictEqual(yield* Fiber.join(seen), last)
        const json = JSON.parse(JSON.stringify(yield* Schema.encodeUnknownEffect(All)(last)))
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(All)(json), last)
      })
    )
  )

  it.effect(
    "say how an outage began for as long as it lasts",
    () =>
      withRedis({ circuitBreaker: { resetTimeout: "10 seconds" } })((redis, server) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("1 second")
          yield* server.inject(Fault.refuse)
          yield* redis.reconnect
          yield* TestClock.adjust("1 second")
          for (let probes = 0; probes < 250; probes++) {
            yield* Effect.replicateEffect(Effect.exit(redis.run(get("k"), { retry: false })), probes === 0 ? 5 : 1)
            yield* TestClock.adjust("11 seconds")
          }
          assert.isAtLeast((yield* redis.stats).nodes[0]?.breaker.failures ?? 0, 200)
          yield* server.heal
          yield* TestClock.adjust("1 minute")
          yield* redis.run(get("k"))
          assert.deepStrictEqual(
            (yield* redis.events.last).map((event) => ("to" in event ? event.to : event._tag)),
            [
              "NodeAdded",
              "ConnectionReady",
              "ConnectionLost",
              "ConnectionFailed",
              ...["Open", "HalfOpen", "Open"],
              "ConnectionReady",
              "Closed"
            ]
          )
        })
      ),
    { tags: ["long"] }
  )

  it.effect("are the last 200, also for whoever comes late", () =>
    Effect.gen(function* () {
      const { all, last, record } = yield* EventLog.make
      for (let n = 0; n < 1000; n++) record({ _tag: "NodeRemoved", node: `${n}` })
      const kept = yield* last
      assert.lengthOf(kept, 200)
      assert.deepInclude(kept[0], { node: "800" })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(all, 200)), kept)
    })
  )
})

it.effect("lines of operations leave out what does not apply, and are of debug level", () => {
  const said: Array<unknown> = []
  const logger = Logger.make<unknown, void>((options) => {
    const { annotations, level, message } = Logger.formatStructured.log(options)
    said.push({ annotations, level, message })
  })
  return Effect.gen(function* () {
    const lines = makeOperationLines(false, "queue", Context.empty())
    const context = yield* Effect.context<never>()
    lines.write("Queue read", { operation: "take" }, context)
    lines.isOn = true
    lines.write("Queue read", { operation: "take", error_type: undefined }, context)
    yield* Effect.yieldNow
    assert.deepStrictEqual(said, [
      { annotations: { name: "queue", operation: "take" }, level: "DEBUG", message: "Queue read" }
    ])
  }).pipe(Effect.provide(Logger.layer([logger])))
})
