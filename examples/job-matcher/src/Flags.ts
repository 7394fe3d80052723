import { Config, Context, Effect, Layer, Stream } from "effect"
import { RedisClient } from "effect-ioredis"
import * as FeatureFlag from "effect-ioredis/FeatureFlag"

/** How long the matches of a candidate are kept: `short` for 5 minutes, `long` for an hour. */
export class Freshness extends Context.Service<Freshness, FeatureFlag.FeatureFlag<"short" | "long">>()(
  "job-matcher/Freshness"
) {
  /** From FRESHNESS, such as `short=90,long=10`. By default all are short. */
  static readonly layer = Layer.unwrap(
    FeatureFlag.weights("FRESHNESS", ["short", "long"]).pipe(
      Config.withDefault({ short: 1, long: 0 }),
      Effect.map((weights) => FeatureFlag.layer(Freshness, { name: "freshness", weights }))
    )
  )
}

/** Leaves Redis alone while it is on, for a Redis that is slow is worse than none: memory and lookups answer. */
export class MemoryOnly extends Context.Service<MemoryOnly, FeatureFlag.Switch>()("job-matcher/MemoryOnly") {
  static readonly layer = FeatureFlag.layerSwitch(MemoryOnly, { name: "memory-only", on: false })

  /** Has the switch followed by the client's circuit. What is written meanwhile, Redis is told afterwards. */
  static readonly layerFollowed = Layer.effectDiscard(
    Effect.gen(function* () {
      const { breaker } = yield* RedisClient.RedisClient
      const { changes } = yield* MemoryOnly
      yield* changes.pipe(
        Stream.map(({ on }) => on === true),
        Stream.changes,
        // A circuit that nobody has isolated is none of the switch's.
        Stream.dropWhile((on) => !on),
        Stream.runForEach((on) => (on ? breaker.isolate : breaker.reset)),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  )
}

/** All of them. */
export const layer = Layer.merge(Freshness.layer, MemoryOnly.layer)
