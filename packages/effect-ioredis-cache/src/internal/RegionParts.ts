import { Effect, Exit, Result } from "effect"
import type { RedisError } from "effect-ioredis"
import type { CacheTier, Cancel, Done } from "./CacheTier.ts"
import type { Encoding } from "./Encoding.ts"
import type { AnswerSource, WriteEnd } from "./Metrics.ts"
import type { Observer } from "./Observation.ts"
import type { Recorder } from "./Recorder.ts"
import type * as Sequences from "./Sequences.ts"
import type { SharedLookups } from "./SharedLookups.ts"
import type { Tagging } from "./tags/Tagging.ts"
import type { Verification } from "./tags/Verification.ts"

/** Holds what the reads, the writes and the lookups of one region share. */
export interface RegionParts<in out Key, in out Value, in out E> {
  /** Looks at each operation, where somebody wants that. */
  readonly observer: Observer
  readonly encoding: Encoding<Key, Value>
  readonly recorder: Recorder
  readonly tier: CacheTier<Value, E>
  readonly sequences: Sequences.Member
  readonly lookups: SharedLookups
  /** Gives writes their tags. */
  readonly tagging: Tagging<E>
  /** Verifies the tags of what reads find. */
  readonly verification: Verification<Value, E>
  /** Says what becomes of a call whose key or value does not fit. */
  readonly reject: (error: RedisError.RedisSerializationError) => Effect.Effect<void, E>
}

/** Renders a key, or rejects it and gives `undefined`. */
export const render = <Key, Value, E>(
  { encoding, reject }: RegionParts<Key, Value, E>,
  operation: string,
  key: Key
): Effect.Effect<string | undefined, E> =>
  Effect.suspend(() => {
    const rendered = encoding.key(operation, key)
    return Result.isSuccess(rendered)
      ? Effect.succeed(rendered.success)
      : Effect.as(reject(rendered.failure), undefined)
  })

/** A call of a tier that says which source its answer came from, or what came of a write. */
export type Start<A, E> = (
  isCurrent: (index: number) => boolean,
  done: (exit: Exit.Exit<A, E>, end: AnswerSource | WriteEnd) => void
) => Cancel

/**
 * Holds every key while a call of the tier is in progress, and records how long it took. Without
 * keys nobody is asked, so that there is nothing to record.
 */
export const holding = <A, E>(
  recorder: Recorder,
  operation: string,
  keys: ReadonlyArray<string>,
  hold: (key: string) => Sequences.Watch,
  start: Start<A, E>
): Effect.Effect<A, E> =>
  fromCallback((done) => {
    const startedAt = recorder.now()
    const timed = (isCurrent: (index: number) => boolean, told: Done<A, E>) =>
      start(isCurrent, (exit, end) => {
        if (Exit.isSuccess(exit) && keys.length > 0) recorder.timed(operation, end, startedAt)
        told(exit)
      })
    return startHolding(keys, hold, timed, done)
  })

/** Holds every key from now on until what is started has an answer or is cancelled. */
export const startHolding = <A, E>(
  keys: ReadonlyArray<string>,
  hold: (key: string) => Sequences.Watch,
  start: (isCurrent: (index: number) => boolean, done: Done<A, E>) => Cancel,
  done: Done<A, E>
): Cancel => {
  const watches = keys.map(hold)
  const end = (): void => {
    for (const watch of watches) watch.end()
  }
  const isCurrent = (index: number): boolean => watches[index]?.isCurrent() === true
  const cancel = start(isCurrent, (exit) => {
    end()
    done(exit)
  })
  return () => {
    cancel()
    end()
  }
}

/** Holds a watch while an Effect runs. */
export const whileHeld = <A, E, R>(
  hold: () => Sequences.Watch,
  use: (watch: Sequences.Watch) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.acquireUseRelease(Effect.sync(hold), use, (watch) => Effect.sync(() => watch.end()))

/** Holds several watches while an Effect runs. */
export const whileAllHeld = <Watch extends Sequences.Watch, A, E, R>(
  hold: () => ReadonlyArray<Watch>,
  use: (watches: ReadonlyArray<Watch>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(Effect.sync(hold), use, (watches) =>
    Effect.sync(() => {
      for (const watch of watches) watch.end()
    })
  )

/** Makes one Effect of a call with a callback. Interrupted, it cancels the call. */
export const fromCallback = <A, E>(start: (done: Done<A, E>) => Cancel): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const cancel = start(resume)
    return Effect.sync(cancel)
  })
