import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, type Fiber, Layer, Option } from "effect"
import { RedisClient, RedisCommand, type RedisError, RetryPolicy } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// A client of a simulated server in virtual time, and what its tests ask of both.

export type Server = SimulatedRedis.SimulatedRedis

/** Runs a test with a server, its connections and a client of its own. */
export const withRedis =
  (options: RedisClient.Options = {}, serverOptions?: SimulatedRedis.Options) =>
  <A, E>(use: (redis: RedisClient.RedisClient, server: Server, dispatch: Dispatch.Dispatch) => Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      // The other connections of a pool follow when the first has stayed for a moment.
      if (options.connections !== undefined) yield* TestClock.adjust("1 second")
      return yield* use(redis, yield* SimulatedRedis.SimulatedRedis, Dispatch.of(redis))
    }).pipe(
      Effect.provide(
        RedisClient.layer({ ...options, requireReady: false }).pipe(
          Layer.provideMerge(SimulatedRedis.layer(serverOptions))
        )
      )
    )

export const noRetry = { retry: RetryPolicy.none } as const

export const get = (key: string) => RedisCommand.make("GET", [key])
export const set = (key: string, value: RedisCommand.Argument) => RedisCommand.make("SET", [key, value])
export const unlink = (...keys: ReadonlyArray<string>) => RedisCommand.make("UNLINK", keys)

export const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

/** The commands of a name that the server has received. */
export const sent = (server: Server, name: string) =>
  Effect.map(server.received, (all) => all.filter((command) => command.name === name))

/** The keys of each connection, so that a test can choose its victims. */
export const keysOf = (dispatch: Dispatch.Dispatch, perConnection: number) => {
  const keys = new Map<number, Array<string>>()
  const [node] = dispatch.nodes()
  const connections = node?.sessions().length ?? 0
  for (let n = 0; n < 10_000; n++) {
    const id = node?.sessionFor(`k${n}`)?.id ?? -1
    const known = keys.get(id) ?? []
    if (known.length < perConnection) keys.set(id, [...known, `k${n}`])
    const full = Array.from(keys.values()).filter(({ length }) => length === perConnection)
    if (full.length === connections) return keys
  }
  return assert.fail("the keys are not spread")
}

/** What a call of the dispatch is told. */
export const callback = <A>(start: (done: (value: A) => void) => Dispatch.Cancel): Effect.Effect<A> =>
  Effect.callback((resume) => {
    const cancel = start((value) => resume(Effect.succeed(value)))
    return Effect.sync(cancel)
  })

/** What has become of a call by now. */
export const result = (fiber: Fiber.Fiber<unknown, unknown>) => {
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "waiting" : exit._tag
}

/** How a call has ended by now. */
export const settled = <A, E>(fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E> =>
  fiber.pollUnsafe() ?? assert.fail("it still waits")

/** What a call failed with. */
export const failure = <A>(exit: Exit.Exit<A, RedisError.RedisCommandError>): RedisError.RedisCommandError =>
  Exit.isFailure(exit) ? Option.getOrThrow(Cause.findErrorOption(exit.cause)) : assert.fail("it succeeded")

/** How a call ended, and how many milliseconds it took. */
export const elapsed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    return { exit, millis: (yield* Clock.currentTimeMillis) - startedAt }
  })
