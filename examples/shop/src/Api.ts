import { Effect, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Bestsellers, Ranking } from "./Bestsellers.ts"
import { Catalog } from "./Catalog.ts"
import { Order, Wish } from "./Order.ts"
import { Orders } from "./Orders.ts"
import { Prices } from "./Prices.ts"
import { BadRequest } from "./Problem.ts"
import { Product } from "./Product.ts"
import { RateLimit } from "./RateLimit.ts"
import { Session } from "./Session.ts"
import { cookie, Sessions } from "./Sessions.ts"

/** The routes. The errors that get here say themselves how they are answered. */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const bestsellers = yield* Bestsellers
    const catalog = yield* Catalog
    const orders = yield* Orders
    const prices = yield* Prices
    const rateLimit = yield* RateLimit
    const sessions = yield* Sessions

    yield* router.add("GET", "/products", Effect.flatMap(catalog.all, json(Schema.Array(Product))))
    yield* router.add("GET", "/bestsellers", Effect.flatMap(bestsellers.top, json(Ranking)))
    yield* router.add("GET", "/prices", HttpServerResponse.stream(eventStream(prices.live), eventStreamHeaders))
    // A real shop asks who it is that sets a price.
    yield* router.add(
      "PUT",
      "/prices",
      Effect.gen(function* () {
        const { price, product } = yield* bodyOf(NewPrice)
        return yield* json(Product)(yield* prices.change(product, price))
      })
    )

    yield* router.add(
      "POST",
      "/sign-in",
      Effect.gen(function* () {
        const { customer } = yield* bodyOf(Customer)
        const verdict = yield* rateLimit.check(customer)
        const token = yield* sessions.signIn(customer)
        return yield* HttpServerResponse.json({ customer }, { headers: { "rate-limit": verdict } }).pipe(
          Effect.flatMap(HttpServerResponse.setCookie(cookie, token, { httpOnly: true, sameSite: "lax", path: "/" }))
        )
      })
    )
    yield* router.add("GET", "/me", Effect.flatMap(sessions.current, json(Session)))
    yield* router.add("POST", "/sign-out", Effect.as(sessions.signOut, HttpServerResponse.empty()))

    yield* router.add(
      "POST",
      "/orders",
      Effect.gen(function* () {
        const { customer } = yield* sessions.current
        const wish = yield* bodyOf(Wish)
        return yield* json(Order)(yield* orders.place(customer, wish))
      })
    )
    yield* router.add(
      "GET",
      "/orders",
      Effect.gen(function* () {
        const { customer } = yield* sessions.current
        return yield* json(Schema.Array(Order))(yield* orders.of(customer))
      })
    )
  })
)

const Customer = Schema.Struct({ customer: Schema.String.check(Schema.isBetweenLength(1, 60)) })

const NewPrice = Schema.Struct({
  product: Schema.NonEmptyString,
  price: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))
})

const bodyOf = <A, E>(schema: Schema.Codec<A, E>) =>
  Effect.catchTag(HttpServerRequest.schemaBodyJson(schema, { errors: "all" }), "SchemaError", (error) =>
    Effect.fail(BadRequest.fromSchema(error))
  )

const json = <S extends Schema.Constraint>(schema: S) => HttpServerResponse.schemaJson(Schema.toCodecJson(schema))

const eventStream = (events: Stream.Stream<Sse.Event>) =>
  events.pipe(Stream.pipeThroughChannel(Sse.encode()), Stream.encodeText)

const eventStreamHeaders = { contentType: "text/event-stream", headers: { "cache-control": "no-cache" } }
