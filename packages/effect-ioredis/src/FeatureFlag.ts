/**
 * Decides for a key which variant of a behaviour it gets, in shares that can be changed while the
 * program runs, and counts each decision.
 *
 * **When to use**
 *
 * Use to compare two ways of caching on live traffic, to let a share of the users try what is new,
 * or to turn an optional feature off while something it needs is slow.
 *
 * **Details**
 *
 * - A key keeps its variant while the weights stand, in every process that has them: what is drawn
 *   follows from the names of flag, variant and key.
 * - When weights change, keys move only into variants whose weight has risen against the one that
 *   they had. Where one weight changes, and where there are two variants, no more keys move than
 *   the shares demand.
 * - An operation and a location may have weights of their own. A key draws the same point under
 *   all of them, so that a larger share keeps those that the smaller one had.
 * - Each decision counts in the metric `feature_flag.evaluations`, by flag, variant and operation.
 * - A decision takes less than 300 nanoseconds for keys of up to some 60 characters.
 *
 * **Example** (Two times to live, compared by their hit ratios)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 * import { Cache, MemoryCache } from "effect-ioredis-cache"
 *
 * class Freshness extends Context.Service<
 *   Freshness,
 *   FeatureFlag.FeatureFlag<"short" | "long">
 * >()("app/Freshness") {
 *   static readonly layer = FeatureFlag.layer(Freshness, {
 *     name: "freshness",
 *     weights: { short: 90, long: 10 }
 *   })
 * }
 *
 * const program = Effect.gen(function* () {
 *   const freshness = yield* Freshness
 *   const options = { version: 1, key: Schema.String, value: Schema.Number }
 *   const regions = {
 *     short: yield* Cache.region({ ...options, name: "prices-short", timeToLive: "1 minute" }),
 *     long: yield* Cache.region({ ...options, name: "prices-long", timeToLive: "1 hour" })
 *   }
 *   const price = Effect.fnUntraced(function* (product: string) {
 *     const variant = yield* freshness.variant(product)
 *     return yield* regions[variant].getOrSet(product, Effect.succeed(42))
 *   })
 *   yield* price("tea") // => 42
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide([Freshness.layer, MemoryCache.layerCache])))
 * ```
 *
 * @since 0.1.0
 */
import { Config, type Context, Data, Effect, Layer, Schema, SchemaIssue, Stream, SubscriptionRef } from "effect"
import type { Tally } from "./dispatch.ts"
import * as Draw from "./internal/flags/Draw.ts"
import { evaluations } from "./internal/flags/Evaluations.ts"
import * as Problems from "./internal/flags/Problems.ts"
import * as Labels from "./internal/Labels.ts"

// -------------------------------------------------------------------------------------------------
// Rules
// -------------------------------------------------------------------------------------------------

/**
 * Gives each variant its weight: a number of 0 or more, of any scale. Its share is its part of the
 * sum.
 *
 * @category models
 * @since 0.1.0
 */
export type Weights<Variant extends string> = { readonly [variant in Variant]: number }

/**
 * Says in which shares variants are drawn.
 *
 * **Details**
 *
 * The first that there is holds: the operation's at this location, the location's, the operation's,
 * `weights`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rules<Variant extends string> {
  /** Holds wherever nothing else does. */
  readonly weights: Weights<Variant>
  /** Holds for single operations, by their names. */
  readonly operations?: Readonly<Record<string, Weights<Variant>>> | undefined
  /** Holds at single locations, by their names. */
  readonly locations?: Readonly<Record<string, Partial<Omit<Rules<Variant>, "locations">>>> | undefined
}

/**
 * Sets what a flag is called, where it is, and its rules at the beginning.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<Variant extends string> extends Rules<Variant> {
  /** Names it in the metric. Another name draws other keys. */
  readonly name: string
  /** Names the location of this process, such as `eu-west`. Default: none. */
  readonly location?: string | undefined
}

/**
 * Reports rules that cannot be followed. What held before them holds on.
 *
 * @category errors
 * @since 0.1.0
 */
export class FeatureFlagError extends Data.TaggedError("FeatureFlagError")<{
  /** Names the flag. */
  readonly flag: string
  /** Says what is wrong and what to do, one line for each mistake. */
  readonly message: string
}> {}

// -------------------------------------------------------------------------------------------------
// Flags
// -------------------------------------------------------------------------------------------------

/**
 * Draws a variant for each key.
 *
 * @category models
 * @since 0.1.0
 */
