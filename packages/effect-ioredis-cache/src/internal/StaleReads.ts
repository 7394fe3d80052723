import { Cause, Effect, Option } from "effect"
import type { Current, Found } from "./CacheTier.ts"
import type { AfterRead, Environment } from "./Lookups.ts"
import type { Absent, LookupRuns, Request } from "./LookupRuns.ts"
import { sayFailed } from "./Observation.ts"
import { later } from "./Stale.ts"
import { unwrap } from "./Wrapped.ts"

/**
 * Answers reads of a region with a policy. It may answer with an expired value: at once where a
 * refresh brings the next one, and else where the lookup is slow or fails.
 *
 * The expired value is that of each caller's own read, and not of the lookup that it shares with
 * callers who came later: an intent that came between must not be undone for those.
 */
export const make = <Key, Value, E>(
  { failures, parts, policy, random }: Environment<Key, Value, E>,
  runs: LookupRuns<Key, Value, E>
): AfterRead<Key, Value, E> => {
  const { lookups, observer, recorder, tier, verification } = parts

  // The lookup goes on when its caller has left with what there is.
  const refresh = <E2, R>(request: Request<Key, Value, E2, R>): Effect.Effect<void, never, R> =>
    failures.has(request.rendered)
      ? Effect.void
      : lookups.start(request.rendered, (watch) => runs.refresh(request, watch))

  const afterHit = <E2, R>(request: Request<Key, Value, E2, R>, hit: { readonly value: Value }) =>
    policy.isDue?.(tier.lifeOf(hit), recorder.now(), random) === true
      ? Effect.as(refresh(request), unwrap(hit.value))
      : Effect.succeed(unwrap(hit.value))

  // What memory holds may be newer than what was read, and is all that an intent has left.
  const staleOf = (rendered: string, found: Found<Value>, watch: Current) =>
    later(watch.isCurrent() ? found.stale : undefined, tier.stale(rendered))

  const serve = (
    request: Pick<Request<Key, Value, unknown, unknown>, "isStale" | "seen">,
    { value }: { readonly value: Value }
  ): Effect.Effect<Value> =>
    Effect.sync(() => {
      recorder.stale()
      request.isStale = true
      request.seen?.stale()
      return unwrap(value)
    })

  const afterMiss = <E2, R>(
    request: Request<Key, Value, E2, R>,
    found: Found<Value>,
    watch: Current
  ): Effect.Effect<Value | Absent, E | E2, R> => {
    const { rendered } = request
    const waited = recorder.now() - request.askedAt
    const stale = () => staleOf(rendered, found, watch)
    // What expired and may be served, unless one of its tags was invalidated.
    const servable = Effect.suspend(() => {
      const there = stale()?.at(recorder.now())
      return there === undefined ? nothing : verification.ifValid(there, waited)
    })
    const staleOr = <E3, R3>(otherwise: Effect.Effect<Value | Absent, E3, R3>): Effect.Effect<Value | Absent, E3, R3> =>
      Effect.flatMap(servable, (there) => (there === undefined ? otherwise : serve(request, there)))

    const run = (lookupWatch: Current) => runs.fill(request, found.replaces, lookupWatch)
    const lookUp = Effect.suspend(() => {
      const joined = lookups.join(rendered, run)
      const waiting =
        policy.soft === undefined || stale() === undefined
          ? joined
          : Effect.flatMap(
              lookups.joinFor(rendered, policy.soft, run),
              Option.match({ onSome: Effect.succeed, onNone: () => staleOr(joined) })
            )
      return Effect.catchCause(waiting, (cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause)
          : Effect.suspend(() => {
              if (observer.log.isOn) sayFailed(observer, "lookup", cause, undefined)
              return staleOr(Effect.failCause(cause))
            })
      )
    })

    const failure = policy.retryAfterFailure > 0 ? failures.get(rendered) : undefined
    // Whoever failed before looked up the same key, and so failed in the same way.
    if (failure !== undefined) return staleOr(Effect.failCause(failure as Cause.Cause<E2>))
    if (policy.isDue === undefined) return lookUp
    return Effect.flatMap(servable, (there) =>
      there === undefined ? lookUp : Effect.andThen(refresh(request), serve(request, there))
    )
  }

  return (request, found, watch) =>
    found.hit === undefined ? afterMiss(request, found, watch) : afterHit(request, found.hit)
}

const nothing = Effect.succeed(undefined)
