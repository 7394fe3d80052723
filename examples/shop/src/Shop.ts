import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import * as PrometheusNames from "effect-ioredis/PrometheusNames"
import { HybridCache } from "effect-ioredis-cache"
import * as Api from "./Api.ts"
import { Bestsellers } from "./Bestsellers.ts"
import { Catalog } from "./Catalog.ts"
import { Database } from "./Database.ts"
import { Durable } from "./Durable.ts"
import * as Health from "./Health.ts"
import * as Market from "./Market.ts"
import { Orders } from "./Orders.ts"
import { Prices } from "./Prices.ts"
import { RateLimit } from "./RateLimit.ts"
import * as Server from "./Server.ts"
import { Sessions } from "./Sessions.ts"

/** The services of the shop, on whatever cache, Redis and database they are given. */
export const services = Layer.mergeAll(Health.layer, Orders.layer, Prices.layer, RateLimit.layer, Sessions.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Bestsellers.layer, Catalog.layer))
)

/** All routes, those for whoever operates it included. */
export const routes = Layer.mergeAll(Api.layer, HealthHttp.layer(), PrometheusNames.layerHttp())

// It closes before the server does, which waits for every answer that has begun.
const ending = Layer.effectDiscard(Effect.flatMap(Prices, ({ close }) => Effect.addFinalizer(() => close)))

/**
 * The whole of it, by settings of the environment, all of which are optional:
 *
 * - REDIS_URL and its like say where the Redis of the cache is, CACHE_TTL and its like how it is used;
 * - DURABLE_REDIS_URL and its like say the same of the one that may not forget;
 * - SHOP_DATABASE is the directory of the database, SHOP_SESSION_LIFE (seconds) the life of a session
 *   that is not used, SHOP_RATE_LIMIT the number of sign-ins of a customer in ten seconds;
 * - PORT and HOST say where the shop listens.
 */
export const layer = Layer.merge(ending, Market.layer).pipe(
  Layer.provide(HttpRouter.serve(routes, { disableLogger: true })),
  Layer.provide(Server.layer),
  // Below the server, so that it listens when they are ready, and closes before they do.
  Layer.provide(services),
  Layer.provide([HybridCache.layerFromEnv(), Durable.layer, Database.layer])
)