export interface FeatureFlag<in out Variant extends string> {
  /** Is the name in the metric. */
  readonly name: string
  /** Lists the variants, in the order in which they were given. */
  readonly variants: ReadonlyArray<Variant>
  /** Draws the variant of a key, for an operation or for none in particular, and counts it. */
  readonly variant: (key: string, operation?: string) => Effect.Effect<Variant>
  /** Does the same at once, for code that cannot afford an Effect for each call. */
  readonly variantUnsafe: (key: string, operation?: string) => Variant
  /** Tells the rules that hold. */
  readonly rules: Effect.Effect<Rules<Variant>>
  /** Starts with the rules that hold and emits all that take their place. */
  readonly changes: Stream.Stream<Rules<Variant>>
  /** Sets other rules, for all decisions from now on. Rules with a mistake are refused whole. */
  readonly set: (rules: Rules<Variant>) => Effect.Effect<void, FeatureFlagError>
}

/**
 * Makes a flag. Its variants are those that have a weight.
 *
 * **Details**
 *
 * It fails for weights that are below 0 or no numbers, of which none is above 0, and that name
 * other variants for an operation or a location than `weights` does. A flag has at most 20
 * variants, and its metric at most 20 operations, none in particular among them: all others count
 * as `other`, and so do flags beyond 100.
 *
 * **Example** (More of a variant while the program runs)
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 *
 * const program = Effect.gen(function* () {
 *   const ranking = yield* FeatureFlag.make({ name: "ranking", weights: { old: 1, new: 0 } })
 *   yield* ranking.variant("ada") // => "old"
 *
 *   yield* ranking.set({ weights: { old: 0, new: 1 } })
 *   yield* ranking.variant("ada") // => "new"
 *
 *   const { message } = yield* Effect.flip(ranking.set({ weights: { old: 0, new: 0 } }))
 *   message // => "weights are all 0. Give at least one variant a weight above 0"
 * })
 *
 * Effect.runPromise(program)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <const Variant extends string>(
  options: Options<Variant>
): Effect.fn.Return<FeatureFlag<Variant>, FeatureFlagError> {
  const { location, name } = options
  // The keys of a record are those of its type, which the compiler does not say.
  const variants: ReadonlyArray<Variant> = Object.keys(options.weights ?? {}) as Array<string> as Array<Variant>
  const compile = Effect.fnUntraced(function* (rules: Rules<Variant>) {
    const problems = [...Problems.ofName("name", name), ...Problems.ofRules(variants, rules)]
    if (problems.length > 0) return yield* new FeatureFlagError({ flag: name, message: problems.join("\n") })
    return compiled(name, variants, rulesOf(rules), location)
  })
  const current = yield* SubscriptionRef.make(yield* compile(options))
  const context = yield* Effect.context<never>()
  const talliesOf = Labels.once(
    maxOperations,
    (operation): ReadonlyArray<Tally> =>
      variants.map((variant) => evaluations({ flag: name, location, operation, variant }, context))
  )
  const talliesOfNone = talliesOf("")
  const variantUnsafe = (key: string, operation?: string): Variant => {
    const { draws, otherwise } = SubscriptionRef.getUnsafe(current)
    const draw = operation === undefined ? otherwise : (draws.get(operation) ?? otherwise)
    const index = draw.indexOf(key)
    const tallies = operation === undefined ? talliesOfNone : talliesOf(operation)
    // What is drawn is one of the variants, and each has its tally.
    ;(tallies[index] as Tally).count++
    return variants[index] as Variant
  }
  return {
    name,
    variants,
    variantUnsafe,
    variant: (key, operation) => Effect.sync(() => variantUnsafe(key, operation)),
    rules: Effect.map(SubscriptionRef.get(current), ({ rules }) => rules),
    changes: Stream.map(SubscriptionRef.changes(current), ({ rules }) => rules),
    set: (rules) => Effect.flatMap(compile(rules), (next) => SubscriptionRef.set(current, next))
  }
})

/**
 * Provides a flag as the service of a tag.
 *
 * **Example** (A flag of one's own)
 *
 * ```ts
 * import { Config, Context, Effect, Layer } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 *
 * class Ranking extends Context.Service<
 *   Ranking,
 *   FeatureFlag.FeatureFlag<"old" | "new">
 * >()("app/Ranking") {
 *   static readonly layer = Layer.unwrap(
 *     Effect.map(Config.String("REDIS_LOCATION").pipe(Config.withDefault("")), (location) =>
 *       FeatureFlag.layer(Ranking, {
 *         name: "ranking",
 *         location,
 *         weights: { old: 95, new: 5 },
 *         locations: { "eu-west": { weights: { old: 0, new: 1 } } }
 *       })
 *     )
 *   )
 * }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Self, const Variant extends string>(
  tag: Context.Key<Self, FeatureFlag<Variant>>,
  options: Options<Variant>
): Layer.Layer<Self, FeatureFlagError> => Layer.effect(tag, make(options))

/**
 * Reads weights from a variable, such as `FRESHNESS="short=90,long=10"`.
 *
 * **Details**
 *
 * Each variant has to be named. Whether the weights can be followed is what `make` says.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * import { ConfigProvider, Effect } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 *
 * const weights = FeatureFlag.weights("FRESHNESS", ["short", "long"])
 * const provider = ConfigProvider.fromUnknown({ FRESHNESS: "short=90, long=10" })
 * Effect.runSync(weights.parse(provider)) // => { short: 90, long: 10 }
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const weights = <const Variant extends string>(
  variable: string,
  variants: ReadonlyArray<Variant>
): Config.Config<Weights<Variant>> =>
  Config.flatMap(Config.schema(Schema.String, variable), (text) => {
    const pairs = text.split(",").map((part) => pairOf(part))
    const given = new Map(pairs)
    const isWhole = pairs.length === variants.length && variants.every((variant) => Number.isFinite(given.get(variant)))
    if (!isWhole) return Config.fail(notWeights(variable, variants))
    // Each variant was just found in it, and nothing else.
    return Config.succeed(Object.fromEntries(given) as Weights<Variant>)
  })

// -------------------------------------------------------------------------------------------------
// Switches
// -------------------------------------------------------------------------------------------------

/**
 * Says for how many keys something is on: for all, for none, or for a share from 0 to 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Share = boolean | number

/**
 * Says where a switch is on. What holds first is as with `Rules`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SwitchRules {
  /** Holds wherever nothing else does. */
  readonly on: Share
  /** Holds for single operations, by their names. */
  readonly operations?: Readonly<Record<string, Share>> | undefined
  /** Holds at single locations, by their names. */
  readonly locations?: Readonly<Record<string, Partial<Omit<SwitchRules, "locations">>>> | undefined
}

