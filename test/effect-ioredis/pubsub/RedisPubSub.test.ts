import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Layer, Stream } from "effect"
import { RedisClient, RedisCommand, RedisPubSub } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as VirtualCluster from "../../support/VirtualCluster.ts"

const layer = RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer()))

const collect = Effect.fnUntraced(function* (options?: RedisPubSub.Options) {
  const events: Array<RedisPubSub.Message | RedisPubSub.Gap> = []
  const subscription = RedisPubSub.subscribe(["prices"], options)
  yield* Effect.forkScoped(Stream.runForEach(subscription, (event) => Effect.sync(() => events.push(event))))
  yield* TestClock.adjust("200 millis")
  return events
})

const publish = (payload: string) =>
  Effect.gen(function* () {
    const server = yield* SimulatedRedis.SimulatedRedis
    yield* server.execute(RedisCommand.make("PUBLISH", ["prices", payload]))
    yield* TestClock.adjust(0)
  })

describe("A subscription to shard channels in virtual time", () => {
  it.effect("follows the slot of its channels, and says so", () =>
    VirtualCluster.withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const events: Array<RedisPubSub.Message | RedisPubSub.Gap> = []
        yield* RedisPubSub.ssubscribe(["{prices}.a", "{prices}.b"]).pipe(
          Stream.runForEach((event) => Effect.sync(() => events.push(event))),
          Effect.provideService(RedisClient.RedisClient, redis),
          Effect.forkScoped
        )
        yield* TestClock.adjust("200 millis")
        const owner = yield* cluster.ownerOf("{prices}")
        const other = (yield* cluster.masters).find((master) => master !== owner)
        if (other === undefined) return assert.fail("there is one master alone")
        yield* owner.execute(RedisCommand.make("SPUBLISH", ["{prices}.a", "before"]))
        yield* TestClock.adjust("1 second")
        yield* cluster.moveSlots({ key: "{prices}" }, other)
        yield* other.execute(RedisCommand.make("SPUBLISH", ["{prices}.a", "lost"]))
        yield* TestClock.adjust("1 second")
        yield* other.execute(RedisCommand.make("SPUBLISH", ["{prices}.b", "after"]))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(
          events.map((event) => (event._tag === "Gap" ? event.reason : event.payload)),
          ["Subscribed", "before", "SlotMoved", "after"]
        )
        const gap = events[2]
        if (gap?._tag !== "Gap") return assert.fail("there is no gap")
        // It is subscribed again after a pause of 50 milliseconds.
        const lasted = DateTime.toEpochMillis(gap.until) - DateTime.toEpochMillis(gap.since)
        assert.isAtMost(lasted, 1100)
      })
    )
  )
})

describe("A subscription to shard channels of a master that is cut off from its cluster", () => {
  it.effect("goes to the one that has taken its place, and tells of all that was published there meanwhile", () =>
    VirtualCluster.withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const events: Array<RedisPubSub.Message | RedisPubSub.Gap> = []
        yield* RedisPubSub.ssubscribe(["{prices}.a"]).pipe(
          Stream.runForEach((event) => Effect.sync(() => events.push(event))),
          Effect.provideService(RedisClient.RedisClient, redis),
          Effect.forkScoped
        )
        yield* TestClock.adjust("3 seconds")
        const owner = yield* cluster.ownerOf("{prices}")
        yield* cluster.isolate(owner, { noticed: true })
        const promoted = yield* cluster.failOver(owner)
        const publishedAt = yield* Clock.currentTimeMillis
        yield* promoted.execute(RedisCommand.make("SPUBLISH", ["{prices}.a", "lost"]))
        yield* TestClock.adjust("3 seconds")
        yield* promoted.execute(RedisCommand.make("SPUBLISH", ["{prices}.a", "after"]))
        yield* TestClock.adjust("10 seconds")
        const [, gap, after] = events
        assert.strictEqual(after?._tag === "Message" && after.payload, "after")
        if (gap?._tag !== "Gap") return assert.fail("there is no gap")
        assert.isAtMost(DateTime.toEpochMillis(gap.since), publishedAt)
      })
    )
  )
})

