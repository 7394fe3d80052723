import { Clock, Effect, type Exit, Tracer } from "effect"
import type { Ending } from "./Handling.ts"
import * as Traceparent from "./Traceparent.ts"

/** What came of running a handler, and what that means for its task. */
export interface Handled {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly ending: Ending
}

/** The spans of one queue. Without a tracer there are none, and nothing is made for them. */
export interface Spans {
  /** Runs an offer in its span, and gives it what says to a worker which one that is. */
  readonly sending: <Outcome extends string, E, R>(
    task: string,
    offer: (traceparent: string | undefined) => Effect.Effect<Outcome, E, R>
  ) => Effect.Effect<Outcome, E, R>
  /**
   * Runs a handler in a span of its own trace, which is linked with the one that the task was
   * offered in: a task may be begun long after that, and again.
   */
  readonly processing: <R>(
    task: string,
    attempt: number,
    traceparent: string | undefined,
    handle: Effect.Effect<Handled, never, R>
  ) => Effect.Effect<Handled, never, R>
}

/** Makes the spans of a queue, which say of which client it is. */
export const make = (client: string, queue: string): Spans => {
  const attributesOf = (operation: string, task: string) => ({
    "messaging.system": "redis",
    "messaging.destination.name": queue,
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "redis.client.name": client,
    "task.name": task
  })
  return {
    sending: (task, offer) =>
      whereTraced(
        () => offer(undefined),
        () =>
          Effect.useSpan(`send ${queue}`, { kind: "producer", attributes: attributesOf("send", task) }, (span) =>
            offer(Traceparent.write(span)).pipe(
              Effect.tap((outcome) => Effect.sync(() => span.attribute("task.offer.outcome", outcome.toLowerCase()))),
              Effect.withParentSpan(span)
            )
          )
      ),
    processing: (task, attempt, traceparent, handle) =>
      whereTraced(
        () => handle,
        () => {
          const from = traceparent === undefined ? undefined : Traceparent.read(traceparent)
          const options: Tracer.SpanOptionsNoTrace = {
            kind: "consumer",
            root: true,
            links: from === undefined ? [] : [{ span: from, attributes: {} }],
            attributes: { ...attributesOf("process", task), "task.attempt": attempt }
          }
          return Effect.useSpan(`process ${queue}`, options, (span) =>
            handle.pipe(
              Effect.withParentSpan(span),
              Effect.tap((handled) => end(span, handled))
            )
          )
        }
      )
  }
}

// The span ends as its handler did. What becomes of the task is beside that.
const end = (span: Tracer.Span, { ending, exit }: Handled): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeNanos, (now) => {
    span.attribute("task.ending", ending.kind)
    if (ending.errorType !== undefined) span.attribute("error.type", ending.errorType)
    span.end(now, exit)
  })

const whereTraced = <A, E, R>(
  untraced: () => Effect.Effect<A, E, R>,
  traced: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => (fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer ? untraced() : traced()))
