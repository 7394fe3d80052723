import { Effect, Latch, Result, type Scope } from "effect"
import * as Dispatch from "effect-ioredis/dispatch"
import { inBackground } from "./inBackground.ts"
import { isOutage } from "./isOutage.ts"
import type { Metrics } from "./Metrics.ts"
import type { QueueStore } from "./QueueStore.ts"
import type { Offer } from "./scripts/offer.ts"
import * as Monotonic from "./Monotonic.ts"

/** Bounds what is kept. */
export interface Bounds {
  /** How many offers. */
  readonly limit: number
  /** For how many milliseconds each. */
  readonly longest: number
}

export interface DeferredStats {
  /** Counts the offers that wait for Redis. */
  readonly waiting: number
  /** Counts those that it was told of later. */
  readonly replayed: number
  /** Counts those that it never was. */
  readonly lost: number
}

/** Offers that Redis has not confirmed. They go out, once each by their ids, when it is back. */
export interface DeferredOffers {
  /** Keeps one, unless there are too many. One of an id that is kept already is the same. */
  readonly add: (offer: Offer, since: number) => boolean
  /** Milliseconds that only go forward. */
  readonly now: () => number
  readonly has: (id: string) => boolean
  /** Forgets one that is not wanted any more, and says whether it was kept. */
  readonly drop: (id: string) => boolean
  readonly stats: () => DeferredStats
  /** Says that nobody will tell Redis any more. */
  readonly isClosed: () => boolean
}

interface Entry {
  readonly offer: Offer
  /** When it was offered: its delay and its life count from then on. */
  readonly since: number
}

// What Redis takes leaves it time for others. What it refuses at once it will not take right after.
const pause = { told: "20 millis", refused: "1 second" } as const

/**
 * Keeps offers for as long as the scope is open, and tells Redis of what it can before that closes.
 */
export const make = Effect.fnUntraced(function* (
  dispatch: Dispatch.Dispatch,
  queue: string,
  store: QueueStore,
  metrics: Metrics,
  { limit, longest }: Bounds
): Effect.fn.Return<DeferredOffers, never, Scope.Scope> {
  const now = () => Monotonic.millis(dispatch.clock)
  const entries = new Map<string, Entry>()
  const isWaiting = Latch.makeUnsafe()
  let accepted = 0
  let replayed = 0
  let lost = 0
  let isClosed = false
  yield* Dispatch.showGauge(metrics.deferred, () => entries.size)
  yield* Dispatch.showGauge(metrics.deferredLimit, () => limit)
  yield* Effect.acquireRelease(
    Effect.sync(() => dispatch.outage.add(() => ({ deferred: accepted, replayed, lost, waiting: entries.size }))),
    Effect.sync
  )

  // One line for all that is lost for one reason.
  const lose = (reason: string, ids: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      const gone = ids.filter((id) => entries.delete(id)).length
      lost += gone
      metrics.lost.count += gone
      if (gone === 0) return Effect.void
      return Effect.logError("Tasks that were accepted are lost").pipe(
        Effect.annotateLogs({ queue, reason, lost: gone })
      )
    })

  // However many there are, and whether Redis is there or not.
  const loseOld = Effect.suspend(() => {
    const old = [...entries].flatMap(([id, { since }]) => (now() - since > longest ? [id] : []))
    return lose("they waited for Redis too long", old)
  })

  // Says why an offer is lost, if it is.
  const tell = Effect.fnUntraced(function* ({ offer, since }: Entry) {
    const age = now() - since
    if (offer.life > 0 && age >= offer.life) return void entries.delete(offer.id)
    const delay = Math.max(0, Math.round(offer.delay - age))
    const life = offer.life === 0 ? 0 : Math.ceil(offer.life - age)
    const told = yield* Effect.result(store.offer({ ...offer, delay, life }))
    if (Result.isFailure(told)) return isOutage(told.failure) ? undefined : told.failure.message
    if (entries.delete(offer.id)) {
      replayed++
      metrics.replayed.count++
    }
    return undefined
  })

  // A delay is what is left of it when Redis is told, and so nothing waits once that is computed.
  const tellSome = Effect.gen(function* () {
    yield* Effect.ignore(store.reach)
    yield* loseOld
    const before = entries.size
    const some = [...entries.values()].slice(0, 100)
    const reasons = yield* Effect.forEach(some, tell, { concurrency: 100 })
    for (const reason of new Set(reasons)) {
      if (reason === undefined) continue
      const of = some.filter((_, index) => reasons[index] === reason)
      yield* lose(
        reason,
        of.map(({ offer }) => offer.id)
      )
    }
    yield* Effect.sleep(entries.size < before ? pause.told : pause.refused)
  })

  yield* Effect.forkScoped(
    Effect.gen(function* () {
      yield* isWaiting.await
      if (entries.size === 0) return isWaiting.closeUnsafe()
      yield* tellSome
    }).pipe(Effect.forever, inBackground(dispatch))
  )
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      dispatch.closeWithin(Effect.whileLoop({ while: () => entries.size > 0, body: () => tellSome, step: () => {} })),
      Effect.suspend(() => {
        isClosed = true
        return lose("the program ended before Redis was there again", [...entries.keys()])
      })
    ).pipe(inBackground(dispatch))
  )

  return {
    now,
    add: (offer, since) => {
      if (entries.has(offer.id)) return true
      if (entries.size >= limit) return false
      entries.set(offer.id, { offer, since })
      accepted++
      isWaiting.openUnsafe()
      return true
    },
    has: (id) => entries.has(id),
    isClosed: () => isClosed,
    drop: (id) => entries.delete(id),
    stats: () => ({ waiting: entries.size, replayed, lost })
  }
})