/**
 * Sets what a switch is called, where it is, and its rules at the beginning.
 *
 * @category models
 * @since 0.1.0
 */
export interface SwitchOptions extends SwitchRules, Pick<Options<never>, "name" | "location"> {}

/**
 * Is on or off for each key: a flag whose variants are `on` and `off`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Switch {
  /** Is the name in the metric. */
  readonly name: string
  /** Tells whether it is on for a key. All who give none share one fate. */
  readonly isOn: (key?: string, operation?: string) => Effect.Effect<boolean>
  /** Does the same at once, for code that cannot afford an Effect for each call. */
  readonly isOnUnsafe: (key?: string, operation?: string) => boolean
  /** Tells the rules that hold. */
  readonly rules: Effect.Effect<SwitchRules>
  /** Starts with the rules that hold and emits all that take their place. */
  readonly changes: Stream.Stream<SwitchRules>
  /** Sets other rules, for all decisions from now on. Rules with a mistake are refused whole. */
  readonly set: (rules: SwitchRules) => Effect.Effect<void, FeatureFlagError>
  /** Turns it on everywhere: what operations and locations had of their own is gone. */
  readonly turnOn: Effect.Effect<void>
  /** Turns it off everywhere, likewise. */
  readonly turnOff: Effect.Effect<void>
}

