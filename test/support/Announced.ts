import { Effect, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import type * as RedisServer from "./RedisServer.ts"
import * as TcpProxy from "./TcpProxy.ts"

/** A server that other servers and clients know by the port of its proxy, where there is one. */
export interface Announced extends RedisServer.RedisServer {
  /** The port by which the other servers know it, and which they tell to clients. */
  readonly announcedPort: number
  /** The others reach it no more and are not refused either, until `heal`. Its own connections to them stay. */
  readonly partition: Effect.Effect<void>
  readonly heal: Effect.Effect<void>
  /** What is asked next through the proxy is executed, and its connection cut before the reply. */
  readonly cutAfterNextRequest: Effect.Effect<void>
}

/** Where a server listens, and where it says that it does. */
export interface Place {
  readonly port: number
  readonly announcedPort: number
  readonly proxy: TcpProxy.TcpProxy | undefined
}

/** Places for as many servers. Those of proxied ones have a proxy each, which is there before its server is. */
export const places = Effect.fnUntraced(function* (
  count: number,
  proxied: boolean
): Effect.fn.Return<ReadonlyArray<Place>, FreePort.FreePortError | TcpProxy.TcpProxyError, Scope.Scope> {
  const ports = yield* FreePort.withBus(count)
  return yield* Effect.forEach(
    ports,
    (port): Effect.Effect<Place, FreePort.FreePortError | TcpProxy.TcpProxyError, Scope.Scope> =>
      proxied
        ? Effect.map(TcpProxy.make(port), (proxy) => ({ port, announcedPort: proxy.port, proxy }))
        : Effect.succeed({ port, announcedPort: port, proxy: undefined })
  )
})

/** The server that was started at a place. */
export const at = (place: Place, server: RedisServer.RedisServer): Announced => ({
  ...server,
  announcedPort: place.announcedPort,
  partition: place.proxy?.silent ?? notProxied,
  heal: place.proxy?.pass ?? Effect.void,
  cutAfterNextRequest: place.proxy?.cutAfterNextRequest ?? notProxied
})

const notProxied = Effect.die(new Error("only what was started as proxied can be cut off"))

/** From what the servers tell to where they listen: what a client that is not to be partitioned needs. */
export const addressMap = (servers: ReadonlyArray<Announced>) =>
  servers
    .filter(({ announcedPort, port }) => announcedPort !== port)
    .map(({ announcedPort, port }) => ({
      from: { host: "127.0.0.1", port: announcedPort },
      to: { host: "127.0.0.1", port }
    }))
