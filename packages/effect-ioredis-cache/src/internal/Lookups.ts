import { Effect, Result, type Scope } from "effect"
import type * as Cache from "../Cache.ts"
import type { Current, Found, Source } from "./CacheTier.ts"
import type { Failures } from "./Failures.ts"
import { isPlain, type LookupPolicy } from "./LookupPolicy.ts"
import * as LookupRuns from "./LookupRuns.ts"
import * as ManyLookups from "./ManyLookups.ts"
import type { Reads } from "./Reads.ts"
import * as Recorder from "./Recorder.ts"
import { observed } from "./Observation.ts"
import { type RegionParts, whileHeld } from "./RegionParts.ts"
import type { SharedLookups } from "./SharedLookups.ts"
import * as StaleReads from "./StaleReads.ts"
import { unwrap } from "./Wrapped.ts"
import type { Writes } from "./Writes.ts"

/** The methods of a region that look values up. */
export type Lookups<Key, Value, E> = Pick<Cache.Region<Key, Value, E>, "getOrSet" | "getOrSetMany" | "refresh">

/** Holds what the lookups of one region are made with. */
export interface Environment<in out Key, in out Value, in out E> {
  readonly parts: RegionParts<Key, Value, E>
  readonly reads: Reads<Key, Value, E>
  readonly writes: Writes<Key, Value, E>
  readonly policy: LookupPolicy
  /** The longest that a call waits for Redis altogether, in milliseconds, where it is bounded. */
  readonly patience: number | undefined
  readonly failures: Failures
  /** Runs lookups of several keys. */
  readonly batches: SharedLookups
  /** Gives a number from 0 up to 1. */
  readonly random: () => number
  /** Holds what goes on when its caller has its answer. */
  readonly scope: Scope.Scope
}

/**
 * Answers a read by what it found, or waits for a lookup. `watch` has been current since before the
 * read.
 */
export type AfterRead<Key, Value, E> = <E2, R>(
  request: LookupRuns.Request<Key, Value, E2, R>,
  found: Found<Value>,
  watch: Current
) => Effect.Effect<Value | LookupRuns.Absent, E | E2, R>

/** Makes the lookups of one region. */
export const make = <Key, Value, E>(environment: Environment<Key, Value, E>): Lookups<Key, Value, E> => {
  const { failures, parts, policy, random, reads, scope, writes } = environment
  const { encoding, lookups, observer, recorder, reject, sequences, tier } = parts
  const own = LookupRuns.make(parts, writes, {
    scope,
    get patience() {
      return environment.patience
    },
    onUnstored: policy.isDue === undefined ? undefined : failures.addUnstored
  })
  const runs = tier.leased?.({ runs: own, reads, random, now: recorder.now }) ?? own
  const plain = makePlain(environment, runs)
  const afterRead = isPlain(policy) ? plain : StaleReads.make(environment, runs)

  // Another's lookup of several keys may have had no value for this one, so this one is looked up.
  // What its read has found is still what its value is to replace, or what takes the place of a
  // failure.
  const untilPresent = <E2, R>(
    answer: Effect.Effect<Value | LookupRuns.Absent, E | E2, R>
  ): Effect.Effect<Value, E | E2, R> =>
    Effect.flatMap(answer, (value) => (value === LookupRuns.absent ? untilPresent(answer) : Effect.succeed(value)))

  const timed = <E2, R>(request: LookupRuns.Request<Key, Value, E2, R>, answer: Effect.Effect<Value, E | E2, R>) =>
    Recorder.timedLookup(recorder, "getOrSet", request.askedAt, () => request.isStale)(seenLookup(request, answer))

  const seenLookup = <E2, R>(
    { seen }: LookupRuns.Request<Key, Value, E2, R>,
    answer: Effect.Effect<Value, E | E2, R>
  ): Effect.Effect<Value, E | E2, R> =>
    seen === undefined ? answer : Effect.tap(answer, () => Effect.sync(() => seen.lookedUp()))

  const hit = (
    { askedAt }: Pick<LookupRuns.Request<Key, Value, unknown, unknown>, "askedAt">,
    source: Source,
    value: Value
  ): Effect.Effect<Value> => {
    recorder.timed("getOrSet", source, askedAt)
    return Effect.succeed(value)
  }

  const getPlain = <E2, R>(request: LookupRuns.Request<Key, Value, E2, R>): Effect.Effect<Value, E | E2, R> =>
    Effect.flatMap(reads.getBeforeLookup(request.rendered, request.seen), (found) =>
      found.hit === undefined
        ? timed(request, untilPresent(plain(request, found, always)))
        : hit(request, found.source, unwrap(found.hit.value))
    )

  const getWatched = <E2, R>(request: LookupRuns.Request<Key, Value, E2, R>): Effect.Effect<Value, E | E2, R> =>
    whileHeld(
      () => sequences.watch(request.rendered),
      (watch) =>
        Effect.flatMap(reads.getBeforeLookup(request.rendered, request.seen), (found) => {
          const answer = untilPresent(afterRead(request, found, watch))
          return found.hit === undefined
            ? timed(request, answer)
            : Effect.flatMap(answer, (value) => hit(request, found.source, value))
        })
    )

  const method =
    (
      operation: string,
      call: <E2, R>(request: LookupRuns.Request<Key, Value, E2, R>) => Effect.Effect<Value, E | E2, R>
    ): Lookups<Key, Value, E>["getOrSet"] =>
    (key, lookup, options) =>
      observed(observer, operation, (seen) => {
        const rendered = encoding.key(operation, key)
        return Result.isFailure(rendered)
          ? Effect.andThen(reject(rendered.failure), lookup)
          : call(new LookupRuns.Single(key, rendered.success, lookup, options, recorder.now(), seen))
      })

  return {
    getOrSet: method("getOrSet", isPlain(policy) ? getPlain : getWatched),
    getOrSetMany: ManyLookups.make(environment, afterRead),
    refresh: method("refresh", (request) =>
      seenLookup(request, untilPresent(lookups.renew(request.rendered, (watch) => runs.replace(request, watch))))
    )
  }
}

// Without a policy a read is a hit, or waits for its lookup.
const makePlain =
  <Key, Value, E>(
    { parts: { lookups } }: Environment<Key, Value, E>,
    runs: LookupRuns.LookupRuns<Key, Value, E>
  ): AfterRead<Key, Value, E> =>
  <E2, R>(
    request: LookupRuns.Request<Key, Value, E2, R>,
    { hit, replaces }: Found<Value>
  ): Effect.Effect<Value | LookupRuns.Absent, E | E2, R> =>
    hit === undefined
      ? lookups.join(request.rendered, (watch) => runs.fill(request, replaces, watch))
      : Effect.succeed(unwrap(hit.value))

const always: Current = { isCurrent: () => true }
