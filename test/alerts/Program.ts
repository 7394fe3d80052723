import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Layer, Logger, Random, Schedule, Schema, Stream } from "effect"
import { HttpRouter } from "effect/http"
import { Redis, RedisCommand, RedisPubSub, RedisReservation } from "effect-ioredis"
import * as PrometheusNames from "effect-ioredis/PrometheusNames"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Habit, Settings } from "./Settings.ts"
import * as Tasks from "./Tasks.ts"

/**
 * A program with a cache, as a user would write it, with some traffic of its own. It says on stdout which port its metrics are
 * at, takes on the habits that it is told line by line on stdin, and ends with its input.
 */
const items = {
  name: "items",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "1 hour"
} as const

const rates = {
  name: "rates",
  version: 1,
  key: Schema.String,
  value: Schema.Finite,
  timeToLive: "1 second",
  staleFor: "1 hour"
} as const

const popular = 200

const text = "x".repeat(100)

const traffic = Effect.gen(function* () {
  const { deferred, maxReserved } = yield* settings
  const region = yield* Cache.region(items)
  const slow = yield* Cache.region(rates)
  let next = 0
  let isCold = false
  let grows = false
  let isBusy = false

  const lookup = Effect.as(Effect.sleep("20 millis"), text)
  const drawn = Effect.map(Random.nextIntBetween(0, popular), (index) => `item-${index}`)
  const read = Effect.suspend(() =>
    Effect.flatMap(isCold ? Effect.sync(() => `cold-${next++}`) : drawn, (key) => region.getOrSet(key, lookup))
  )
  const page = Effect.all(
    Array.from({ length: 8 }, () => read),
    { concurrency: 8 }
  )
  // Two who ask for what nobody has share one lookup.
  const both = Effect.suspend(() => {
    const key = `new-${next++}`
    return Effect.all([region.getOrSet(key, lookup), region.getOrSet(key, lookup)], { concurrency: 2 })
  })
  const write = Effect.flatMap(drawn, (key) => region.set(key, text))
  // The database behind the rates is slow, and fails every other time.
  const rate = Effect.suspend(() => {
    const answer = next++ % 2 === 0 ? Effect.succeed(1) : Effect.fail("the database is down" as const)
    return slow.getOrSet("EUR", Effect.andThen(Effect.sleep("300 millis"), answer))
  })
  const grow = Effect.suspend(() =>
    grows ? Effect.forEach([1, 2, 3], () => region.set(`grown-${next++}`, text.repeat(20))) : Effect.void
  )
  // A blocked event loop takes no processor from the others.
  const block = Effect.sync(() => {
    if (isBusy) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  })
  const reserve = Effect.scoped(
    Effect.flatMap(RedisReservation.reserve(), (mine) =>
      Effect.andThen(mine.run(RedisCommand.make("PING", [])), Effect.sleep("400 millis"))
    )
  )
  const listen = Effect.retry(Stream.runDrain(RedisPubSub.subscribe(["news"])), Schedule.spaced("1 second"))

  const every = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>) =>
    Effect.repeat(Effect.exit(effect), Schedule.spaced(millis))
  const habits: { readonly [habit in Habit]: (on: boolean) => void } = {
    cold: (on) => {
      isCold = on
    },
    grow: (on) => {
      grows = on
    },
    busy: (on) => {
      isBusy = on
    },
    ...Tasks.habits
  }
  const hear = Effect.gen(function* () {
    const [habit = "", on] = (yield* Effect.promise(nextLine)).split(" ")
    if (!Schema.is(Habit)(habit)) return yield* Effect.interrupt
    habits[habit](on === "on")
  })
  yield* Effect.forEach(
    [
      every(200, page),
      every(200, both),
      every(250, write),
      every(500, rate),
      every(40, grow),
      every(50, block),
      ...(maxReserved > 0 ? [every(100, reserve), listen] : []),
      ...(deferred === undefined ? [] : [Tasks.traffic(deferred)])
    ],
    (effect) => Effect.forkChild(effect)
  )
  return yield* Fiber.join(yield* Effect.forkChild(Effect.forever(hear)))
})

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
// When the test is gone, so is this.
const nextLine = () => lines.next().then(({ value }) => String(value ?? "end"))

const settings = Schema.decodeUnknownEffect(Schema.fromJsonString(Settings))(process.argv[2] ?? "")

const main = Effect.gen(function* () {
  const { journal, maxBytes, maxReserved, url } = yield* settings
  const server = createServer()
  const Live = HybridCache.layer({
    patience: "400 millis",
    ...(journal !== undefined && { journal: { maxEntries: journal } })
  }).pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer({ maxEntries: 5000, maxBytes })]),
    Layer.provideMerge(Redis.layer({ url, ...(maxReserved > 0 && { maxReserved }) }))
  )
  const announce = Effect.sync(() => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
  const metrics = HttpRouter.serve(PrometheusNames.layerHttp(), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
  return yield* Effect.andThen(announce, traffic).pipe(Effect.provide(Layer.mergeAll(Live, metrics)))
})

NodeRuntime.runMain(Effect.provide(main, Logger.layer([])))
