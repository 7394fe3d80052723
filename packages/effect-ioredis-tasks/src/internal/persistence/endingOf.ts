import { Cause, Duration, Effect, Exit, Predicate } from "effect"
import { back, type Ending, undecodable } from "../Handling.ts"
import * as Outcome from "../Outcome.ts"

/** An element that was taken. */
export interface TakenElement {
  /** How often it was taken, this time included. */
  readonly attempts: number
  /** Says whether somebody may offer its id again. */
  readonly isNamed: boolean
}

/** What Effect's queue says of an element that fails. */
export interface RetryOptions {
  readonly maxAttempts: number
  readonly retryDelay: (attempts: number) => Effect.Effect<Duration.Duration>
}

/** What becomes of an element, by how the scope has ended in which it was taken. */
export const endingOf = (
  { attempts, isNamed }: TakenElement,
  { maxAttempts, retryDelay }: RetryOptions,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<Ending> => {
  if (Exit.isSuccess(exit)) {
    return Effect.succeed({ kind: "done", delay: isNamed ? 0 : unnamedFor, value: "" })
  }
  const message = Cause.pretty(exit.cause).slice(0, longestMessage)
  if (isDeadLetter(exit.cause)) return Effect.succeed(undecodable("it does not fit the schema of the queue"))
  if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed(back(0))
  if (attempts >= maxAttempts) return Effect.succeed(dead({ _tag: "Failed", error: null, message }))
  return Effect.map(retryDelay(attempts), (delay) => ({
    kind: "retry",
    // It may not be handed out before that is over.
    delay: Math.min(Math.ceil(Duration.toMillis(delay)), longestDelay),
    value: ""
  }))
}

/** The ending of what was taken often enough, by takers that are gone. */
export const lost = (attempts: number): Ending => ({
  ...dead({ _tag: "Lost", message: `its taker was gone, at attempt ${attempts}` }),
  kind: "gone"
})

const dead = (outcome: Parameters<typeof Outcome.write>[0]): Ending => ({
  kind: "dead",
  delay: 0,
  value: Outcome.write(outcome)
})

// What Effect's queue ends a take with whose element does not fit its schema. It is not exported.
const isDeadLetter = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      Cause.isFailReason(reason) && Predicate.isTagged(reason.error, "~effect/persistence/PersistedQueue/DeadLetter")
  )

// An id that nobody knows is remembered for longer than an offer may be under way.
const unnamedFor = 600_000

// A century.
const longestDelay = 100 * 365 * 86_400_000

// What is kept of a cause.
const longestMessage = 2_000
