import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Latch, Layer, Schedule, Stream } from "effect"
import { Redis, RedisPubSub } from "effect-ioredis"
import * as RedisCluster from "../../../support/RedisCluster.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as TcpProxy from "../../../support/TcpProxy.ts"
import * as Wait from "../../../support/Wait.ts"
import { type Published, unreported } from "../Missing.ts"

type Event = RedisPubSub.Message | RedisPubSub.Gap

const client = (url: string) => Effect.map(Layer.build(Redis.layer({ url, requireReady: true })), (context) => context)

/** Collects what a subscription tells after the server has subscribed it, and waits until it has. */
const collect = Effect.fnUntraced(function* (subscription: ReturnType<typeof RedisPubSub.subscribe>) {
  const events: Array<Event> = []
  const subscribed = Latch.makeUnsafe()
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(subscription, (event) =>
      Effect.sync(() => {
        if (event._tag === "Gap" && event.reason === "Subscribed") subscribed.openUnsafe()
        else events.push(event)
      })
    )
  )
  yield* subscribed.await
  return { events, fiber }
})

// What its consumer takes only when it may, but that it is subscribed.
const held = (subscription: ReturnType<typeof RedisPubSub.subscribe>, mayTake: Latch.Latch) =>
  Stream.tap(subscription, (event) =>
    event._tag === "Gap" && event.reason === "Subscribed" ? Effect.void : mayTake.await
  )

const payloads = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => (event._tag === "Message" ? [event.payload] : []))

