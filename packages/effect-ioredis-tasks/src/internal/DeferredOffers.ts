import { Clock, type Duration, Effect, Latch, type Scope } from "effect"
import type { RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { isOutage } from "./isOutage.ts"
import type { Metrics } from "./Metrics.ts"
import type { QueueStore } from "./QueueStore.ts"
import type { Offer } from "./scripts/offer.ts"

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
  readonly add: (offer: Offer) => boolean
  readonly has: (id: string) => boolean
  readonly stats: () => DeferredStats
}

interface Entry {
  readonly offer: Offer
  readonly since: number
}

/** Keeps offers for as long as the scope is open, and tells Redis of what it can before that closes. */
export const make = Effect.fnUntraced(function* (
  dispatch: Dispatch.Dispatch,
  queue: string,
  store: QueueStore,
  metrics: Metrics,
  { limit, longest }: Bounds
): Effect.fn.Return<DeferredOffers, never, Scope.Scope> {
  const now = () => Number(dispatch.clock.monotonicTimeNanosUnsafe()) / 1e6
  const entries = new Map<string, Entry>()
  const isWaiting = Latch.makeUnsafe()
  let accepted = 0
  let replayed = 0
  let lost = 0
  const lostSome = (count: number) => {
    lost += count
    metrics.lost.count += count
  }
  yield* Dispatch.showGauge(metrics.deferred, () => entries.size)
  yield* Dispatch.showGauge(metrics.deferredLimit, () => limit)
  yield* Effect.acquireRelease(
    Effect.sync(() => dispatch.outage.add(() => ({ deferred: accepted, replayed, lost, waiting: entries.size }))),
    Effect.sync
  )

  const lose = (id: string, reason: string) =>
    Effect.suspend(() => {
      if (entries.delete(id)) lostSome(1)
      return Effect.logError("A task that was accepted is lost").pipe(Effect.annotateLogs({ queue, reason }))
    })

  const tell = Effect.fnUntraced(function* ({ offer, since }: Entry, waitToSend: Duration.Input) {
    const age = now() - since
    if (age > longest) return yield* lose(offer.id, "it waited for Redis too long")
    if (offer.life > 0 && age >= offer.life) return void entries.delete(offer.id)
    const rest = { delay: Math.max(0, offer.delay - age), life: offer.life === 0 ? 0 : offer.life - age }
    yield* store.offer(
      { ...offer, delay: Math.round(rest.delay), life: Math.ceil(rest.life) },
      {
        waitToSend,
        operationTimeout: "30 seconds"
      }
    )
    if (!entries.delete(offer.id)) return
    replayed++
    metrics.replayed.count++
  })

  // Up to a hundred at once: each waits until Redis can be asked.
  const tellAll = (waitToSend: Duration.Input) =>
    Effect.suspend(() =>
      Effect.forEach(
        [...entries.values()].slice(0, 100),
        (entry) =>
          Effect.catch(tell(entry, waitToSend), (error: RedisError.RedisCommandError) =>
            isOutage(error) ? Effect.void : lose(entry.offer.id, error.message)
          ),
        { concurrency: 100, discard: true }
      )
    )

  yield* Effect.forkScoped(
    Effect.gen(function* () {
      yield* isWaiting.await
      yield* tellAll("20 seconds")
      if (entries.size === 0) return isWaiting.closeUnsafe()
      yield* Effect.sleep("100 millis")
    }).pipe(Effect.forever, Effect.provideService(Clock.Clock, dispatch.clock))
  )
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      if (entries.size === 0) return
      yield* dispatch.closeWithin(Effect.repeat(tellAll("0 millis"), { while: () => entries.size > 0, times: 1_000 }))
      lostSome(entries.size)
      if (entries.size > 0) {
        yield* Effect.logError("Tasks that were accepted are lost").pipe(
          Effect.annotateLogs({ queue, lost: entries.size, reason: "the program ended before Redis was back" })
        )
      }
    })
  )

  return {
    add: (offer) => {
      if (entries.has(offer.id)) return true
      if (entries.size >= limit) return false
      entries.set(offer.id, { offer, since: now() })
      accepted++
      isWaiting.openUnsafe()
      return true
    },
    has: (id) => entries.has(id),
    stats: () => ({ waiting: entries.size, replayed, lost })
  }
})
