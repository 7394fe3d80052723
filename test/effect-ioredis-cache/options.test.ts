import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Duration, Effect, Exit, Layer, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { binary } from "effect-ioredis-cache/BinaryCodec"
import { Cache, Compression, HybridCache, MemoryCache, RedisCache, RefreshPolicy } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as Captured from "../support/Captured.ts"

/** What the types do not allow can still come from JavaScript. */
const anything = (options: Readonly<Record<string, unknown>>): never => options as never

const below = Layer.merge(RedisCache.layer(), MemoryCache.layer())

const on = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
  layer.pipe(
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer({ scripts }))
  )

const hybrid = (options: object) => on(HybridCache.layer(options).pipe(Layer.provide(below)))
const strict = (options: object) => on(RedisCache.layer(options))
const store = (options: object) => on(MemoryCache.layer(options))
const memory = (options: object) => on(MemoryCache.layerCacheWith(options))

/** The defect that ends an Effect. */
const defectOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) =>
    Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : assert.fail(String(exit))
  )

const hidden = "redis://:hunter2@localhost"

const noDurations: ReadonlyArray<unknown> = [
  -1,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  "-1 seconds",
  "soon",
  "",
  true,
  null,
  [1],
  Symbol("soon"),
  () => 1,
  hidden
]
const noLives = [0, "0 millis", Duration.zero, {}, ...noDurations]
const noBounds = [Duration.infinity, Number.POSITIVE_INFINITY, ...noLives]
const noNumbers: ReadonlyArray<unknown> = [-1, Number.NaN, Number.POSITIVE_INFINITY, "10", true, null, {}, 10n, hidden]
const noCounts = [0, 1.5, ...noNumbers]
const noNames: ReadonlyArray<unknown> = ["", "a b", "a:b", "*", "\n", "\ud800", 5, null, {}, Symbol("a"), hidden]

type Rows = ReadonlyArray<readonly [option: string, expected: string, bad: ReadonlyArray<unknown>]>

const life = "a duration above zero, or Duration.infinity for values that live for ever, for example 5 minutes"
const bound = "a duration above zero, for example 2 seconds"
const count = "a whole number, 1 or more, for example 10000"
const entries = "a whole number from 1 to 8388608, for example 1000"
const name = "a name without white space, control characters and : { } * ? [ ] \\, for example"

/** Refuses each bad value in the same words, which name the option and hide what may be a password. */
const checks = (rows: Rows, check: (option: string, bad: unknown) => Effect.Effect<{ readonly message: string }>) => {
  for (const [option, expected, values] of rows) {
    it.effect(option, () =>
      Effect.gen(function* () {
        for (const bad of values) {
          const error = yield* check(option, bad)
          assert.include(error.message, `${option} is `)
          assert.include(error.message, `: expected ${expected}`, String(bad))
          assert.strictEqual(error.message.split("\n").length, 1, error.message)
          assert.notInclude(error.message, "hunter2")
        }
      })
    )
  }
}

const nested = (option: string, value: unknown): Readonly<Record<string, unknown>> =>
  option
    .split(".")
    .reverse()
    .reduce((inner: unknown, part) => ({ [part]: inner }), value) as Readonly<Record<string, unknown>>

/** A layer of whatever. */
type AnyLayer = Layer.Layer<never>

const configError = (layer: AnyLayer) =>
  Effect.map(defectOf(Effect.scoped(Layer.build(layer))), (defect) => {
    assert.instanceOf(defect, Config.ConfigError)
    assert.notInclude(Captured.everyRendering(defect), "hunter2")
    return defect
  })

describe("bad options are a defect that says what to do", () => {
  const layers: ReadonlyArray<readonly [of: string, (options: object) => AnyLayer, Rows]> = [
    [
      "HybridCache",
      hybrid,
      [
        ["patience", bound, noBounds],
        ["timeToLive", life, noLives],
        ["journal.maxEntries", count, noCounts],
        ["journal.maxBytes", count, noCounts]
      ]
    ],
    [
      "RedisCache",
      strict,
      [
        ["prefix", `${name} cache`, noNames],
        ["timeToLive", life, noLives]
      ]
    ],
    [
      "MemoryCache",
      store,
      [
        ["maxEntries", entries, [2 ** 23 + 1, ...noCounts]],
        ["maxBytes", count, noCounts]
      ]
    ],
    [
      "MemoryCache.layerCacheWith",
      memory,
      [
        ["maxEntries", entries, noCounts],
        ["maxBytes", count, noCounts],
        ["timeToLive", life, noLives]
      ]
    ]
  ]
  for (const [of, layer, rows] of layers) {
    describe(of, () => {
      checks(rows, (option, bad) => configError(layer(anything(nested(option, bad)))))

      it.effect("everything that is wrong is one error, a line for each", () =>
        Effect.gen(function* () {
          const bad = rows.map(([option, , [first]]) => nested(option, first))
          const journal = { maxEntries: 0, maxBytes: 0 }
          const { message } = yield* configError(layer(anything(Object.assign({}, ...bad, { journal }))))
          assert.deepStrictEqual(
            message.match(/[\w.]+ is /g),
            rows.map(([option]) => `${option} is `)
          )
          assert.strictEqual(message.split("\n").length, rows.length)
        })
      )
    })
  }

  it.effect("a bad value of a Config is the same error, in the error channel", () =>
    Effect.gen(function* () {
      const layer = HybridCache.layerConfig({ patience: Config.Duration("PATIENCE") }).pipe(Layer.provide(below))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(on(layer))))
      assert.instanceOf(error, Config.ConfigError)
      assert.include(error.message, `patience is 0`)
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ PATIENCE: "0 seconds" }))))
  )
})

