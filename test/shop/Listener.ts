import { Effect, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import type { HttpClient } from "effect/http"

const Price = Schema.Struct({ id: Schema.String, price: Schema.Int })
const priceOf = Schema.decodeUnknownSync(Schema.fromJsonString(Price))
const pricesOf = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Price)))

/** Listens to the live prices for as long as the scope is open, and knows what somebody knows who only listens. */
export const make = Effect.fnUntraced(function* (client: HttpClient.HttpClient) {
  const known = new Map<string, number>()
  let gaps = 0
  let isOver = false
  yield* client.get("/prices").pipe(
    Effect.flatMap(({ stream }) =>
      Stream.runForEach(stream.pipe(Stream.decodeText(), Stream.pipeThroughChannel(Sse.decode())), ({ data, event }) =>
        Effect.sync(() => {
          if (event === "gap") gaps++
          const told = event === "prices" ? pricesOf(data) : event === "price" ? [priceOf(data)] : []
          for (const { id, price } of told) known.set(id, price)
        })
      )
    ),
    Effect.exit,
    Effect.andThen(
      Effect.sync(() => {
        isOver = true
      })
    ),
    Effect.forkScoped
  )
  return { known, gaps: () => gaps, isOver: () => isOver }
})

export type Listener = Effect.Success<ReturnType<typeof make>>
