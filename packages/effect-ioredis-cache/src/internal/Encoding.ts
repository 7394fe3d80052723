import { Clock, type Duration, Effect, Random, Result } from "effect"
import { RedisError } from "effect-ioredis"
import type * as Cache from "../Cache.ts"
import * as CacheCodec from "../CacheCodec.ts"
import * as CacheKey from "../CacheKey.ts"
import type { Write } from "../CacheTier.ts"
import { lifetime } from "./Regions.ts"

/** Turns the keys and values of one region into what a tier keeps, or says why it cannot. */
export interface Encoding<in Key, in out Value> {
  readonly codec: CacheCodec.CacheCodec<Value>
  readonly longestLife: number
  readonly key: (operation: string, key: Key) => Result.Result<string, RedisError.RedisSerializationError>
  readonly value: (
    operation: string,
    rendered: string,
    entry: readonly [key: Key, value: Value],
    timeToLive: Duration.Input | undefined
  ) => Effect.Effect<Encoded<Value>, RedisError.RedisSerializationError>
}

export type Encoded<Value> = Omit<Write<Value>, "isCurrent">

export const make = <Key, Value>(
  options: Cache.RegionOptions<Key, Value>,
  defaultTimeToLive: Duration.Input
): Encoding<Key, Value> => {
  const { jitter = 0, name, timeToLive = defaultTimeToLive } = options
  const renderKey = CacheKey.make(options.key)
  const codec = CacheCodec.make(options.value, { maxBytes: options.maxBytes })

  const problem = (operation: string, message: string, rendered?: string) =>
    new RedisError.RedisSerializationError({
      command: operation,
      region: name,
      keyHash: rendered === undefined ? "" : CacheKey.hash(rendered),
      direction: "encode",
      message: `${operation} in region ${name}: ${message}`
    })

  return {
    codec,
    longestLife: typeof timeToLive === "function" ? Number.POSITIVE_INFINITY : (lifetime(timeToLive) ?? 0),
    key: (operation, key) => Result.mapError(renderKey(key), (message) => problem(operation, message)),
    value: Effect.fnUntraced(function* (operation, rendered, [key, value], given) {
      const whole = lifetime(given ?? (typeof timeToLive === "function" ? timeToLive(key, value) : timeToLive))
      if (whole === undefined) {
        const advice = `the timeToLive is not a duration above zero and finite. Give one such as "5 minutes"`
        return yield* problem(operation, advice, rendered)
      }
      const millis = jitter === 0 ? whole : Math.max(1, Math.round(whole * (1 - jitter * (yield* Random.next))))
      const text = codec.encode(value, (yield* Clock.currentTimeMillis) + millis)
      if (Result.isFailure(text)) return yield* problem(operation, text.failure, rendered)
      return { key: rendered, value, text: text.success, timeToLive: millis }
    })
  }
}
