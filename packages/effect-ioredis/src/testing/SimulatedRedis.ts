/**
 * A Redis in virtual time: an implementation of the `RedisConnection` port for tests, with a server behind it that can be broken at will.
 *
 * **When to use**
 *
 * Use to test a program that uses Redis, in particular what it does when Redis fails. Nothing is started and nothing is waited for: under
 * `TestClock` an outage of an hour takes no time, and the same test gives the same result every time.
 *
 * **Details**
 *
 * Everything takes its time from Effect's Clock: replies, keys that expire, connecting and reconnecting. The server and the connections to
 * it are separate: {@link layer} is both at once, {@link layerServer} with {@link layerConnection} or `connect` gives several clients of one
 * server. The same suite of tests holds this and a real Redis to the same behaviour.
 *
 * It knows strings (GET, SET with its options, SETNX, SETEX, PSETEX, GETSET, GETDEL, GETEX, MGET, MSET, INCR, INCRBY, DECR, DECRBY, APPEND,
 * STRLEN), keys (DEL, UNLINK, EXISTS, TOUCH, TYPE, the EXPIRE and TTL families, PERSIST, SCAN, KEYS, DBSIZE, FLUSHDB, FLUSHALL), a few
 * commands of lists and hashes, PING, ECHO, TIME, INFO, CLIENT ID, CLIENT KILL ID, and EVAL, EVALSHA and SCRIPT for scripts that have a
 * counterpart in JavaScript (see `SimulatedScript`). Anything else is answered as by a Redis that does not know the command.
 *
 * **Gotchas**
 *
 * A command takes no time at the server: `latency` is that of the reply. Closing a connection does not wait for its replies.
 *
 * A `RedisClient` waits for its connection while its layer is built, on the same clock. Under `TestClock`, nobody moves that meanwhile: make
 * Redis slow or refusing with `inject` once the layer is there, or with a `script` that begins later than at zero.
 *
 * **Example** (A call that outlives an outage)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect, Fiber, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Fault, SimulatedRedis } from "effect-ioredis/testing"
 * import { TestClock } from "effect/testing"
 *
 * it.effect("counts a visit although Redis is away for a moment", () =>
 *   Effect.gen(function*() {
 *     const server = yield* SimulatedRedis.SimulatedRedis
 *     const redis = yield* RedisClient.RedisClient
 *     yield* redis.set("visits", 41)
 *
 *     yield* server.inject(Fault.refuse)
 *     const visits = yield* Effect.forkChild(redis.incr("visits"))
 *     yield* TestClock.adjust("100 millis")
 *     yield* server.heal
 *     yield* TestClock.adjust("1 second")
 *
 *     assert.strictEqual(yield* Fiber.join(visits), 42)
 *     assert.strictEqual(yield* server.peek("visits"), "42")
 *   }).pipe(Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer())))))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import type { RedisCommand, Reply } from "../RedisCommand.ts"
import { RedisConnection } from "../RedisConnection.ts"
import type * as RedisError from "../RedisError.ts"
import * as Fault from "./Fault.ts"
import * as Client from "./internal/Client.ts"
import * as RedisStore from "./internal/RedisStore.ts"
import * as Server from "./internal/Server.ts"
import * as Timers from "./internal/Timers.ts"
import * as Wire from "./internal/Wire.ts"
import type { SimulatedScript } from "./SimulatedScript.ts"

/**
 * How the server behaves.
 *
 * **Details**
 *
 * `latency` is how long a reply takes (default none: it comes at the same virtual time, but never at once). `script` are the faults that
 * are known ahead. `scripts` stand in for Lua. `seed` (default 0) makes the jitter of reconnecting and the server's `run_id`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly latency?: Duration.Input | undefined
  readonly script?: ReadonlyArray<Fault.ScheduledFault> | undefined
  readonly scripts?: ReadonlyArray<SimulatedScript> | undefined
  readonly seed?: number | undefined
}

/**
 * How a client of the server waits. The defaults are those of `IoredisConnection`: 2 seconds to connect, 10,000 commands in flight, and a
 * connection that says nothing for twice the `commandTimeout` of 2 seconds is lost.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionOptions {
  readonly connectTimeout?: Duration.Input | undefined
  readonly commandTimeout?: Duration.Input | undefined
  readonly maxInFlight?: number | undefined
}

/**
 * A command that reached the server: its name, its arguments as text, the wall-clock time in milliseconds and the CLIENT ID.
 *
 * @category models
 * @since 0.1.0
 */
export type Received = Server.Received

