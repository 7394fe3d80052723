// First, so that every schema below is compiled to plain JavaScript.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import * as Health from "effect-ioredis/Health"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import { HybridCache, MemoryCache } from "effect-ioredis-cache"
import * as CacheHealth from "effect-ioredis-cache/CacheHealth"
import * as Api from "./Api.ts"
import * as Flags from "./Flags.ts"
import { Jobs } from "./Jobs.ts"
import { Matcher } from "./Matcher.ts"
import * as Ops from "./Ops.ts"
import * as Server from "./Server.ts"
import { Status } from "./Status.ts"

const places = ["REDIS_URL", "REDIS_HOST", "REDIS_SENTINELS", "REDIS_CLUSTER_NODES"]

// The service answers without Redis, so that Redis is optional: it is never why this process gets no requests.
const redis = Layer.mergeAll(
  Status.layer,
  Health.layer([Health.redis({ name: "redis" }), CacheHealth.journal(), CacheHealth.near()]),
  Flags.MemoryOnly.layerFollowed
).pipe(Layer.provideMerge(HybridCache.layerFromEnv()), Layer.provideMerge(FaultInjection.layer()))

const memory = Layer.merge(Status.layerMemory, Health.layer([])).pipe(
  Layer.provideMerge(MemoryCache.layerCache),
  Layer.tap(() => Effect.logWarning(`No Redis configured (${places.join(" or ")}): the cache is this process's memory`))
)

const setting = (name: string) => Config.String(name).pipe(Config.withDefault(""))

const cache = Layer.unwrap(
  Effect.map(Config.all(places.map(setting)), (redisSettings) =>
    redisSettings.every((value) => value === "") ? memory : redis
  )
)

HttpRouter.serve(Layer.mergeAll(Api.layer, HealthHttp.layer(), Ops.layer), { disableLogger: true }).pipe(
  Layer.provide(Server.layer),
  // Below the server, so that it listens when they are ready: a request that comes before the routes would hang.
  Layer.provide(cache),
  Layer.provide(Flags.layer),
  Layer.provide(Matcher.layer),
  Layer.provide(Jobs.layer),
  Layer.launch,
  NodeRuntime.runMain
)
