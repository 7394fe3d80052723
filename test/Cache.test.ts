import { Layer } from "effect"
import { MemoryCache } from "effect-ioredis-cache"
import { cacheSuite } from "./suites/cache.ts"
import { layerReal, layerSimulated, layerStrict, quiet } from "./suites/cacheLayers.ts"

cacheSuite("MemoryCache", Layer.merge(MemoryCache.layerCache, quiet), { time: "virtual" })

cacheSuite("HybridCache on SimulatedRedis", layerSimulated(), { time: "virtual" })

cacheSuite("HybridCache on a real server", layerReal(), { time: "real" })

cacheSuite("RedisCache on SimulatedRedis", Layer.provideMerge(layerStrict, layerSimulated()), {
  time: "virtual",
  strict: true
})

cacheSuite("RedisCache on a real server", Layer.provideMerge(layerStrict, layerReal()), { time: "real", strict: true })
