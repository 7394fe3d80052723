/**
 * What is seen of one operation of a region, for its span and for its line in the log: what came of
 * it, who answered, and why that took so long.
 *
 * An observation is made only where somebody looks, by a tracer or by the client's `OperationLog`.
 */
import { Cause, type Clock, type Context, Effect, Exit, type Fiber, Tracer } from "effect"
import { isRedisError, type RedisError } from "effect-ioredis/RedisError"
import type { OperationLines, SpanOwners } from "effect-ioredis/dispatch"
import type { RemoveOutcome } from "../Cache.ts"
import type { Found } from "./CacheTier.ts"
import type { AnswerSource } from "./Metrics.ts"
import { now } from "./now.ts"

/** Holds who looks at the operations of one region. */
export interface Observer {
  /** Says in each span which region of which cache it is of. */
  readonly attributes: SpanAttributes
  readonly log: OperationLines
  readonly spans: SpanOwners
  readonly clock: Clock.Clock
}

/** Names the client of the cache, and the region. */
export type SpanAttributes = {
  readonly "cache.name": string
  readonly "cache.region": string
}

/** Nobody looks at operations by the switch of a client: there is none. */
export const unswitched: Pick<Observer, "log" | "spans"> = {
  log: { isOn: false, write: () => {} },
  spans: { isOn: false, own: () => {} }
}

/** Gathers what came of one operation. */
export class Observation {
  readonly #span: Tracer.Span | undefined
  readonly #observer: Observer
  readonly #operation: string
  readonly #startedAt: number
  readonly #context: Context.Context<never>
  #result: "hit" | "miss" | undefined = undefined
  #source: AnswerSource | undefined = undefined
  #outcomes: ReadonlyArray<RemoveOutcome> | undefined = undefined
  #many: { readonly keys: number; readonly hits: number } | undefined = undefined
  #error: Named | undefined = undefined

  constructor(observer: Observer, operation: string, span: Tracer.Span | undefined, context: Context.Context<never>) {
    this.#observer = observer
    this.#operation = operation
    this.#span = span
    this.#context = context
    this.#startedAt = now(observer.clock)
  }

  /** A key was read. */
  read({ because, hit, source }: Found<unknown>): void {
    this.#result = hit === undefined ? "miss" : "hit"
    this.#source = source
    if (source === "fallback") this.#fellBack(because)
  }

  /** Several keys were read. */
  readMany(found: ReadonlyArray<Found<unknown>>): void {
    const fallback = found.find(({ source }) => source === "fallback")
    this.#many = { keys: found.length, hits: found.filter(({ hit }) => hit !== undefined).length }
    this.#source = (fallback ?? found[0])?.source
    if (fallback !== undefined) this.#fellBack(fallback.because)
  }

