import { Context, Effect, Layer, Ref, Schema, Stream } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Matcher } from "./Matcher.ts"

const Breaker = Schema.Literals(["Closed", "Open", "HalfOpen", "Partial"])

export const Stats = Schema.Struct({
  redisHits: Schema.Int,
  memoryHits: Schema.Int,
  misses: Schema.Int,
  /** How often the matcher ran. */
  lookups: Schema.Int,
  /** The circuit breaker's states since the start (the last 1,000), the current one last. */
  breaker: Schema.Array(Breaker)
})

/** How the work of this service is shared out: what an operator asks beside its health. */
export class Status extends Context.Service<
  Status,
  {
    readonly stats: Effect.Effect<typeof Stats.Type>
  }
>()("job-matcher/Status") {
  static readonly layer = Layer.effect(
    Status,
    Effect.gen(function* () {
      const { breaker } = yield* RedisClient.RedisClient
      const counters = yield* makeCounters
      const states = yield* Ref.make<ReadonlyArray<typeof Breaker.Type>>([])
      yield* breaker.changes.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.runForEach((state) => Ref.update(states, (all) => [...all.slice(-999), state])),
        Effect.forkScoped({ startImmediately: true })
      )
      const stats = Effect.map(Effect.all([counters, Ref.get(states)]), ([counters, breaker]) => ({
        ...counters,
        breaker
      }))
      return Status.of({ stats })
    })
  )

  /** For a service that has no Redis. */
  static readonly layerMemory = Layer.effect(
    Status,
    Effect.gen(function* () {
      const counters = yield* makeCounters
      return Status.of({ stats: Effect.map(counters, (counters) => ({ ...counters, breaker: [] })) })
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
