import { Effect, Latch } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"
import { inBackground } from "./inBackground.ts"
import type { QueueStore } from "./QueueStore.ts"
import * as Monotonic from "./Monotonic.ts"

/** Why a worker has to leave off with a task. */
export type Leaving = "Lapsed" | "Lost" | "Cancelled"

/** A task that this worker has. */
export interface Held {
  readonly id: string
  readonly token: string
  /** Until when it certainly has it, in milliseconds of its own monotonic clock. */
  until: number
  readonly leave: (why: Leaving) => void
}

/** The leases of a worker. */
export interface Leases {
  readonly hold: (held: Held) => void
  readonly release: (held: Held) => void
  /** Tells whether a lease until then is long enough to begin with. */
  readonly lasts: (until: number) => boolean
  /** Renews them, and lets leave off with what is not certainly the worker's own any more. */
  readonly run: Effect.Effect<never>
}

/**
 * Keeps leases of so many milliseconds. They are renewed three times in one. What could not be is
 * left off a tenth before Redis may give it to another, by this process's own clock.
 */
export const make = (store: QueueStore, { clock }: Dispatch, lease: number): Leases => {
  const all = new Set<Held>()
  // What was taken by a reply that came late has little left of its lease.
  const isShort = Latch.makeUnsafe()
  const isChanged = Latch.makeUnsafe()
  const now = () => Monotonic.millis(clock)
  const margin = lease / 10

  const leave = (held: Held, why: Leaving) => {
    if (all.delete(held)) held.leave(why)
  }

  const renew = Effect.gen(function* () {
    const held = [...all]
    isShort.closeUnsafe()
    if (held.length === 0) return
    const sentAt = now()
    const holdings = yield* store.renew({ lease, held })
    for (const [index, one] of held.entries()) {
      if (holdings[index] === "Held") one.until = sentAt + lease
      else leave(one, holdings[index] === "Cancelled" ? "Cancelled" : "Lost")
    }
  })
  const renewing = renew.pipe(
    Effect.andThen(Effect.timeoutOption(isShort.await, lease / 3)),
    // What is due meanwhile is left off in time.
    Effect.catch(() => Effect.sleep(lease / 20)),
    Effect.forever
  )

  const lapsing = Effect.gen(function* () {
    let next = now() + lease / 2
    for (const held of all) {
      if (held.until - margin <= now()) leave(held, "Lapsed")
      else next = Math.min(next, held.until - margin)
    }
    isChanged.closeUnsafe()
    yield* Effect.timeoutOption(isChanged.await, Math.max(1, next - now()))
  }).pipe(Effect.forever)

  return {
    hold: (held) => {
      all.add(held)
      if (held.until - now() > lease / 2) return
      isShort.openUnsafe()
      isChanged.openUnsafe()
    },
    release: (held) => {
      all.delete(held)
    },
    lasts: (until) => until - margin > now(),
    run: Effect.raceFirst(renewing, lapsing).pipe(inBackground({ clock }))
  }
}
