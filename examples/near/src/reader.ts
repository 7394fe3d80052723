import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option, Schema } from "effect"
import { Cache, HybridCache } from "effect-ioredis-cache"
import * as Delays from "./Delays.ts"
import { now, region } from "./Price.ts"

const wanted = 300

// Reads the price a thousand times a second, and prints how soon 300 new ones were seen.
const program = Effect.gen(function* () {
  const { stats } = yield* Cache.Cache
  const prices = yield* Cache.region(region)
  // Until the server tells of writes, each read asks Redis.
  yield* Effect.repeat(Effect.andThen(prices.get("apple"), stats), { until: ({ memoryHits }) => memoryHits > 0 })
  const before = yield* stats
  const delays = Delays.make()
  let seen = Option.getOrUndefined(yield* prices.get("apple"))?.revision ?? 0
  let reads = 0
  const turn = Effect.gen(function* () {
    const due = now() + 1
    yield* Effect.sleep("1 millis")
    delays.wokeUp(now(), now() - due)
    const price = yield* prices.get("apple")
    reads++
    if (Option.isNone(price) || price.value.revision <= seen) return
    seen = price.value.revision
    delays.saw(price.value.writtenAt, now())
  })
  yield* Effect.whileLoop({ while: () => delays.count() < wanted, body: () => turn, step: () => {} })
  const after = yield* stats
  const report = { ...delays.figures(), reads, fromMemory: after.memoryHits - before.memoryHits }
  yield* Console.log(yield* Schema.encodeEffect(Schema.fromJsonString(Delays.Report))(report))
})

program.pipe(Effect.provide(HybridCache.layerFromEnv()), NodeRuntime.runMain)
