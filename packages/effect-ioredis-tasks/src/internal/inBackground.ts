import { Clock, Effect, Tracer } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"

/**
 * Runs what a program has not asked for by a call: it waits on the client's clock, and what it asks
 * Redis has no spans.
 */
export const inBackground =
  ({ clock }: Pick<Dispatch, "clock">) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    effect.pipe(Effect.provideService(Clock.Clock, clock), Effect.provideService(Tracer.Tracer, Tracer.nativeTracer))
