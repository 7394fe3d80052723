import { Data, Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import type * as Announced from "../support/Announced.ts"
import * as RedisCluster from "../support/RedisCluster.ts"
import * as RedisSentinels from "../support/RedisSentinels.ts"
import * as RawWriter from "./RawWriter.ts"
import { slotOf } from "./slotOf.ts"
import * as Target from "./Target.ts"

/** The servers of a row: where a client finds them, a raw writer to them, and what they hold in the end. */
export interface Servers {
  readonly target: Target.Target
  readonly raw: RawWriter.RawWriter
  /** What the masters hold under these keys, once all are agreed on who the masters are. */
  readonly held: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | null>, Error>
}

/** The servers could not be asked what they hold. */
export class NotReadable extends Data.TaggedError("NotReadable")<{ readonly message: string }> {}

/** A master watched by sentinels. The client reaches what is partitioned from the other servers. */
export const sentinel = Effect.fnUntraced(function* (options: RedisSentinels.Options) {
  const redis = yield* RedisSentinels.make(options)
  let master = redis.server(0)
  const follow = Effect.tap(redis.master, (found) =>
    Effect.sync(() => {
      master = found ?? master
    })
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(follow, Effect.sleep("20 millis"))))
  const servers: Servers = {
    target: Target.Sentinel({
      master: redis.name,
      sentinels: redis.sentinels.map(addressOf),
      addressMap: redis.addressMap
    }),
    raw: yield* RawWriter.toMaster(() => master.port),
    held: (keys) => heldAt(master.port, keys)
  }
  return { redis, servers }
})

export const cluster = Effect.fnUntraced(function* (options: RedisCluster.Options) {
  const cluster = yield* RedisCluster.make(options)
  const servers: Servers = {
    target: Target.Cluster({ seeds: cluster.nodes().slice(0, 3).map(announcedOf), addressMap: [] }),
    raw: yield* RawWriter.toCluster(() => cluster.nodes().map(({ port }) => port)),
    held: (keys) => heldIn(cluster, keys)
  }
  return { cluster, servers }
})

const announcedOf = ({ announcedPort }: Announced.Announced): Target.Address => ({
  host: "127.0.0.1",
  port: announcedPort
})

const addressOf = ({ port }: Announced.Announced): Target.Address => ({ host: "127.0.0.1", port })

const heldIn = Effect.fnUntraced(function* (cluster: RedisCluster.RedisCluster, keys: ReadonlyArray<string>) {
  yield* cluster.healthy
  const held = new Map<string, string | null>()
  for (const node of cluster.nodes()) {
    const slots = new Set(yield* Effect.orElseSucceed(cluster.slotsOf(node), () => []))
    const own = keys.filter((key) => slots.has(slotOf(key)))
    const values = own.length === 0 ? [] : yield* heldAt(node.port, own)
    for (const [index, key] of own.entries()) held.set(key, values[index] ?? null)
  }
  return keys.map((key) => held.get(key) ?? null)
})

const heldAt = (port: number, keys: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(connectionTo(port), (redis) => getAll(redis, keys)))

const getAll = (redis: Redis, keys: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string | null>, NotReadable> =>
  Effect.tryPromise({
    try: () => Promise.all(keys.map((key) => redis.get(key))),
    catch: (error) => new NotReadable({ message: `what is held in the end: ${String(error)}` })
  })

const connectionTo = (port: number): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const redis = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: 3 })
      redis.on("error", () => {})
      return redis
    }),
    (redis) => Effect.sync(() => redis.disconnect())
  )
