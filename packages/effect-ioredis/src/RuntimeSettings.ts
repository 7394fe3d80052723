/**
 * Settings that may change while a program runs: how long a call waits, how long values live, when
 * a circuit opens, what is sent again, and whether a region uses Redis at all.
 *
 * **Details**
 *
 * A client, and the caches on it, follow the `RuntimeSettings` that their layers are given. What
 * the settings leave open stays as the client's and the cache's own options have it. They come from
 * the environment, from a file that is watched, and from code; a later one of these three wins,
 * setting by setting. A setting may be said for all, for reads and writes apart, for a region of
 * the cache, and for a location; the more particular wins.
 *
 * A document that does not fit is refused as a whole, with one `RuntimeSettingsError` and a log
 * line that name everything wrong with it, and the last good one stays in effect.
 *
 * **Gotchas**
 *
 * - Two clients that are given one `RuntimeSettings` follow the same, its `connection` too. Give
 *   each a layer of its own where they are two servers.
 * - A region that nobody has is no mistake: it may be another program's.
 *
 * **Example** (Raising the patience of one region while the program runs)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { RuntimeSettings } from "effect-ioredis"
 * import { Cache, HybridCache } from "effect-ioredis-cache"
 *
 * const SettingsLive = RuntimeSettings.layer({ document: { patience: "500 millis" } })
 *
 * const program = Effect.gen(function* () {
 *   const settings = yield* RuntimeSettings.RuntimeSettings
 *   const definition = { name: "users", version: 1, key: Schema.Int, value: Schema.String }
 *   const users = yield* Cache.region(definition)
 *   yield* settings.update({ regions: { users: { patience: "2 seconds" } } })
 *   yield* users.get(42)
 * }).pipe(Effect.provide(HybridCache.layerFromEnv().pipe(Layer.provideMerge(SettingsLive))))
 * ```
 *
 * @since 0.1.0
 */
import {
  Array as Arr,
  Config,
  Context,
  type Duration,
  Effect,
  type FileSystem,
  Layer,
  Option,
  type Redacted,
  Result,
  Schema,
  type Scope,
  Stream,
  SubscriptionRef
} from "effect"
import { profiles as settingsOfProfiles } from "./internal/profiles.ts"
import { timeProblem } from "./internal/settingProblem.ts"
import { contradictionsIn, problemsIn } from "./internal/settings/document.ts"
import { type Followed, type Follower, TypeId } from "./internal/settings/Followed.ts"
import { changed, effective, merge, sealed } from "./internal/settings/merge.ts"
import { parse } from "./internal/settings/parse.ts"
import { read, watch } from "./internal/settings/watchFile.ts"

/**
 * Says how far a region uses Redis.
 *
 * **Details**
 *
 * - `"normal"`: Redis is read and written.
 * - `"memory-only"`: Redis is not asked. Memory answers reads, and writes are deferred: the journal
 *   keeps them until the mode is another one.
 * - `"read-only"`: Redis is read, and writes are deferred likewise.
 * - `"bypass"`: reads find nothing, so that each `getOrSet` looks up, and the value of a lookup is
 *   not stored. A `set` removes its key, so that nothing older is found afterwards.
 *
 * A strict `RedisCache` follows none: there is nothing but Redis that it could use.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "normal" | "memory-only" | "bypass" | "read-only"

/**
 * Names a set of defaults: what options that say nothing are taken to say.
 *
 * @category models
 * @since 0.1.0
 */
export type Profile = "development" | "production"

/**
 * The settings of a profile.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProfileSettings {
  /** Bounds one attempt of a command. */
  readonly commandTimeout: Duration.Input
  /** Bounds a call with its retries. */
  readonly operationTimeout: Duration.Input
  /** Bounds the retries of a read; those of a write are the lesser of it and 2. */
  readonly maxRetries: number
  /** Sets the delay before the first retry. */
  readonly retryDelay: Duration.Input
  /** Bounds the delay before a retry. */
  readonly maxRetryDelay: Duration.Input
  /** Sets how many failed attempts in a row open the circuit. */
  readonly failureThreshold: number
  /** Sets how long the circuit stays open. */
  readonly resetTimeout: Duration.Input
  /** Bounds how long a call of a cache waits for Redis altogether. */
  readonly patience: Duration.Input
  /** Sets how long values live in regions that name no life. */
  readonly timeToLive: Duration.Input
}

