import { Effect, Random } from "effect"
import type { Ask } from "./Asking.ts"

/** What a customer holds: the session that is open, and those that he has ended. */
export interface Customer {
  readonly name: string
  readonly session: () => string | undefined
  readonly ended: ReadonlyArray<string>
  /** Does one thing after the other, until it is interrupted between two of them. */
  readonly shop: Effect.Effect<void>
  readonly stop: () => void
}

/** A customer who does what comes to mind. One who looks at old sessions is told that they have ended. */
export const make = (name: string, ask: Ask): Customer => {
  let session: string | undefined
  let running = true
  const ended: Array<string> = []

  const say = (route: string, body?: unknown) => ask({ customer: name, session, route, body })
  const signIn = Effect.map(ask({ customer: name, route: "POST /sign-in", body: { customer: name } }), ({ given }) => {
    session = given
  })
  // He looks at his page while he leaves, which may show it and may not.
  const signOut = Effect.gen(function* () {
    const leaving = session
    if (leaving === undefined) return
    const [out] = yield* Effect.all([say("POST /sign-out"), say("GET /me"), say("GET /me")], { concurrency: 3 })
    if (out.status !== 204) return
    ended.push(leaving)
    session = undefined
  })
  const lookBack = Effect.suspend(() =>
    ask({ customer: name, session: ended.at(Math.floor(Math.random() * ended.length)), route: "GET /me" })
  )
  const act = Effect.gen(function* () {
    const mind = yield* Random.nextIntBetween(0, 99)
    if (mind < 12) yield* say("GET /products")
    else if (mind < 20) yield* say("GET /bestsellers")
    else if (mind < 22) yield* say("PUT /prices", { product: "tea", price: 400 + mind })
    else if (mind < 30) yield* lookBack
    else if (session === undefined) yield* signIn
    else if (mind < 40) yield* say("GET /orders")
    else if (mind < 55) yield* say("POST /orders", { product: "tea", quantity: 1 })
    else if (mind < 60) yield* signOut
    else yield* say("GET /me")
    yield* Effect.sleep(pause)
  })

  return {
    name,
    session: () => session,
    ended,
    shop: Effect.andThen(signIn, Effect.whileLoop({ while: () => running, body: () => act, step: () => {} })),
    stop: () => {
      running = false
    }
  }
}

const pause = "100 millis"
