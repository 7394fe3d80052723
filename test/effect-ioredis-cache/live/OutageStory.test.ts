import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Metric, Ref, Schema } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

// For how long Redis is away, in seconds. By night it is the whole of what is promised.
const seconds = process.env.NIGHT === undefined ? 5 : 20

interface Said {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What is told at the levels that a program shows by default. */
const speaking = () => {
  const said: Array<Said> = []
  const logger = Logger.make<unknown, void>((options) => {
    const { annotations, message } = Logger.formatStructured.log(options)
    said.push({ message: String(message), fields: annotations })
  })
  return { said, layer: Logger.layer([logger]) }
}

const sumOf = (id: string, matches: (attributes: Readonly<Record<string, string>>) => boolean = () => true) =>
  Effect.map(Metric.snapshot, (all) =>
    all.reduce(
      (sum, metric) =>
        metric.id === id && metric.type === "Counter" && matches(metric.attributes ?? {})
          ? sum + Number(metric.state.count)
          : sum,
      0
    )
  )

const together = { concurrency: "unbounded", discard: true } as const

const fromMemory = new Set(["fallback", "journal", "memory"])

const numbers = Effect.all({
  answersFromMemory: sumOf(
    "cache.requests",
    (attributes) => attributes["cache.result"] === "hit" && fromMemory.has(attributes["cache.source"] ?? "")
  ),
  lookups: sumOf("cache.lookups"),
  deferred: sumOf("cache.writes", (attributes) => attributes["cache.outcome"] === "deferred"),
  replayed: sumOf("cache.journal.replays", (attributes) => attributes["cache.result"] === "confirmed"),
  lost: sumOf("cache.journal.lost")
})

it.live(
  `an outage of ${seconds} seconds under load is two lines, and their numbers are those of the metrics`,
  () => {
    const { layer, said } = speaking()
    return Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const context = yield* Layer.build(
        HybridCache.layer({ patience: "1 second" }).pipe(
          Layer.provide([RedisCache.layer(), MemoryCache.layer({ maxEntries: 1000 })]),
          Layer.provideMerge(Redis.layer({ url: server.url, name: "shop" }))
        )
      )
      const cache = Context.get(context, Cache.Cache)
      const redis = Context.get(context, RedisClient.RedisClient)
      const users = yield* cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
      for (let n = 0; n < 100; n++) yield* users.set(n, "ada")
      const round = yield* Ref.make(0)
      const load = Effect.gen(function* () {
        const n = yield* Ref.getAndUpdate(round, (n) => n + 1)
        yield* Effect.all([users.get(n % 100), users.getOrSet(1000 + (n % 20), Effect.succeed("new"))], together)
        yield* users.set(n % 50, `${n}`)
        yield* Effect.sleep("5 millis")
      })
      yield* Effect.repeat(load, { times: 30 })
      const before = yield* numbers
      assert.deepStrictEqual(before, { answersFromMemory: 0, lookups: 20, deferred: 0, replayed: 0, lost: 0 })
      const loading = yield* Effect.forkChild(Effect.forever(load))
      yield* server.kill
      yield* Effect.sleep(`${seconds} seconds`)
      yield* Fiber.interrupt(loading)
      yield* server.start
      yield* Wait.until("the end is told", () => said.some(({ message }) => message === "Redis answers again"))
      const after = yield* numbers
      assert.deepStrictEqual(
        said.map(({ message }) => message),
        ["Redis does not answer", "Redis answers again"]
      )
      const [first, last] = said
      assert.deepInclude(first?.fields, { name: "shop", server: `127.0.0.1:${server.port}` })
      assert.include(["Refused", "Reset", "Closed", "NotReady"], first?.fields.cause)
      assert.property(first?.fields, "circuit_breaker_state")
      for (const name of ["answersFromMemory", "lookups", "deferred", "replayed", "lost"] as const) {
        assert.strictEqual(last?.fields[name], after[name] - before[name], name)
      }
      assert.isAbove(Number(last?.fields.answersFromMemory), 100)
      assert.isAbove(Number(last?.fields.deferred), 100)
      assert.isAtLeast(Number(last?.fields.replayed), 50)
      const { last: events } = redis.events
      const told = (yield* events).filter(({ _tag }) => _tag.startsWith("Outage"))
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag),
        ["OutageBegan", "OutageEnded"]
      )
      const ended = told.find(({ _tag }) => _tag === "OutageEnded")
      if (ended?._tag !== "OutageEnded") return assert.fail("the outage has ended")
      assert.closeTo(ended.downMillis / 1000, seconds + 1, 2)
    }).pipe(Effect.scoped, Effect.provide(layer), Effect.provideService(Metric.MetricRegistry, new Map()))
  },
  { timeout: 60_000 }
)
