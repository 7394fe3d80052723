// First, so that every schema below is compiled to plain JavaScript.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { RuntimeSettings } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { HybridCache, MemoryCache } from "effect-ioredis-cache"
import * as Api from "./Api.ts"
import * as Flags from "./Flags.ts"
import { Jobs } from "./Jobs.ts"
import { Matcher } from "./Matcher.ts"
import * as Operations from "./Operations.ts"
import * as Server from "./Server.ts"
import { Status } from "./Status.ts"
import * as Switches from "./Switches.ts"

const places = ["REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER_NODES"]

// REDIS_SETTINGS, and the file that REDIS_SETTINGS_FILE names.
const settings = RuntimeSettings.layerFromEnv().pipe(Layer.provide(NodeServices.layer))

const redis = Layer.mergeAll(Status.layer, Operations.health, Flags.MemoryOnly.layerFollowed).pipe(
  Layer.provideMerge(HybridCache.layerFromEnv().pipe(Layer.provide(settings))),
  Layer.provideMerge(FaultInjection.layer())
)

const memory = Layer.merge(Status.layerMemory, Operations.healthMemory).pipe(
  Layer.provideMerge(MemoryCache.layerCache),
  Layer.tap(() => Effect.logWarning(`No Redis configured (${places.join(" or ")}): the cache is this process's memory`))
)

const setting = (name: string) => Config.String(name).pipe(Config.withDefault(""))

const cache = Layer.unwrap(
  Effect.map(Config.all(places.map(setting)), (redisSettings) =>
    redisSettings.every((value) => value === "") ? memory : redis
  )
)

HttpRouter.serve(Layer.mergeAll(Api.layer, Operations.routes, Switches.layer), { disableLogger: true }).pipe(
  Layer.provide(Server.layer),
  // Below the server, so that it listens when they are ready: a request that comes before the routes would hang.
  Layer.provide(cache),
  Layer.provide(Flags.layer),
  Layer.provide(Matcher.layer),
  Layer.provide(Jobs.layer),
  Layer.launch,
  NodeRuntime.runMain
)
