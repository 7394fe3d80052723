import { Clock, Effect, Layer } from "effect"
import * as IoredisConnector from "effect-ioredis/IoredisConnector"
import { Harness, pushesSuite } from "../../suites/pushes.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as Wait from "../../support/Wait.ts"

// Behind a proxy, which has faults for one connection; on the real clock.
const real = Layer.effect(
  Harness,
  Effect.gen(function* () {
    const server = yield* RedisServer.make({ config: ["enable-debug-command yes"] })
    const master = yield* RedisServer.make({ config: ["repl-diskless-sync-delay 0"] })
    const proxy = yield* TcpProxy.make(server.port)
    const last = (fault: (connection: TcpProxy.Connection) => Effect.Effect<void>) =>
      Effect.flatMap(proxy.connections, (connections) =>
        Effect.forEach(connections.slice(-1), fault, { discard: true })
      )
    const cli = (server: RedisServer.RedisServer, ...args: ReadonlyArray<string | number | Uint8Array>) =>
      Effect.orDie(server.cli(...args))
    return {
      connector: yield* IoredisConnector.make(),
      address: { host: "127.0.0.1", port: proxy.port },
      execute: executeOn(server),
      master: { address: { host: "127.0.0.1", port: master.port }, execute: executeOn(master) },
      allow: ({ channels = "*", denied }) => {
        const denials = denied === undefined ? [] : [`-${denied.toLowerCase().replace(" ", "|")}`]
        const rules = ["resetchannels", ...channels.split(" ").map((pattern) => `&${pattern}`), ...denials]
        return cli(server, "ACL", "SETUSER", "default", ...rules)
      },
      reload: cli(server, "DEBUG", "RELOAD"),
      evict: () =>
        Effect.andThen(
          cli(server, "CONFIG", "SET", "maxmemory-policy", "allkeys-random"),
          cli(server, "CONFIG", "SET", "maxmemory", 1)
        ),
      freeze: Effect.orDie(server.freeze),
      thaw: Effect.orDie(server.thaw),
      last: {
        cut: last(({ reset }) => reset),
        freeze: last(({ freeze }) => freeze),
        thaw: last(({ thaw }) => thaw),
        mute: last(({ mute }) => mute)
      },
      // The one that asks is not counted.
      clients: Effect.map(cli(server, "CLIENT", "LIST"), (list) => String(list).trim().split("\n").length - 1),
      waitFor: (condition) => Wait.until("what the suite waits for", condition),
      pause: Effect.sleep("50 millis")
    }
  })
).pipe(Layer.provideMerge(Layer.succeed(Clock.Clock, Clock.Clock.defaultValue())))

const executeOn =
  (server: RedisServer.RedisServer): Harness["execute"] =>
  (name, ...args) =>
    Effect.orDie(server.cli(name, ...args.map((arg) => (typeof arg === "bigint" ? String(arg) : arg))))

pushesSuite("ioredis and a real server", real)
