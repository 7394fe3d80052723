/**
 * Says which values of a region are compressed in Redis.
 *
 * **Details**
 *
 * A value that compression does not make smaller is stored as it is. Each value says of itself
 * whether it is compressed, so every process reads it, whatever its own regions are set to. Memory
 * holds values decoded, and so not compressed.
 *
 * **Example** (Search results, which are long and repeat themselves)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, Compression, MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const results = yield* Cache.region({
 *     name: "results",
 *     version: 1,
 *     key: Schema.String,
 *     value: Schema.Array(Schema.String),
 *     compression: Compression.brotli({ from: 2048 })
 *   })
 *   yield* results.set("effect", ["Senior Engineer", "Platform Engineer"]) // => "Applied"
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @since 0.1.0
 */

/**
 * Says which values are compressed, and how.
 *
 * @category models
 * @since 0.1.0
 */
export type Compression = Brotli

/**
 * Compresses values by Brotli, at its quickest level but one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Brotli {
  /** Tells it from other ways. */
  readonly _tag: "Brotli"
  /** Counts the encoded bytes from which on a value is compressed. */
  readonly from: number
  /** Counts the encoded bytes up to which a value is compressed. */
  readonly upTo: number
}

/**
 * Compresses values whose encoded form takes `from` (default 1 KiB) to `upTo` (default 1 MiB)
 * bytes.
 *
 * **Details**
 *
 * JSON of many like objects takes less than half the room from 1 KiB on, and about a quarter of it
 * from 64 KiB on.
 *
 * **Gotchas**
 *
 * A value is compressed and decompressed on the program's one thread, where it is also made JSON
 * and parsed: about 3 µs for each KiB, and 10 µs at least (docs/performance.md). `upTo` bounds how
 * long one value holds everybody up: 1 MiB takes about 4 ms. The region's `maxBytes` bounds what is
 * decompressed: a value that would be longer is a miss.
 *
 * @category constructors
 * @since 0.1.0
 */
export const brotli = (
  options: {
    /** Counts the encoded bytes from which on a value is compressed. Default: 1 KiB. */
    readonly from?: number | undefined
    /** Counts the encoded bytes up to which a value is compressed. Default: 1 MiB. */
    readonly upTo?: number | undefined
  } = {}
): Compression => ({ _tag: "Brotli", from: options.from ?? 1024, upTo: options.upTo ?? 1024 * 1024 })
