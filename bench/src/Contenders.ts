import { Effect } from "effect"
import type { RedisServer } from "../../test/support/RedisServer.ts"
import * as Child from "./Child.ts"

export const ours = "ours"
export const oursNoJit = "ours:noJit"
export const raw = "ioredis"
export const rawAutoPipelining = "ioredis:autoPipelining"
export const nodeRedis = "node-redis"
export const keyv = "keyv"
export const cacheManager = "cache-manager"
export const cacheable = "cacheable"
export const cacheableRedisOnly = "cacheable:redisOnly"
export const bentocache = "bentocache"
export const bentocacheRedisOnly = "bentocache:redisOnly"
export const bentocaches = [bentocache, bentocacheRedisOnly]
/** Two tiers as well, with the means of each to hear of what other processes write; memory keeps values as they are where it may. */
export const oursNear = "ours:near"
export const bentocacheBus = "bentocache:bus"
export const cacheableBus = "cacheable:bus"
export const nodeRedisClientSideCache = "node-redis:clientSideCache"
export const persistence = "persistence"
export const pipelineDriver = "pipeline:ioredis"
export const pipelineTyped = "pipeline:typed"
export const clusterDriver = "cluster:ioredis"
export const clusterAutoPipelining = "cluster:autoPipelining"
export const clusterClient = "cluster:client"
export const clusterRegion = "cluster:region"

export const tasks = "tasks"
export const bullmq = "bullmq"
export const bullmqForgetting = "bullmq:forgetting"
export const persistedQueue = "persisted-queue"
export const persistedQueueOurs = "persisted-queue:ours"
/** Those that run background tasks. */
export const queues = [bullmq, bullmqForgetting, tasks, persistedQueue, persistedQueueOurs]

/** All that keep values in Redis, in the order of the tables. */
export const caches = [
  rawAutoPipelining,
  raw,
  ours,
  oursNoJit,
  nodeRedis,
  keyv,
  cacheManager,
  cacheable,
  cacheableRedisOnly,
  ...bentocaches,
  persistence
]

/** One process each, alive at the same time and idle while another has its turn. */
export const startAll = (
  names: ReadonlyArray<string>,
  { maxEntries, port, url }: Pick<RedisServer, "port" | "url"> & { readonly maxEntries?: number }
) => Effect.all(names.map((name) => Child.start(name, { port, url, maxEntries })))
