import { Clock, Context, Effect, Exit, Layer, Metric, Schema, Scope } from "effect"
import { RedisClient, RedisConnection, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as ClockDouble from "../support/ClockDouble.ts"
import { type History, regions } from "./History.ts"
import * as VirtualTime from "./VirtualTime.ts"

export type Region = Cache.Region<string, string>

/** Where a broken variant takes the place of what it breaks. Each is given the right one. */
export interface Seams {
  readonly connection?: (connection: RedisConnection.RedisConnection) => RedisConnection.RedisConnection
  readonly client?: (client: RedisClient.RedisClient) => RedisClient.RedisClient
  readonly redis?: (redis: RedisCache.RedisCache) => RedisCache.RedisCache
  readonly memory?: (memory: MemoryCache.MemoryCache["Service"]) => MemoryCache.MemoryCache["Service"]
  readonly region?: (
    region: Region,
    around: { readonly options: RegionOptions; readonly redis: RedisCache.RedisCache; readonly cache: Cache.Cache }
  ) => Effect.Effect<Region>
  readonly patience?: number
  readonly beside?: Effect.Effect<void, never, Scope.Scope>
}

/** One process: the whole cache on a connection of its own, and what of it is running. */
export interface Process {
  readonly number: number
  readonly regions: ReadonlyArray<Region>
  readonly breaker: RedisClient.RedisClient["breaker"]
  /** Runs an effect so that the fibers and sleepers it leaves behind are counted. */
  readonly counted: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly left: () => { readonly fibers: number; readonly sleepers: number }
  /** Keys in the write journal. */
  readonly journaled: Effect.Effect<number>
  /** The longest call of the client, in milliseconds. */
  readonly longestCall: () => number
  /** Closes it, and says how long that took. */
  readonly close: Effect.Effect<number>
}

export const resetTimeout = 5000
export const patience = 1000
export const operationTimeout = 5000

/** What of a history concerns a process. */
export interface Options extends Pick<History, "connections" | "cramped" | "health"> {
  readonly seams: Seams
}

type RegionOptions = Cache.RegionOptions<string, string>

const definitions: ReadonlyArray<RegionOptions> = regions.map((name) => ({
  name,
  version: 1,
  key: Schema.String,
  value: Schema.String,
  replay: name === "two" ? "write" : "invalidate"
}))

/** Opens one. Virtual time passes meanwhile where Redis lets it wait. */
export const open = Effect.fnUntraced(function* (
  number: number,
  options: Options
): Effect.fn.Return<Process, never, SimulatedRedis.SimulatedRedis> {
  const clock = yield* ClockDouble.make
  const registry: Metric.MetricRegistry = new Map()
  let fibers = 0
  let longest = 0
  const metrics: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      fibers++
    },
    recordFiberEnd: () => {
      fibers--
    }
  }
  const counted = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(Clock.Clock, clock),
      Effect.provideService(Metric.FiberRuntimeMetrics, metrics),
      Effect.provideService(Metric.MetricRegistry, registry)
    )
  const timed = (client: RedisClient.RedisClient): RedisClient.RedisClient => {
    const measure = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        const from = clock.currentTimeMillisUnsafe()
        return Effect.onExit(effect, () =>
          Effect.sync(() => {
            longest = Math.max(longest, clock.currentTimeMillisUnsafe() - from)
          })
        )
      })
    const measureDone = <A>(
      done: RedisClient.Done<A>,
      start: (done: RedisClient.Done<A>) => () => void
    ): (() => void) => {
      const from = clock.currentTimeMillisUnsafe()
      const end = () => {
        longest = Math.max(longest, clock.currentTimeMillisUnsafe() - from)
      }
      const cancel = start((result) => {
        end()
        done(result)
      })
      return () => {
        end()
        cancel()
      }
    }
    return {
      ...client,
      send: (...args) => measure(client.send(...args)),
      pipeline: (...args) => measure(client.pipeline(...args)),
      getUnsafe: (key, read, done) => measureDone(done, (done) => client.getUnsafe(key, read, done)),
      sendUnsafe: (command, options, done) => measureDone(done, (done) => client.sendUnsafe(command, options, done)),
      pipelineUnsafe: (commands, options, done) =>
        measureDone(done, (done) => client.pipelineUnsafe(commands, options, done))
    }
  }

  const scope = yield* Scope.make()
  const server = yield* SimulatedRedis.SimulatedRedis
  const built = Layer.buildWithMemoMap(
    layer(options, timed).pipe(Layer.provide(Layer.succeed(SimulatedRedis.SimulatedRedis, server))),
    Layer.makeMemoMapUnsafe(),
    scope
  )
  const context = yield* VirtualTime.passUntilDone(counted(built))
  const cache = Context.get(context, Cache.Cache)
  const redis = Context.get(context, RedisCache.RedisCache)
  const regions = yield* Effect.forEach(definitions, (definition) =>
    Effect.flatMap(
      cache.region(definition),
      (region) => options.seams.region?.(region, { options: definition, redis, cache }) ?? Effect.succeed(region)
    )
  )
  if (options.seams.beside !== undefined) yield* counted(Scope.provide(options.seams.beside, scope))
  return {
    number,
    regions,
    breaker: Context.get(context, RedisClient.RedisClient).breaker,
    counted,
    left: () => ({ fibers, sleepers: clock.asleep }),
    journaled: Effect.map(counted(Metric.snapshot), (metrics) => {
      const gauge = metrics.find(({ id }) => id === "cache_journal_entries")
      return gauge?.type === "Gauge" ? Number(gauge.state.value) : 0
    }),
    longestCall: () => longest,
    close: Effect.gen(function* () {
      const from = clock.currentTimeMillisUnsafe()
      let to = from
      yield* VirtualTime.passUntilDone(
        counted(Scope.close(scope, Exit.void)).pipe(
          Effect.andThen(
            Effect.sync(() => {
              to = clock.currentTimeMillisUnsafe()
            })
          )
        )
      )
      return to - from
    })
  }
})

