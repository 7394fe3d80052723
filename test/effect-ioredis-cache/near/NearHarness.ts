import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, identity, Layer, Metric, Option, Schema, type Scope } from "effect"
import { RedisClient, RedisCommand, RedisConnector } from "effect-ioredis"
import { Cache, type MemoryCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import * as Dispatch from "effect-ioredis/dispatch"
import { SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { caches } from "../../suites/cacheLayers.ts"
import * as Captured from "../../support/Captured.ts"
import * as ClockDouble from "../../support/ClockDouble.ts"
import * as HeldConnections from "../../support/HeldConnections.ts"
import { stored } from "../../support/Stored.ts"

export const keyOf = (name: string, region = "texts") => `cache:${region}:v1:=${name}`

export const maxStaleness = 1000

export const options = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "1 hour",
  near: { maxStaleness }
} as const

/** Another process writes. */
export const write = (server: SimulatedServer.SimulatedServer, key: string, value: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (writtenAt) =>
    Effect.orDie(
      server.execute(
        RedisCommand.make("SET", [key, stored(key, JSON.stringify(value), { writtenAt, life: 60 * 60 * 1000 })])
      )
    )
  )

/** What a server was asked for by reads: GET by its key, MGET by its keys. */
export const asked = (server: SimulatedServer.SimulatedServer) =>
  Effect.map(server.received, (all) =>
    all.filter(({ name }) => name === "GET" || name === "MGET").map(({ args }) => args.join(" "))
  )

export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A cache with one near region, on one server. */
export interface Harness {
  readonly server: SimulatedRedis.SimulatedRedis
  readonly client: RedisClient.RedisClient
  readonly dispatch: Dispatch.Dispatch
  readonly cache: Cache.Cache
  readonly region: Cache.Region<string, string>
  readonly clock: ClockDouble.ClockDouble
  readonly captured: Captured.Captured
  readonly connections: ReadonlyArray<HeldConnections.HeldConnection>
  /** The link that was made last. */
  readonly link: () => HeldConnections.HeldConnection
  /** The data connection that was made last. */
  readonly data: () => HeldConnections.HeldConnection
  readonly read: (name: string) => Effect.Effect<string | undefined>
  /** Reads until the answer comes from memory. */
  readonly near: (name: string, value: string) => Effect.Effect<void>
  /** How many reads reached the server while an effect ran. */
  readonly asks: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<number, E, R>
  /** Another process writes, and a millisecond later its notice has come. */
  readonly other: (name: string, value: string) => Effect.Effect<void>
}

export interface Options extends MemoryCache.Options {
  readonly client?: RedisClient.Options
  readonly server?: SimulatedRedis.Options
  /** Where it counts. Default: where everybody does. */
  readonly registry?: Metric.MetricRegistry
  /** Is done before the region is defined. */
  readonly before?: (server: SimulatedRedis.SimulatedRedis) => Effect.Effect<void>
}

export const test = (
  title: string,
  body: (h: Harness) => Effect.Effect<void, unknown, Scope.Scope | Cache.Cache | RedisClient.RedisClient>,
  { before, client, registry, server: serverOptions, ...memory }: Options = {}
) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const clock = yield* ClockDouble.make
      const withClock = Layer.succeed(Clock.Clock, clock)
      const captured = Captured.make()
      const program = Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { connections, connector } = HeldConnections.make(server.connector)
        const process = caches(memory).pipe(
          Layer.provideMerge(RedisClient.layer({ closeTimeout: 0, ...client, requireReady: false })),
          Layer.provide(Layer.succeed(RedisConnector.RedisConnector, connector)),
          Layer.provideMerge(captured.layer),
          registry === undefined ? identity : Layer.provide(Layer.succeed(Metric.MetricRegistry, registry)),
          Layer.provide(withClock)
        )
        yield* Effect.provide(
          Effect.gen(function* () {
            yield* TestClock.adjust("1 second")
            if (before !== undefined) yield* before(server)
            const region = yield* Cache.region(options)
            yield* TestClock.adjust("1 second")
            const of = (isLink: boolean) =>
              connections.filter((one) => one.isLink === isLink).at(-1) ?? assert.fail("there is none")
            const read = (name: string) => Effect.map(region.get(name), Option.getOrUndefined)
            const count = Effect.map(asked(server), ({ length }) => length)
            const asks: Harness["asks"] = (effect) =>
              Effect.gen(function* () {
                const before = yield* count
                yield* effect
                return (yield* count) - before
              })
            const redis = yield* RedisClient.RedisClient
            yield* body({
              server,
              client: redis,
              dispatch: Dispatch.of(redis),
              cache: yield* Cache.Cache,
              region,
              clock,
              captured,
              connections,
              link: () => of(true),
              data: () => of(false),
              read,
              asks,
              near: (name, value) =>
                Effect.gen(function* () {
                  assert.strictEqual(yield* read(name), value)
                  assert.strictEqual(yield* asks(read(name)), 0, "it is not near")
                }),
              other: (name, value) => Effect.andThen(write(server, keyOf(name), value), TestClock.adjust(1))
            })
          }),
          process
        )
      })
      yield* program.pipe(
        Effect.provide(Layer.provide(SimulatedRedis.layerServer({ scripts, ...serverOptions }), withClock)),
        Effect.scoped
      )
    })
  )

/** What a fiber gave. */
export const joined = <A, E>(fiber: Fiber.Fiber<A, E>) => Fiber.join(fiber)
