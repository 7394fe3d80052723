import { Clock, Context, type Duration, Effect, Option, Random, type Scope } from "effect"
import { RedisSerializationError } from "effect-ioredis/RedisError"
import type { Dispatch } from "effect-ioredis/dispatch"
import * as Cache from "../Cache.ts"
import { cacheStats } from "./cacheStats.ts"
import type { CacheTier, TierRegion } from "./CacheTier.ts"
import * as Encoding from "./Encoding.ts"
import * as Failures from "./Failures.ts"
import * as LookupPolicy from "./LookupPolicy.ts"
import * as Lookups from "./Lookups.ts"
import * as Metrics from "./Metrics.ts"
import { millisOf } from "./millisOf.ts"
import { now } from "./now.ts"
import { type Observer, unswitched } from "./Observation.ts"
import * as Reads from "./Reads.ts"
import * as Recorder from "./Recorder.ts"
import type { RegionParts } from "./RegionParts.ts"
import { fixedSettings, type Settings } from "./fixedSettings.ts"
import * as Regions from "./Regions.ts"
import * as Sequences from "./Sequences.ts"
import * as SharedLookups from "./SharedLookups.ts"
import * as Tag from "./tags/Tag.ts"
import * as Tagging from "./tags/Tagging.ts"
import * as Tokens from "./tags/Tokens.ts"
import * as Verification from "./tags/Verification.ts"
import * as Writes from "./Writes.ts"

/** Holds what the regions of a cache are built with. */
export interface Environment<E> {
  /** Names the cache in what is counted, logged and traced: as its client, or `memory`. */
  readonly name: string
  /** Keeps the values of a region. */
  readonly tier: <Value>(region: TierRegion<Value>) => CacheTier<Value, E>
  /** Says what becomes of a call whose key or value cannot be stored. */
  readonly reject: (error: RedisSerializationError) => Effect.Effect<void, E>
  /** The time to live of regions that name none. Default: 300 seconds. */
  readonly timeToLive: Duration.Input | undefined
  /** What every key of the cache begins with. Default: nothing. */
  readonly prefix?: string | undefined
  /** Makes what compresses payloads. Default: nothing is compressed, as it stays in memory. */
  readonly makeCompressor?: Encoding.MakeCompressor | undefined
  /** The definitions that it shares with other caches. Default: none. */
  readonly definitions?: Regions.Definitions | undefined
  /**
   * The longest that one call may wait for Redis. Default: as long as the tier's calls take
   * together.
   */
  readonly patience?: Duration.Input | undefined
  /** Is told of operations and of outages: the client that it stands on, if any. */
  readonly told?: Partial<Pick<Dispatch, "commandSpans" | "operationLog" | "outage">> | undefined
  /** Gives the settings of its regions. Default: what is said above, which never changes. */
  readonly settings?: Settings | undefined
  /** Tells how the parts of the cache fare. */
  readonly stats: Effect.Effect<Pick<Cache.Stats, "memory" | "journal" | "near" | "redis">>
}

/** Makes the regions of a cache on a tier, and its stats. */
export const makeRegions = Effect.fnUntraced(function* <E>(environment: Environment<E>) {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const counters = new Recorder.Counters()
  const since = yield* Clock.currentTimeMillis
  const { name, patience, prefix, timeToLive = defaultTimeToLive } = environment
  const settings = environment.settings ?? fixedSettings(millisOf(patience), timeToLive)
  let closed = false
  const leaving: Array<() => void> = []
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const leave of leaving) leave()
    })
  )
  const lifetime: Lifetime = {
    scope,
    context,
    counters,
    settingsOf: settings.of,
    isClosed: () => closed,
    onClose: (leave) => leaving.push(leave)
  }
  const countsNoMore = environment.told?.outage?.add(() => countedIn(counters))
  if (countsNoMore !== undefined) yield* Effect.addFinalizer(() => Effect.sync(countsNoMore))
  const tokens = tokensOf(environment, lifetime)
  const regions = Regions.make<E>(
    (options) => make(environment, options, lifetime, tokens),
    environment.definitions ?? new Map()
  )
  return {
    region: regions.get,
    invalidateTag: (tag: string): Effect.Effect<Cache.WriteOutcome, E> =>
      Effect.suspend(() => {
        const problem = Tagging.problemOf(tag)
        return problem === undefined
          ? Effect.tap(tokens(undefined).replace(Tag.idOf(tag)), (outcome) =>
              Effect.sync(() => Metrics.tagInvalidations(outcome).updateUnsafe(1, context))
            )
          : Effect.as(environment.reject(refusedTag(problem)), "Rejected" as const)
      }),
    stats: Effect.map(environment.stats, (parts) => cacheStats(counters, { name, since, prefix, settings }, parts))
  }
})

// What memory answers because Redis did not, or could not be believed.
const countedIn = ({ hits, lookups, writes }: Recorder.Counters) => ({
  answers: hits.fallback + hits.journal + hits.memory,
  lookups,
  deferred: writes.deferred
})

/** Makes a `Cache` on a tier that cannot fail: what cannot be stored is logged. */
export const makeCache = (options: Omit<Environment<never>, "reject">) => {
  const warned = new Set<string>()
  return Effect.map(
    makeRegions<never>({
      ...options,
      reject: ({ keyHash, message, region }) =>
        Effect.suspend(() => {
          // Whoever chooses the keys must not be able to flood the log.
          const level = warned.has(region) ? "Debug" : "Warn"
          warned.add(region)
          return Effect.logWithLevel(level)("A cache key or value was refused").pipe(
            Effect.annotateLogs({ name: options.name, region, keyHash, error: message })
          )
        })
    }),
    Cache.Cache.of
  )
}

