import { assert, describe, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Schema, Stream } from "effect"
import { Fault } from "effect-ioredis/testing"
import { Database } from "../../examples/shop/src/Database.ts"
import * as World from "./shopInVirtualTime.ts"

const signIn = (customer: string) => ["POST /sign-in", { customer }] as const

const tea = { product: "tea", quantity: 2 }

/** Everything that can be asked for but `POST /orders`. */
const reads = ["GET /products", "GET /bestsellers", "GET /me", "GET /orders", "GET /metrics", "GET /live", "GET /ready"]

const Health = Schema.fromJsonString(
  Schema.Struct({
    status: Schema.String,
    checks: Schema.Record(Schema.String, Schema.NonEmptyArray(Schema.Struct({ status: Schema.String })))
  })
)

const healthOf = ({ text }: World.Answer) =>
  Effect.map(Schema.decodeEffect(Health)(text), ({ checks }) => ({
    cache: checks.cache?.[0].status,
    durable: checks.durable?.[0].status
  }))

// Metrics are of the whole process, and so of all tests.
const failedOpenIn = (metrics: string) => Number(/^shop_rate_limit_failed_open_total (\d+)$/m.exec(metrics)?.[1] ?? 0)

const outages: ReadonlyArray<{ readonly away: ReadonlyArray<"cache" | "durable">; readonly fault: Fault.Fault }> = [
  Fault.refuse,
  Fault.freeze
].flatMap((fault) => [
  { away: ["cache"], fault },
  { away: ["durable"], fault },
  { away: ["cache", "durable"], fault }
])

