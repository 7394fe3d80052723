import { Context, type Duration, Effect, Layer, Logger, Schema } from "effect"
import { Redis, RedisClient, type RedisConfig } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"

/** What a region says of its deferred writes. */
export type Replay = "ifUnchanged" | "latest" | "invalidate" | "overwrite"

export interface Options {
  readonly redis: Omit<RedisConfig.Options, "requireReady">
  readonly hybrid?: HybridCache.Options | undefined
  readonly maxEntries?: number | undefined
  /** Default: none, so that a test prints nothing. */
  readonly logs?: Layer.Layer<never> | undefined
}

/**
 * A client and a cache of its own, as a process of its own would have them, for as long as the scope is open. Two of them in
 * one program share nothing but the server.
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const context = yield* Layer.build(
    HybridCache.layer(options.hybrid ?? {}).pipe(
      Layer.provide([
        RedisCache.layer({ prefix: "cache" }),
        MemoryCache.layer({ maxEntries: options.maxEntries ?? 20_000 })
      ]),
      Layer.provideMerge(Redis.layer(options.redis)),
      Layer.provide(options.logs ?? Logger.layer([]))
    )
  )
  const cache = Context.get(context, Cache.Cache)
  return { cache, client: Context.get(context, RedisClient.RedisClient) }
})

export interface RegionOptions {
  readonly name: string
  readonly replay?: Replay | undefined
  readonly timeToLive?: Duration.Input | undefined
}

/** A region of texts. */
export const region = Effect.fnUntraced(function* (cache: Cache.Cache, options: RegionOptions) {
  const plain = { name: options.name, version: 1, key: Schema.String, value: Schema.String }
  const definition = { ...plain, timeToLive: options.timeToLive ?? "5 minutes" }
  const probe = yield* cache.region({ ...definition, name: `${options.name}-api` })
  const replay = replayOf(options.replay, touchOf(probe) !== undefined)
  // The names of a later release are no names of an earlier one, and these tests run on both.
  const made = yield* cache.region({
    ...definition,
    ...(replay as Pick<Cache.RegionOptions<string, string>, "replay">)
  })
  return { ...made, touch: touchOf(made) ?? (() => Effect.succeed("Unknown" as const)) }
})

export type TextRegion = Effect.Success<ReturnType<typeof region>>

/** The one place that tells a release without `touch` and its two kinds of replay from a later one. */
const replayOf = (replay: Replay | undefined, current: boolean) => {
  if (replay === undefined) return {}
  if (current) return { replay }
  return { replay: replay === "overwrite" ? "write" : "invalidate" }
}

type Touch = (key: string, options?: { readonly timeToLive?: Duration.Input | undefined }) => Effect.Effect<string>

const touchOf = (made: object): Touch | undefined =>
  "touch" in made && typeof made.touch === "function" ? (made.touch as Touch) : undefined // its signature is the contract

/** The key in Redis under which a region of texts keeps a key of letters, digits and dashes. */
export const redisKey = (name: string, key: string): string => `cache:${name}:v1:=${key}`

/** Whether what stands under a key in Redis is a value, and its JSON: in the format with a header, or in the one before it. */
export const payload = (stored: string | null): string | undefined => {
  if (stored === null) return undefined
  if (!stored.startsWith("E1")) return stored.slice(stored.indexOf(":") + 1)
  return stored[4] === "x" ? undefined : stored.slice(44)
}
