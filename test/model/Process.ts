import { Clock, Context, Effect, Exit, Layer, Metric, Schema, Scope } from "effect"
import {
  RedisClient,
  type RedisCommand,
  type RedisConnection,
  RedisConnector,
  RedisHealth,
  type RedisTopology
} from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import type { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import * as MemoryStore from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import * as Journal from "../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { now } from "../../packages/effect-ioredis-cache/src/internal/now.ts"
import * as ClockDouble from "../support/ClockDouble.ts"
import * as History from "./History.ts"
import * as VirtualTime from "./VirtualTime.ts"
import * as Wire from "./Wire.ts"

export type Region = Cache.Region<string, string>

/** Where a broken variant takes the place of what it breaks. Each is given the right one. */
export interface Seams {
  readonly connection?: (connection: RedisConnection.RedisConnection) => RedisConnection.RedisConnection
  readonly dispatch?: (dispatch: Dispatch.Dispatch, clock: Clock.Clock) => Dispatch.Dispatch
  readonly memory?: (memory: MemoryStore.MemoryStore) => MemoryStore.MemoryStore
  readonly region?: (
    region: Region,
    around: { readonly options: RegionOptions; readonly redis: RedisCache.RedisCache; readonly cache: Cache.Cache }
  ) => Effect.Effect<Region>
  /** Takes the place of a script of the cache, by name. */
  readonly scripts?: (
    scripts: ReadonlyArray<SimulatedScript.SimulatedScript>
  ) => ReadonlyArray<SimulatedScript.SimulatedScript>
  /** Breaks something for the length of a history, and returns what mends it. */
  readonly patch?: () => () => void
  readonly definition?: (options: RegionOptions) => RegionOptions
  readonly patience?: number
  readonly beside?: Effect.Effect<void, never, Scope.Scope>
}

/** What a process has given to its connections, when they took it. */
export interface Submitted {
  readonly process: number
  readonly command: RedisCommand.RedisCommand
}

/** One process: two caches on a client of its own, and what of it is running. */
export interface Process {
  readonly number: number
  /** The regions of each cache, by number: those that the history is about. */
  readonly caches: ReadonlyArray<ReadonlyMap<number, Region>>
  readonly breaker: RedisClient.RedisClient["breaker"]
  readonly journal: Journal.Journal
  readonly dispatch: Dispatch.Dispatch
  /** Runs an effect so that the fibers and sleepers it leaves behind are counted. */
  readonly counted: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly left: () => { readonly fibers: number; readonly sleepers: number }
  /** The longest call of the client, in milliseconds. */
  readonly longestCall: () => number
  readonly wire: Wire.Wire
  readonly clock: ClockDouble.ClockDouble
  /** How often a cache has answered from memory because Redis did not. */
  readonly fallbacks: (cache: number) => Effect.Effect<number>
  /** Whether it is gone, so that it reaches no server any more. */
  readonly isCrashed: () => boolean
  readonly crash: () => void
  /** Stops its connections and its monotonic time, as the suspension of its machine does. */
  readonly suspend: () => void
  readonly isSuspended: () => boolean
  /** Lets it go on. It has yet to hear what has come meanwhile. */
  readonly wake: () => void
  readonly isWaking: () => boolean
  readonly hear: () => void
  /** Closes it, and says how long that took. */
  readonly close: Effect.Effect<number>
}

export const resetTimeout = 5000
export const patience = 1000
export const operationTimeout = 5000

/** What of a history concerns a process. */
export interface Options extends History.ProcessOptions {
  readonly cramped: boolean
  readonly historyInterval: number
  readonly near: number | undefined
  /** The numbers of the regions. */
  readonly regions: ReadonlyArray<number>
  readonly seams: Seams
  readonly network: SimulatedRedis.SimulatedRedis
  readonly topology: RedisTopology.RedisTopology | undefined
  readonly onSubmit: (submitted: Submitted) => void
}

type RegionOptions = Cache.RegionOptions<string, string>

const definitions: ReadonlyArray<RegionOptions> = History.regions.map(({ marks, name, replay }) => ({
  name,
  version: 1,
  key: Schema.String,
  value: Schema.String,
  replay,
  ...(marks ? { removedFor: History.removedFor } : {})
}))

/** Opens one. Virtual time passes meanwhile where Redis lets it wait. */
export const open = Effect.fnUntraced(function* (number: number, options: Options): Effect.fn.Return<Process> {
  const clock = yield* ClockDouble.make
  clock.wallOffset = options.clockOffset
  const { counted, left } = count(clock)
  const wire = Wire.make({
    connect: options.network.connector.connect,
    connections: options.connections,
    seam: options.seams.connection,
    onSubmit: (command) => options.onSubmit({ process: number, command })
  })
  const longest = { millis: 0 }
  let state: "Awake" | "Suspended" | "Waking" = "Awake"
  const scope = yield* Scope.make()
  const room = options.cramped ? 2 : 100
  const connector = Layer.succeed(RedisConnector.RedisConnector, { connect: wire.connect, clock })
  const built = Layer.buildWithMemoMap(
    layer(options, room, clock, longest).pipe(Layer.provide(connector)),
    Layer.makeMemoMapUnsafe(),
    scope
  )
  const context = yield* VirtualTime.passUntilDone(counted(built))
  const redis = Context.get(context, RedisCache.RedisCache)
  const dispatch = Dispatch.of(redis.client)
  const journal = yield* counted(Scope.provide(Journal.shared(dispatch, redis.prefix, { maxEntries: room }), scope))
  const both = [Context.get(context, First), Context.get(context, Second)]
  const caches = yield* Effect.forEach(both, (cache) =>
    Effect.map(
      Effect.forEach(options.regions, (region) => openRegion(options, cache, redis, region)),
      (opened) => new Map(opened)
    )
  )
  if (options.seams.beside !== undefined) yield* counted(Scope.provide(options.seams.beside, scope))
  return {
    number,
    caches,
    breaker: redis.client.breaker,
    journal,
    dispatch,
    counted,
    left,
    longestCall: () => longest.millis,
    wire,
    clock,
    fallbacks: (cache) =>
      Effect.map(both[cache]?.stats ?? Effect.die(new Error("no such cache")), ({ fallbacks }) => fallbacks),
    isCrashed: wire.isCrashed,
    crash: wire.crash,
    suspend: () => {
      state = "Suspended"
      clock.stop()
      wire.sleep()
    },
    isSuspended: () => state === "Suspended",
    wake: () => {
      if (state === "Suspended") state = "Waking"
      clock.goOn()
    },
    isWaking: () => state === "Waking",
    hear: () => {
      if (state !== "Waking") return
      state = "Awake"
      wire.release("all")
    },
    close: Effect.gen(function* () {
      const from = clock.currentTimeMillisUnsafe()
      let to = from
      const ended = Effect.sync(() => {
        to = clock.currentTimeMillisUnsafe()
      })
      yield* VirtualTime.passUntilDone(Effect.andThen(counted(Scope.close(scope, Exit.void)), ended))
      return to - from
    })
  }
})

const openRegion = Effect.fnUntraced(function* (
  { near, seams }: Options,
  cache: Cache.Cache,
  redis: RedisCache.RedisCache,
  number: number
) {
  const known = definitions[number]
  if (known === undefined) return yield* Effect.die(new Error(`There is no region ${number}`))
  const definition = near === undefined ? known : { ...known, near: { maxStaleness: near } }
  const options = seams.definition?.(definition) ?? definition
  const region = yield* cache.region(options)
  return [number, yield* seams.region?.(region, { options, redis, cache }) ?? Effect.succeed(region)] as const
})

// Counts what runs and sleeps in a process.
const count = (clock: ClockDouble.ClockDouble) => {
  const registry: Metric.MetricRegistry = new Map()
  let fibers = 0
  const metrics: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      fibers++
    },
    recordFiberEnd: () => {
      fibers--
    }
  }
  return {
    counted: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.provideService(Metric.FiberRuntimeMetrics, metrics),
        Effect.provideService(Metric.MetricRegistry, registry)
      ),
    left: () => ({ fibers, sleepers: clock.asleep })
  }
}

