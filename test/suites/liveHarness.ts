import { Clock, Effect, Layer, Redacted, type Scope } from "effect"
import type { RedisConnector } from "effect-ioredis"
import * as IoredisConnector from "effect-ioredis/IoredisConnector"
import * as FreePort from "../support/FreePort.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import * as Wait from "../support/Wait.ts"
import { Harness } from "./redisConnection.ts"

type Connector = RedisConnector.RedisConnector["Service"]

const password = "open sesame"

/** A real server behind a proxy, which can cut a reply; on the real clock. */
export const liveHarness = <E>(
  behind: (connector: Connector) => Effect.Effect<Connector, E, Scope.Scope> = Effect.succeed
) =>
  Layer.effect(
    Harness,
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ password, users: [{ name: "alice", password }] })
      const encrypted = yield* RedisServer.make({ password, tls: true })
      const proxy = yield* TcpProxy.make(server.port)
      const at = (port: number) => ({ host: "127.0.0.1", port })
      return {
        connector: yield* behind(yield* IoredisConnector.make()),
        address: at(proxy.port),
        login: { password: Redacted.make(password) },
        deaf: at(yield* FreePort.make),
        unknown: { host: "no-such-host.invalid", port: 6379 },
        encrypted: at(encrypted.port),
        // The one that asks is not counted.
        clients: Effect.map(server.cli("CLIENT", "LIST"), (list) => String(list).trim().split("\n").length - 1).pipe(
          Effect.orDie
        ),
        kill: Effect.andThen(proxy.refuse, server.kill),
        start: Effect.orDie(Effect.andThen(server.start, proxy.listen)),
        freeze: Effect.orDie(server.freeze),
        thaw: Effect.orDie(server.thaw),
        cutNextReply: proxy.cutAfterNextRequest,
        waitFor: (condition) => Wait.until("what the suite waits for", condition),
        pause: Effect.sleep("50 millis")
      }
    })
  ).pipe(Layer.provideMerge(Layer.succeed(Clock.Clock, Clock.Clock.defaultValue())))
