import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { Config } from "effect"

/** Listens where PORT and HOST say. Requests that have begun may take five seconds to end. */
export const layer = NodeHttpServer.layerConfig(createServer, {
  port: Config.Port("PORT").pipe(Config.withDefault(3000)),
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  gracefulShutdownTimeout: Config.succeed("5 seconds")
})
