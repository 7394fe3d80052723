import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, References, Schema, Scope, Exit, Context } from "effect"
import { OperationLog, RedisClient, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { inTime } from "../support/inTime.ts"

type Fields = Readonly<Record<string, unknown>>

interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Fields
}

const speaking = (minimum: "Info" | "Trace" = "Info") => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>((options) => {
    const { annotations, message } = Logger.formatStructured.log(options)
    lines.push({ level: options.logLevel, message: String(message), fields: annotations })
  })
  return {
    lines,
    of: (message: string) => lines.filter((line) => line.message === message).map(({ fields }) => fields),
    layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, minimum))
  }
}

const Live = (options: RedisClient.Options) =>
  HybridCache.layer().pipe(
    Layer.provideMerge([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(RedisHealth.layer()),
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0, ...options, requireReady: false })),
    Layer.provideMerge(SimulatedRedis.layer({ scripts }))
  )

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String } as const

/** A program that does everything once of which there is a line. */
const everything = Effect.gen(function* () {
  const region = yield* Cache.region(texts)
  const redis = yield* RedisClient.RedisClient
  const health = yield* RedisHealth.RedisHealth
  const server = yield* SimulatedRedis.SimulatedRedis
  const strict = yield* (yield* RedisCache.RedisCache).region(texts)
  yield* TestClock.adjust("1 second")
  yield* inTime(region.getOrSet("a", Effect.succeed("1")))
  yield* inTime(region.get("a"))
  yield* inTime(region.get("b"))
  yield* inTime(region.getMany(["a", "b"]))
  yield* inTime(region.set("b", "2"))
  yield* inTime(region.remove("b"))
  yield* inTime(region.touch("a"))
  yield* inTime(region.refresh("a", Effect.succeed("3")))
  yield* inTime(Effect.exit(region.getOrSet("c", Effect.fail({ _tag: "NotThere", secret: "sesame" }))))
  yield* inTime(health.check)
  yield* server.inject(Fault.error("TRYAGAIN", { commands: ["GET"] }))
  yield* inTime(Effect.exit(redis.get("a")))
  yield* server.inject(Fault.freeze)
  for (let n = 0; n < 3; n++) yield* inTime(region.get("a"))
  yield* inTime(region.get("d"))
  yield* inTime(region.getMany(["a", "d"]))
  yield* inTime(Effect.exit(strict.get("a")))
  yield* inTime(Effect.exit(redis.get("a")))
  yield* TestClock.adjust("3 minutes")
  yield* inTime(health.check)
  yield* server.inject(Fault.refuse)
  yield* redis.reconnect
  yield* TestClock.adjust("3 minutes")
  yield* server.heal
  yield* TestClock.adjust("2 minutes")
  yield* inTime(region.clear)
})

/** Runs it as a program of its own, to whose end its layers are closed. */
const run = (options: RedisClient.Options, layer: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Live(options).pipe(Layer.provideMerge(layer)), scope)
    yield* Effect.provideContext(everything, context)
    const region = yield* Effect.provideContext(Cache.region(texts), context)
    yield* Scope.close(scope, Exit.void)
    yield* Effect.provideContext(region.set("z", "1"), Context.omit(Scope.Scope)(context as Context.Context<never>))
  })

/** The fields of each line, as the page lists them. */
const documented = new Map(
  readFileSync("docs/logging_and_tracing.md", "utf8")
    .split("## Single operations")[1]
    ?.split("\n## ")[0]
    ?.split("\n")
    .flatMap((line) => {
      const [, name = "", fields = ""] = line.split("|").map((cell) => cell.trim())
      const message = /^`([A-Z].*)`$/.exec(name)?.[1]
      return message === undefined
        ? []
        : [[message, Array.from(fields.matchAll(/`(\w+)`/g), ([, field = ""]) => field).sort()] as const]
    })
)

describe("the lines of single operations", () => {
  it.effect("have the fields that the guide lists, each provoked once, whatever the level of the program", () => {
    const { layer, lines, of } = speaking()
    return Effect.gen(function* () {
      yield* run({ logOperations: true, name: "shop" }, layer)
      const own = lines.filter(({ level }) => level === "Debug")
      const seen = new Map<string, Set<string>>()
      for (const { fields, message } of own) {
        assert.strictEqual(fields.name, "shop", message)
        const known = seen.get(message) ?? new Set()
        for (const field of Object.keys(fields)) if (field !== "name") known.add(field)
        seen.set(message, known)
      }
      assert.deepStrictEqual(
        Array.from(seen, ([message, fields]) => [message, Array.from(fields).sort()]).sort(),
        Array.from(documented).sort()
      )
      assert.deepInclude(of("Cache hit")[0], { operation: "get", region: "texts", source: "redis" })
      assert.deepInclude(of("Cache miss")[0], { operation: "getOrSet", region: "texts", source: "lookup" })
      assert.deepInclude(of("Cache read")[0], { operation: "getMany", keys: 2, hits: 1 })
      assert.deepInclude(of("Cache stored")[0], { operation: "fill", outcome: "applied" })
      assert.deepInclude(of("Cache removed")[0], { operation: "remove", outcome: "applied" })
      assert.deepInclude(
        of("Cache operation failed").find(({ operation }) => operation === "getOrSet"),
        {
          error_type: "NotThere"
        }
      )
      const retries = of("Redis command is tried again").filter(({ operation }) => operation === "GET")
      assert.deepStrictEqual(
        retries.slice(0, 3).map(({ error_count, max_retries, retry }) => [retry, max_retries, error_count]),
        [
          [1, 3, 1],
          [2, 3, 2],
          [3, 3, 3]
        ]
      )
      assert.isAbove(Number(retries[0]?.delay_ms), 50)
      assert.deepInclude(
        of("Redis command failed for good").find(({ operation }) => operation === "GET"),
        { error_type: "RedisOperationError", error_count: 4, circuit_breaker_state: "Closed", node: "shop" }
      )
      for (const [message, state] of [
        ["Redis circuit is open", "Open"],
        ["Redis circuit is half-open", "HalfOpen"],
        ["Redis circuit is open again", "Open"],
        ["Redis circuit is closed", "Closed"]
      ] as const) {
        const [first] = of(message)
        assert.deepInclude(first, { node: "shop", circuit_breaker_state: state }, message)
        assert.isAbove(Number(first?.error_count), 0, message)
      }
      assert.deepInclude(of("Redis connections are closed")[0], { connections: 1 })
      const settings = of("Redis settings in effect")[0]?.settings
      assert.deepInclude(JSON.parse(String(settings)), { topology: "Server", logOperations: true })
      assert.notInclude(JSON.stringify(lines), "sesame")
    })
  })

  it.effect("are none while the switch is off, also of a program that shows every level", () => {
    const { layer, lines } = speaking("Trace")
    return Effect.gen(function* () {
      yield* run({}, layer)
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "Debug" || level === "Trace"),
        []
      )
    })
  })

  it.effect("come and go with the switch while the program runs", () => {
    const { layer, of } = speaking()
    return Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const redis = yield* RedisClient.RedisClient
      yield* TestClock.adjust("1 second")
      const hits: Array<number> = []
      yield* inTime(region.set("a", "1"))
      for (const isOn of [false, true, false]) {
        yield* OperationLog.set(redis, isOn)
        assert.strictEqual(yield* OperationLog.isOn(redis), isOn)
        yield* inTime(region.get("a"))
        hits.push(of("Cache hit").length)
      }
      assert.deepStrictEqual(hits, [0, 1, 1])
    }).pipe(Effect.provide(Live({}).pipe(Layer.provideMerge(layer))))
  })
})
