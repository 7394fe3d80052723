import { Effect, Exit } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"
import { errorTypeOf } from "./errorType.ts"
import * as Metrics from "./Metrics.ts"

/** What may be said of an offer that was accepted. */
type Accepted = "Enqueued" | "Duplicate" | "Deferred"

/** Takes the time of each offer, and counts what comes of it. */
export const make =
  (metrics: Metrics.Metrics, { clock }: Dispatch) =>
  <E, R>(task: string, offer: Effect.Effect<Accepted, E, R>): Effect.Effect<Accepted, E, R> =>
    Effect.suspend(() => {
      const startedAt = clock.monotonicTimeNanosUnsafe()
      return Effect.onExit(offer, (exit) =>
        Effect.sync(() => {
          const errorType = Exit.isFailure(exit) ? errorTypeOf(exit.cause) : Metrics.success
          metrics.sending(errorType).record(Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9)
          // Of one that its caller left nobody knows what came of it.
          if (Exit.hasInterrupts(exit)) return
          metrics.sent(task)(Exit.isSuccess(exit) ? outcomes[exit.value] : "refused")(errorType).count++
        })
      )
    })

const outcomes: { readonly [answer in Accepted]: Metrics.OfferOutcome } = {
  Enqueued: "enqueued",
  Duplicate: "duplicate",
  Deferred: "deferred"
}