/**
 * The server, in the hands of a test.
 *
 * **Details**
 *
 * `connect` opens a connection of its own. `inject` puts a fault in the place of the one that holds, `heal` ends it and disarms a `cut` that
 * waits. `restart` drops every connection and gives the server a new `run_id`, with its data or without. `received` lists the commands that
 * reached it, also those it answered with an error; `connections` are those now open. `execute` runs a command on the server itself, past
 * every fault; `peek` reads one string, `entries` the type and the wall-clock end of every key.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedRedis {
  readonly connect: (options?: ConnectionOptions) => Effect.Effect<RedisConnection, never, Scope.Scope>
  readonly inject: (fault: Fault.Fault) => Effect.Effect<void>
  readonly heal: Effect.Effect<void>
  readonly restart: (options: { readonly keepData: boolean }) => Effect.Effect<void>
  readonly received: Effect.Effect<ReadonlyArray<Received>>
  readonly connections: Effect.Effect<number>
  readonly runId: Effect.Effect<string>
  readonly execute: (command: RedisCommand) => Effect.Effect<Reply, RedisError.RedisCommandError>
  readonly peek: (key: string) => Effect.Effect<string | undefined>
  readonly entries: Effect.Effect<
    ReadonlyMap<string, { readonly type: "string" | "list" | "hash"; readonly expiresAt: number | undefined }>
  >
}

/**
 * Service tag for the simulated server.
 *
 * @category services
 * @since 0.1.0
 */
export const SimulatedRedis: Context.Service<SimulatedRedis, SimulatedRedis> = Context.Service<SimulatedRedis>(
  "effect-ioredis/testing/SimulatedRedis"
)

/**
 * Makes a server, without any connection. It ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<SimulatedRedis, never, Scope.Scope> {
  const timers = yield* Timers.make
  const seed = options.seed ?? 0
  const server = Server.make(timers, {
    latency: Duration.toMillis(options.latency ?? Duration.zero),
    seed,
    scripts: options.scripts ?? []
  })
  let clients = 0
  for (const scheduled of options.script ?? []) schedule(server, timers, scheduled)

  return {
    connect: ({ commandTimeout = "2 seconds", connectTimeout = "2 seconds", maxInFlight = 10_000 } = {}) =>
      Effect.suspend(() =>
        Client.make(server, { commandTimeout, connectTimeout, maxInFlight, seed: seed + ++clients })
      ),
    inject: (fault) => Effect.sync(() => server.inject(fault)),
    heal: Effect.sync(server.heal),
    restart: ({ keepData }) => Effect.sync(() => server.restart(keepData)),
    received: Effect.sync(() => server.received.slice()),
    connections: Effect.sync(server.connections),
    runId: Effect.sync(server.runId),
    execute: (command) =>
      Effect.suspend(() =>
        Effect.fromResult(Client.result(command, server.execute(command.name, command.args.map(Wire.encode))))
      ),
    peek: (key) =>
      Effect.sync(() => {
        const value = server.store.get(Wire.encode(key))?.value
        return value?.type === "string" ? value.bytes.toString() : undefined
      }),
    entries: Effect.sync(
      () =>
        new Map(
          server.store
            .entries()
            .map(([key, { expiresAt, value }]) => [RedisStore.bytesOf(key).toString(), { type: value.type, expiresAt }])
        )
    )
  }
})

/**
 * Provides a server and one connection to it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options & ConnectionOptions): Layer.Layer<SimulatedRedis | RedisConnection> =>
  Layer.provideMerge(layerConnection(options), layerServer(options))

/**
 * Provides a server, without any connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServer = (options?: Options): Layer.Layer<SimulatedRedis> =>
  Layer.effect(SimulatedRedis, make(options))

/**
 * Provides a connection to the server of the context. Each call is another connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnection = (options?: ConnectionOptions): Layer.Layer<RedisConnection, never, SimulatedRedis> =>
  Layer.effect(
    RedisConnection,
    Effect.flatMap(SimulatedRedis, (server) => server.connect(options))
  )

const schedule = (server: Server.Server, timers: Timers.Timers, { fault, from, to }: Fault.ScheduledFault): void => {
  const start = () => server.inject(fault)
  const millis = Duration.toMillis(from)
  if (millis > 0) timers.after(millis, start)
  else start()
  if (to === undefined) return
  // Another fault that came meanwhile is not this one's to end.
  timers.after(Duration.toMillis(to), () => {
    if (server.fault() === fault) server.inject(Fault.none)
  })
}
