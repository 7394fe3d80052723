import { Effect, Exit, Result, type Scope } from "effect"
import type { RemoveOutcome, WriteOptions } from "../Cache.ts"
import type { Current, Replaced } from "./CacheTier.ts"
import type { Lease } from "./Lease.ts"
import { type Observation, sayFailed, sayFilled } from "./Observation.ts"
import { fromCallback, type RegionParts } from "./RegionParts.ts"
import type { NotRun } from "./SharedLookups.ts"
import type { Tags } from "./tags/Tag.ts"
import { unwrap } from "./Wrapped.ts"
import type { Writes } from "./Writes.ts"

/** Describes what is to be looked up. */
export interface Request<out Key, out Value, out E, out R> {
  readonly key: Key
  readonly rendered: string
  /** Says how its value is written. */
  readonly options: WriteOptions | undefined
  /** Says when its caller asked, in the milliseconds of `Recorder.now`. */
  readonly askedAt: number
  /** Says that it is looked up together with other keys, so that it may have no value. */
  readonly isPart: boolean
  /** Says that its caller was served an expired value. */
  isStale: boolean
  /** Gathers what is seen of it, where somebody looks. */
  readonly seen: Observation | undefined
  /** Gives the lookup. It is called where nobody looks the key up yet. */
  readonly begin: (how: How) => Effect.Effect<Value | Absent, E, R>
  /** Is told that the lookup will not be run after all. */
  readonly abandon: (how: How) => void
}

/** Says whether somebody waits for the value, or what there is is to be replaced. */
export type How = "fill" | "replace"

/** What a lookup of several keys gives for one that has no value. */
export const absent: unique symbol = Symbol("effect-ioredis-cache/absent")

/** The type of {@link absent}. */
export type Absent = typeof absent

/** One key with a lookup of its own. */
export class Single<out Key, out Value, out E, out R> implements Request<Key, Value, E, R> {
  readonly key: Key
  readonly rendered: string
  readonly lookup: Effect.Effect<Value, E, R>
  readonly options: WriteOptions | undefined
  readonly askedAt: number
  readonly seen: Observation | undefined
  readonly isPart = false
  isStale = false

  constructor(
    key: Key,
    rendered: string,
    lookup: Effect.Effect<Value, E, R>,
    options: WriteOptions | undefined,
    askedAt: number,
    seen: Observation | undefined
  ) {
    this.key = key
    this.rendered = rendered
    this.lookup = lookup
    this.options = options
    this.askedAt = askedAt
    this.seen = seen
  }

  begin(): Effect.Effect<Value, E, R> {
    return this.lookup
  }

  abandon(): void {}
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
  ) => Effect.Effect<Value | Absent, E | E2, R>
  /** Stores the value in the place of whatever there is now. */
  readonly replace: <E2, R>(
    request: Request<Key, Value, E2, R>,
    watch: Current,
    lease?: Lease
  ) => Effect.Effect<Value | Absent, E | E2, R>
  /** Does likewise for nobody who waits, unless another process does it. */
  readonly refresh: <E2, R>(
    request: Request<Key, Value, E2, R>,
    watch: Current,
    lease?: Lease
  ) => Effect.Effect<Value | Absent | NotRun, E | E2, R>
}

/** Says what becomes of the values of lookups. */
export interface Options {
  /** Holds what stores them. */
  readonly scope: Scope.Scope
  /** Is told of a key where Redis has not taken the value, or there was none. */
  readonly onUnstored: ((key: string) => void) | undefined
  /** The longest that a call waits for Redis altogether, in milliseconds, where it is bounded. */
  readonly patience: number | undefined
}

