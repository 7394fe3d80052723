// First, so that every schema below is compiled to plain JavaScript.
import "effect/schema/SchemaJITCompiler/enable"
import { createServer } from "node:http"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HybridCache, MemoryCache } from "effect-ioredis-cache"
import * as Api from "./Api.ts"
import { Jobs } from "./Jobs.ts"
import { Matcher } from "./Matcher.ts"
import { Status } from "./Status.ts"

const redis = Status.layer.pipe(Layer.provideMerge(HybridCache.layerFromEnv()))

const memory = Status.layerMemory.pipe(
  Layer.provideMerge(MemoryCache.layerCache),
  Layer.tap(() =>
    Effect.logWarning("No Redis configured (REDIS_URL or REDIS_HOST): the cache is this process's memory")
  )
)

const setting = (name: string) => Config.String(name).pipe(Config.withDefault(""))

const cache = Layer.unwrap(
  Effect.map(Config.all([setting("REDIS_URL"), setting("REDIS_HOST")]), (redisSettings) =>
    redisSettings.every((value) => value === "") ? memory : redis
  )
)

const server = NodeHttpServer.layerConfig(createServer, {
  port: Config.Port("PORT").pipe(Config.withDefault(3000)),
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  gracefulShutdownTimeout: Config.succeed("5 seconds")
})

HttpRouter.serve(Api.layer, { disableLogger: true }).pipe(
  Layer.provide(server),
  // Below the server, so that it listens when they are ready: a request that comes before the routes would hang.
  Layer.provide(cache),
  Layer.provide(Matcher.layer),
  Layer.provide(Jobs.layer),
  Layer.launch,
  NodeRuntime.runMain
)
