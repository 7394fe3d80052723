import { Cause, type Duration, Effect, Exit, Option, Result, type Scope } from "effect"
import type * as Cache from "../Cache.ts"
import type { Fill, Replaced } from "./CacheTier.ts"
import type { Reads } from "./Reads.ts"
import { type RegionParts, traced, whileHeld } from "./RegionParts.ts"
import type { Writes } from "./Writes.ts"

/**
 * Makes `getOrSet` of one region: a read, a shared lookup where it finds nothing, and a write of
 * what that gives.
 */
export const make = <Key, Value, E>(
  { encoding, lookups, name, recorder, reject, sequences, tier }: RegionParts<Key, Value, E>,
  reads: Reads<Key, Value, E>,
  writes: Writes<Key, Value, E>,
  scope: Scope.Scope
): Cache.Region<Key, Value, E>["getOrSet"] => {
  // The answer does not wait for the write.
  const store = (key: Key, value: Value, given: Duration.Input | undefined, of: Omit<Fill<Value>, "write">) =>
    writes.fill(key, value, given, of).pipe(
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

  // Runs in a fiber of its own, for everyone who waits for the key.
  const lookUp = <E2, R>(
    rendered: string,
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    given: Duration.Input | undefined,
    replaces: Replaced | undefined
  ): Effect.Effect<Value, E2, R> =>
    whileHeld(
      () => sequences.watch(rendered),
      (watch) => {
        const beganAt = tier.now(rendered)
        const startedAt = recorder.now()
        return Effect.onExit(lookup, (exit) => {
          recorder.lookup(exit)
          if (Exit.isFailure(exit) || !watch.isCurrent()) return Effect.void
          return store(key, exit.value, given, { beganAt, lookupTime: recorder.now() - startedAt, replaces })
        }).pipe(Effect.catchCause((cause) => staleOr(rendered, cause)))
      }
    )

  return <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options?: Cache.WriteOptions
  ): Effect.Effect<Value, E | E2, R> =>
    traced(name, "getOrSet", () => {
      const rendered = encoding.key("getOrSet", key)
      if (Result.isFailure(rendered)) return Effect.andThen(reject(rendered.failure), lookup)
      return Effect.flatMap(
        reads.getBeforeLookup(rendered.success),
        ({ hit, replaces }): Effect.Effect<Value, E2, R> =>
          hit !== undefined
            ? Effect.succeed(hit.value)
            : lookups.join(rendered.success, lookUp(rendered.success, key, lookup, options?.timeToLive, replaces))
      )
    })
}
