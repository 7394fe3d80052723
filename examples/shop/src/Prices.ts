import { Array as Arr, Context, Deferred, Effect, FiberMap, Layer, Schedule, Schema, Stream } from "effect"
import type { Sse } from "effect/encoding"
import { RedisClient, RedisPubSub } from "effect-ioredis"
import { Catalog } from "./Catalog.ts"
import type { NoSuchProduct } from "./Problem.ts"
import { Product } from "./Product.ts"

/** Prices as they change, in whichever process that happens. */
export class Prices extends Context.Service<
  Prices,
  {
    readonly change: (id: string, price: number) => Effect.Effect<Product, NoSuchProduct>
    /**
     * All prices, then each that changes. Redis keeps no message, so that after a `gap` all of them
     * are told again. What is told is read from the database, and so nobody goes on with an old
     * price because two changes were told in another order.
     */
    readonly live: Stream.Stream<Sse.Event>
    /** Ends what is live, so that those who listen do not hold up a shutdown. */
    readonly close: Effect.Effect<void>
  }
>()("shop/Prices") {
  static readonly layer = Layer.effect(
    Prices,
    Effect.gen(function* () {
      const catalog = yield* Catalog
      const redis = yield* RedisClient.RedisClient

      // Redis is told until it has heard it, which nobody waits for. A later change takes the place
      // of an earlier one: a message only names the product, and the database knows its price.
      const announcing = yield* FiberMap.make<string>()
      const announce = (id: string) =>
        RedisPubSub.publish(channel, id).pipe(
          Effect.provideService(RedisClient.RedisClient, redis),
          Effect.retry(Schedule.spaced("1 second")),
          FiberMap.run(announcing, id)
        )
      const change = Effect.fnUntraced(function* (id: string, price: number) {
        const product = yield* catalog.reprice(id, price)
        yield* announce(id)
        return product
      })

      const all = Stream.fromEffect(
        Effect.map(Effect.flatMap(catalog.current, encodePrices), (data) => event("prices", data))
      )
      const one = (id: string) =>
        Stream.fromIterableEffect(
          Effect.map(
            catalog.current,
            Arr.filter((product) => product.id === id)
          )
        ).pipe(
          Stream.mapEffect(encodePrice),
          Stream.map((data) => event("price", data))
        )
      const gap = (told: RedisPubSub.Gap) =>
        Stream.fromEffect(Effect.map(encodeGap(told), (data) => event("gap", data)))
      // What changes between the first look and the subscription is in the second look.
      const eventsOf = (told: RedisPubSub.Message | RedisPubSub.Gap) => {
        if (told._tag === "Message") return one(told.payload)
        return told.reason === "Subscribed" ? all : Stream.concat(gap(told), all)
      }
      const closed = yield* Deferred.make<void>()
      // It is subscribed while the first look is told.
      const live = RedisPubSub.subscribe([channel]).pipe(
        Stream.toQueue({ capacity: 1 }),
        Effect.map((changes) => Stream.concat(all, Stream.flatMap(Stream.fromQueue(changes), eventsOf)))
      )
      return Prices.of({
        change,
        live: Stream.unwrap(live).pipe(
          Stream.provideService(RedisClient.RedisClient, redis),
          Stream.interruptWhen(Deferred.await(closed)),
          Stream.orDie
        ),
        close: Effect.asVoid(Deferred.succeed(closed, undefined))
      })
    })
  )
}

const channel = "prices"

const event = (name: string, data: string): Sse.Event => ({ _tag: "Event", event: name, id: undefined, data })

const jsonOf = <A>(schema: Schema.Codec<A, unknown>) => {
  const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.toCodecJson(schema)))
  return (value: A) => Effect.orDie(encode(value))
}

const encodePrice = jsonOf(Product)
const encodePrices = jsonOf(Schema.Array(Product))
const encodeGap = jsonOf(Schema.Struct({ reason: Schema.String, since: Schema.DateTimeUtc, until: Schema.DateTimeUtc }))