const users = { name: "users", version: 1, key: Schema.String, value: Schema.String }

const definitionError = <A, E>(effect: Effect.Effect<A, E, Cache.Cache>) =>
  Effect.map(defectOf(Effect.provide(effect, memory({}))), (defect) => {
    assert.instanceOf(defect, Cache.RegionDefinitionError)
    return defect
  })

describe("a region that cannot be as it is defined is a defect that says what to do", () => {
  const noSchemas = [undefined, {}, 5, String, null]
  const rows: Rows = [
    ["name", `${name} users`, [undefined, ...noNames]],
    ["version", "a whole number from 0 up, which is raised when", [undefined, 1.5, ...noNumbers]],
    ["key", "a schema, for example Schema.String", noSchemas],
    ["value", "a schema, for example Schema.String", noSchemas],
    ["timeToLive", life, noLives.filter((bad) => typeof bad !== "function")],
    ["jitter", "a share from 0 to 1, for example 0.1", [1.1, ...noNumbers]],
    ["staleFor", "a duration, zero for none, for example 10 minutes", noDurations],
    ["retryAfterFailure", "a duration, zero for none, for example 10 minutes", noDurations],
    [
      "refresh",
      "RefreshPolicy.ahead with a beta above zero, RefreshPolicy.fromAge with a duration above zero, or RefreshPolicy.afterExpiry, for example RefreshPolicy.ahead()",
      [
        RefreshPolicy.ahead({ beta: 0 }),
        RefreshPolicy.ahead({ beta: Number.NaN }),
        RefreshPolicy.fromAge(0),
        "ahead",
        {}
      ]
    ],
    ["maxBytes", count, noCounts],
    ["codec", "binary of effect-ioredis-cache/BinaryCodec, or nothing for JSON, for example", [5, "binary", {}, null]],
    [
      "compression",
      "Compression.brotli with whole numbers of bytes, from no more than upTo, for example Compression.brotli(",
      [
        5,
        "brotli",
        {},
        { _tag: "Zip", from: 1, upTo: 2 },
        ...[{ from: -1 }, { from: 1.5 }, { from: Number.NaN }, { upTo: 1000 }].map(Compression.brotli)
      ]
    ],
    ["replay", '"ifUnchanged", "latest", "invalidate" or "overwrite", for example', ["", "later", 5, {}, null, hidden]],
    ["removedFor", "a duration, zero for none, for example 10 minutes", noDurations],
    [
      "near.maxStaleness",
      "a duration from 100 milliseconds up that ends, for",
      [undefined, 99, "99 millis", ...noBounds]
    ]
  ]
  checks(rows, (option, bad) => definitionError(Cache.region(anything({ ...users, ...nested(option, bad) }))))

  it.effect("everything that is wrong is one error, a line for each, and each names the region", () =>
    Effect.gen(function* () {
      const { message, region } = yield* definitionError(
        Cache.region(anything({ ...users, jitter: 2, staleFor: "soon", replay: "later" }))
      )
      assert.strictEqual(region, "users")
      assert.deepStrictEqual(message.match(/^Region users: \w+/gm), [
        "Region users: jitter",
        "Region users: staleFor",
        "Region users: replay"
      ])
    })
  )

  it.effect("also where the region is known, and it stays as it is", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(users)
      const defect = yield* defectOf(Cache.region(anything({ ...users, staleFor: "soon" })))
      assert.instanceOf(defect, Cache.RegionDefinitionError)
      assert.include(defect.message, 'staleFor is "soon"')
      assert.strictEqual(yield* Cache.region(users), region)
    }).pipe(Effect.provide(memory({})))
  )

  it.effect("a default written out is no other definition", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(users)
      const same = { jitter: 0, maxBytes: 8 * 1024 * 1024, replay: "ifUnchanged", staleFor: 0, removedFor: 0 } as const
      assert.strictEqual(yield* Cache.region({ ...users, ...same }), region)
    }).pipe(Effect.provide(memory({})))
  )
})

it.effect("a region is no other by its codec alone", () =>
  Effect.gen(function* () {
    yield* Cache.region(users)
    assert.include(String(yield* defectOf(Cache.region({ ...users, codec: binary }))), "another codec")
    yield* Cache.region({ ...users, version: 2, codec: binary })
  }).pipe(Effect.provide(memory({})))
)

describe("what makes sense is taken", () => {
  const good: ReadonlyArray<Partial<Cache.RegionOptions<string, string>>> = [
    { timeToLive: Duration.infinity, staleFor: Duration.infinity, removedFor: Duration.infinity },
    { timeToLive: 10n, staleFor: 0, removedFor: 0 },
    { jitter: 1, maxBytes: 1, version: 0, replay: "latest", compression: Compression.brotli({ from: 0, upTo: 0 }) },
    { tags: true },
    { near: { maxStaleness: 100 } },
    { near: { maxStaleness: "365 days" } }
  ]
  it.effect("at its ends", () =>
    Effect.gen(function* () {
      for (const [n, options] of good.entries()) yield* Cache.region({ ...users, name: `users${n}`, ...options })
    }).pipe(
      Effect.provide(hybrid({ patience: 1, timeToLive: Duration.infinity, journal: { maxEntries: 1, maxBytes: 1 } }))
    )
  )
})
