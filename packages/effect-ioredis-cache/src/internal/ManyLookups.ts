import { Effect, Option } from "effect"
import type * as Cache from "../Cache.ts"
import { BatchLookup, type LookupMany, Part } from "./BatchLookup.ts"
import type { Current } from "./CacheTier.ts"
import { isPlain } from "./LookupPolicy.ts"
import { type Absent, absent } from "./LookupRuns.ts"
import type { AfterRead, Environment } from "./Lookups.ts"
import * as Recorder from "./Recorder.ts"
import { type Observation, observed } from "./Observation.ts"
import { render, whileAllHeld } from "./RegionParts.ts"
import { unwrap } from "./Wrapped.ts"

/**
 * Makes `getOrSetMany` of one region: one read, and one lookup of all that it did not find and that
 * nobody looks up yet. Beyond that each key is answered as `getOrSet` answers it.
 */
export const make = <Key, Value, E>(
  environment: Environment<Key, Value, E>,
  afterRead: AfterRead<Key, Value, E>
): Cache.Region<Key, Value, E>["getOrSetMany"] => {
  const { batches, parts, policy, reads } = environment
  const { encoding, observer, recorder, sequences } = parts

  const answer = <K extends Key, E2, R>(
    keys: ReadonlyMap<string, K>,
    watches: ReadonlyArray<Current>,
    lookup: LookupMany<Key, K, Value, E2, R>,
    options: Cache.WriteOptions | undefined,
    askedAt: number,
    seen: Observation | undefined
  ): Effect.Effect<ReadonlyMap<string, Value | Absent>, E | E2, R> =>
    Effect.flatMap(reads.getManyBeforeLookup(Array.from(keys.keys())), (found) => {
      const [first] = found
      seen?.readMany(found)
      const missing = new BatchLookup({ encoding, recorder, batches }, lookup)
      const due = new BatchLookup({ encoding, recorder, batches }, lookup)
      const answers = new Map<string, Value | Absent>()
      const waits: Array<Effect.Effect<void, E | E2, R>> = []
      for (const [index, [rendered, key]] of Array.from(keys).entries()) {
        const one = found[index]
        if (one?.hit !== undefined && policy.isDue === undefined) answers.set(rendered, unwrap(one.hit.value))
        else if (one !== undefined) {
          const part = new Part(key, rendered, options, askedAt, missing, due)
          const answered = afterRead(part, one, watches[index] ?? never)
          const waiting = Effect.onInterrupt(answered, () => Effect.sync(() => part.leave()))
          waits.push(Effect.map(waiting, (value) => void answers.set(rendered, value)))
        }
      }
      // All of them begin in one turn, so that whatever is missing is known when it is looked up.
      const answered = Effect.as(Effect.all(waits, { concurrency: "unbounded", discard: true }), answers)
      if (found.some(({ hit }) => hit === undefined)) {
        return Recorder.timedLookup(recorder, "getOrSetMany", askedAt, () => false)(answered)
      }
      if (first === undefined) return answered
      return Effect.tap(answered, () => Effect.sync(() => recorder.timed("getOrSetMany", first.source, askedAt)))
    })

  const getOrSetMany = Effect.fnUntraced(function* <K extends Key, E2, R>(
    keys: ReadonlyArray<K>,
    lookup: LookupMany<Key, K, Value, E2, R>,
    options: Cache.WriteOptions | undefined,
    seen: Observation | undefined
  ) {
    const askedAt = recorder.now()
    const rendered = yield* Effect.forEach(keys, (key) => render(parts, "getOrSetMany", key))
    const distinct = new Map<string, K>()
    for (const [index, key] of keys.entries()) {
      const one = rendered[index]
      if (one !== undefined) distinct.set(one, key)
    }
    const answers = yield* whileAllHeld(
      () => (isPlain(policy) ? [] : Array.from(distinct.keys(), sequences.watch)),
      (watches) => answer(distinct, watches, lookup, options, askedAt, seen)
    )
    return rendered.map((one): Option.Option<Value> => {
      // `undefined` may be a value.
      const value = one !== undefined && answers.has(one) ? (answers.get(one) as Value | Absent) : absent
      return value === absent ? Option.none() : Option.some(value)
    })
  })

  return (keys, lookup, options) =>
    observed(observer, "getOrSetMany", (seen) => getOrSetMany(keys, lookup, options, seen))
}

const never: Current = { isCurrent: () => false }
