import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Config, Console, Effect, Latch, Layer, Logger, Option, Random, Schedule, Schema, Stream } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, CacheKey, HybridCache } from "effect-ioredis-cache"
import * as Checker from "./Checker.ts"
import * as Journal from "./Journal.ts"
import { LongLine, type Observed, type Sample } from "./LongProtocol.ts"

/** Writes at a steady pace to many keys, reads some, and samples its heap every second. It ends with its input. */
const program = Effect.gen(function* () {
  const { keys, rate } = yield* Config.all({ keys: Config.Int("CHAOS_KEYS"), rate: Config.Int("CHAOS_RATE") })
  const clock = yield* Clock.Clock
  const client = yield* RedisClient.RedisClient
  const journal = yield* Journal.size
  const Value = Schema.Struct({ key: Schema.Int, version: Schema.Int, text: Schema.String })
  const region = yield* Cache.region({ name: "long", version: 1, key: Schema.Int, value: Value })
  const checker = Checker.make(keys)
  const gate = yield* Latch.make(false)
  const samples: Array<Sample> = []
  const counts = { asked: 0, written: 0, failed: 0, reads: 0, contradicted: 0 }
  let backAt: number | undefined

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  const write = Effect.andThen(
    // Nothing comes between a version and its call: see Traffic.
    Effect.yieldNow,
    Effect.flatMap(Random.nextIntBetween(0, keys - 1), (key) => {
      const version = checker.write(key)
      counts.asked++
      return Effect.map(region.set(key, { key, version, text }), (outcome) => {
        counts.written++
        if (outcome !== "Rejected") checker.acknowledge(key, version)
        if (outcome === "Applied") backAt ??= now()
      })
    })
  )

  const readMany = (some: ReadonlyArray<number>) =>
    Effect.suspend(() => {
      const floors = some.map(checker.floor)
      return Effect.map(region.getMany(some), (found) => {
        counts.reads += some.length
        found.forEach((value, index) => {
          if (Option.isNone(value)) return
          if (Checker.contradicts(floors[index] ?? 0, some[index] ?? 0, value.value)) counts.contradicted++
        })
      })
    })

  const forever = (fibers: number, everyMillis: number, make: () => Effect.Effect<unknown>) =>
    Effect.forEach(
      Array.from({ length: fibers }, (_, index) => index),
      (index) =>
        make().pipe(
          Effect.catchCause(() => Effect.sync(() => counts.failed++)),
          gate.whenOpen,
          Effect.repeat(Schedule.fixed(everyMillis)),
          Effect.delay((everyMillis * index) / fibers),
          (fiber) => Effect.andThen(gate.await, fiber),
          Effect.forkScoped
        ),
      { discard: true }
    )

  // Batches of about ten, so that timers are not what takes the time. What a stall held up is made up for, three times as fast.
  yield* forever(rate / 100, 100, () => {
    let due: number | undefined
    return Effect.suspend(() => {
      due ??= now()
      const batch = Math.min(30, Math.max(0, Math.round((now() - due) / 10)))
      due += batch * 10
      return batch === 0 ? Effect.void : Effect.repeat(write, Schedule.recurs(batch - 1))
    })
  })
  yield* forever(20, 200, () => Effect.flatMap(Effect.replicateEffect(Random.nextIntBetween(0, keys - 1), 5), readMany))

  // Between two samples it may fill and empty again.
  let mostJournaled = 0
  yield* Effect.sync(() => {
    mostJournaled = Math.max(mostJournaled, journal())
  }).pipe(Effect.repeat(Schedule.fixed("20 millis")), Effect.forkScoped)

  let second = 0
  yield* Effect.sync(() => {
    const { heapUsed, rss } = process.memoryUsage()
    const isGc = second++ % 5 === 0
    if (isGc) globalThis.gc?.()
    samples.push({
      at: now(),
      heap: heapUsed,
      heapAfterGc: isGc ? process.memoryUsage().heapUsed : null,
      rss,
      journal: Math.max(mostJournaled, journal()),
      written: counts.written
    })
    mostJournaled = 0
  }).pipe(Effect.repeat(Schedule.fixed("1 second")), Effect.forkScoped)

  // What other processes are served in the end.
  const inRedis = Effect.gen(function* () {
    const keyspace = yield* Effect.fromResult(CacheKey.keyspace({ prefix: "cache", region: "long", version: 1 }))
    const render = CacheKey.make(Schema.Int)
    let held = 0
    let older = 0
    yield* Effect.forEach(
      chunks(keys, 1000),
      Effect.fnUntraced(function* (some) {
        const names = yield* Effect.forEach(some, (key) => Effect.fromResult(render(key)))
        const values = yield* client.mget(names.map((name) => keyspace + name))
        values.forEach((value, index) => {
          const version = Option.isSome(value) ? /"version":(\d+)/.exec(value.value)?.[1] : undefined
          if (version === undefined) return
          held++
          if (Number(version) < checker.floor(some[index] ?? 0)) older++
        })
      }),
      { discard: true }
    )
    return { held, older }
  }).pipe(Effect.orElseSucceed(() => null))

  const report = Effect.gen(function* () {
    yield* gate.close
    yield* Effect.suspend(() => (journal() === 0 ? Effect.void : Effect.fail("not empty"))).pipe(
      Effect.retry({ schedule: Schedule.spaced("100 millis"), times: 200 }),
      Effect.ignore
    )
    const journalLeft = journal()
    const held = yield* inRedis
    yield* Effect.forEach(chunks(keys, 500), readMany, { discard: true })
    const observed: Observed = { samples, ...counts, backAt: backAt ?? null, journalLeft, inRedis: held }
    return observed
  })

  const obey = (command: string): Effect.Effect<Observed | null> => {
    switch (command) {
      case "start":
        return Effect.as(gate.open, null)
      case "healed":
        return Effect.sync(() => {
          backAt = undefined
          return null
        })
      default:
        return report
    }
  }

  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect(obey),
    Stream.mapEffect((reply) => Schema.encodeEffect(LongLine)(reply)),
    Stream.runForEach((line) => Console.log(line))
  )
})

const text = "x".repeat(120)

const chunks = (keys: number, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(keys / size) }, (_, chunk) =>
    Array.from({ length: Math.min(size, keys - chunk * size) }, (_, index) => chunk * size + index)
  )

// Its output is the protocol's; what it has to say goes to stderr.
const logs = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

program.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(HybridCache.layerFromEnv(), logs)), NodeRuntime.runMain)
