import { Cause, Effect, Exit, Option, Result, Schema } from "effect"
import type { Task } from "../Task.ts"
import { errorTypeOf } from "./errorType.ts"
import type { Reason } from "./Metrics.ts"
import * as Outcome from "./Outcome.ts"
import { retryDelay } from "./retryDelay.ts"
import type { Settlement } from "./scripts/work.ts"
import type { Spans } from "./Spans.ts"
import type { Content } from "./StoredTask.ts"

/** What a task ends with, this time. */
export interface Ending extends Pick<Settlement, "kind" | "delay" | "value"> {
  /** Names what its handler failed with, if it did. */
  readonly errorType?: string | undefined
  /** Says why it is dead, if it is. */
  readonly reason?: Reason | undefined
}

/** A task in hand. */
export interface Begun {
  /** Names its queue. */
  readonly queue: string
  readonly id: string
  /** How often it was begun, this time included. */
  readonly attempt: number
  /** Says that whoever had it before was gone: the retries have not decided about it yet. */
  readonly wasLost: boolean
  /** Keeps how far it is, as JSON. */
  readonly tell: (progress: string) => Effect.Effect<void>
  /** The spans of its queue. */
  readonly spans: Spans
}

/** What a handler is given beside the payload. */
export interface HandlerContext<in Progress> {
  readonly id: string
  readonly attempt: number
  readonly progress: (progress: Progress) => Effect.Effect<void>
}

export type Handle<Payload, Success, Error, Progress, R> = (
  payload: Payload,
  context: HandlerContext<Progress>
) => Effect.Effect<Success, Error, R>

const dead = (reason: Reason, value: string, errorType: string = reason): Ending => ({
  kind: "dead",
  delay: 0,
  value,
  reason,
  errorType
})

/** Gives a task back for so many milliseconds, as if it had not been begun. */
export const back = (delay: number): Ending => ({ kind: "back", delay, value: "" })

/** Gives back what no handler was begun of, likewise. */
export const unbegun = ({ wasLost }: Pick<Begun, "wasLost">, delay: number): Ending =>
  wasLost ? { kind: "undecided", delay, value: "" } : back(delay)

/** The ending of what this library did not write, or that does not fit the schema. */
export const undecodable = (message: string): Ending =>
  dead("Undecodable", Outcome.write({ _tag: "Undecodable", message }))

/**
 * Logs what nobody would hear of otherwise: a task that is not tried again, and a handler that
 * died. What else a retry follows is told by metrics and spans alone.
 */
export const told = (
  { attempt, queue, task }: Pick<Begun, "attempt" | "queue"> & { readonly task: string },
  ending: Ending,
  cause: Cause.Cause<unknown> = Cause.empty
): Effect.Effect<Ending> => {
  const isDead = ending.reason !== undefined
  if (!isDead && !Cause.hasDies(cause)) return Effect.succeed(ending)
  const line = isDead
    ? Effect.logWarning("A task is a dead letter", cause)
    : Effect.logError("A handler has died, and its task is tried again", cause)
  const annotations = { queue, task, attempt, ...(isDead && { reason: ending.reason }) }
  return Effect.as(Effect.annotateLogs(line, annotations), ending)
}

const diedOf = (message: string): Ending => dead("Died", Outcome.write({ _tag: "Died", message }))

/**
 * Runs the handler of one kind of task on one task, and says what becomes of that. It cannot fail.
 */
export const make = <Payload, Success, Error, Progress, R>(
  task: Task<Payload, Success, Error, Progress>,
  handle: Handle<Payload, Success, Error, Progress, R>
): ((content: Content, begun: Begun) => Effect.Effect<Ending, never, R>) => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(task.payload))
  const encodeProgress = Schema.encodeUnknownEffect(Schema.toCodecJson(task.progress))
  const outcomes = Outcome.codecOf(task)
  const { schedule, while: isWorthwhile } = task.retry

  const again = (attempt: number, error: Error | undefined, otherwise: Ending): Effect.Effect<Ending> =>
    Effect.map(retryDelay(schedule, attempt, error), (delay) =>
      Option.isNone(delay)
        ? otherwise
        : {
            kind: "retry",
            delay: Math.min(Math.round(delay.value), longestDelay),
            value: "",
            errorType: otherwise.errorType
          }
    )

  // A defect has no error that the schedule could look at.
  const died = (attempt: number, message: string) => again(attempt, undefined, diedOf(message))

  const endingOf = Effect.fnUntraced(function* (exit: Exit.Exit<Success, Error>, attempt: number) {
    if (Exit.isSuccess(exit)) {
      const value = yield* Effect.result(outcomes.success(exit.value))
      if (Result.isFailure(value)) return diedOf(`its success does not fit: ${value.failure}`)
      return { kind: "done", delay: 0, value: value.success } satisfies Ending
    }
    const message = Cause.pretty(exit.cause).slice(0, longestMessage)
    const error = Cause.findErrorOption(exit.cause)
    if (Option.isNone(error)) return yield* died(attempt, message)
    const value = yield* Effect.result(outcomes.failed(error.value, message))
    if (Result.isFailure(value)) return yield* died(attempt, `its error does not fit: ${value.failure}`)
    const failed = dead("Failed", value.success, errorTypeOf(exit.cause))
    return isWorthwhile(error.value) ? yield* again(attempt, error.value, failed) : failed
  })

  const run = Effect.fnUntraced(function* (content: Content, { attempt, id, queue, spans, tell, wasLost }: Begun) {
    const at = { queue, task: task.name, attempt }
    if (wasLost) {
      const before = attempt - 1
      const message = `its worker was gone, at attempt ${before}`
      const gone: Ending = { ...dead("Lost", Outcome.write({ _tag: "Lost", message })), kind: "gone" }
      const lost = yield* again(before, undefined, gone)
      if (lost === gone) return yield* told({ ...at, attempt: before }, gone)
    }
    const payload = yield* Effect.result(decode(content.payload))
    if (Result.isFailure(payload)) return yield* told(at, undecodable("its payload does not fit the schema"))
    const progress = (progress: Progress) =>
      Effect.flatMap(Effect.orDie(encodeProgress(progress)), (encoded) => tell(JSON.stringify(encoded)))
    // One that throws before it gives its effect has died like any other.
    const handled = Effect.exit(Effect.suspend(() => handle(payload.success, { id, attempt, progress })))
    const handling = Effect.flatMap(handled, (exit) =>
      Effect.map(endingOf(exit, attempt), (ending) => ({ exit, ending }))
    )
    const { ending, exit } = yield* spans.processing(task.name, attempt, content.trace, handling)
    return Exit.isSuccess(exit) && ending.kind !== "dead"
      ? ending
      : yield* told(at, ending, Exit.isFailure(exit) ? exit.cause : undefined)
  })

  // What decides about an attempt and dies would do so each time.
  return (content, begun) =>
    Effect.catchDefect(run(content, begun), (defect) => {
      const cause = Cause.die(defect)
      return told({ ...begun, task: task.name }, diedOf(Cause.pretty(cause).slice(0, longestMessage)), cause)
    })
}

// A century, as a schedule may say "never".
const longestDelay = 100 * 365 * 86_400_000

// What is kept of a cause.
const longestMessage = 2_000