/**
 * Sets how often a command is sent again.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetrySettings {
  /** Bounds the attempts after the first, from 0 to 100. */
  readonly maxRetries?: number | undefined
  /** Sets the delay before the first retry, which doubles from then on: 1 ms to 1 minute. */
  readonly delay?: Duration.Input | undefined
  /** Bounds the delay before a retry: 1 ms to 1 hour. */
  readonly maxDelay?: Duration.Input | undefined
}

/**
 * Sets when the circuit of a server opens and closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitSettings {
  /** Sets how many failed attempts in a row open it, from 1 to 1,000,000. */
  readonly failureThreshold?: number | undefined
  /** Sets how long it stays open: 1 ms to 1 hour. An opening that lasts is shortened to it. */
  readonly resetTimeout?: Duration.Input | undefined
  /** Sets how many probes must succeed to close it, from 1 to 1,000. */
  readonly successThreshold?: number | undefined
}

/**
 * Sets what may differ between reads and writes.
 *
 * @category models
 * @since 0.1.0
 */
export interface OperationSettings {
  /** Bounds how long a call of a cache waits for Redis altogether: 1 ms to 1 minute. */
  readonly patience?: Duration.Input | undefined
  /** Bounds one attempt of a command: 1 ms to 10 minutes. */
  readonly commandTimeout?: Duration.Input | undefined
  /** Bounds a call of the client with its retries: 1 ms to 1 hour. */
  readonly operationTimeout?: Duration.Input | undefined
  /** Sets how often a command is sent again. */
  readonly retry?: RetrySettings | undefined
  /**
   * Sets when the circuit of a server opens and closes. Said for `read` or `write`, each server has
   * a circuit for its reads and one for everything else.
   */
  readonly circuit?: CircuitSettings | undefined
}

/**
 * Sets what may differ between the regions of a cache.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegionSettings {
  /** Says how far the region uses Redis. */
  readonly mode?: Mode | undefined
  /**
   * Sets how long values live, in the place of what the region's definition says: 1 ms or more. A
   * `timeToLive` that is given with a write wins over it.
   */
  readonly timeToLive?: Duration.Input | undefined
  /** Bounds how long a call waits for Redis altogether: 1 ms to 1 minute. */
  readonly patience?: Duration.Input | undefined
  /** Says otherwise of its reads. */
  readonly read?: Pick<OperationSettings, "patience"> | undefined
  /** Says otherwise of its writes. */
  readonly write?: Pick<OperationSettings, "patience"> | undefined
}

/**
 * Shortens deadlines and sheds retries while many operations are in flight.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoadSettings {
  /** Turns the rule on. Default: false. */
  readonly enabled?: boolean | undefined
  /** Up to so many operations in flight nothing is shortened, from 1. Default: 100. */
  readonly from?: number | undefined
  /**
   * From so many operations in flight on, deadlines are as short as they become and nothing is sent
   * again. Default: 1,000.
   */
  readonly upTo?: number | undefined
  /** The share of a deadline that stays at the least, from 0.05 to 1. Default: 0.25. */
  readonly shortest?: number | undefined
}

/**
 * Says where the server is and who logs in, in the place of the client's own options.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionSettings {
  /** Locates Redis: `redis://user:password@host:port/db`. It wins over the other settings. */
  readonly url?: string | Redacted.Redacted<string> | undefined
  /** Names the host. */
  readonly host?: string | undefined
  /** Names the port, from 1 to 65,535. */
  readonly port?: number | undefined
  /** Chooses the database. */
  readonly db?: number | undefined
  /** Names the user. */
  readonly username?: string | undefined
  /** Logs in with this password. */
  readonly password?: string | Redacted.Redacted<string> | undefined
  /** Turns TLS on or off. */
  readonly tls?: boolean | undefined
}