/** Makes what the lookups of one region do. */
export const make = <Key, Value, E>(
  { encoding, observer, recorder, tagging, tier }: RegionParts<Key, Value, E>,
  writes: Writes<Key, Value, E>,
  settings: Options
): LookupRuns<Key, Value, E> => {
  const { onUnstored, scope } = settings
  // The answer does not wait for the write.
  const store = (rendered: string, ...fill: Parameters<Writes<Key, Value, E>["fill"]>) =>
    Effect.suspend(() => {
      const startedAt = recorder.now()
      return Effect.matchCause(writes.fill(...fill), {
        onFailure: (cause): RemoveOutcome => {
          if (observer.log.isOn) sayFailed(observer, "fill", cause, startedAt)
          return "Deferred"
        },
        onSuccess: ([outcome]): RemoveOutcome | undefined => {
          if (observer.log.isOn) sayFilled(observer, outcome, startedAt)
          return outcome
        }
      })
    }).pipe(
      Effect.tap((outcome) => Effect.sync(() => (outcome === "Applied" ? undefined : onUnstored?.(rendered)))),
      Effect.forkIn(scope, { startImmediately: true })
    )

  const run = <E2, R>(
    { isPart, key, options, rendered }: Request<Key, Value, E2, R>,
    tags: Tags | undefined,
    lookup: Effect.Effect<Value | Absent, E2, R>,
    replaces: Replaced | undefined,
    watch: Current,
    lease: Lease | undefined
  ): Effect.Effect<Value | Absent, E2, R> =>
    Effect.suspend(() => {
      const given = options?.timeToLive
      const beganAt = tier.now(rendered)
      const startedAt = recorder.now()
      // A lookup of several keys is one, and is counted as one by whoever runs it.
      const looked = isPart ? lookup : recorder.lookup(lookup)
      return Effect.flatMap(looked, (value) => {
        if (value === absent) {
          onUnstored?.(rendered)
          return Effect.succeed(value)
        }
        const write = encoding.value("getOrSet", rendered, key, value, given, tags)
        // Whoever looked it up is given what a later read will have, without undeclared fields.
        const answer = Result.isSuccess(write) ? unwrap(write.success.value) : value
        if (!watch.isCurrent()) return Effect.succeed(answer)
        const lookupTime = recorder.now() - startedAt
        const about = { beganAt, lookupTime, replaces, lease: lease?.passOn() }
        return Effect.as(store(rendered, [key, value], given, tags, write, about), answer)
      })
    })

  // What is invalidated while the lookup runs has another token after it. The read that found
  // nothing has taken a part of the time that there is for Redis.
  const fill: LookupRuns<Key, Value, E>["fill"] = (request, replaces, watch, lease) => {
    const lookup = request.begin("fill")
    const { askedAt, options } = request
    if (!tagging.isNeeded(options)) return run(request, undefined, lookup, replaces, watch, lease)
    const { patience } = settings
    const tags = tagging.tagsOf(options, patience && Math.max(1, patience - (recorder.now() - askedAt)))
    return Effect.flatMap(orAbandon(request, "fill", tags), (tags) =>
      run(request, tags, lookup, replaces, watch, lease)
    )
  }

  const replace: LookupRuns<Key, Value, E>["replace"] = (request, watch, lease) => {
    const lookup = request.begin("replace")
    const { options, rendered } = request
    const found = Effect.all(
      [
        fromCallback<Replaced | undefined, E>((done) => tier.replacedBy(rendered, done)),
        tagging.isNeeded(options) ? tagging.tagsOf(options, settings.patience) : Effect.undefined
      ],
      { concurrency: 2 }
    )
    return Effect.flatMap(orAbandon(request, "replace", found), ([replaces, tags]) =>
      run(request, tags, lookup, replaces, watch, lease)
    )
  }

  return {
    fill,
    replace,
    refresh: (request, watch, lease) =>
      Effect.tapCause(replace(request, watch, lease), (cause) =>
        Effect.sync(() => {
          if (observer.log.isOn) sayFailed(observer, "refresh", cause, undefined)
        })
      )
  }
}

// Whoever looks up several keys waits for each of them, unless he is told.
const orAbandon = <A, E>(
  request: Request<unknown, unknown, unknown, unknown>,
  how: How,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.onExit(effect, (exit) => Effect.sync(() => (Exit.isFailure(exit) ? request.abandon(how) : undefined)))
