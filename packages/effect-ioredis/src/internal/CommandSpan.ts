import { type Clock, Effect, Exit, Fiber, Option, Result, Tracer } from "effect"
import type { SpanOwners } from "../dispatch.ts"
import type * as RedisError from "../RedisError.ts"

/** What came of a command, or of several. */
type End = Result.Result<unknown, RedisError.RedisCommandError>

/**
 * The spans of commands.
 *
 * A command that a program sends has a span of its own. Of what is sent on behalf of somebody else,
 * such as the `get` of a cache, the span is that caller's: it hears of what happens on the way as
 * events. Where `isOn`, the command has a span below it as well. What nobody asked for, such as a
 * health check, has neither.
 */
export class CommandSpans implements SpanOwners {
  /** Says whether commands that are sent on behalf of a span have one themselves. */
  isOn: boolean
  readonly #client: string
  readonly #clock: Clock.Clock

  constructor(isOn: boolean, client: string, clock: Clock.Clock) {
    this.isOn = isOn
    this.#client = client
    this.#clock = clock
  }

  /** Says that what is sent in a span from now on is sent on its behalf. */
  own(span: Tracer.Span): void {
    tracers.set(span, Fiber.getCurrent()?.cache.tracer ?? Tracer.nativeTracer)
  }

  /** The span on whose behalf the fiber that runs now sends, if any. */
  current(): Tracer.Span | undefined {
    const span = Fiber.getCurrent()?.cache.span
    return span?._tag === "Span" && tracers.has(span) ? span : undefined
  }

  /**
   * Begins what is sent on behalf of some spans, and tells how it ends. The span of a command that
   * several have joined is below the first of them, and linked with the others.
   */
  begin(name: string, callers: ReadonlyArray<Tracer.Span>): CommandSpan {
    const [first, ...others] = callers
    const tracer = this.isOn && first !== undefined ? tracers.get(first) : undefined
    if (first === undefined || tracer === undefined) return new CommandSpan(callers, undefined, this.#clock)
    const span = tracer.span({
      name,
      parent: Option.some<Tracer.AnySpan>(first),
      annotations: first.annotations,
      links: others.map(linkTo),
      startTime: this.#clock.currentTimeNanosUnsafe(),
      kind: "client",
      root: false,
      sampled: first.sampled
    })
    for (const [key, value] of Object.entries(this.attributes(name))) span.attribute(key, value)
    for (const other of others) other.addLinks([linkTo(span)])
    return new CommandSpan(callers, span, this.#clock)
  }

  /** What the span of a command says of it. */
  attributes(name: string): Readonly<Record<string, string>> {
    return { "db.system.name": "redis", "db.operation.name": name, "db.client.name": this.#client }
  }

  /** Ends the span of a command of the program's own, without what it was answered. */
  end(span: Tracer.Span): Effect.Effect<void> {
    return Effect.sync(() => span.end(this.#clock.currentTimeNanosUnsafe(), Exit.void))
  }

  /** What is told to a span of the command's own. */
  of(span: Tracer.Span): CommandSpan {
    return new CommandSpan([span], undefined, this.#clock)
  }
}

// The tracers of the spans on whose behalf something is sent.
const tracers = new WeakMap<Tracer.Span, Tracer.Tracer>()

const linkTo = (span: Tracer.Span): Tracer.SpanLink => ({ span, attributes: {} })

/** Tells the spans of one command what happens to it. */
export class CommandSpan {
  readonly #callers: ReadonlyArray<Tracer.Span>
  readonly #span: Tracer.Span | undefined
  readonly #clock: Clock.Clock

  constructor(callers: ReadonlyArray<Tracer.Span>, span: Tracer.Span | undefined, clock: Clock.Clock) {
    this.#callers = callers
    this.#span = span
    this.#clock = clock
  }

  /** The command will be sent again. */
  retry(count: number, delay: number, error: RedisError.RedisCommandError): void {
    this.#event("redis.retry", {
      "redis.retry.count": count,
      "redis.retry.delay_ms": delay,
      "error.type": error._tag,
      "error.message": error.message
    })
  }

  /** The circuit did not let the command through. */
  refused(error: RedisError.RedisCommandError): void {
    this.#event("redis.circuit.refused", { "error.type": error._tag, "error.message": error.message })
  }

  /** Ends the span of a command that is sent on behalf of others. */
  end(result: End): void {
    const { status } = this.#span ?? ended
    if (status._tag === "Started") this.#span?.end(this.#clock.currentTimeNanosUnsafe(), exitOf(result))
  }

  /** Ends it because nobody waits any more. */
  leave(): void {
    this.end(left)
  }

  #event(name: string, attributes: Record<string, unknown>): void {
    const at = this.#clock.currentTimeNanosUnsafe()
    for (const span of this.#callers) if (span.status._tag === "Started") span.event(name, at, attributes)
    if (this.#span?.status._tag === "Started") this.#span.event(name, at, attributes)
  }
}

const ended = { status: { _tag: "Ended" } } as const

const left: End = Result.succeed(undefined)

/** How the span of a command ends. A refusal is no error of Redis, and is told as an event. */
export const exitOf = (result: End): Exit.Exit<unknown, unknown> => {
  if (Result.isSuccess(result)) return Exit.void
  return isRefusal(result.failure) ? Exit.void : Exit.fail(result.failure)
}

/** Tells whether a circuit did not let a command through. */
export const isRefusal = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "RedisCircuitBreakerOpenError"
