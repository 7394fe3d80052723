import { Effect, type Scope } from "effect"
import {
  IoredisConnector,
  RedisClient,
  type RedisConnection,
  RedisConnector,
  type RedisError,
  RedisTopology
} from "effect-ioredis"

/** Who logs in where. */
export interface Options extends RedisConnector.RedisLogin {
  /** Default: 127.0.0.1. */
  readonly host?: string | undefined
  readonly port: number
}

const address = ({ host, port }: Options): RedisConnector.RedisAddress => ({ host: host ?? "127.0.0.1", port })

/** One login on one live socket. */
export const connection = (
  options: Options
): Effect.Effect<RedisConnection.RedisConnection, RedisError.RedisConnectionError, Scope.Scope> =>
  Effect.flatMap(IoredisConnector.make(), (connector) => connector.connect(address(options), options))

/** A client on live sockets. */
export const client = (
  options: Options,
  behaviour: Omit<RedisClient.Options, "topology" | "login" | "requireReady"> = {}
): Effect.Effect<RedisClient.RedisClient, never, Scope.Scope> =>
  Effect.flatMap(IoredisConnector.make(), (connector) =>
    RedisClient.make({ ...behaviour, topology: RedisTopology.server(address(options)), login: options }).pipe(
      Effect.provideService(RedisConnector.RedisConnector, connector),
      Effect.orDie
    )
  )