describe("A subscription in virtual time", () => {
  it.effect("is kept for a user who may not send PING", () =>
    Effect.gen(function* () {
      const events = yield* collect()
      yield* TestClock.adjust("5 seconds")
      yield* publish("1")
      assert.deepStrictEqual(
        events.map((event) => (event._tag === "Gap" ? event.reason : event.payload)),
        ["Subscribed", "1"]
      )
    }).pipe(Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ denied: ["PING"] })))))
  )

  it.effect("begins with a gap from its making to the moment from which on messages are heard", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.refuse)
      const events = yield* collect()
      yield* TestClock.adjust("3 seconds")
      yield* publish("lost")
      assert.deepStrictEqual(events, [])
      yield* server.heal
      yield* TestClock.adjust("2 seconds")
      yield* publish("1")
      const [gap, one, ...others] = events
      assert.deepStrictEqual(others, [])
      assert.strictEqual(one?._tag === "Message" && one.payload, "1")
      if (gap?._tag !== "Gap") return assert.fail("there is no gap")
      assert.strictEqual(gap.reason, "Subscribed")
      assert.isUndefined(gap.missed)
      assert.strictEqual(DateTime.toEpochMillis(gap.since), 0)
      assert.isAtLeast(DateTime.toEpochMillis(gap.until), 3200)
      assert.isAtMost(DateTime.toEpochMillis(gap.until), 5200)
    }).pipe(Effect.provide(layer))
  )

  it.effect("tells from when on messages may be missing after a cut", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const events = yield* collect()
      yield* publish("1")
      yield* TestClock.adjust("2500 millis")
      yield* server.inject(Fault.refuse)
      yield* publish("lost")
      yield* TestClock.adjust("500 millis")
      yield* server.heal
      yield* TestClock.adjust("2 seconds")
      yield* publish("2")
      const [first, one, gap, two] = events
      assert.strictEqual(first?._tag === "Gap" && first.reason, "Subscribed")
      assert.strictEqual(one?._tag === "Message" && one.payload, "1")
      assert.strictEqual(two?._tag === "Message" && two.payload, "2")
      if (gap?._tag !== "Gap") return assert.fail("there is no gap")
      assert.strictEqual(gap.reason, "Reconnected")
      assert.isUndefined(gap.missed)
      // It is asked every second whether it is subscribed, and the message was lost at 2.7 s.
      assert.isAtLeast(DateTime.toEpochMillis(gap.since), 1700)
      assert.isAtMost(DateTime.toEpochMillis(gap.since), 2700)
      assert.isAtLeast(DateTime.toEpochMillis(gap.until), 3000)
      assert.isAtMost(DateTime.toEpochMillis(gap.until), 4500)
    }).pipe(Effect.provide(layer))
  )

  it.effect("finds out within three seconds that a server hangs", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const events = yield* collect()
      yield* TestClock.adjust("500 millis")
      yield* server.inject(Fault.freeze)
      yield* TestClock.adjust("3 seconds")
      yield* server.heal
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        events.map((event) => event._tag === "Gap" && event.reason),
        ["Subscribed", "Reconnected"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("tells a message as it was published, with the mark of byte order that it begins with", () =>
    Effect.gen(function* () {
      const events = yield* collect()
      yield* publish("\uFEFFa")
      assert.deepStrictEqual(
        events.map((event) => (event._tag === "Gap" ? event.reason : event.payload)),
        ["Subscribed", "\uFEFFa"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("leaves a server of the cluster that owns nothing any more, and may have left it", () =>
    VirtualCluster.withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const events: Array<string> = []
        yield* RedisPubSub.subscribe(["prices"]).pipe(
          Stream.runForEach((event) => Effect.sync(() => events.push(event._tag === "Gap" ? event.reason : ""))),
          Effect.provideService(RedisClient.RedisClient, redis),
          Effect.forkScoped
        )
        yield* TestClock.adjust("1 second")
        const owner = yield* cluster.ownerOf("prices")
        const other = (yield* cluster.masters).find((master) => master !== owner)
        if (other === undefined) return assert.fail("there is one master alone")
        yield* cluster.moveSlots({ from: 0, to: 16_383 }, other)
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(events, ["Subscribed", "Reconnected"])
        assert.strictEqual(yield* owner.connections, 0)
      })
    )
  )

  it.effect("outlives a server of the cluster that leaves while it is asked", () =>
    VirtualCluster.withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const events: Array<RedisPubSub.Message | RedisPubSub.Gap> = []
        const listening = yield* RedisPubSub.subscribe(["prices"]).pipe(
          Stream.runForEach((event) => Effect.sync(() => events.push(event))),
          Effect.provideService(RedisClient.RedisClient, redis),
          Effect.forkChild
        )
        yield* TestClock.adjust("2 seconds")
        const [one, two] = yield* cluster.masters
        if (one === undefined || two === undefined) return assert.fail("there are no masters")
        // At which moment a server leaves is drawn, and for most of the time it is being asked.
        for (const [from, to] of [
          [one, two],
          [two, one],
          [one, two],
          [two, one],
          [one, two],
          [two, one]
        ] as const) {
          yield* from.inject(Fault.delay("1900 millis"))
          yield* cluster.moveSlots({ from: 0, to: 16_383 }, to)
          yield* TestClock.adjust("20 seconds")
          yield* from.heal
          assert.isUndefined(listening.pollUnsafe())
        }
        yield* one.execute(RedisCommand.make("PUBLISH", ["prices", "42"]))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(events.at(-1)?._tag === "Message", true)
      })
    )
  )

  it.effect("is a defect with a capacity that nothing fits into", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Stream.runDrain(RedisPubSub.subscribe(["a"], { capacity: 0 })))
      assert.include(String(exit), "RedisPubSub: capacity is 0")
    }).pipe(Effect.provide(layer))
  )
})
