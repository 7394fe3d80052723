import { Layer } from "effect"
import * as Health from "effect-ioredis/Health"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import * as PrometheusNames from "effect-ioredis/PrometheusNames"
import * as CacheHealth from "effect-ioredis-cache/CacheHealth"

/** The probes and the metrics. */
export const routes = Layer.merge(HealthHttp.layer(), PrometheusNames.layerHttp())

/** The service answers without Redis, so that Redis is optional: it is never why a process gets no requests. */
export const health = Health.layer([Health.redis({ name: "redis" }), CacheHealth.journal(), CacheHealth.near()])

/** The health of a service that has no Redis. */
export const healthMemory = Health.layer([])
