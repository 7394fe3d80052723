import { Array as Arr, Effect, Layer, Random, Schedule } from "effect"
import { Catalog } from "./Catalog.ts"
import { Prices } from "./Prices.ts"

/** Changes a price every three seconds, so that there is something to watch. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const catalog = yield* Catalog
    const prices = yield* Prices
    const trade = Effect.gen(function* () {
      const products = yield* catalog.all
      if (!Arr.isReadonlyArrayNonEmpty(products)) return
      const { id } = yield* Random.choice(products)
      yield* prices.change(id, yield* Random.nextIntBetween(400, 900))
    })
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(trade), Schedule.spaced("3 seconds")))
  })
)
