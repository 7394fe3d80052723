import { Context, Effect, Layer, Ref, Schema, Stream } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Matcher } from "./Matcher.ts"

const Breaker = Schema.Literals(["Closed", "Open", "HalfOpen", "Partial"])

export const Health = Schema.Struct({
  /** `degraded` is not an outage: the service answers, from memory and by new lookups. */
  status: Schema.Literals(["healthy", "degraded"]),
  redis: Schema.Union([
    Schema.Struct({
      status: Schema.Literals(["up", "partial", "down"]),
      since: Schema.DateTimeUtc,
      /** Why a server does not answer, or what may cause trouble although all of them do. */
      reason: Schema.optionalKey(Schema.String),
      /** Of several servers, those that do not answer. */
      nodes: Schema.optionalKey(Schema.Array(Schema.String)),
      breaker: Breaker
    }),
    Schema.Literal("not configured")
  ])
})

export const Stats = Schema.Struct({
  redisHits: Schema.Int,
  memoryHits: Schema.Int,
  misses: Schema.Int,
  /** How often the matcher ran. */
  lookups: Schema.Int,
  /** The circuit breaker's states since the start (the last 1,000), the current one last. */
  breaker: Schema.Array(Breaker)
})

const redisOf = (status: RedisHealth.Status) => {
  switch (status._tag) {
    case "Up":
      return { status: "up" as const, ...(status.warning === undefined ? {} : { reason: status.warning }) }
    case "Partial":
      return {
        status: "partial" as const,
        reason: status.nodes[0]?.reason ?? "",
        nodes: status.nodes.map(({ node }) => node)
      }
    case "Down":
      return { status: "down" as const, reason: status.reason }
  }
}

/** What an operator wants to know of this service. */
export class Status extends Context.Service<
  Status,
  {
    readonly health: Effect.Effect<typeof Health.Type>
    readonly stats: Effect.Effect<typeof Stats.Type>
  }
>()("job-matcher/Status") {
  static readonly layer = Layer.effect(
    Status,
    Effect.gen(function* () {
      const { breaker } = yield* RedisClient.RedisClient
      const redis = yield* RedisHealth.RedisHealth
      const counters = yield* makeCounters
      const states = yield* Ref.make<ReadonlyArray<typeof Breaker.Type>>([])
      yield* breaker.changes.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.runForEach((state) => Ref.update(states, (all) => [...all.slice(-999), state])),
        Effect.forkScoped({ startImmediately: true })
      )
      const health = Effect.gen(function* () {
        const known = yield* redis.status
        const { _tag } = yield* breaker.state
        return {
          status: known._tag === "Up" && _tag === "Closed" ? ("healthy" as const) : ("degraded" as const),
          redis: { ...redisOf(known), since: known.since, breaker: _tag }
        }
      })
      const stats = Effect.map(Effect.all([counters, Ref.get(states)]), ([counters, breaker]) => ({
        ...counters,
        breaker
      }))
      return Status.of({ health, stats })
    })
  )

  /** For a service that has no Redis. */
  static readonly layerMemory = Layer.effect(
    Status,
    Effect.gen(function* () {
      const counters = yield* makeCounters
      return Status.of({
        health: Effect.succeed({ status: "healthy", redis: "not configured" }),
        stats: Effect.map(counters, (counters) => ({ ...counters, breaker: [] }))
      })
    })
  )
}

const makeCounters = Effect.map(Effect.all([Cache.Cache, Matcher]), ([cache, matcher]) =>
  Effect.map(Effect.all([cache.stats, matcher.runs]), ([{ redisHits, memoryHits, misses }, lookups]) => ({
    redisHits,
    memoryHits,
    misses,
    lookups
  }))
)