/**
 * Sets what may change while a program runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings extends OperationSettings {
  /** Says how far regions use Redis. */
  readonly mode?: Mode | undefined
  /** Sets how long values live in regions that name no life: 1 ms or more. */
  readonly timeToLive?: Duration.Input | undefined
  /** Says otherwise of reads. */
  readonly read?: OperationSettings | undefined
  /** Says otherwise of everything that is no read. */
  readonly write?: OperationSettings | undefined
  /** Says otherwise of regions, by their names. */
  readonly regions?: { readonly [region: string]: RegionSettings } | undefined
  /** Shortens deadlines and sheds retries while many operations are in flight. */
  readonly load?: LoadSettings | undefined
  /** Says where the server is and who logs in. */
  readonly connection?: ConnectionSettings | undefined
}

/**
 * Holds settings for all, and others for locations.
 *
 * @category models
 * @since 0.1.0
 */
export interface Document extends Settings {
  /** Says otherwise of locations, by their names. */
  readonly locations?: { readonly [location: string]: Settings } | undefined
}

/**
 * A document that was refused.
 *
 * @category errors
 * @since 0.1.0
 */
export class RuntimeSettingsError extends Schema.TaggedError<RuntimeSettingsError>()("RuntimeSettingsError", {
  /** Says where the document comes from. */
  source: Schema.Literals(["environment", "file", "code"]),
  /** Says what is wrong, a line for each setting. */
  problems: Schema.Array(Schema.String),
  /** Says all of it in one text. */
  message: Schema.String
}) {}

/**
 * The settings of the profiles, between which `profile` of `RedisConfig` and `REDIS_PROFILE`
 * choose. What an option says wins over them.
 *
 * **Example** (What production begins with)
 *
 * ```ts
 * import { RuntimeSettings } from "effect-ioredis"
 *
 * RuntimeSettings.profiles.production.patience // => "500 millis"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const profiles: { readonly [profile in Profile]: ProfileSettings } = settingsOfProfiles

/**
 * The settings that a program follows.
 *
 * @category services
 * @since 0.1.0
 */
export class RuntimeSettings extends Context.Service<
  RuntimeSettings,
  {
    /** Names the location that the program runs in, if it was said. */
    readonly location: string | undefined
    /** Gives what is said for this location by all sources together. What is secret is redacted. */
    readonly current: Effect.Effect<Settings>
    /** Starts with the current settings and emits the new ones at each change. */
    readonly changes: Stream.Stream<Settings>
    /** Says these settings in code, and keeps what was said of others before. */
    readonly update: (document: Document) => Effect.Effect<void, RuntimeSettingsError>
    /** Says these settings in code and no others: `{}` takes back all that code has said. */
    readonly replace: (document: Document) => Effect.Effect<void, RuntimeSettingsError>
    /** Serves clients, which are told of each change at once. */
    readonly [TypeId]: Followed
  }
>()("effect-ioredis/RuntimeSettings") {}

/**
 * Sets what a program begins with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names the location that the program runs in, such as `eu-west`. Default: none. */
  readonly location?: string | undefined
  /** Is what code says at the beginning. Default: nothing. */
  readonly document?: Document | undefined
}

/**
 * Says which file is followed.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileOptions extends Options {
  /**
   * Names the file, which holds a document as JSON. One that is not there says nothing, and one
   * that disappears later leaves the last good document in effect.
   */
  readonly path: string
  /** Sets how often it is read, in a time above 0. Default: 500 milliseconds. */
  readonly interval?: Duration.Input | undefined
}

/**
 * Chooses which environment variables are read.
 *
 * @category models
 * @since 0.1.0
 */
export interface EnvOptions extends Pick<FileOptions, "interval" | "document"> {
  /** Begins the names of all variables, as in `RedisConfig`. Default: none. */
  readonly prefix?: string | undefined
}

