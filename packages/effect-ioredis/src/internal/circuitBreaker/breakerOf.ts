import { Cause, Effect, Exit } from "effect"
import type { CircuitBreaker, Options, Outcome } from "../../CircuitBreaker.ts"
import type { RedisCircuitBreakerOpenError } from "../../RedisError.ts"
import * as Mark from "../errors/Mark.ts"
import type { Circuit } from "./Circuit.ts"
import type { Event, Permit } from "./transition.ts"

/** A circuit as its users see it. */
export const breakerOf = (circuit: Circuit, classify: Classify = classifyExit): CircuitBreaker => {
  // All calls of a closed circuit have one permit and so share one recorder, which spares each of
  // them a closure.
  let shared = new Recorder(circuit, 0, classify)
  const recorderOf = (permit: Permit): Recorder => {
    if (shared.permit !== permit) shared = new Recorder(circuit, permit, classify)
    return shared
  }
  const send = (event: Event) => Effect.sync(() => circuit.apply(event))
  return {
    state: Effect.sync(() => circuit.state()),
    changes: circuit.changes,
    execute: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | RedisCircuitBreakerOpenError, R> => {
        // The permit of a closed circuit need not come back: an interruption before the call begins
        // loses nothing. A success is recorded by a function alone: 100 ns less than
        // `Effect.onExit` with an effect for it.
        const permit = circuit.closedPermit()
        if (permit !== undefined) return Effect.onExitPrimitive(effect, recorderOf(permit).record)
        return circuit.refusedAt() === undefined
          ? probe(circuit, effect, classify)
          : Effect.fail(circuit.rejection(circuit.name))
      }),
    trip: send({ _tag: "Trip" }),
    reset: send({ _tag: "Reset" }),
    isolate: send({ _tag: "Isolate" })
  }
}

class Recorder {
  readonly permit: Permit
  readonly record: (exit: Exit.Exit<unknown, unknown>) => undefined

  constructor(circuit: Circuit, permit: Permit, classify: Classify) {
    this.permit = permit
    this.record = (exit) => {
      circuit.record(permit, classify(exit))
      return undefined
    }
  }
}

type Classify = NonNullable<Options["classify"]>

// Nothing comes between the probe's permit and the promise to give it back, and what throws in
// `classify` says nothing.
const probe = <A, E, R>(circuit: Circuit, effect: Effect.Effect<A, E, R>, classify: Classify) =>
  Effect.uninterruptibleMask((restore): Effect.Effect<A, E | RedisCircuitBreakerOpenError, R> => {
    const permit = circuit.acquire()
    if (permit === undefined) return Effect.fail(circuit.rejection(circuit.name))
    return Effect.onExit(restore(effect), (exit) =>
      Effect.asVoid(
        Effect.onExit(
          Effect.sync(() => classify(exit)),
          (classified) =>
            Effect.sync(() => circuit.record(permit, Exit.isSuccess(classified) ? classified.value : "ignored"))
        )
      )
    )
  })

const classifyExit = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.hasInterruptsOnly(exit.cause)) return "ignored"
  const error = Cause.squash(exit.cause)
  return Mark.isRedisError(error) ? error[Mark.TypeId] : "failure"
}
