import { Context, Duration, Effect, Layer, Schema } from "effect"
import { Strings } from "effect-ioredis/commands"
import { Bestsellers } from "./Bestsellers.ts"
import { Catalog } from "./Catalog.ts"
import { Database } from "./Database.ts"
import { Durable } from "./Durable.ts"
import { Order, type Wish } from "./Order.ts"
import { NoSuchProduct, OrdersClosed } from "./Problem.ts"

/** Takes orders. Each needs a number of the durable Redis, which gives none twice. */
export class Orders extends Context.Service<
  Orders,
  {
    readonly place: (customer: string, wish: Wish) => Effect.Effect<Order, NoSuchProduct | OrdersClosed>
    readonly of: (customer: string) => Effect.Effect<ReadonlyArray<Order>>
  }
>()("shop/Orders") {
  static readonly layer = Layer.effect(
    Orders,
    Effect.gen(function* () {
      const bestsellers = yield* Bestsellers
      const catalog = yield* Catalog
      const { query } = yield* Database
      const { redis } = yield* Durable

      // A number whose answer was lost is given to nobody: numbers may have gaps, and no order has
      // another one's.
      const next = redis.run(Strings.incr("orders"), { operationTimeout: "500 millis" }).pipe(
        Effect.tapError((error) => Effect.logDebug("No order was placed", error)),
        Effect.mapError(
          (error) =>
            new OrdersClosed({
              retryAfter: error._tag === "RedisCircuitBreakerOpenError" ? error.retryAfter : Duration.seconds(1)
            })
        )
      )

      const place = Effect.fnUntraced(function* (customer: string, { product, quantity }: Wish) {
        // What is sold is for the database to say, and nobody who orders waits for a cache that hangs.
        const products = yield* catalog.current
        if (!products.some(({ id }) => id === product)) return yield* new NoSuchProduct({ product })
        const order = new Order({ number: yield* next, customer, product, quantity })
        yield* query(Schema.Unknown, "insert into orders values ($1, $2, $3, $4)", [
          order.number,
          customer,
          product,
          quantity
        ])
        yield* bestsellers.changed
        return order
      })
      return Orders.of({
        place,
        of: (customer) => query(Order, "select * from orders where customer = $1 order by number", [customer])
      })
    })
  )
}