layer(Database.layer, { timeout: "2 minutes" })("a shop", (it) => {
  describe("with every Redis there", () => {
    it.effect("signs in and out, sells, and ranks what it sold", () =>
      Effect.gen(function* () {
        const { ask } = yield* (yield* World.make).open
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 401)
        assert.strictEqual((yield* ask("ada", ...signIn("ada"))).headers.get("rate-limit"), "enforced")
        assert.include((yield* ask("ada", "GET /me")).text, `"customer":"ada"`)
        const order = { number: 1, customer: "ada", ...tea }
        assert.strictEqual((yield* ask("ada", "POST /orders", tea)).text, JSON.stringify(order))
        assert.strictEqual((yield* ask("ada", "GET /orders")).text, JSON.stringify([order]))
        assert.strictEqual((yield* ask("ada", "POST /orders", { product: "ore", quantity: 1 })).status, 404)
        const bad = yield* ask("ada", "POST /orders", { product: "", quantity: 101 })
        assert.strictEqual(bad.status, 400)
        assert.match(bad.text, /"detail":"product: .*; quantity: /)
        assert.strictEqual(
          (yield* ask("bob", "GET /bestsellers")).text,
          `{"from":"redis","best":[{"product":"tea","sold":2}]}`
        )
        assert.strictEqual((yield* ask("ada", "POST /sign-out")).status, 204)
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 401)
      }).pipe(Effect.provide(World.layerServers))
    )

    it.effect("ranks anew what a Redis has forgotten", () =>
      Effect.gen(function* () {
        const { cache, open, passTime } = yield* World.make
        const { ask } = yield* open
        yield* ask("ada", ...signIn("ada"))
        yield* ask("ada", "POST /orders", tea)
        yield* passTime(1)
        yield* cache.evict("bestsellers")
        const best = `"best":[{"product":"tea","sold":2}]}`
        assert.strictEqual((yield* ask("bob", "GET /bestsellers")).text, `{"from":"database",${best}`)
        yield* passTime(1)
        assert.strictEqual((yield* ask("bob", "GET /bestsellers")).text, `{"from":"redis",${best}`)
      }).pipe(Effect.provide(World.layerServers))
    )

    it.effect("keeps a session that is used, and ends one that is not", () =>
      Effect.gen(function* () {
        const { open, passTime } = yield* World.make
        const { ask } = yield* open
        yield* ask("ada", ...signIn("ada"))
        yield* ask("bob", ...signIn("bob"))
        yield* passTime(20 * 60)
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 200)
        yield* passTime(20 * 60)
        assert.strictEqual((yield* ask("ada", "GET /me")).status, 200)
        assert.strictEqual((yield* ask("bob", "GET /me")).status, 401)
      }).pipe(Effect.provide(World.layerServers))
    )

    it.effect("lets five sign-ins in ten seconds through", () =>
      Effect.gen(function* () {
        const { open, passTime } = yield* World.make
        const { ask } = yield* open
        for (let n = 1; n <= 5; n++) assert.strictEqual((yield* ask("ada", ...signIn("ada"))).status, 200)
        const refused = yield* ask("ada", ...signIn("ada"))
        assert.strictEqual(refused.status, 429)
        assert.strictEqual(refused.headers.get("retry-after"), "10")
        assert.strictEqual((yield* ask("bob", ...signIn("bob"))).status, 200)
        yield* passTime(10)
        assert.strictEqual((yield* ask("ada", ...signIn("ada"))).status, 200)
      }).pipe(Effect.provide(World.layerServers))
    )

    it.effect("does not open with a limit that lets nobody in", () =>
      Effect.gen(function* () {
        const { open } = yield* World.make
        const settings = ConfigProvider.layer(ConfigProvider.fromUnknown({ SHOP_RATE_LIMIT: "0" }))
        const error = yield* Effect.flip(Effect.provide(open, settings))
        assert.include(error.message, `SHOP_RATE_LIMIT is "0": expected a whole number above zero, for example 5`)
      }).pipe(Effect.provide(World.layerServers))
    )

    it.effect("is alive without a database, and not ready", () =>
      Effect.gen(function* () {
        const { openOn } = yield* World.make
        const never = yield* openOn(Database.of({ query: () => Effect.never }))
        const broken = yield* openOn(Database.of({ query: () => Effect.die(new Error("The disk is full")) }))
        for (const { ask } of [never, broken]) {
          assert.strictEqual((yield* ask("operator", "GET /live")).status, 200)
          const ready = yield* ask("operator", "GET /ready")
          assert.strictEqual(ready.status, 503)
          assert.strictEqual(ready.text, `{"status":"fail"}`)
        }
      }).pipe(Effect.provide(World.layerServers))
    )
  })

  describe("in an outage", () => {
    for (const { away, fault } of outages) {
      it.effect(`of ${away.join(" and ")} (${fault._tag}) answers everyone, and forgets nobody`, () =>
        Effect.gen(function* () {
          const world = yield* World.make
          const { ask } = yield* world.open
          for (const who of ["ada", "cyd", "eve"]) yield* ask(who, ...signIn(who))
          yield* ask("ada", "POST /orders", tea)
          yield* ask("eve", "POST /sign-out")

          const failedOpenBefore = failedOpenIn((yield* ask("bob", "GET /metrics")).text)

          yield* Effect.forEach(away, (name) => world[name].inject(fault))
          let orders = 1
          for (let round = 1; round <= 5; round++) {
            for (const route of reads) assert.strictEqual((yield* ask("ada", route)).status, 200, route)
            assert.strictEqual((yield* ask("eve", "GET /me")).status, 401)
            const order = yield* ask("ada", "POST /orders", tea)
            assert.strictEqual(order.status, away.includes("durable") ? 503 : 200)
            if (order.status === 200) orders++
            if (order.status === 503) assert.isNotNull(order.headers.get("retry-after"))
            // What is frozen says nothing: who asks first waits for it, and the others are told at once.
            if (round > 2) assert.isAtMost(order.took, 10)
            yield* world.passTime(1)
          }
          const health = yield* healthOf(yield* ask("bob", "GET /health"))
          for (const name of ["cache", "durable"] as const) {
            assert.strictEqual(health[name], away.includes(name) ? "warn" : "pass", name)
          }
          const bob = yield* ask("bob", ...signIn("bob"))
          assert.strictEqual(bob.status, 200)
          assert.strictEqual(bob.headers.get("rate-limit"), away.includes("cache") ? "not enforced" : "enforced")
          const counted = failedOpenIn((yield* ask("bob", "GET /metrics")).text) - failedOpenBefore
          assert.strictEqual(counted, away.includes("cache") ? 1 : 0)
          assert.strictEqual((yield* ask("cyd", "POST /sign-out")).status, 204)

          yield* Effect.forEach(away, (name) => world[name].heal)
          yield* world.passTime(60)
          // A process that lived through nothing of it has to say the same.
          const other = yield* world.open
          for (const shop of [{ ask }, other]) {
            for (const who of ["ada", "bob"]) assert.strictEqual((yield* shop.ask(who, "GET /me")).status, 200, who)
            for (const who of ["cyd", "eve"]) assert.strictEqual((yield* shop.ask(who, "GET /me")).status, 401, who)
            assert.strictEqual(
              (yield* shop.ask("bob", "GET /bestsellers")).text,
              `{"from":"redis","best":[{"product":"tea","sold":${2 * orders}}]}`
            )
          }
          assert.strictEqual((yield* ask("ada", "POST /orders", tea)).status, 200)
          const healed = yield* healthOf(yield* ask("bob", "GET /health"))
          assert.deepStrictEqual(healed, { cache: "pass", durable: "pass" })
        }).pipe(Effect.provide(World.layerServers))
      )
    }

    it.effect("takes a price from the database although another process could not tell of it", () =>
      Effect.gen(function* () {
        const { cache, open } = yield* World.make
        const [one, other] = [yield* open, yield* open]
        yield* other.ask("ada", "GET /products")
        yield* cache.inject(Fault.refuse)
        yield* one.ask("shop", "PUT /prices", { product: "tea", price: 520 })
        assert.include((yield* other.ask("ada", "GET /products")).text, `"price":480`)
        const [first] = yield* Stream.runCollect(Stream.take(other.prices.live, 1))
        assert.include(first?.data, `"id":"tea","name":"Tea, 100 g","price":520`)
        yield* one.ask("shop", "PUT /prices", { product: "tea", price: 480 })
      }).pipe(Effect.scoped, Effect.provide(World.layerServers))
    )

    it.effect("opens without any Redis, and takes orders when they are there", () =>
      Effect.gen(function* () {
        const { cache, durable, open, passTime } = yield* World.make
        yield* Effect.all([cache.inject(Fault.refuse), durable.inject(Fault.refuse)])
        const { ask } = yield* open
        yield* ask("ada", ...signIn("ada"))
        for (const route of reads) assert.strictEqual((yield* ask("ada", route)).status, 200, route)
        assert.strictEqual((yield* ask("ada", "POST /orders", tea)).status, 503)
        yield* Effect.all([cache.heal, durable.heal])
        yield* passTime(60)
        assert.strictEqual((yield* ask("ada", "POST /orders", tea)).status, 200)
      }).pipe(Effect.provide(World.layerServers))
    )

    for (const seconds of [1, 2, 5]) {
      it.effect(`of the cache that begins ${seconds} seconds before a new price keeps nobody on an old price`, () =>
        Effect.gen(function* () {
          const { cache, open, passTime } = yield* World.make
          const { ask, prices } = yield* open
          let last = ""
          yield* Effect.forkScoped(Stream.runForEach(prices.live, ({ data }) => Effect.sync(() => (last = data))))
          yield* passTime(1)
          for (const who of ["ada", "bob", "cyd", "dan", "eve"]) yield* ask(who, ...signIn(who))
          yield* cache.inject(Fault.freeze)
          for (const who of ["ada", "bob", "cyd", "dan", "eve"]) {
            yield* Effect.forkScoped(ask(who, "GET /bestsellers"))
          }
          yield* passTime(seconds)
          const told = yield* ask("shop", "PUT /prices", { product: "tea", price: 530 })
          yield* cache.heal
          yield* passTime(20)
          assert.isAtMost(told.took, 1000)
          assert.match(last, /"id":"tea","name":"Tea, 100 g","price":530/)
          yield* ask("shop", "PUT /prices", { product: "tea", price: 480 })
        }).pipe(Effect.scoped, Effect.provide(World.layerServers))
      )
    }

    it.effect("shows a gap in the prices, and then all of them", () =>
      Effect.gen(function* () {
        const { cache, open, passTime } = yield* World.make
        const { prices } = yield* open
        const { ask } = yield* open
        const seen: Array<string> = []
        const listener = yield* Effect.forkScoped(
          Stream.runForEach(prices.live, ({ data, event }) => Effect.sync(() => seen.push(`${event} ${data}`)))
        )
        const reprice = (price: number) => ask("shop", "PUT /prices", { product: "tea", price })
        yield* passTime(1)
        yield* reprice(500)
        yield* passTime(1)
        assert.include(seen.at(-1), `price {"id":"tea"`)
        assert.include(seen.at(-1), `"price":500`)
        yield* cache.inject(Fault.refuse)
        yield* reprice(510)
        yield* passTime(5)
        assert.include(seen.at(-1), `"price":500`)
        yield* cache.heal
        yield* passTime(60)
        const gap = seen.findIndex((event) => event.startsWith(`gap {"reason":"Reconnected"`))
        assert.match(seen[gap + 1] ?? "", /^prices .*"id":"tea","name":"Tea, 100 g","price":510/)
        yield* reprice(480)
        yield* prices.close
        yield* Fiber.join(listener)
      }).pipe(Effect.scoped, Effect.provide(World.layerServers))
    )
  })
})
