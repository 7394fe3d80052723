import { assert, describe, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Ref, Result, Schema } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { RedisClient, RedisHealth, RedisTopology } from "effect-ioredis"
import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Database } from "../../examples/shop/src/Database.ts"
import { Durable } from "../../examples/shop/src/Durable.ts"
import * as RateLimit from "../../examples/shop/src/RateLimit.ts"
import * as Shop from "../../examples/shop/src/Shop.ts"

const durableAddress = { host: "durable", port: 6379 }

const countedCalls = SimulatedScript.make(RateLimit.count, ([key = ""], [millis = ""], call) => {
  const calls = call("INCR", key)
  if (calls === 1) call("PEXPIRE", key, millis)
  return [calls, call("PTTL", key)]
})

const Cached = Layer.mergeAll(
  HybridCache.layer().pipe(Layer.provide([RedisCache.layer(), MemoryCache.layer()])),
  RedisHealth.layer()
).pipe(Layer.provideMerge(RedisClient.layer()))

const SimulatedDurable = Layer.effect(
  Durable,
  RedisClient.make({ name: "durable", topology: RedisTopology.server(durableAddress) })
)

const Simulated = Layer.merge(Cached, SimulatedDurable).pipe(
  Layer.provideMerge(SimulatedRedis.layer({ scripts: [...scripts, countedCalls] }))
)

/** The database works in real time, and the rest in virtual time: this tells how many queries are out. */
const makeCountedDatabase = Effect.gen(function* () {
  const { query } = yield* Database
  yield* query(Schema.Unknown, "truncate orders")
  const out = yield* Ref.make(0)
  const counted = Database.of({
    query: (row, sql, parameters) =>
      Effect.acquireUseRelease(
        Ref.update(out, (n) => n + 1),
        () => query(row, sql, parameters),
        () => Ref.update(out, (n) => n - 1)
      )
  })
  return { counted, out }
})

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Headers
  /** How long it took, in virtual milliseconds. */
  readonly took: number
}

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** A shop with customers, each of whom keeps a cookie, and two servers that can be taken away. */
const open = Effect.gen(function* () {
  const { counted, out } = yield* makeCountedDatabase
  const context = yield* Layer.build(Shop.services.pipe(Layer.provideMerge(Layer.succeed(Database, counted))))
  const app = yield* HttpRouter.toHttpEffect(Shop.routes).pipe(Effect.provide(context))
  const jars = new Map<string, string>()

  const passTime = Effect.fnUntraced(function* (millis: number) {
    for (let passed = 0; passed < millis; passed += 10) {
      do yield* turn
      while ((yield* Ref.get(out)) > 0)
      yield* TestClock.adjust(Math.min(10, millis - passed))
    }
  })

  const ask = Effect.fnUntraced(function* (who: string, route: string, body?: unknown) {
    const [method = "", path = ""] = route.split(" ")
    const cookie = jars.get(who)
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: { "content-type": "application/json", ...(cookie === undefined ? {} : { cookie }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const began = yield* Clock.currentTimeMillis
    const fiber = yield* app.pipe(
      Effect.catchCause((cause) => Effect.map(HttpServerError.causeResponse(cause), ([response]) => response)),
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request)),
      Effect.scoped,
      Effect.forkChild({ startImmediately: true })
    )
    while (true) {
      do yield* turn
      while ((yield* Ref.get(out)) > 0)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) {
        const response = HttpServerResponse.toWeb(yield* exit)
        const given = response.headers.getSetCookie()[0]?.split(";")[0]
        if (given !== undefined) jars.set(who, given)
        const text = yield* Effect.promise(() => response.text())
        const took = (yield* Clock.currentTimeMillis) - began
        const answer: Answer = {
          status: response.status,
          headers: response.headers,
          body: Result.getOrElse(
            Result.try((): unknown => JSON.parse(text)),
            () => text
          ),
          took
        }
        return answer
      }
      yield* TestClock.adjust(10)
    }
  })

  const network = yield* SimulatedRedis.SimulatedRedis
  return { ask, passTime, cache: network, durable: yield* network.server(durableAddress) }
})

const signIn = (customer: string) => ["POST /sign-in", { customer }] as const

const tea = { product: "tea", quantity: 2 }

layer(Database.layer, { timeout: "2 minutes" })("a shop", (it) => {
  describe("with every Redis there", () => {
    it.effect("signs in and out, sells, and ranks what it sold", () =>
      Effect.gen(function* () {
        const { ask } = yield* open
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 401)
        const signedIn = yield* ask("ada", ...signIn("ada"))
        assert.strictEqual(signedIn.headers.get("rate-limit"), "enforced")
        assert.deepNestedPropertyVal((yield* ask("ada", "GET /me")).body, "customer", "ada")
        const order = { number: 1, customer: "ada", ...tea }
        assert.deepStrictEqual((yield* ask("ada", "POST /orders", tea)).body, order)
        assert.deepStrictEqual((yield* ask("ada", "GET /orders")).body, [order])
        assert.strictEqual((yield* ask("ada", "POST /orders", { product: "ore", quantity: 1 })).status, 404)
        assert.strictEqual((yield* ask("ada", "POST /orders", { product: "tea" })).status, 400)
        assert.deepStrictEqual((yield* ask("bob", "GET /bestsellers")).body, {
          from: "redis",
          best: [{ product: "tea", sold: 2 }]
        })
        assert.strictEqual((yield* ask("ada", "POST /sign-out")).status, 204)
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 401)
      }).pipe(Effect.provide(Simulated))
    )

    it.effect("keeps a session that is used, and ends one that is not", () =>
      Effect.gen(function* () {
        const { ask, passTime } = yield* open
        yield* ask("ada", ...signIn("ada"))
        yield* ask("bob", ...signIn("bob"))
        yield* TestClock.adjust("20 minutes")
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 200)
        yield* passTime(100)
        yield* TestClock.adjust("20 minutes")
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 200)
        assert.strictEqual((yield* ask("bob", "GET /me")).status, 401)
      }).pipe(Effect.provide(Simulated))
    )

    it.effect("lets five sign-ins in ten seconds through", () =>
      Effect.gen(function* () {
        const { ask } = yield* open
        for (let n = 1; n <= 5; n++) assert.strictEqual((yield* ask("ada", ...signIn("ada"))).status, 200)
        const refused = yield* ask("ada", ...signIn("ada"))
        assert.strictEqual(refused.status, 429)
        assert.strictEqual(refused.headers.get("retry-after"), "10")
        assert.strictEqual((yield* ask("bob", ...signIn("bob"))).status, 200)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* ask("ada", ...signIn("ada"))).status, 200)
      }).pipe(Effect.provide(Simulated))
    )
  })
})
