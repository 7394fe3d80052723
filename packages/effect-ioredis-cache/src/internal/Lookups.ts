import { Cause, Effect, Option, Result, type Scope } from "effect"
import type * as Cache from "../Cache.ts"
import type { Replaced } from "./CacheTier.ts"
import type { Reads } from "./Reads.ts"
import { type RegionParts, traced } from "./RegionParts.ts"
import type { Tag } from "./tags/Tag.ts"
import { untagged } from "./tags/Tagged.ts"
import type * as Sequences from "./Sequences.ts"
import type { Writes } from "./Writes.ts"

/**
 * Makes `getOrSet` of one region: a read, a shared lookup where it finds nothing, and a write of
 * what that gives.
 */
export const make = <Key, Value, E>(
  { encoding, lookups, recorder, reject, spanAttributes, tagging, tier }: RegionParts<Key, Value, E>,
  reads: Reads<Key, Value, E>,
  writes: Writes<Key, Value, E>,
  scope: Scope.Scope
): Cache.Region<Key, Value, E>["getOrSet"] => {
  // The answer does not wait for the write.
  const store = (...fill: Parameters<Writes<Key, Value, E>["fill"]>) =>
    writes.fill(...fill).pipe(
      Effect.catchCause((cause) => Effect.logDebug("The value of a lookup could not be stored", cause)),
      Effect.forkIn(scope, { startImmediately: true })
    )

  // An expired value takes the place of a failed lookup's, but not of one that was interrupted.
  const staleOr = <E2>(rendered: string, cause: Cause.Cause<E2>): Effect.Effect<Value, E2> =>
    Effect.suspend(() => {
      const stale = Cause.hasInterruptsOnly(cause) ? Option.none() : tier.stale(rendered)
      if (Option.isNone(stale)) return Effect.failCause(cause)
      recorder.stale()
      return Effect.as(Effect.logDebug("A lookup failed: an expired value is served", cause), stale.value)
    })

  const tagsOf = (
    options: Cache.WriteOptions | undefined
  ): Effect.Effect<Result.Result<ReadonlyArray<Tag> | undefined, string>, E> =>
    tagging.isNeeded(options) ? tagging.tagsOf(options) : noTags

  // Runs in a fiber of its own, for everyone who waits for the key.
  const lookUp = <E2, R>(
    rendered: string,
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options: Cache.WriteOptions | undefined,
    replaces: Replaced | undefined,
    watch: Sequences.Watch
  ): Effect.Effect<Value, E | E2, R> =>
    // What is invalidated while the lookup runs has another token after it.
    Effect.flatMap(tagsOf(options), (tags) => {
      const given = options?.timeToLive
      const beganAt = tier.now(rendered)
      const startedAt = recorder.now()
      const looked = Effect.onExit(lookup, (exit) => Effect.sync(() => recorder.lookup(exit)))
      const stored = Effect.flatMap(looked, (value) => {
        const write = Result.isSuccess(tags)
          ? encoding.value("getOrSet", rendered, key, value, given, tags.success)
          : Result.fail(encoding.refusal("getOrSet", tags.failure))
        // Whoever looked it up is given what a later read will have, without undeclared fields.
        const answer = Result.isSuccess(write) ? untagged(write.success.value) : value
        if (!watch.isCurrent()) return Effect.succeed(answer)
        const lookupTime = recorder.now() - startedAt
        return Effect.as(store([key, value], given, write, { beganAt, lookupTime, replaces }), answer)
      })
      return Effect.catchCause(stored, (cause) => staleOr(rendered, cause))
    })

  return <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options?: Cache.WriteOptions
  ): Effect.Effect<Value, E | E2, R> =>
    traced(spanAttributes, "getOrSet", () => {
      const rendered = encoding.key("getOrSet", key)
      if (Result.isFailure(rendered)) return Effect.andThen(reject(rendered.failure), lookup)
      return Effect.flatMap(
        reads.getBeforeLookup(rendered.success),
        ({ hit, replaces }): Effect.Effect<Value, E | E2, R> =>
          hit !== undefined
            ? Effect.succeed(hit.value)
            : lookups.join(rendered.success, (watch) => lookUp(rendered.success, key, lookup, options, replaces, watch))
      )
    })
}

const noTags = Effect.succeed(Result.succeed(undefined))
