import { createInterface } from "node:readline"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Context, Effect, Layer, Logger, Option, Random, Schedule, Schema, Stream } from "effect"
import { Redis, RedisClient, type RedisConnection } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as Checker from "../chaos/Checker.ts"
import { type Command, CommandLine, type Report, ReportLine, type Stamp } from "./Protocol.ts"

/**
 * A process with a near region: it reads what others write, its own and the other processes' keys, and writes its own.
 * Commands come on stdin, and it ends with its input.
 */
const program = Effect.gen(function* () {
  const load = yield* settings
  const redis = yield* Layer.build(
    Redis.layer({ host: "127.0.0.1", port: load.port, commandTimeout: "500 millis", resetTimeout: "300 millis" })
  )
  if (load.isDeaf) deafen(Context.get(redis, RedisClient.RedisClient))
  const context = yield* HybridCache.layer({ patience: "500 millis" }).pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.build,
    Effect.provideContext(redis)
  )
  const cache = Context.get(context, Cache.Cache)
  const region = yield* cache.region({
    name: "texts",
    version: 1,
    key: Schema.String,
    value: Schema.Int,
    timeToLive: "1 hour",
    near: { maxStaleness: load.maxStaleness }
  })
  const own = Checker.make(load.keys)
  const names = load.writers.flatMap((writer) => Array.from({ length: load.keys }, (_, key) => ({ writer, key })))
  let seen = new Map<string, Stamp>()
  let report = empty()

  const read = Effect.gen(function* () {
    const { key, writer } = names[yield* Random.nextIntBetween(0, names.length - 1)] ?? { writer: load.worker, key: 0 }
    const name = `${writer}-${key}`
    const floor = writer === load.worker ? own.floor(key) : 0
    const before = yield* cache.stats
    const at = now()
    const found = yield* region.get(name)
    const after = yield* cache.stats
    report.reads++
    if (Option.isSome(found) && found.value < floor) {
      report.contradicted.push(`${name}: ${found.value} after ${floor}`)
    }
    if (after.fallbacks > before.fallbacks) {
      report.fellBack++
      return
    }
    if (after.memoryHits > before.memoryHits && after.redisHits === before.redisHits) report.near++
    if (Option.isNone(found)) return
    const id = `${name} ${found.value}`
    const last = seen.get(id)
    if (last === undefined || last.at < at) seen.set(id, { key: name, version: found.value, at })
  })

  // The order of two writes of one key is that of their versions only if nothing comes between a version and its call.
  const write = Effect.gen(function* () {
    const key = yield* Random.nextIntBetween(0, load.keys - 1)
    yield* Effect.yieldNow
    const version = own.write(key)
    const outcome = yield* region.set(`${load.worker}-${key}`, version)
    own.acknowledge(key, version)
    if (outcome === "Applied") report.acknowledged.push({ key: `${load.worker}-${key}`, version, at: now() })
  })

  const traffic = (one: Effect.Effect<void>, fibers: number, rate: number) =>
    Effect.forEach(
      Array.from({ length: fibers }),
      () =>
        Effect.forkScoped(Effect.repeat(Effect.ignoreCause(one), Schedule.spaced(`${(fibers * 1000) / rate} millis`))),
      { discard: true }
    )

  yield* traffic(read, 20, load.reads)
  yield* traffic(write, 5, load.writes)
  yield* watchLoop((late) => {
    report.loopDelay = Math.max(report.loopDelay, late)
  })

  const obey = (command: Command): Effect.Effect<Report | null> =>
    Effect.sync(() => {
      if (command._tag === "Block") {
        for (const until = now() + command.millis; now() < until; );
        return null
      }
      const taken = { ...report, seen: Array.from(seen.values()) }
      report = empty()
      seen = new Map()
      return taken
    })

  yield* Console.log("ready")
  yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), String).pipe(
    Stream.mapEffect((line) => Schema.decodeEffect(CommandLine)(line)),
    Stream.mapEffect(obey),
    Stream.mapEffect((reply) => Schema.encodeEffect(ReportLine)(reply)),
    Stream.runForEach((line) => Console.log(line))
  )
})

const now = (): number => Number(process.hrtime.bigint()) / 1e6

const empty = (): Omit<{ -readonly [K in keyof Report]: Report[K] }, "seen"> & {
  acknowledged: Array<Stamp>
  contradicted: Array<string>
} => ({ acknowledged: [], reads: 0, near: 0, fellBack: 0, contradicted: [], loopDelay: 0 })

const watchLoop = (tell: (late: number) => void) => {
  const turn = Effect.gen(function* () {
    const due = now() + 20
    yield* Effect.sleep("20 millis")
    tell(now() - due)
  })
  return Effect.forkScoped(Effect.forever(turn))
}

// A stand-in for a cache that ignores what it is told: so the checker is seen to find what it is there for.
const deafen = (client: RedisClient.RedisClient): void => {
  for (const node of Dispatch.of(client).nodes()) {
    const { connect } = node
    Object.assign(node, { connect: Effect.map(connect, (link) => ({ ...link, connection: deaf(link.connection) })) })
  }
}

const deaf = (connection: RedisConnection.RedisConnection): RedisConnection.RedisConnection => ({
  isOpen: () => connection.isOpen(),
  inFlight: () => connection.inFlight(),
  activity: () => connection.activity(),
  onLoss: (listener) => connection.onLoss(listener),
  onPush: () => () => {},
  drain: connection.drain,
  destroy: (error) => connection.destroy(error),
  submit: (command, onReply) => connection.submit(command, onReply)
})

const settings = Config.all({
  port: Config.Int("NEAR_PORT"),
  worker: Config.String("NEAR_WORKER"),
  writers: Config.map(Config.String("NEAR_WRITERS"), (all) => all.split(",")),
  keys: Config.Int("NEAR_KEYS"),
  reads: Config.Int("NEAR_READS"),
  writes: Config.Int("NEAR_WRITES"),
  maxStaleness: Config.Int("NEAR_MAX_STALENESS"),
  isDeaf: Config.Boolean("NEAR_DEAF")
})

// Its output is the protocol's; what it has to say goes to stderr.
const logs = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

program.pipe(Effect.scoped, Effect.provide(logs), NodeRuntime.runMain)