/**
 * Makes the settings of a program, to be changed by code alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<RuntimeSettings["Service"], RuntimeSettingsError> =>
  Effect.map(assemble(options, {}), ({ service }) => service)

/**
 * Provides the settings of a program, to be changed by code alone.
 *
 * **Example** (Two locations, two values)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RuntimeSettings } from "effect-ioredis"
 *
 * const document: RuntimeSettings.Document = {
 *   patience: "500 millis",
 *   locations: { "eu-west": { patience: "1 second" } }
 * }
 *
 * const patience = Effect.gen(function* () {
 *   const settings = yield* RuntimeSettings.RuntimeSettings
 *   return (yield* settings.current).patience
 * })
 *
 * const elsewhere = RuntimeSettings.layer({ document })
 * Effect.runPromise(Effect.provide(patience, elsewhere)) // => "500 millis"
 *
 * const inEurope = RuntimeSettings.layer({ document, location: "eu-west" })
 * Effect.runPromise(Effect.provide(patience, inEurope)) // => "1 second"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RuntimeSettings, RuntimeSettingsError> =>
  Layer.effect(RuntimeSettings, make(options))

/**
 * Provides the settings of a program, which follow a file of JSON.
 *
 * **Details**
 *
 * The file is read with Effect's `FileSystem`, which `NodeServices.layer` of
 * `@effect/platform-node` provides. A document that does not fit is refused: at the beginning the
 * layer fails, and later the last good one stays in effect.
 *
 * **Example** (A file beside the program)
 *
 * ```ts
 * import { NodeServices } from "@effect/platform-node"
 * import { Layer } from "effect"
 * import { Redis, RuntimeSettings } from "effect-ioredis"
 *
 * const SettingsLive = RuntimeSettings.layerFile({ path: "/etc/app/redis.json" }).pipe(
 *   Layer.provide(NodeServices.layer)
 * )
 *
 * const RedisLive = Redis.layerFromEnv().pipe(Layer.provide(SettingsLive))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFile = (
  options: FileOptions
): Layer.Layer<RuntimeSettings, RuntimeSettingsError, FileSystem.FileSystem> =>
  Layer.effect(RuntimeSettings, following(options, {}))

/**
 * Provides the settings of a program from the environment: `REDIS_SETTINGS` is a document as JSON,
 * `REDIS_SETTINGS_FILE` names a file that is followed, and `REDIS_LOCATION` the location that the
 * program runs in. All three may be left out.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromEnv = ({
  prefix,
  ...options
}: EnvOptions = {}): Layer.Layer<RuntimeSettings, RuntimeSettingsError | Config.ConfigError, FileSystem.FileSystem> =>
  Layer.effect(
    RuntimeSettings,
    Effect.gen(function* () {
      const variable = prefix === undefined ? "REDIS_SETTINGS" : `${prefix}_REDIS_SETTINGS`
      const { document, location, path } = yield* prefix === undefined ? variables : Config.nested(variables, prefix)
      const environment = yield* accepted("environment", yield* readAs("environment", variable, document))
      return path === undefined
        ? (yield* assemble({ ...options, location }, environment)).service
        : yield* following({ ...options, location, path }, environment)
    })
  )

const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)

const variables = Config.all({
  document: optional(Config.String("REDIS_SETTINGS")),
  path: optional(Config.String("REDIS_SETTINGS_FILE")),
  location: optional(Config.String("REDIS_LOCATION"))
})

type Source = RuntimeSettingsError["source"]

const readAs = (
  source: Source,
  name: string,
  text: string | undefined
): Effect.Effect<unknown, RuntimeSettingsError> =>
  text === undefined
    ? Effect.succeed({})
    : Effect.mapError(Effect.fromResult(parse(name, text)), (problem) => refusal(source, [problem]))

const refusal = (source: Source, problems: ReadonlyArray<string>): RuntimeSettingsError =>
  new RuntimeSettingsError({ source, problems, message: `Settings were refused:\n${problems.join("\n")}` })

// A document must fit by itself, and those that are said together must not contradict each other.
const accepted = (
  source: Source,
  document: unknown,
  among: (document: Document) => ReadonlyArray<Document> = Arr.of
): Effect.Effect<Document, RuntimeSettingsError> => {
  const unfit = problemsIn(document)
  if (unfit.length > 0) return Effect.fail(refusal(source, unfit))
  // What fits the schema is a document.
  const fitting = sealed(document as Document)
  const problems = contradictionsIn(among(fitting))
  return problems.length === 0 ? Effect.succeed(fitting) : Effect.fail(refusal(source, problems))
}

/** Holds what each source says, and what they say together. */
interface State {
  readonly said: { readonly [source in Source]: Document }
  readonly settings: Settings
}

