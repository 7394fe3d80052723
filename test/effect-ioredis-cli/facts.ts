import type {
  Cluster,
  Facts,
  Place,
  Reached,
  Sentinel,
  Server,
  Unreached
} from "../../packages/effect-ioredis-cli/src/internal/facts/Facts.ts"

/** A server that nothing is wrong with, but for what is given. */
export const reached = (given: Partial<Reached> = {}): Reached => ({
  _tag: "Reached",
  address: "redis:6379",
  tls: false,
  user: "default",
  hasPassword: false,
  silence: undefined,
  loss: undefined,
  isOther: false,
  save: "3600 1",
  denied: [],
  outOfMemory: false,
  clock: { ahead: 12, uncertainty: 3 },
  queues: [],
  keys: { looked: 40, otherTypes: {}, otherFormats: 0 },
  latency: { tries: 50, p50: 0.3, p90: 0.6, p99: 2 },
  slowest: undefined,
  ...given,
  info: {
    redis_version: "7.2.4",
    role: "master",
    cluster_enabled: "0",
    connected_clients: "12",
    maxclients: "10000",
    used_memory: "1000000",
    maxmemory: "100000000",
    maxmemory_policy: "allkeys-lru",
    aof_enabled: "1",
    rdb_last_bgsave_status: "ok",
    aof_last_write_status: "ok",
    ...given.info
  }
})

/** A server that could not be reached. */
export const unreached = (given: Partial<Unreached>): Unreached => ({
  _tag: "Unreached",
  address: "redis:6379",
  tls: false,
  user: "default",
  hasPassword: false,
  reason: "Refused",
  message: "the server refused the connection",
  said: "",
  code: "",
  waited: 2000,
  accepts: true,
  speaksTls: false,
  speaksPlain: false,
  ...given
})

/** What is known of one server that is a cache. */
export const factsOf = (server: Server, given: Partial<Facts> = {}): Facts => ({
  use: "cache",
  prefix: "cache",
  place: { _tag: "Server" },
  servers: [server],
  ...given
})

/** Three masters, each with so many replicas. */
export const clusterOf = (given: Partial<NonNullable<Cluster["view"]>> = {}, replicas = 1): Place => ({
  _tag: "Cluster",
  problem: undefined,
  view: {
    state: "ok",
    ranges: [
      { from: 0, to: 5460, master: "one:6379", replicas },
      { from: 5461, to: 10_922, master: "two:6379", replicas },
      { from: 10_923, to: 16_383, master: "three:6379", replicas }
    ],
    ...given
  }
})

/** Three sentinels that know the master, but for the answers that are given. */
export const sentinelsOf = (
  answers: ReadonlyArray<Sentinel["answer"] | undefined> = [],
  view: Partial<Extract<Sentinel["answer"], { readonly _tag: "View" }>> = {}
): Place => ({
  _tag: "Sentinel",
  master: "orders",
  sentinels: [0, 1, 2].map((index) => ({
    address: `sentinel-${index}:26379`,
    answer: answers[index] ?? {
      _tag: "View",
      host: "redis",
      port: 6379,
      flags: ["master"],
      quorum: 2,
      sentinels: 3,
      replicas: 1,
      ...view
    }
  }))
})
