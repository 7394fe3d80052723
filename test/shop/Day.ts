import { Effect, Fiber } from "effect"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"
import * as Asking from "./Asking.ts"
import * as Customer from "./Customer.ts"
import * as Delays from "./Delays.ts"
import type { Answer } from "./History.ts"
import * as Listener from "./Listener.ts"
import * as Recovery from "./Recovery.ts"
import * as ShopProcess from "./ShopProcess.ts"
import * as SlowWrites from "./SlowWrites.ts"

/** What happens to which Redis, from when on it is known, and for how long at least. */
export interface Outage {
  readonly away: ReadonlyArray<"cache" | "durable">
  readonly how: "killed" | "frozen"
  readonly noticedAfter: number
  readonly millis: number
}

/** How many ask at least in an outage that is known, so that their delays say something. */
export const fewest = 11

/** An outage as it went: when it began, when its servers were there again, and when everything worked. */
export interface Played {
  readonly outage: Outage
  readonly from: number
  readonly healed: number
  readonly back: number
}

/**
 * A day of a shop whose customers come without end while one outage follows the other. A second process, which has the
 * same sessions and lives through the same, is asked after each.
 */
export const play = Effect.fnUntraced(function* (outages: ReadonlyArray<Outage>, customerCount: number) {
  // As the shop asks for them: only one of the two keeps anything.
  const servers = {
    cache: yield* RedisServer.make(),
    durable: yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
  }
  // A process has prices of its own where it has a database of its own, and so the second has its own cache.
  const elsewhere = yield* RedisServer.make()
  const openOn = (cache: RedisServer.RedisServer) =>
    ShopProcess.start({ REDIS_URL: cache.url, DURABLE_REDIS_URL: servers.durable.url })
  const [shop, other] = yield* Effect.all([openOn(servers.cache), openOn(elsewhere)], { concurrency: 2 })
  const history: Array<Answer> = []
  const ask = Asking.make(shop.client, history)
  const askOther = Asking.make(other.client, history)
  const listener = yield* Listener.make(shop.client)
  const slow = yield* SlowWrites.watch(servers.durable.port)
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(ask({ customer: "operator", route: Delays.alone }), Effect.sleep("20 millis")))
  )
  const customers = Array.from({ length: customerCount }, (_, n) => Customer.make(`customer-${n}`, ask))
  const shopping = yield* Effect.forEach(customers, ({ shop }) => Effect.forkChild(shop))

  // What runs for the first time is slow by itself.
  yield* Effect.sleep("1500 millis")

  const befall = Effect.fnUntraced(function* (outage: Outage) {
    const { away, how, millis, noticedAfter } = outage
    const name = `${away.join(" and ")} ${how}`
    yield* Effect.sleep("500 millis")
    const from = yield* Asking.now
    yield* Effect.forEach(away, (name) => (how === "killed" ? servers[name].kill : servers[name].freeze))
    yield* Effect.sleep(millis)
    const known = { from: from + noticedAfter, to: Number.POSITIVE_INFINITY }
    yield* Wait.until(`${name}: enough have asked`, () => Delays.taken(history, known).answers >= fewest)
    yield* Effect.forEach(away, (name) => (how === "killed" ? servers[name].start : servers[name].thaw), {
      concurrency: 2
    })
    const healed = yield* Asking.now
    yield* Recovery.complete(ask, name)
    yield* Recovery.heard(ask, listener, name)
    const played: Played = { outage, from, healed, back: yield* Asking.now }
    yield* Recovery.lookAll(ask, customers)
    // It notices by itself that Redis is there again, and knows only what it knew before until then.
    yield* Recovery.complete(askOther, `${name}, elsewhere,`)
    yield* Recovery.lookAll(askOther, customers)
    return played
  })
  const played = yield* Effect.forEach(outages, befall).pipe(Effect.raceFirst(Effect.raceFirst(shop.died, other.died)))

  for (const customer of customers) customer.stop()
  yield* Fiber.awaitAll(shopping)
  return { history, played, slow, listener: { gaps: listener.gaps(), isOver: listener.isOver() } }
}, Effect.scoped)
