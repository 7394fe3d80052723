import { Context, type Duration, Random, Result } from "effect"
import { RedisSerializationError } from "effect-ioredis/RedisError"
import * as CacheCodec from "./CacheCodec.ts"
import * as CacheKey from "../CacheKey.ts"
import type { Compression } from "../Compression.ts"
import * as JsonCodec from "./JsonCodec.ts"
import { keyHash } from "./keyHash.ts"
import { Write } from "./CacheTier.ts"
import * as Tag from "./tags/Tag.ts"
import { withTags } from "./tags/Tagged.ts"
import { lifetime, lifetimeAdvice, type RegionDefinition } from "./Regions.ts"
import type { SettingsOfRegion } from "./fixedSettings.ts"
import type { Payload } from "./StoredValue.ts"

/** Turns the keys and values of one region into what a tier keeps, or says why it cannot. */
export interface Encoding<in Key, in out Value> {
  readonly codec: CacheCodec.CacheCodec<Value>
  /** Bounds the encoded size of a value, in bytes. */
  readonly maxBytes: number
  /** Says how long its values live at most that a write says nothing of, in milliseconds. */
  readonly longestLife: number
  /** Says what every rendered key begins with. */
  readonly keyspace: string
  /** The hash that stands for a rendered key in logs and errors. */
  readonly hash: (rendered: string) => string
  readonly key: (operation: string, key: Key) => Result.Result<string, RedisSerializationError>
  readonly value: (
    operation: string,
    rendered: string,
    key: Key,
    value: Value,
    timeToLive: Duration.Input | undefined,
    tags?: Tag.Tags
  ) => Result.Result<Write<Value>, RedisSerializationError>
  /** For how many milliseconds a value of the key lives from now on that is not given. */
  readonly life: (
    operation: string,
    rendered: string,
    timeToLive: Duration.Input | undefined
  ) => Result.Result<number, RedisSerializationError>
}

/** Makes what compresses payloads as a policy says. */
export type MakeCompressor = (policy: Compression) => (payload: Payload) => Payload

export const make = <Key, Value>(
  options: RegionDefinition<Key, Value>,
  defaultTimeToLive: Duration.Input,
  prefix: string,
  context: Context.Context<never>,
  makeCompressor?: MakeCompressor,
  settings?: Pick<SettingsOfRegion, "timeToLive" | "defaultTimeToLive" | "listeners">
): Encoding<Key, Value> => {
  const { jitter = 0, name } = options
  const random = Context.get(context, Random.Random)
  const keyspace = `${prefix}${name}:v${options.version}:`
  const renderKey = CacheKey.make(options.key, keyspace)
  const hash = (rendered: string): string => keyHash(rendered.slice(prefix.length))
  let timeToLive = options.timeToLive ?? defaultTimeToLive
  let fixed: number | undefined
  const settle = (): void => {
    timeToLive = settings?.timeToLive ?? options.timeToLive ?? settings?.defaultTimeToLive ?? defaultTimeToLive
    fixed = typeof timeToLive === "function" ? undefined : lifetime(timeToLive)
  }
  settle()
  settings?.listeners.add(settle)
  const { maxBytes = CacheCodec.defaultMaxBytes } = options
  const makeCodec = options.codec?.[CacheCodec.TypeId] ?? JsonCodec.make
  const codec = makeCodec(options.value, { maxBytes })
  const compress = options.compression && makeCompressor?.(options.compression)

  const problem = (operation: string, message: string, rendered?: string) =>
    new RedisSerializationError({
      command: operation,
      region: name,
      keyHash: rendered === undefined ? "" : hash(rendered),
      direction: "encode",
      message: `${operation} in region ${name}: ${message}`
    })

  const shortened = (whole: number): number =>
    jitter === 0 ? whole : Math.max(1, Math.round(whole * (1 - jitter * random.nextDoubleUnsafe())))

  return {
    codec,
    maxBytes,
    keyspace,
    hash,
    get longestLife() {
      return typeof timeToLive === "function" ? Number.POSITIVE_INFINITY : (fixed ?? 0)
    },
    key: (operation, key) => {
      const rendered = renderKey(key)
      return Result.isFailure(rendered)
        ? Result.fail(problem(operation, rendered.failure))
        : // A success is one whatever its failures would be.
          (rendered as Result.Success<string, never>)
    },
    life: (operation, rendered, given) => {
      const whole = given === undefined ? fixed : lifetime(given)
      return whole === undefined
        ? Result.fail(problem(operation, `the timeToLive is ${lifetimeAdvice}`, rendered))
        : Result.succeed(shortened(whole))
    },
    value: (operation, rendered, key, value, given, tags) => {
      if (tags !== undefined && Result.isFailure(tags)) return Result.fail(problem(operation, tags.failure, rendered))
      const chosen = given ?? (typeof timeToLive === "function" ? timeToLive(key, value) : undefined)
      const whole = chosen === undefined ? fixed : lifetime(chosen)
      if (whole === undefined) {
        return Result.fail(problem(operation, `the timeToLive is ${lifetimeAdvice}`, rendered))
      }
      const millis = shortened(whole)
      const encoded = codec.encode(value)
      if (Result.isFailure(encoded)) return Result.fail(problem(operation, encoded.failure, rendered))
      const { payload, value: own } = encoded.success
      const packed = compress === undefined ? payload : compress(payload)
      return Result.succeed(
        tags === undefined
          ? new Write(rendered, own, packed, millis)
          : new Write(rendered, withTags(own, tags.success), packed, millis, Tag.unitsOf(tags.success))
      )
    }
  }
}
