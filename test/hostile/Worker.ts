import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import {
  Clock,
  Config,
  Console,
  Effect,
  Layer,
  Logger,
  Metric,
  Option,
  Random,
  References,
  Schedule,
  Schema,
  Stream
} from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as Captured from "../support/Captured.ts"
import { marker, type Observed, ObservedLine, type Sample } from "./Protocol.ts"

/** A program under load whose every value names its key. It shows all that it can show, and ends with its input. */
const program = Effect.gen(function* () {
  const { stats } = yield* Cache.Cache
  const client = yield* RedisClient.RedisClient
  const clock = yield* Clock.Clock
  const region = yield* Cache.region({ name: "hostile", version: 1, key: Schema.String, value: Value })
  const samples: Array<Sample> = []
  const counts = { calls: 0, failed: 0, wrong: 0, rss: 0 }

  const check = (key: string, found: Option.Option<typeof Value.Type>) => {
    if (Option.isSome(found) && found.value.key !== key) counts.wrong++
  }
  const filled = (key: string) => ({ key, text })
  const one = Effect.gen(function* () {
    const key = `${marker}-${yield* Random.nextIntBetween(1, 200)}`
    const dice = yield* Random.next
    counts.calls++
    if (dice < 0.6) return check(key, yield* region.get(key))
    if (dice < 0.75) {
      const keys = [key, `${marker}-1`, `${marker}-2`]
      const found = yield* region.getMany(keys)
      for (const [index, key] of keys.entries()) check(key, found[index] ?? Option.none())
      return
    }
    if (dice < 0.85) return check(key, Option.some(yield* region.getOrSet(key, Effect.succeed(filled(key)))))
    if (dice < 0.98) return yield* region.set(key, filled(key))
    return yield* region.remove(key)
  }).pipe(
    Effect.catchCause((cause) => {
      counts.failed++
      return Console.error(Captured.everyRendering(cause))
    })
  )

  // Errors of the client are for users to print.
  const raw = client.get(`${marker}-1`).pipe(Effect.catch((error) => Console.error(Captured.everyRendering(error))))

  const sample = Effect.map(stats, ({ fallbacks, memoryHits, misses, redisHits }) => {
    samples.push({
      at: Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      redis: redisHits,
      memory: memoryHits,
      misses,
      fallbacks
    })
    counts.rss = Math.max(counts.rss, process.memoryUsage.rss())
  })

  yield* Effect.forEach(
    Array.from({ length: fibers }, (_, index) => index),
    (index) =>
      one.pipe(Effect.repeat(Schedule.fixed("50 millis")), Effect.delay((50 * index) / fibers), Effect.forkScoped),
    { discard: true }
  )
  yield* raw.pipe(Effect.repeat(Schedule.spaced("30 millis")), Effect.forkScoped)
  yield* sample.pipe(Effect.repeat(Schedule.fixed("20 millis")), Effect.forkScoped)

  const report = Effect.gen(function* () {
    yield* Console.error(Captured.everyRendering(yield* Metric.snapshot))
    const observed: Observed = { samples, ...counts }
    return yield* Schema.encodeEffect(ObservedLine)(observed)
  })

  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect(() => report),
    Stream.runForEach((line) => Console.log(line))
  )
})

const Value = Schema.Struct({ key: Schema.String, text: Schema.String })

const text = `${marker}${"x".repeat(100)}`

const fibers = 40

const logs = Layer.merge(
  Logger.layer([Logger.withConsoleError(Logger.formatJson)]),
  Layer.succeed(References.MinimumLogLevel, "Trace")
)

const layer = Layer.unwrap(
  Effect.map(Config.Int("HOSTILE_PORT"), (port) =>
    HybridCache.layer({ patience: "500 millis" }).pipe(
      Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
      Layer.provideMerge(
        Redis.layer({
          host: "127.0.0.1",
          port,
          maxConnections: 3,
          commandTimeout: "300 millis",
          connectTimeout: "500 millis",
          resetTimeout: "200 millis",
          healthCheckInterval: "200 millis"
        })
      )
    )
  )
)

program.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layer, logs)), NodeRuntime.runMain)
