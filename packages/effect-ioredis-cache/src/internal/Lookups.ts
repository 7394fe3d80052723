import { Effect, Result, type Scope } from "effect"
import type * as Cache from "../Cache.ts"
import type { Failures } from "./Failures.ts"
import { isPlain, type LookupPolicy } from "./LookupPolicy.ts"
import * as LeasedRuns from "./LeasedRuns.ts"
import * as LookupRuns from "./LookupRuns.ts"
import type { Reads } from "./Reads.ts"
import { type RegionParts, traced } from "./RegionParts.ts"
import * as StaleReads from "./StaleReads.ts"
import { untagged } from "./tags/Tagged.ts"
import type { Writes } from "./Writes.ts"

/** The methods of a region that look values up. */
export type Lookups<Key, Value, E> = Pick<Cache.Region<Key, Value, E>, "getOrSet" | "refresh">

/** Holds what the lookups of one region are made with. */
export interface Environment<in out Key, in out Value, in out E> {
  readonly parts: RegionParts<Key, Value, E>
  readonly reads: Reads<Key, Value, E>
  readonly writes: Writes<Key, Value, E>
  readonly policy: LookupPolicy
  readonly failures: Failures
  /** Gives a number from 0 up to 1. */
  readonly random: () => number
  /** Holds what goes on when its caller has its answer. */
  readonly scope: Scope.Scope
}

/** Gives the value of a key, and looks it up where there is none. */
export type GetOrSet<Key, Value, E> = <E2, R>(
  request: LookupRuns.Request<Key, Value, E2, R>
) => Effect.Effect<Value, E | E2, R>

/** Makes the lookups of one region. */
export const make = <Key, Value, E>(environment: Environment<Key, Value, E>): Lookups<Key, Value, E> => {
  const { parts, policy, random, reads, scope, writes } = environment
  const { encoding, lookups, reject, spanAttributes, tier } = parts
  const { leases } = tier
  const own = LookupRuns.make(parts, writes, scope)
  const runs = leases === undefined ? own : LeasedRuns.make({ runs: own, leases, reads, random })
  const getOrSet = isPlain(policy) ? makePlain(environment, runs) : StaleReads.make(environment, runs)
  const refresh: GetOrSet<Key, Value, E> = (request) =>
    lookups.renew(request.rendered, (watch) => runs.replace(request, watch))

  const method =
    (operation: string, call: GetOrSet<Key, Value, E>): Lookups<Key, Value, E>["getOrSet"] =>
    (key, lookup, options) =>
      traced(spanAttributes, operation, () => {
        const rendered = encoding.key(operation, key)
        return Result.isFailure(rendered)
          ? Effect.andThen(reject(rendered.failure), lookup)
          : call({ key, rendered: rendered.success, lookup, options, askedAt: leases?.now() ?? 0 })
      })

  return { getOrSet: method("getOrSet", getOrSet), refresh: method("refresh", refresh) }
}

// Without a policy a read is a hit, or waits for its lookup.
const makePlain =
  <Key, Value, E>(
    { parts: { lookups }, reads }: Environment<Key, Value, E>,
    runs: LookupRuns.LookupRuns<Key, Value, E>
  ): GetOrSet<Key, Value, E> =>
  <E2, R>(request: LookupRuns.Request<Key, Value, E2, R>) =>
    Effect.flatMap(
      reads.getBeforeLookup(request.rendered),
      ({ hit, replaces }): Effect.Effect<Value, E | E2, R> =>
        hit !== undefined
          ? Effect.succeed(untagged(hit.value))
          : lookups.join(request.rendered, (watch) => runs.fill(request, replaces, watch))
    )