// Two caches of one client, each with a memory of its own.
class First extends Context.Service<First, Cache.Cache>()("test/model/First") {}
class Second extends Context.Service<Second, Cache.Cache>()("test/model/Second") {}

const layer = (
  { connections, health, historyInterval, seams, topology }: Options,
  room: number,
  clock: Clock.Clock,
  longest: { millis: number }
) => {
  const client = replace(
    RedisClient.RedisClient,
    RedisClient.layer({
      requireReady: false,
      operationTimeout,
      connections,
      historyInterval,
      circuitBreaker: { resetTimeout },
      ...(topology === undefined ? {} : { topology })
    }),
    (client) => {
      const dispatch = timed(seams.dispatch?.(Dispatch.of(client), clock) ?? Dispatch.of(client), clock, longest)
      return { ...client, [Dispatch.TypeId]: dispatch }
    }
  )
  const cacheAs = <Id>(tag: Context.Key<Id, Cache.Cache>) => {
    const memory = replace(
      MemoryCache.MemoryCache,
      Layer.fresh(MemoryCache.layer({ maxEntries: room })),
      ({ [MemoryStore.TypeId]: store, size }) => ({ [MemoryStore.TypeId]: seams.memory?.(store) ?? store, size })
    )
    const hybrid = HybridCache.layer({ patience: seams.patience ?? patience, journal: { maxEntries: room } })
    return Layer.effect(tag, Cache.Cache).pipe(Layer.provide(Layer.fresh(hybrid)), Layer.provide(memory))
  }
  return Layer.mergeAll(cacheAs(First), cacheAs(Second)).pipe(
    Layer.provideMerge(RedisCache.layer()),
    Layer.provideMerge(health ? RedisHealth.layer() : Layer.empty),
    Layer.provideMerge(client)
  )
}

// Keeps how long the longest call took.
const timed = (dispatch: Dispatch.Dispatch, clock: Clock.Clock, longest: { millis: number }): Dispatch.Dispatch => {
  const measured =
    <Args extends ReadonlyArray<unknown>, A>(
      start: (...args: readonly [...Args, (result: A) => void]) => Dispatch.Cancel
    ) =>
    (...args: readonly [...Args, (result: A) => void]): Dispatch.Cancel => {
      const from = now(clock)
      const end = () => {
        longest.millis = Math.max(longest.millis, now(clock) - from)
      }
      // The callback is the last argument.
      const done = args[args.length - 1] as (result: A) => void
      const rest = args.slice(0, -1) as unknown as Args
      const cancel = start(...rest, (result) => {
        end()
        done(result)
      })
      return () => {
        end()
        cancel()
      }
    }
  return {
    ...dispatch,
    send: measured(dispatch.send),
    sendAll: measured(dispatch.sendAll),
    get: measured(dispatch.get)
  }
}

const replace = <Id, Service, E, R>(
  tag: Context.Key<Id, Service>,
  layer: Layer.Layer<Id, E, R>,
  seam: (service: Service) => Service
): Layer.Layer<Id, E, R> => Layer.effect(tag, Effect.map(Effect.service(tag), seam)).pipe(Layer.provide(layer))
