import { Layer } from "effect"
import { MemoryCache } from "effect-ioredis-cache"
import { layerSimulated, layerStrict, quiet } from "../suites/cacheLayers.ts"
import { lookupSuite } from "../suites/lookups.ts"

lookupSuite("memory", Layer.merge(Layer.fresh(MemoryCache.layerCache), quiet))

lookupSuite("the strict cache", Layer.provideMerge(layerStrict, layerSimulated()))

lookupSuite("Redis and memory", layerSimulated())
