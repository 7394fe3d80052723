import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess } from "../suites/cacheLayers.ts"

const definition = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "1 minute",
  lease: true
} as const

const keyOf = (name: string) => `cache:texts:v1:=${name}`
const leaseOf = (name: string) => `cache:texts:v1!lease:{${keyOf(name)}}`

interface Process {
  readonly region: Cache.Region<string, string>
  readonly client: RedisClient.RedisClient
  readonly scope: Scope.Closeable
}

/** Another process on the servers of the context. */
const start = Effect.fnUntraced(function* (options: Partial<Cache.RegionOptions<string, string>> = {}) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(Layer.fresh(layerProcess()), scope)
  const region = yield* Context.get(context, Cache.Cache).region({ ...definition, ...options })
  return { region, client: Context.get(context, RedisClient.RedisClient), scope } satisfies Process
})

type Server = SimulatedRedis.SimulatedRedis

const test = (
  title: string,
  body: (server: Server) => Effect.Effect<void, unknown, Scope.Scope | Server>,
  options?: SimulatedRedis.Options
) =>
  it.effect(title, () =>
    Effect.flatMap(SimulatedRedis.SimulatedRedis, body).pipe(
      Effect.scoped,
      Effect.provide(SimulatedRedis.layerServer({ scripts, ...options })),
      // What was written at the beginning of time is old.
      (program) => Effect.andThen(TestClock.adjust("1 hour"), program)
    )
  )

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everything that can run, run. */
const settle = Effect.andThen(
  Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true }),
  TestClock.adjust(0)
)

/** Lets time pass in small steps, so that what waits goes on in between. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: Math.ceil(millis / 5) }), () => TestClock.adjust(5), { discard: true })

/** A lookup that counts its runs, and takes so many milliseconds. */
const counting = (millis: number, value: (run: number) => string = (run) => `looked up ${run}`) => {
  let runs = 0
  const effect = Effect.suspend(() => {
    const run = ++runs
    return Effect.as(Effect.sleep(millis), value(run))
  })
  return { effect, runs: () => runs }
}

const ended = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.sync(() =>
    Array.from(
      new Set(
        fibers.map((fiber) => {
          const exit = fiber.pollUnsafe()
          return exit === undefined ? "it waits" : Exit.isSuccess(exit) ? exit.value : "it failed"
        })
      )
    )
  )

const leases = (server: Server) =>
  Effect.map(server.entries, (entries) => Array.from(entries.keys()).filter((key) => key.includes("!lease")))

const payload = (server: Server, name: string) =>
  Effect.map(server.peek(keyOf(name)), (text) => text?.slice(text.indexOf(":") + 1))

describe("A region with leases", () => {
  test("4 processes with 50 callers each look a key up once, and give the lease back", (server) =>
    Effect.gen(function* () {
      const processes = yield* Effect.forEach([0, 1, 2, 3], () => start())
      const lookup = counting(100)
      const fibers = yield* Effect.forEach(processes, ({ region }) =>
        Effect.forEach(Array.from({ length: 50 }), () => fork(region.getOrSet("a", lookup.effect)))
      )
      yield* pass(95)
      assert.deepStrictEqual(yield* ended(fibers.flat()), ["it waits"])
      yield* pass(205)
      assert.deepStrictEqual(yield* ended(fibers.flat()), ["looked up 1"])
      assert.strictEqual(lookup.runs(), 1)
      assert.strictEqual(yield* payload(server, "a"), '"looked up 1"')
      assert.deepStrictEqual(yield* leases(server), [])
    }))
})
