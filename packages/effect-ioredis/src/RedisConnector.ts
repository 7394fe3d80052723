/**
 * Makes connections to Redis: the only port between this library and whatever speaks the protocol.
 *
 * **Details**
 *
 * `IoredisConnector` implements it on sockets, `SimulatedRedis` in virtual time, and one suite of
 * tests holds both to the same behaviour. Everything above the port is written once: which server
 * owns a key, when to connect again, deadlines, retries, circuit breakers.
 *
 * **Example** (A connection of its own, for a command that blocks)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisCommand, RedisConnection, RedisConnector } from "effect-ioredis"
 *
 * const nextJob = Effect.scoped(
 *   Effect.gen(function* () {
 *     const connector = yield* RedisConnector.RedisConnector
 *     const connection = yield* connector.connect({ host: "localhost", port: 6379 }, { db: 1 })
 *     return yield* RedisConnection.send(connection, RedisCommand.make("BLPOP", ["jobs", 0]))
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 */
import { type Clock, Context, type Duration, type Effect, identity, type Redacted, type Scope } from "effect"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import type { RedisConnection } from "./RedisConnection.ts"
import type { RedisConnectionError } from "./RedisError.ts"

/**
 * Locates a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisAddress {
  /** A host name or an IP address. */
  readonly host: string
  /** A TCP port. */
  readonly port: number
}

/**
 * Holds who logs in, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisLogin {
  /** The user; without one it is Redis' `default` user. */
  readonly username?: string | undefined
  /** The password; without one no AUTH is sent. */
  readonly password?: Redacted.Redacted<string> | undefined
  /** The number of the database to select. Default: 0. */
  readonly db?: number | undefined
  /**
   * Sets whether to speak TLS: `true` trusts the authorities that Node brings along, and Node's own
   * options may be given, or the names of files.
   */
  readonly tls?: boolean | RedisTls | undefined
  /**
   * Says how long the password is good for. Before that time is over, the Effect that gave the
   * login is asked again and each open connection is logged in anew, in place. Default: for ever.
   */
  readonly expiresIn?: Duration.Input | undefined
  /** Sets what `CLIENT LIST` shows for the connection. Default: `effect-ioredis`. */
  readonly clientName?: string | undefined
}

/**
 * Sets how TLS is spoken: Node's own options, and the names of files in PEM.
 *
 * **Details**
 *
 * The files are read at each login, so that the next login uses what has replaced them. A file that
 * cannot be used fails the login with `reason: "Tls"` and a message that names it.
 *
 * **Example** (A private authority and a client certificate)
 *
 * ```ts
 * import { Redis } from "effect-ioredis"
 *
 * const RedisLive = Redis.layer({
 *   host: "redis.example",
 *   tls: {
 *     caFile: "/etc/redis-tls/ca.crt",
 *     certFile: "/etc/redis-tls/tls.crt",
 *     keyFile: "/etc/redis-tls/tls.key"
 *   }
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisTls extends TlsOptions {
  /**
   * Names the file with the certificates of the authorities that are trusted, in the place of those
   * that Node brings along. It takes the place of `ca`.
   */
  readonly caFile?: string | undefined
  /** Names the file with the client's certificate. It takes the place of `cert`. */
  readonly certFile?: string | undefined
  /** Names the file with the key of that certificate. It takes the place of `key`. */
  readonly keyFile?: string | undefined
}

/**
 * Makes connections.
 *
 * @category services
 * @since 0.1.0
 */
export class RedisConnector extends Context.Service<
  RedisConnector,
  {
    /**
     * Connects and logs in once.
     *
     * It succeeds when the login is done, and fails with the reason and a redacted cause when the
     * server cannot be reached or refuses. It has no deadline of its own: the caller interrupts it,
     * which leaves no socket behind. The connection ends with the scope at once; whoever wants
     * outstanding replies first waits for them before he closes it.
     */
    readonly connect: (
      address: RedisAddress,
      login: RedisLogin
    ) => Effect.Effect<RedisConnection, RedisConnectionError, Scope.Scope>
    /**
     * The clock that its waits live on: the live one for sockets, which no `TestClock` moves, and
     * the program's own for the simulation.
     */
    readonly clock: Clock.Clock
  }
>()("effect-ioredis/RedisConnector") {}

/**
 * What each client puts between itself and its connector, given the connector. Default: nothing.
 *
 * **Details**
 *
 * A client asks for it once, when it is made. A layer that provides it may take the one that was
 * there before and add to it, as `FaultInjection` does.
 *
 * **Example** (Counting logins)
 *
 * ```ts
 * import { Effect, Layer, Metric } from "effect"
 * import { Redis, RedisConnector } from "effect-ioredis"
 *
 * const logins = Metric.counter("logins")
 *
 * const Counting = Layer.succeed(RedisConnector.Middleware, (connector) => ({
 *   ...connector,
 *   connect: (address, login) =>
 *     Effect.andThen(Metric.update(logins, 1), connector.connect(address, login))
 * }))
 *
 * const RedisLive = Redis.layerFromEnv().pipe(Layer.provide(Counting))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Middleware: Context.Reference<(connector: RedisConnector["Service"]) => RedisConnector["Service"]> =
  Context.Reference("effect-ioredis/RedisConnector/Middleware", { defaultValue: () => identity })