// A later one wins.
const inOrder = ({ code, environment, file }: State["said"]): ReadonlyArray<Document> => [environment, file, code]

const assemble = Effect.fnUntraced(function* ({ document = {}, location }: Options, environment: Document) {
  const nothing = { environment, file: {}, code: {} }
  const said = { ...nothing, code: yield* accepted("code", document, (code) => inOrder({ ...nothing, code })) }
  const settle = (said: State["said"]): State => ({ said, settings: effective(inOrder(said), location) })
  const ref = yield* SubscriptionRef.make(settle(said))
  const followers = new Set<Follower>()

  const apply = Effect.fnUntraced(function* (source: Source, before: State, document: unknown) {
    const known = yield* accepted(source, document, (known) => inOrder({ ...before.said, [source]: known }))
    const after = settle({ ...before.said, [source]: known })
    const all = Array.from(followers).flatMap((follower) => follower.problems(after.settings))
    const problems = Array.from(new Set(all))
    if (problems.length > 0) return yield* refusal(source, problems)
    // A follower has it before anybody is told.
    for (const follower of followers) follower.apply(after.settings)
    const names = changed(before.settings, after.settings)
    if (names.length > 0) {
      yield* Effect.logInfo("The settings have changed").pipe(Effect.annotateLogs({ source, settings: names }))
    }
    return after
  })

  const say = (source: Source, change: (before: Document) => unknown): Effect.Effect<void, RuntimeSettingsError> =>
    SubscriptionRef.updateEffect(ref, (before) => apply(source, before, change(before.said[source]))).pipe(
      Effect.tapError(({ problems }) =>
        Effect.logWarning("Settings were refused: those before stay in effect").pipe(
          Effect.annotateLogs({ source, problems })
        )
      )
    )

  const service = RuntimeSettings.of({
    location,
    current: Effect.map(SubscriptionRef.get(ref), ({ settings }) => settings),
    changes: Stream.map(SubscriptionRef.changes(ref), ({ settings }) => settings),
    update: (document) =>
      say("code", (before) => (problemsIn(document).length === 0 ? merge(before, document) : document)),
    replace: (document) => say("code", () => document),
    [TypeId]: {
      now: () => SubscriptionRef.getUnsafe(ref).settings,
      follow: (follower) => {
        followers.add(follower)
        return () => followers.delete(follower)
      }
    }
  })
  return { service, say }
})

const following = Effect.fnUntraced(function* (
  { interval = "500 millis", path, ...options }: FileOptions,
  environment: Document
): Effect.fn.Return<RuntimeSettings["Service"], RuntimeSettingsError, Scope.Scope | FileSystem.FileSystem> {
  const mistake = timeProblem("interval", interval)
  if (mistake !== undefined) return yield* refusal("code", [mistake])
  const { say, service } = yield* assemble(options, environment)
  const first = yield* Effect.mapError(read(path), (problem) => refusal("file", [problem]))
  const document = yield* readAs("file", path, Option.getOrUndefined(first))
  yield* say("file", () => document)
  yield* watch(path, interval, first, (reading) =>
    Result.isSuccess(reading)
      ? Effect.ignore(say("file", () => reading.success))
      : Effect.logWarning("Settings were refused: those before stay in effect").pipe(
          Effect.annotateLogs({ source: "file", problems: [reading.failure] })
        )
  )
  return service
})