/**
 * Makes a switch. It fails for a share that is not between 0 and 1.
 *
 * **Example** (On for a tenth of the users)
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 *
 * const program = Effect.gen(function* () {
 *   const insights = yield* FeatureFlag.makeSwitch({ name: "insights", on: 0.1 })
 *   const before = yield* insights.isOn("ada")
 *   yield* insights.set({ on: 0.1 })
 *   before === (yield* insights.isOn("ada")) // => true
 *
 *   yield* insights.turnOff
 *   yield* insights.isOn("ada") // => false
 * })
 *
 * Effect.runPromise(program)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSwitch = Effect.fnUntraced(function* (
  options: SwitchOptions
): Effect.fn.Return<Switch, FeatureFlagError> {
  const { location, name } = options
  const checked = Effect.fnUntraced(function* (rules: SwitchRules) {
    const problems = Problems.ofShares(rules)
    if (problems.length > 0) return yield* new FeatureFlagError({ flag: name, message: problems.join("\n") })
    return weighted(rules)
  })
  const flag = yield* make({ ...(yield* checked(options)), name, location })
  const isOnUnsafe = (key = "", operation?: string): boolean => flag.variantUnsafe(key, operation) === "on"
  const set = (rules: SwitchRules) => Effect.flatMap(checked(rules), flag.set)
  // These rules have no mistake.
  const everywhere = (on: boolean) => Effect.orDie(set({ on }))
  return {
    name,
    isOnUnsafe,
    isOn: (key, operation) => Effect.sync(() => isOnUnsafe(key, operation)),
    rules: Effect.map(flag.rules, shared),
    changes: Stream.map(flag.changes, shared),
    set,
    turnOn: everywhere(true),
    turnOff: everywhere(false)
  }
})

/**
 * Provides a switch as the service of a tag.
 *
 * **Example** (A switch of one's own)
 *
 * ```ts
 * import { Context } from "effect"
 * import * as FeatureFlag from "effect-ioredis/FeatureFlag"
 *
 * class Insights extends Context.Service<Insights, FeatureFlag.Switch>()("app/Insights") {
 *   static readonly layer = FeatureFlag.layerSwitch(Insights, {
 *     name: "insights",
 *     on: true,
 *     operations: { export: 0.5 }
 *   })
 * }
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSwitch = <Self>(
  tag: Context.Key<Self, Switch>,
  options: SwitchOptions
): Layer.Layer<Self, FeatureFlagError> => Layer.effect(tag, makeSwitch(options))

// -------------------------------------------------------------------------------------------------
// Helpers
// -------------------------------------------------------------------------------------------------

/** A program that makes up names of operations gets no more than these many series. */
const maxOperations = 20

interface Compiled<Variant extends string> {
  readonly rules: Rules<Variant>
  readonly draws: ReadonlyMap<string, Draw.Draw>
  readonly otherwise: Draw.Draw
}

const rulesOf = <Variant extends string>({ locations, operations, weights }: Rules<Variant>): Rules<Variant> => ({
  weights,
  ...(operations === undefined ? {} : { operations }),
  ...(locations === undefined ? {} : { locations })
})

const compiled = <Variant extends string>(
  flag: string,
  variants: ReadonlyArray<Variant>,
  rules: Rules<Variant>,
  location: string | undefined
): Compiled<Variant> => {
  const here = rules.locations?.[location ?? ""]
  const draw = (weights: Weights<Variant>) =>
    Draw.make(
      flag,
      variants.map((variant) => [variant, weights[variant]])
    )
  // What a location says goes before what is said of an operation everywhere.
  const operations = { ...(here?.weights === undefined ? rules.operations : {}), ...here?.operations }
  return {
    rules,
    draws: new Map(Object.entries(operations).map(([operation, weights]) => [operation, draw(weights)])),
    otherwise: draw(here?.weights ?? rules.weights)
  }
}

const pairOf = (part: string): readonly [name: string, weight: number] => {
  const [name = "", weight = "", ...rest] = part.split("=")
  return [name.trim(), weight.trim() === "" || rest.length > 0 ? Number.NaN : Number(weight)]
}

const notWeights = (variable: string, variants: ReadonlyArray<string>): Schema.SchemaError => {
  const example = variants.map((variant) => `${variant}=1`).join(",")
  return new Schema.SchemaError(
    new SchemaIssue.InvalidValue({ message: `${variable} has to give each variant a weight, as in ${example}` })
  )
}

type OnOff = "on" | "off"

const shareOf = (share: Share): number => (typeof share === "boolean" ? Number(share) : share)

const weightsOf = (share: Share): Weights<OnOff> => ({ on: shareOf(share), off: 1 - shareOf(share) })

const each = <A, B>(all: Readonly<Record<string, A>>, f: (one: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, f(one)]))

const weighted = ({ locations, on, operations }: SwitchRules): Rules<OnOff> => ({
  weights: weightsOf(on),
  ...(operations === undefined ? {} : { operations: each(operations, weightsOf) }),
  ...(locations === undefined
    ? {}
    : {
        locations: each(locations, (here) => ({
          ...(here.on === undefined ? {} : { weights: weightsOf(here.on) }),
          ...(here.operations === undefined ? {} : { operations: each(here.operations, weightsOf) })
        }))
      })
})

const onOf = ({ on }: Weights<OnOff>): Share => (on === 1 ? true : on === 0 ? false : on)

const shared = ({ locations, operations, weights }: Rules<OnOff>): SwitchRules => ({
  on: onOf(weights),
  ...(operations === undefined ? {} : { operations: each(operations, onOf) }),
  ...(locations === undefined
    ? {}
    : {
        locations: each(locations, (here) => ({
          ...(here.weights === undefined ? {} : { on: onOf(here.weights) }),
          ...(here.operations === undefined ? {} : { operations: each(here.operations, onOf) })
        }))
      })
})
