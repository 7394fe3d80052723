import { Effect } from "effect"
import * as Wait from "../support/Wait.ts"
import type { Ask } from "./Asking.ts"
import type { Customer } from "./Customer.ts"
import type { Listener } from "./Listener.ts"

/** Waits until a shop uses each Redis again, and has told it everything. */
export const complete = Effect.fnUntraced(function* (ask: Ask, after: string) {
  yield* Wait.until(`${after} everything works`, worksAgain(ask, after))
  yield* Wait.until(`${after} Redis knows everything`, isToldAll(ask))
})

/** Waits until who listens knows the prices that the shop has. */
export const heard = (ask: Ask, listener: Listener, after: string) =>
  Wait.until(`${after} a listener knows the prices`, isHeard(ask, listener))

// A customer of each attempt's own, for whom there is no limit yet.
const worksAgain = (ask: Ask, after: string) => {
  let attempts = 0
  return Effect.gen(function* () {
    const customer = `after ${after}, ${attempts++}`
    const { given: session, headers } = yield* ask({ customer, route: "POST /sign-in", body: { customer } })
    const order = yield* ask({ customer, session, route: "POST /orders", body: { product: "tea", quantity: 1 } })
    const best = yield* ask({ customer, route: "GET /bestsellers" })
    return headers["rate-limit"] === "enforced" && order.status === 200 && best.body.includes(`"from":"redis"`)
  })
}

const isToldAll = (ask: Ask) =>
  Effect.map(ask({ customer: "operator", route: "GET /metrics" }), ({ body }) => {
    const left = Array.from(body.matchAll(/^cache_journal_entries\S* (\d+)/gm), ([, entries]) => Number(entries))
    return left.length > 0 && left.every((entries) => entries === 0)
  })

const isHeard = (ask: Ask, { known }: Listener) =>
  Effect.map(ask({ customer: "listener", route: "GET /products" }), ({ body }) => {
    const products: ReadonlyArray<{ readonly id: string; readonly price: number }> = JSON.parse(body)
    return products.every(({ id, price }) => known.get(id) === price)
  })

/** Everybody looks at the own page, by the session that is open and by each that has ended. */
export const lookAll = (ask: Ask, customers: ReadonlyArray<Customer>) =>
  Effect.forEach(
    customers.flatMap(({ ended, name, session }) =>
      [session(), ...ended].map((session) => ({ customer: name, session, route: "GET /me" }))
    ),
    ask,
    { concurrency: 5, discard: true }
  )
