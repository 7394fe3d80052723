/**
 * Stores the values of a region in a binary form in the place of JSON.
 *
 * **When to use**
 *
 * For values that hold bytes, which JSON stores as base64, and for long ones of many like objects,
 * whose field names it leaves out. They take half the room of JSON or less, and a fifth less time;
 * bytes take a tenth of the time (docs/performance.md).
 *
 * **Details**
 *
 * It is a module of its own that the package's index does not have, because it loads Effect's
 * `SchemaBinary`: a program that does not use it does not load that.
 *
 * Each value names the layout of the schema that wrote it. A value of another layout does not fit:
 * it is a miss, and stays until it is replaced. JSON that the region held before is still read.
 *
 * **Gotchas**
 *
 * - No other program can read it, and it follows Effect's own version: `SchemaBinary` is marked
 *   unstable. Where its layout changes with a release of Effect, values of the other release are
 *   misses.
 * - Any change of the schema is another layout, an optional field too: the region starts anew.
 *   Raise its `version` with it, so that old and new processes do not replace each other's values.
 * - A process whose region has no binary codec takes such a value for a miss, and leaves it.
 * - Half of a surrogate pair, which is no Unicode, comes back as U+FFFD.
 *
 * **Example** (Thumbnails)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache } from "effect-ioredis-cache"
 * import * as BinaryCodec from "effect-ioredis-cache/BinaryCodec"
 *
 * const program = Effect.gen(function* () {
 *   const thumbnails = yield* Cache.region({
 *     name: "thumbnails",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.Struct({ type: Schema.String, data: Schema.Uint8Array }),
 *     codec: BinaryCodec.binary
 *   })
 *   const data = new Uint8Array([137, 80])
 *   yield* thumbnails.set(1, { type: "image/png", data }) // => "Applied"
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @since 0.1.0
 */
import type { Codec } from "./Cache.ts"
import * as Binary from "./internal/BinaryCodec.ts"
import { TypeId } from "./internal/CacheCodec.ts"

/**
 * Stores values as frames of Effect's `SchemaBinary`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const binary: Codec = { _tag: "Binary", [TypeId]: Binary.make }
