/**
 * A region together with the lookup of its values, so that whoever reads need not know how they are
 * come by.
 *
 * **When to use**
 *
 * Where one way of looking a value up is right for every caller. Where it depends on the caller,
 * use `getOrSet` of the region.
 *
 * **Details**
 *
 * The services of the lookup are those of where it is made, as with `Cache.make` of `effect`; where
 * a caller provides one of them as well, the caller's is used. Everything that a region promises
 * holds, and what its options say of slow and failed lookups.
 *
 * **Example** (Users that look themselves up)
 *
 * ```ts
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { MemoryCache, ReadThrough } from "effect-ioredis-cache"
 *
 * class Database extends Context.Service<Database, {
 *   readonly nameOf: (id: number) => Effect.Effect<string>
 * }>()("app/Database") {}
 *
 * const program = Effect.gen(function* () {
 *   const names = yield* ReadThrough.make({
 *     name: "names",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.String,
 *     lookup: (id: number) => Effect.flatMap(Database, (database) => database.nameOf(id))
 *   })
 *   yield* names.get(1) // => "user 1"
 *   yield* names.invalidate(1) // => "Applied"
 * })
 *
 * const layer = Layer.merge(
 *   MemoryCache.layerCache,
 *   Layer.succeed(Database, { nameOf: (id) => Effect.succeed(`user ${id}`) })
 * )
 * Effect.runPromise(Effect.provide(program, layer))
 * ```
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, Option } from "effect"
import * as Cache from "./Cache.ts"

/**
 * A region that looks its values up by itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadThrough<in Key, in out Value, out E = never, out RegionError = never> {
  /** Gives the value of a key, and looks it up where there is none. */
  readonly get: (key: Key) => Effect.Effect<Value, E | RegionError>
  /**
   * Gives the values of several keys in the order asked, and looks up what is missing: with
   * `lookupMany` at once, and otherwise each key by itself. A key that `lookupMany` leaves out has
   * no value.
   */
  readonly getMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Option.Option<Value>>, E | RegionError>
  /** Looks a key up whatever there is, and gives the new value. */
  readonly refresh: (key: Key) => Effect.Effect<Value, E | RegionError>
  /** Removes a key, so that the next `get` looks it up. */
  readonly invalidate: (key: Key) => Effect.Effect<Cache.RemoveOutcome, RegionError>
  /** Removes several keys, and answers in their order. */
  readonly invalidateMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Cache.RemoveOutcome>, RegionError>
  /** Removes every value of the region. */
  readonly invalidateAll: Effect.Effect<Cache.WriteOutcome, RegionError>
}

/**
 * Says how values are looked up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup<in out Key, out Value, out E = never, out R = never> {
  /** Looks one key up. */
  readonly lookup: (key: Key) => Effect.Effect<Value, E, R>
  /**
   * Looks several keys up at once, and answers with pairs of key and value, such as a `Map`, in any
   * order. Default: `lookup` of each.
   */
  readonly lookupMany?:
    | ((keys: readonly [Key, ...Array<Key>]) => Effect.Effect<Iterable<readonly [key: Key, value: Value]>, E, R>)
    | undefined
}

/**
 * Makes one on the region of a definition, of the `Cache` in the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Key, Value, E = never, R = never, Hard extends Duration.Input | undefined = undefined>(
  options: Cache.RegionOptions<Key, Value, Hard> & Lookup<Key, Value, E, R>
): Effect.Effect<ReadThrough<Key, Value, E | Cache.LookupErrorOf<Hard>>, never, Cache.Cache | R> =>
  Effect.flatMap(Cache.region(options), (region) => fromRegion(region, options))

/**
 * Makes one on a region, which may be that of a strict `RedisCache`.
 *
 * **Example** (What is looked up together)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache, ReadThrough } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const region = yield* Cache.region({
 *     name: "lengths",
 *     version: 1,
 *     key: Schema.String,
 *     value: Schema.Int
 *   })
 *   const lengths = yield* ReadThrough.fromRegion(region, {
 *     lookup: (key: string) => Effect.succeed(key.length),
 *     lookupMany: (keys) => Effect.succeed(keys.map((key) => [key, key.length] as const))
 *   })
 *   yield* lengths.getMany(["a", "bc"]) // => [Option.some(1), Option.some(2)]
 *   yield* region.set("a", 5) // => "Applied"
 *   yield* lengths.get("a") // => 5
 *   yield* lengths.refresh("a") // => 1
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRegion = <Key, Value, RegionError, LookupError, E = never, R = never>(
  region: Cache.Region<Key, Value, RegionError, LookupError>,
  options: Lookup<Key, Value, E, R>
): Effect.Effect<ReadThrough<Key, Value, E | LookupError, RegionError>, never, R> =>
  Effect.map(Effect.context<R>(), (context) => {
    const provided = <A>(lookup: Effect.Effect<A, E, R>): Effect.Effect<A, E> =>
      Effect.updateContext(lookup, (ofCaller: Context.Context<never>) => Context.merge(context, ofCaller))

    // Nothing is called before it is known that there is something to be looked up.
    const lookup = (key: Key) => provided(Effect.suspend(() => options.lookup(key)))
    const get = (key: Key) => region.getOrSet(key, lookup(key))

    const { lookupMany } = options
    return {
      get,
      getMany: (keys) =>
        lookupMany === undefined
          ? Effect.forEach(keys, (key) => Effect.map(get(key), Option.some), { concurrency: "unbounded" })
          : region.getOrSetMany(keys, (missing) => provided(lookupMany(missing))),
      refresh: (key) => region.refresh(key, lookup(key)),
      invalidate: region.remove,
      invalidateMany: region.removeMany,
      invalidateAll: region.clear
    }
  })
