import { Effect, type Scope } from "effect"
import { IoredisConnection, RedisClient, RedisConnection } from "effect-ioredis"
import * as Wait from "./Wait.ts"

/** A live connection that may not be ready yet. */
export const open = (options: IoredisConnection.Options) => IoredisConnection.make({ host: "127.0.0.1", ...options })

/** A live connection that is ready. */
export const ready = (options: IoredisConnection.Options) =>
  Effect.tap(open(options), (connection) =>
    Wait.until("the connection is ready", () => connection.status() === "Ready")
  )

/** A client on a connection. */
export const client = (
  connection: RedisConnection.RedisConnection,
  options: Omit<RedisClient.Options, "requireReady"> = {}
): Effect.Effect<RedisClient.RedisClient, never, Scope.Scope> =>
  Effect.orDie(RedisClient.make(options)).pipe(Effect.provideService(RedisConnection.RedisConnection, connection))

/** The error that the connection itself reports, once it has one. */
export const failure = (connection: RedisConnection.RedisConnection) =>
  Effect.andThen(
    Wait.until("the connection fails", () => connection.lastError() !== undefined),
    Effect.suspend(() => Effect.fromNullishOr(connection.lastError()))
  ).pipe(Effect.orDie)
