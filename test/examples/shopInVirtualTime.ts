import { Clock, Context, type Duration, Effect, Layer, Ref, Schema } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { RedisClient, RedisHealth, RedisTopology } from "effect-ioredis"
import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Database } from "../../examples/shop/src/Database.ts"
import { Durable } from "../../examples/shop/src/Durable.ts"
import { Prices } from "../../examples/shop/src/Prices.ts"
import * as RateLimit from "../../examples/shop/src/RateLimit.ts"
import * as Shop from "../../examples/shop/src/Shop.ts"

const durableAddress = { host: "durable", port: 6379 }

const simulatedCount = SimulatedScript.make(RateLimit.count, ([key = ""], [millis = ""], call) => {
  const calls = call("INCR", key)
  if (calls === 1) call("PEXPIRE", key, millis)
  return [calls, call("PTTL", key)]
})

/** Both Redis, in the hands of a test. */
export const layerServers = SimulatedRedis.layer({ scripts: [...scripts, simulatedCount] })

const layerCacheOn = (options: RedisClient.Options = {}) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.merge(RedisHealth.layer()),
    Layer.provideMerge(RedisClient.layer(options))
  )

const layerCache = layerCacheOn()

const layerDurable = Layer.effect(Durable, Durable.make).pipe(
  Layer.provide(Layer.fresh(layerCacheOn({ name: "durable", topology: RedisTopology.server(durableAddress) })))
)

export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** How many milliseconds passed until it came. */
  readonly took: number
}

/**
 * A world in which shops open, each a process with a memory of its own. Customers keep their cookies
 * from one to another.
 */
export const make = Effect.gen(function* () {
  const cache = yield* SimulatedRedis.SimulatedRedis
  const durable = yield* cache.server(durableAddress)
  const { database, untilIdle } = yield* makeDatabase
  const cookies = new Map<string, string>()

  /** Lets time pass until the effect has ended. */
  const ending = Effect.fnUntraced(function* <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    step: Duration.Input = "10 millis"
  ) {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (true) {
      yield* untilIdle
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return yield* exit
      yield* TestClock.adjust(step)
    }
  })

  const passTime = (seconds: number) => ending(Effect.sleep(`${seconds} seconds`), "1 second")

  const openOn = Effect.fnUntraced(function* (database: Database["Service"]) {
    const services = Shop.services.pipe(
      Layer.provideMerge(Layer.fresh(Layer.merge(layerCache, layerDurable))),
      Layer.provide(Layer.succeed(Database, database))
    )
    const context = yield* ending(Layer.build(Layer.fresh(services)))
    const app = yield* HttpRouter.toHttpEffect(Shop.routes).pipe(Effect.provide(context))

    const ask = Effect.fnUntraced(function* (who: string, route: string, body?: unknown) {
      const began = yield* Clock.currentTimeMillis
      const handled = app.pipe(
        Effect.catchCause((cause) => Effect.map(HttpServerError.causeResponse(cause), ([response]) => response)),
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(requestOf(route, body, cookies.get(who)))
        ),
        Effect.scoped
      )
      const response = HttpServerResponse.toWeb(yield* ending(handled))
      const [cookie] = response.headers.getSetCookie()
      if (cookie !== undefined) cookies.set(who, cookie)
      const answer: Answer = {
        status: response.status,
        text: yield* Effect.promise(() => response.text()),
        headers: response.headers,
        took: (yield* Clock.currentTimeMillis) - began
      }
      return answer
    })
    return { ask, prices: Context.get(context, Prices) }
  })

  return { cache, durable, open: openOn(database), openOn, passTime }
})

/** The database works in real time: virtual time has to wait until no query is out. */
const makeDatabase = Effect.gen(function* () {
  const { query } = yield* Database
  yield* query(Schema.Unknown, "truncate orders")
  const out = yield* Ref.make(0)
  const database = Database.of({
    query: (row, sql, parameters) =>
      Effect.acquireUseRelease(
        Ref.update(out, (n) => n + 1),
        () => query(row, sql, parameters),
        () => Ref.update(out, (n) => n - 1)
      )
  })
  const untilIdle = Effect.repeat(Effect.andThen(turn, Ref.get(out)), { until: (n) => n === 0 })
  return { database, untilIdle }
})

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const requestOf = (route: string, body: unknown, cookie = "") => {
  const [method = "", path = ""] = route.split(" ")
  return new Request(`http://localhost${path}`, {
    method,
    headers: { "content-type": "application/json", cookie },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
}
