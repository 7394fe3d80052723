import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Context, Effect, Layer, Logger, Option, Schedule, Schema, Stream } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, CacheKey, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import type * as CheckedRegion from "./CheckedRegion.ts"
import { type Command, CommandLine, type Marks, type Observed, ObservedLine } from "./Protocol.ts"
import * as Recorder from "./Recorder.ts"
import * as Traffic from "./Traffic.ts"

/**
 * The process under load: a pool of connections and two caches on it, as two modules of one program make them, told what
 * to do by commands on stdin. It ends with its input.
 */
const program = Effect.gen(function* () {
  const load = yield* settings
  const redis = yield* Layer.build(layerRedis(load))
  const client = Context.get(redis, RedisClient.RedisClient)
  // A client of its own knows nothing of the other's writes: so the checker is seen to find what it is there for.
  const otherRedis = load.areClientsApart ? yield* Layer.build(layerRedis(load)) : redis
  const others = yield* Effect.replicateEffect(cacheOn(otherRedis, load), load.caches - 1)
  const caches = [yield* cacheOn(redis, load), ...others] as const
  const recorder = yield* Recorder.make(caches).pipe(Effect.provideContext(redis))
  const traffic = yield* Traffic.make(load, caches, recorder)

  // Redis itself is asked, past the cache: what it holds is what other processes are served.
  const inRedis = Effect.map(
    Effect.forEach(traffic.checked, (region) => heldOf(client, region)),
    (regions) => ({
      held: regions.reduce((total, { held }) => total + held, 0),
      older: regions.reduce((total, { older }) => total + older, 0),
      cleared: regions.reduce((total, { cleared }) => total + cleared, 0)
    })
  ).pipe(Effect.orElseSucceed(() => null))

  const report = Effect.fnUntraced(function* (marks: Marks, awaitsClears: boolean) {
    yield* Effect.suspend(() => (recorder.journal() === 0 ? Effect.void : Effect.fail("not empty"))).pipe(
      Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 150 }),
      Effect.ignore
    )
    const journalLeft = recorder.journal()
    const held = yield* awaitsClears
      ? Effect.repeat(inRedis, {
          until: (held) => held?.cleared === 0,
          schedule: Schedule.spaced("100 millis"),
          times: 350
        })
      : inRedis
    yield* traffic.readAll
    const keys = yield* traffic.sharedNow
    const counts = traffic.takeCounts()
    const { contradictions, ...seen } = recorder.take(marks)
    const observed: Observed = {
      ...seen,
      reads: counts.reads,
      writes: counts.writes,
      clears: counts.clears,
      contradicted: counts.contradicted,
      examples: contradictions.map((one) => ({ ...one, at: one.at - marks.fault })),
      journalLeft,
      inRedis: held,
      shared: {
        reads: counts.sharedReads,
        olderThanOwn: counts.sharedOlder,
        broughtBack: counts.broughtBack.own,
        foreignBroughtBack: counts.broughtBack.foreign,
        keys
      }
    }
    return observed
  })

  const obey = (command: Command): Effect.Effect<Observed | null> => {
    switch (command._tag) {
      case "Resume":
        return Effect.as(traffic.resume, null)
      case "Pause":
        return Effect.as(traffic.pause, null)
      case "Report":
        return report(command.marks, command.awaitsClears)
    }
  }

  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect((line) => Schema.decodeEffect(CommandLine)(line)),
    Stream.mapEffect(obey),
    Stream.mapEffect((reply) => Schema.encodeEffect(ObservedLine)(reply)),
    Stream.runForEach((line) => Console.log(line))
  )
})

type Settings = Config.Success<typeof settings>

// A short round has no time for the default of a connection's silence, which is twice the default patience.
const layerRedis = ({ maxConnections, patience, port, resetTimeout }: Settings) =>
  Redis.layer({
    host: "127.0.0.1",
    port,
    maxConnections,
    commandTimeout: `${patience * 2} millis`,
    resetTimeout: `${resetTimeout} millis`
  })

const cacheOn = (redis: Context.Context<RedisClient.RedisClient>, { patience }: Settings) =>
  HybridCache.layer({ patience: `${patience} millis` }).pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.build,
    Effect.map((context) => Context.get(context, Cache.Cache)),
    Effect.provideContext(redis)
  )

const render = CacheKey.make(Schema.Int)

const heldOf = Effect.fnUntraced(function* (client: RedisClient.RedisClient, region: CheckedRegion.CheckedRegion) {
  const keyspace = yield* Effect.fromResult(CacheKey.keyspace({ prefix: "cache", region: region.name, version: 1 }))
  const keys = yield* Effect.forEach(region.keys, (key) => Effect.fromResult(render(key)))
  const values = yield* client.mget(keys.map((key) => keyspace + key))
  const held = values.flatMap((value, key) => {
    const version = Option.isSome(value) ? /"version":(\d+)/.exec(value.value)?.[1] : undefined
    return version === undefined ? [] : [{ key, version: Number(version) }]
  })
  const older = held.filter(({ key, version }) => version < region.floor(key))
  return {
    held: held.length,
    older: older.length,
    cleared: older.filter(({ key, version }) => version >= region.namedFloor(key)).length
  }
})

const settings = Config.all({
  worker: Config.String("CHAOS_WORKER"),
  fibers: Config.Int("CHAOS_FIBERS"),
  rate: Config.Int("CHAOS_RATE"),
  ownKeys: Config.Int("CHAOS_OWN_KEYS"),
  sharedKeys: Config.Int("CHAOS_SHARED_KEYS"),
  port: Config.Int("CHAOS_PORT"),
  maxConnections: Config.Int("CHAOS_CONNECTIONS"),
  caches: Config.Int("CHAOS_CACHES"),
  areClientsApart: Config.Boolean("CHAOS_CLIENTS_APART"),
  patience: Config.Int("CHAOS_PATIENCE_MS"),
  resetTimeout: Config.Int("CHAOS_RESET_TIMEOUT_MS")
})

// Its output is the protocol's; what it has to say goes to stderr.
const logs = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

program.pipe(Effect.scoped, Effect.provide(logs), NodeRuntime.runMain)