describe("A subscription on a real Redis", () => {
  it.live("tells what is published to channels, and to what matches a pattern", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const channels = yield* collect(RedisPubSub.subscribe(["a", "é"]))
        const patterns = yield* collect(RedisPubSub.psubscribe(["?"]))
        assert.strictEqual(yield* RedisPubSub.publish("a", "one"), 2)
        assert.strictEqual(yield* RedisPubSub.publish("é", "ünd"), 1)
        assert.strictEqual(yield* RedisPubSub.publish("b", 3), 1)
        yield* Wait.until("all has come", () => channels.events.length === 2 && patterns.events.length === 2)
        const message = { _tag: "Message", pattern: undefined } as const
        assert.deepStrictEqual(channels.events, [
          { ...message, channel: "a", payload: "one" },
          { ...message, channel: "é", payload: "ünd" }
        ])
        assert.deepStrictEqual(patterns.events, [
          { ...message, pattern: "?", channel: "a", payload: "one" },
          { ...message, pattern: "?", channel: "b", payload: "3" }
        ])
      }).pipe(Effect.provide(yield* client(url)))
    }).pipe(Effect.scoped)
  )

  it.live("fails with a typed error where the user may not", () =>
    Effect.gen(function* () {
      const user = { name: "deaf", password: "secret", rules: "~* +@all resetchannels &allowed" }
      const { port } = yield* RedisServer.make({ users: [user] })
      yield* Effect.gen(function* () {
        const error = yield* Effect.flip(Stream.runDrain(RedisPubSub.subscribe(["allowed", "secret"])))
        assert.strictEqual(error._tag === "RedisOperationError" ? error.code : error, "NOPERM")
      }).pipe(Effect.provide(yield* client(`redis://deaf:secret@127.0.0.1:${port}`)))
    }).pipe(Effect.scoped)
  )

  it.live("waits for a Redis that is away, and ends with its client", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const subscription = yield* Effect.gen(function* () {
        yield* server.kill
        const collecting = yield* Effect.forkScoped(collect(RedisPubSub.subscribe(["a"])))
        yield* server.start
        const { events, fiber } = yield* Fiber.join(collecting)
        yield* server.cli("PUBLISH", "a", "hello")
        yield* Wait.until("it has come", () => events.length === 1)
        return fiber
      }).pipe(Effect.provide(Redis.layer({ url: server.url })))
      const error = yield* Effect.flip(Fiber.join(subscription))
      assert.strictEqual(error._tag === "RedisConnectionError" ? error.reason : error, "Closed")
    }).pipe(Effect.scoped)
  )

  it.live("tells a consumer that lags how many messages it missed", () =>
    Effect.gen(function* () {
      const { cli, url } = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const mayTake = Latch.makeUnsafe()
        const { events } = yield* collect(held(RedisPubSub.subscribe(["a"], { capacity: 10 }), mayTake))
        const witness = yield* collect(RedisPubSub.subscribe(["a"]))
        for (let n = 0; n < 30; n++) yield* cli("PUBLISH", "a", n)
        yield* Wait.until("all have come", () => payloads(witness.events).includes("29"))
        const received = cli("PUBLISH", "a", "last")
        yield* mayTake.open
        yield* Wait.until(
          "what is published comes again",
          Effect.map(received, () => payloads(events).includes("last"))
        )
        const gaps = events.flatMap((event) => (event._tag === "Gap" ? [event] : []))
        assert.deepStrictEqual(
          gaps.map(({ reason }) => reason),
          ["Overflow"]
        )
        const numbers = payloads(events).filter((payload) => payload !== "last")
        assert.isAtLeast(numbers.length, 10)
        assert.deepStrictEqual(
          numbers,
          numbers.map((_, n) => String(n))
        )
        assert.isAtLeast(gaps[0]?.missed ?? 0, 30 - numbers.length)
      }).pipe(Effect.provide(yield* client(url)))
    }).pipe(Effect.scoped)
  )

  it.live("tells of what was dropped since before it was published, however late it came", () =>
    Effect.gen(function* () {
      const { cli, port } = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(port)
      yield* Effect.gen(function* () {
        const mayTake = Latch.makeUnsafe()
        const { events } = yield* collect(held(RedisPubSub.subscribe(["a"], { capacity: 1 }), mayTake))
        const witness = yield* collect(RedisPubSub.subscribe(["a"]))
        const publish = (payload: string) =>
          Effect.andThen(
            cli("PUBLISH", "a", payload),
            Wait.until("it has come", () => payloads(witness.events).includes(payload))
          )
        for (const payload of ["taken", "held", "held too"]) yield* publish(payload)
        yield* mayTake.open
        yield* Wait.until("the gap is told", () => events.some(({ _tag }) => _tag === "Gap"))
        yield* mayTake.close
        yield* proxy.delay(300)
        for (const payload of ["taken", "held"]) yield* publish(`${payload} again`)
        yield* cli("PUBLISH", "a", "dropped")
        const publishedAt = Date.now()
        yield* publish("dropped too")
        yield* mayTake.open
        yield* Wait.until("the gap is told", () => events.filter(({ _tag }) => _tag === "Gap").length > 1)
        const gap = events.findLast(({ _tag }) => _tag === "Gap")
        if (gap?._tag !== "Gap") return assert.fail("there is no gap")
        assert.isAtMost(DateTime.toEpochMillis(gap.since), publishedAt)
      }).pipe(Effect.provide(yield* client(`redis://127.0.0.1:${proxy.port}`)))
    }).pipe(Effect.scoped)
  )

  it.live(
    "reports a gap wherever one of 10,000 messages is missing, over ten cuts and two freezes",
    () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const proxy = yield* TcpProxy.make(server.port)
        const publisher = yield* Redis.layer({ url: server.url, name: "publisher" }).pipe(Layer.build)
        yield* Effect.gen(function* () {
          const { events } = yield* collect(RedisPubSub.subscribe(["numbers"]))
          const published: Array<Published> = []
          const publish = (payload: string) =>
            Effect.suspend(() => {
              const from = Date.now()
              return Effect.map(Effect.provide(RedisPubSub.publish("numbers", payload), publisher), () =>
                published.push({ payload, from, to: Date.now() })
              )
            })
          const gaps = () => events.filter(({ _tag }) => _tag === "Gap").length
          const until = Effect.fnUntraced(function* (more: number) {
            const before = published.length
            yield* Wait.until("more is published", () => published.length > before + more)
          })
          let isOver = false
          const faults = Effect.gen(function* () {
            for (let cuts = 1; cuts <= 10; cuts++) {
              yield* until(400)
              yield* proxy.cut
              yield* Wait.until("the cut is told", () => gaps() === cuts)
            }
            for (let freezes = 1; freezes <= 2; freezes++) {
              yield* until(400)
              yield* proxy.silent
              yield* until(3000)
              yield* proxy.pass
              yield* Wait.until("the freeze is told", () => gaps() >= 10 + freezes)
            }
            isOver = true
          })
          yield* Effect.forkScoped(faults)
          for (let n = 0; n < 10_000 || !isOver; n++) {
            yield* publish(String(n))
            // A freeze of so many messages is longer than a link may be silent.
            if (n % 2 === 0) yield* Effect.sleep(1)
          }
          // Where a machine is so busy that the link is lost once more, what was last is missed too.
          const lastComes = Effect.suspend(() => {
            const payload = String(published.length)
            const comes = Effect.suspend(() =>
              payloads(events).includes(payload) ? Effect.void : Effect.fail("not yet")
            )
            return Effect.andThen(
              publish(payload),
              Effect.retry(comes, { schedule: Schedule.spaced("3 millis"), times: 500 })
            )
          })
          yield* Wait.until("the last one comes", Effect.as(lastComes, true))
          assert.isBelow(payloads(events).length, published.length)
          assert.deepStrictEqual(unreported(published, events), [])
        }).pipe(Effect.provide(yield* client(`redis://127.0.0.1:${proxy.port}`)))
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})

describe("A subscription to shard channels of a real cluster", () => {
  it.live(
    "follows the slot of its channels, and says so",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make({ replicas: 0 })
        const layer = Redis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }] })
        yield* Effect.gen(function* () {
          const slot = yield* cluster.node(0).cli("CLUSTER", "KEYSLOT", "{prices}")
          const owner = yield* cluster.ownerOf(Number(slot))
          const other = cluster.nodes().find((node) => node !== owner)
          if (owner === undefined || other === undefined) return assert.fail("nobody owns the slot")
          const { events } = yield* collect(RedisPubSub.ssubscribe(["{prices}.a", "{prices}.b"]))
          yield* owner.cli("SPUBLISH", "{prices}.a", "before")
          yield* Wait.until("it has come", () => events.length === 1)
          yield* cluster.moveSlots([Number(slot)], other)
          yield* Wait.until(
            "the new owner tells",
            Effect.map(Effect.ignore(other.cli("SPUBLISH", "{prices}.b", "after")), () =>
              payloads(events).includes("after")
            )
          )
          assert.deepStrictEqual(events[1]?._tag === "Gap" ? events[1].reason : events[1], "SlotMoved")
        }).pipe(Effect.provide(layer))
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})