const tokensOf = <E>({ prefix = "", tier }: Environment<E>, { context, onClose }: Lifetime): Tokens.TokensFor<E> => {
  const random = Context.get(context, Random.Random)
  const clock = Context.get(context, Clock.Clock)
  const keyspace = `${prefix}!tags:`
  return Tokens.ofCache({ tier, keyspace, onClose, random: () => random.nextDoubleUnsafe(), now: () => now(clock) })
}

const defaultTimeToLive: Duration.Input = "300 seconds"

const refusedTag = (problem: string) =>
  new RedisSerializationError({
    command: "invalidateTag",
    region: "",
    keyHash: "",
    direction: "encode",
    message: `invalidateTag: ${problem}`
  })

/** Holds what all regions of one cache share. */
interface Lifetime {
  readonly scope: Scope.Scope
  readonly context: Context.Context<never>
  readonly counters: Recorder.Counters
  readonly settingsOf: Settings["of"]
  readonly isClosed: () => boolean
  readonly onClose: (leave: () => void) => void
}

const observerOf = (
  told: Environment<never>["told"],
  attributes: Observer["attributes"],
  context: Context.Context<never>
): Observer => ({
  attributes,
  log: told?.operationLog ?? unswitched.log,
  spans: told?.commandSpans ?? unswitched.spans,
  clock: Context.get(context, Clock.Clock)
})

/** Assembles a region, the same for every tier, of its reads, its writes and its lookups. */
const make = <Key, Value, E>(
  { makeCompressor, name: cacheName, prefix = "", reject, tier: makeTier, timeToLive, told }: Environment<E>,
  options: Regions.RegionDefinition<Key, Value>,
  { context, counters, isClosed, onClose, scope, settingsOf }: Lifetime,
  tokensFor: Tokens.TokensFor<E>
): Cache.Region<Key, Value, E> => {
  const { name } = options
  const policy = LookupPolicy.make(options)
  const settings = settingsOf(name)
  const lifeByDefault = timeToLive ?? defaultTimeToLive
  const encoding = Encoding.make(options, lifeByDefault, prefix, context, makeCompressor, settings)
  const recorder = Recorder.make(name, counters, context)
  onClose(recorder.end)
  const random = Context.get(context, Random.Random)
  const maxStaleness = millisOf(options.near?.maxStaleness)
  const tier = makeTier({
    name,
    keyspace: encoding.keyspace,
    codec: encoding.codec,
    maxBytes: encoding.maxBytes,
    get longestLife() {
      return encoding.longestLife
    },
    staleFor: policy.staleFor,
    refreshes: policy.isDue !== undefined,
    replay: options.replay ?? "ifUnchanged",
    removedFor: Regions.removedMillis(options),
    tags: options.tags === true,
    lease: options.lease === true,
    maxStaleness,
    onUnreadable: (key, problem) => recorder.unreadable(encoding.hash(key), problem),
    onLease: recorder.lease
  })
  const failures = Failures.make(LookupPolicy.failurePause(policy), recorder.now)
  const lookups = SharedLookups.make(name, scope, (key) => sequences.watch(key), {
    limit: policy.hard,
    onFailure: LookupPolicy.remembersFailures(policy) ? failures.add : undefined,
    onDetach: failures.forget,
    onShare: recorder.shared
  })
  const sequences = (tier.sequences ?? Sequences.make()).join((key) => {
    if (key === undefined) lookups.detachAll()
    else lookups.detach(key)
    tier.forget?.(key)
  })
  onClose(sequences.leave)
  const observer = observerOf(told, { "cache.name": cacheName, "cache.region": name }, context)
  const tokens = tokensFor(maxStaleness)
  const ofRegion = options.tags === true ? Tag.idOfRegion(encoding.keyspace) : undefined
  const parts: RegionParts<Key, Value, E> = {
    observer,
    encoding,
    recorder,
    reject,
    sequences,
    lookups,
    tier,
    tagging: Tagging.make(tokens, ofRegion),
    verification: Verification.make({
      tokens,
      tier,
      ofRegion,
      get patience() {
        return settings.readPatience
      },
      now: recorder.now,
      onMiss: recorder.tagMiss
    })
  }
  const reads = Reads.make(parts)
  const writes = Writes.make(parts, {
    isClosed,
    get patience() {
      return settings.writePatience
    },
    scope
  })
  return {
    get: reads.get,
    getMany: reads.getMany,
    timeToLive: reads.timeToLive,
    has: (key) => Effect.map(reads.get(key), Option.isSome),
    set: writes.set,
    setMany: writes.setMany,
    remove: writes.remove,
    removeMany: writes.removeMany,
    touch: (key, write) => writes.touch(key, write?.timeToLive),
    clear: writes.clear,
    ...Lookups.make({
      parts,
      reads,
      writes,
      policy,
      get patience() {
        return settings.readPatience
      },
      failures,
      batches: SharedLookups.make(name, scope, () => unwatched),
      random: () => random.nextDoubleUnsafe(),
      scope
    })
  }
}

// Each key of a lookup of several is watched by itself.
const unwatched: Sequences.Watch = { isCurrent: () => true, end: () => {} }