const layer = (
  { connections, cramped, health, seams }: Options,
  timed: (client: RedisClient.RedisClient) => RedisClient.RedisClient
) => {
  const room = cramped ? 2 : 100
  const connection = replace(RedisConnection.RedisConnection, layerConnections(connections), seams.connection)
  const client = replace(
    RedisClient.RedisClient,
    replace(
      RedisClient.RedisClient,
      RedisClient.layer({ requireReady: false, operationTimeout, circuitBreaker: { resetTimeout } }),
      seams.client
    ),
    timed
  )
  const redis = replace(RedisCache.RedisCache, RedisCache.layer(), seams.redis)
  const memory = replace(MemoryCache.MemoryCache, MemoryCache.layer({ maxEntries: room }), seams.memory)
  return HybridCache.layer({ patience: seams.patience ?? patience, journal: { maxEntries: room } }).pipe(
    Layer.provideMerge([redis, memory]),
    Layer.provideMerge(health ? RedisHealth.layer() : Layer.empty),
    Layer.provideMerge(client),
    Layer.provide(connection)
  )
}

const layerConnections = (count: number) =>
  Layer.effect(
    RedisConnection.RedisConnection,
    Effect.flatMap(SimulatedRedis.SimulatedRedis, (server) =>
      count === 1
        ? server.connect()
        : Effect.map(Effect.all(Array.from({ length: count }, () => server.connect())), RedisConnection.pool)
    )
  )

const replace = <Id, Service, E, R>(
  tag: Context.Key<Id, Service>,
  layer: Layer.Layer<Id, E, R>,
  seam: ((service: Service) => Service) | undefined
): Layer.Layer<Id, E, R> =>
  seam === undefined ? layer : Layer.effect(tag, Effect.map(Effect.service(tag), seam)).pipe(Layer.provide(layer))