  /** What was not found was looked up. */
  lookedUp(): void {
    if (this.#source !== "stale") this.#source = "lookup"
  }

  /** An expired value is the answer. */
  stale(): void {
    this.#source = "stale"
    this.#event("cache.stale", {})
  }

  /** Keys were written or removed. */
  wrote(outcomes: ReadonlyArray<RemoveOutcome>): void {
    this.#outcomes = outcomes
  }

  /** The operation is over. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isFailure(exit)) {
      // Nobody waited for its end any longer.
      if (Cause.hasInterruptsOnly(exit.cause)) return
      this.#error = namedOf(Cause.squash(exit.cause))
      if (this.#outcomes === undefined) this.#source = "none"
    }
    this.#tellSpan()
    // What was found is nobody's who looks at spans. Of a failure Effect tells the span itself.
    if (Exit.isSuccess(exit)) this.#span?.end(this.#observer.clock.currentTimeNanosUnsafe(), Exit.void)
    const { log } = this.#observer
    if (log.isOn) this.#say(log, Exit.isFailure(exit))
  }

  #fellBack(because: RedisError | undefined): void {
    this.#error = because === undefined ? refused : namedOf(because)
    const { message, type } = this.#error
    this.#event("cache.fallback", { "error.type": type, ...(message !== undefined && { "error.message": message }) })
  }

  #event(name: string, attributes: Record<string, unknown>): void {
    this.#span?.event(name, this.#observer.clock.currentTimeNanosUnsafe(), attributes)
  }

  #tellSpan(): void {
    if (this.#span === undefined) return
    const told = {
      "cache.result": this.#result,
      "cache.source": this.#source,
      "cache.outcome": this.#outcome(),
      "cache.keys": this.#many?.keys,
      "cache.hits": this.#many?.hits
    }
    for (const [key, value] of Object.entries(told)) if (value !== undefined) this.#span.attribute(key, value)
  }

  #say(log: OperationLines, hasFailed: boolean): void {
    const fields = {
      operation: this.#operation,
      region: this.#observer.attributes["cache.region"],
      source: this.#source,
      outcome: this.#outcome(),
      keys: this.#many?.keys,
      hits: this.#many?.hits,
      duration_ms: millis(now(this.#observer.clock) - this.#startedAt),
      error_type: this.#error?.type,
      error_message: this.#error?.message
    }
    const context = this.#context
    if (hasFailed) log.write("Cache operation failed", fields, context)
    else if (this.#operation === "refresh") log.write("Cache refreshed", fields, context)
    else if (this.#many !== undefined) log.write("Cache read", fields, context)
    else if (this.#result === "hit") log.write("Cache hit", fields, context)
    else if (this.#result === "miss") log.write("Cache miss", fields, context)
    else sayWrite(log, this.#operation, fields, context)
  }

  #outcome(): string | undefined {
    return this.#outcomes?.[0]?.toLowerCase()
  }
}

const sayWrite = (
  log: OperationLines,
  operation: string,
  fields: Readonly<Record<string, unknown>>,
  context: Context.Context<never>
): void => {
  if (operation === "remove" || operation === "removeMany") log.write("Cache removed", fields, context)
  else if (operation === "clear") log.write("Cache cleared", fields, context)
  else if (operation === "touch") log.write("Cache touched", fields, context)
  else log.write("Cache stored", fields, context)
}

/** Says that the value of a lookup has been stored, or that it has not. */
export const sayFilled = (
  { attributes, clock, log }: Observer,
  outcome: RemoveOutcome | undefined,
  startedAt: number
): void =>
  log.write("Cache stored", {
    operation: "fill",
    region: attributes["cache.region"],
    outcome: outcome?.toLowerCase(),
    duration_ms: millis(now(clock) - startedAt)
  })

/**
 * Says that something failed in the background, or in the place of which something else answers.
 */
export const sayFailed = (
  { attributes, clock, log }: Observer,
  operation: string,
  cause: Cause.Cause<unknown>,
  startedAt: number | undefined
): void => {
  if (Cause.hasInterruptsOnly(cause)) return
  const { message, type } = namedOf(Cause.squash(cause))
  log.write("Cache operation failed", {
    operation,
    region: attributes["cache.region"],
    duration_ms: startedAt === undefined ? undefined : millis(now(clock) - startedAt),
    error_type: type,
    error_message: message
  })
}

const millis = (time: number): number => Math.round(time * 1000) / 1000

interface Named {
  readonly type: string
  readonly message: string | undefined
}

// What a lookup fails with may say anything, so that its name is all that is told.
const namedOf = (error: unknown): Named => {
  if (isRedisError(error)) return { type: error._tag, message: error.message }
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  if (typeof tag === "string") return { type: tag, message: undefined }
  return { type: error instanceof Error ? error.name : "Unknown", message: undefined }
}

const refused: Named = { type: "RedisCircuitBreakerOpenError", message: "the circuit is open" }

/** Runs a call of a region, and gives it what gathers what is seen of it, where somebody looks. */
export const observed = <A, E, R>(
  observer: Observer,
  operation: string,
  call: (seen: Observation | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    isObserved(fiber, observer) ? observe(fiber, observer, operation, call) : call(undefined)
  )

/**
 * Tells whether somebody looks. Reads and writes of one key ask themselves, to need one closure
 * less.
 */
export const isObserved = (fiber: Fiber.Fiber<unknown, unknown>, { log }: Observer): boolean =>
  isTraced(fiber) || log.isOn

const isTraced = ({ cache: { tracer } }: Fiber.Fiber<unknown, unknown>): boolean =>
  tracer !== undefined && tracer !== Tracer.nativeTracer

/**
 * Runs a call that somebody looks at. A span costs more than the rest of it, so it is made only
 * where a tracer is installed.
 */
export const observe = <A, E, R>(
  fiber: Fiber.Fiber<unknown, unknown>,
  observer: Observer,
  operation: string,
  call: (seen: Observation) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const run = (span: Tracer.Span | undefined) => {
    const seen = new Observation(observer, operation, span, fiber.context)
    return Effect.onExit(
      Effect.suspend(() => call(seen)),
      (exit) => Effect.sync(() => seen.end(exit))
    )
  }
  if (!isTraced(fiber)) return run(undefined)
  return Effect.useSpan(`cache.${operation}`, { attributes: observer.attributes }, (span) => {
    observer.spans.own(span)
    return Effect.withParentSpan(run(span), span)
  })
}

/** Runs a write likewise, whose outcomes are seen. */
export const observedWrite = <Outcome extends RemoveOutcome | ReadonlyArray<RemoveOutcome>, E, R>(
  observer: Observer,
  operation: string,
  call: () => Effect.Effect<Outcome, E, R>
): Effect.Effect<Outcome, E, R> =>
  observed(observer, operation, (seen) =>
    seen === undefined ? call() : Effect.tap(call(), (outcome) => seeing(seen, outcome))
  )

/** Sees what came of a write. */
export const seeing = (seen: Observation, outcome: RemoveOutcome | ReadonlyArray<RemoveOutcome>): Effect.Effect<void> =>
  Effect.sync(() => seen.wrote(typeof outcome === "string" ? [outcome] : outcome))
