import { Context, Effect, Layer, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { Database } from "./Database.ts"
import { NoSuchProduct } from "./Problem.ts"
import { Product } from "./Product.ts"

/** What there is to buy. The cache answers, and the database where the cache has nothing. */
export class Catalog extends Context.Service<
  Catalog,
  {
    readonly all: Effect.Effect<ReadonlyArray<Product>>
    /** The same without the cache, which another process may not have told of a new price yet. */
    readonly current: Effect.Effect<ReadonlyArray<Product>>
    readonly reprice: (id: string, price: number) => Effect.Effect<Product, NoSuchProduct>
  }
>()("shop/Catalog") {
  static readonly layer = Layer.effect(
    Catalog,
    Effect.gen(function* () {
      const { query } = yield* Database
      const cached = yield* Cache.region({
        name: "catalog",
        version: 1,
        key: Schema.Literal("all"),
        value: Schema.Array(Product),
        timeToLive: "1 minute"
      })
      const current = query(Product, "select * from products order by id")
      const reprice = Effect.fnUntraced(function* (id: string, price: number) {
        const [product] = yield* query(Product, "update products set price = $2 where id = $1 returning *", [id, price])
        if (product === undefined) return yield* new NoSuchProduct({ product: id })
        yield* cached.remove("all")
        return product
      })
      return Catalog.of({ all: cached.getOrSet("all", current), current, reprice })
    })
  )
}
