import { Effect, Result, type Scope } from "effect"
import type { WriteOptions } from "../Cache.ts"
import type { Current, Replaced } from "./CacheTier.ts"
import type { Lease } from "./Lease.ts"
import { fromCallback, type RegionParts } from "./RegionParts.ts"
import type { NotRun } from "./SharedLookups.ts"
import { untagged } from "./tags/Tagged.ts"
import type { Writes } from "./Writes.ts"

/** Describes what is to be looked up. */
export interface Request<out Key, out Value, out E, out R> {
  readonly key: Key
  readonly rendered: string
  readonly lookup: Effect.Effect<Value, E, R>
  /** Says how its value is written. */
  readonly options: WriteOptions | undefined
  /** Says when its caller began to wait, by `Leases.now`, in a region with leases. */
  readonly askedAt: number
}

/**
 * What a shared lookup does, in a fiber of its own for everyone who waits for the key: it looks the
 * value up, and stores it unless the key was written meanwhile.
 */
export interface LookupRuns<in Key, in out Value, out E> {
  /** Stores the value in the place of what a read has found before. */
  readonly fill: <E2, R>(
    request: Request<Key, Value, E2, R>,
    replaces: Replaced | undefined,
    watch: Current,
    lease?: Lease
  ) => Effect.Effect<Value, E | E2, R>
  /** Stores the value in the place of whatever there is now. */
  readonly replace: <E2, R>(
    request: Request<Key, Value, E2, R>,
    watch: Current,
    lease?: Lease
  ) => Effect.Effect<Value, E | E2, R>
  /** Does likewise for nobody who waits, unless another process does it. */
  readonly refresh: <E2, R>(
    request: Request<Key, Value, E2, R>,
    watch: Current
  ) => Effect.Effect<Value | NotRun, E | E2, R>
}

/** Makes what the lookups of one region do. Values are stored in the scope. */
export const make = <Key, Value, E>(
  { encoding, recorder, tagging, tier }: RegionParts<Key, Value, E>,
  writes: Writes<Key, Value, E>,
  scope: Scope.Scope
): LookupRuns<Key, Value, E> => {
  // The answer does not wait for the write.
  const store = (...fill: Parameters<Writes<Key, Value, E>["fill"]>) =>
    writes.fill(...fill).pipe(
      Effect.catchCause((cause) => Effect.logDebug("The value of a lookup could not be stored", cause)),
      Effect.forkIn(scope, { startImmediately: true })
    )

  // What is invalidated while the lookup runs has another token after it.
  const fill: LookupRuns<Key, Value, E>["fill"] = ({ key, lookup, options, rendered }, replaces, watch, lease) =>
    Effect.flatMap(tagging.tagsFor(options), (tags) => {
      const given = options?.timeToLive
      const beganAt = tier.now(rendered)
      const startedAt = recorder.now()
      const looked = Effect.onExit(lookup, (exit) => Effect.sync(() => recorder.lookup(exit)))
      return Effect.flatMap(looked, (value) => {
        const write = Result.isSuccess(tags)
          ? encoding.value("getOrSet", rendered, key, value, given, tags.success)
          : Result.fail(encoding.refusal("getOrSet", tags.failure))
        // Whoever looked it up is given what a later read will have, without undeclared fields.
        const answer = Result.isSuccess(write) ? untagged(write.success.value) : value
        if (!watch.isCurrent()) return Effect.succeed(answer)
        const lookupTime = recorder.now() - startedAt
        const lookup = { beganAt, lookupTime, replaces, lease: lease?.passOn() }
        return Effect.as(store([key, value], given, write, lookup), answer)
      })
    })

  const replace: LookupRuns<Key, Value, E>["replace"] = (request, watch, lease) =>
    Effect.flatMap(
      fromCallback<Replaced | undefined, E>((done) => tier.replacedBy(request.rendered, done)),
      (replaces) => fill(request, replaces, watch, lease)
    )

  return { fill, replace, refresh: replace }
}
