import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  type LogLevel,
  Option,
  References,
  Schema,
  type Scope
} from "effect"
import { RedisClient, RedisCommand, RetryPolicy } from "effect-ioredis"
import { Cache, type MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import {
  eventually,
  layerProcess,
  layerReal,
  layerRealProcess,
  layerSimulated,
  Server,
  type SimulatedOptions
} from "../../suites/cacheLayers.ts"
import * as Captured from "../../support/Captured.ts"
import * as ClockDouble from "../../support/ClockDouble.ts"
import { payloadOf, stored } from "../../support/Stored.ts"

type Provided =
  | Cache.Cache
  | RedisCache.RedisCache
  | MemoryCache.MemoryCache
  | RedisClient.RedisClient
  | SimulatedRedis.SimulatedRedis
  | Scope.Scope

const run = (body: () => Effect.Effect<void, unknown, Provided>, options?: SimulatedOptions) => () =>
  Effect.provide(body(), layerSimulated(options))

const test = (title: string, ...args: Parameters<typeof run>) => it.effect(title, run(...args))

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String, timeToLive: "10 seconds" } as const

const region = Cache.region(texts)

const keyOf = (key: string) => `cache:texts:v1:=${key}`

/** The region in another process on the same server. */
const otherProcess = Effect.flatMap(Layer.build(Layer.fresh(layerProcess())), (context) =>
  Effect.provideContext(region, context)
)

/** The same, in a process that takes the time of its values from a clock other than its own. */
const otherProcessOn = (clock: Clock.Clock) =>
  Effect.flatMap(Effect.provideService(Layer.build(Layer.fresh(layerProcess())), Clock.Clock, clock), (context) =>
    Effect.provideContext(region, context)
  )

/** From here on Redis is not asked, and no time passes in finding that out. */
const isolate = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)

const inject = (fault: Fault.Fault) => Effect.flatMap(SimulatedRedis.SimulatedRedis, (server) => server.inject(fault))

const peek = (key: string) => Effect.flatMap(SimulatedRedis.SimulatedRedis, (server) => server.peek(keyOf(key)))

const store = (key: string, text: string) =>
  Effect.flatMap(SimulatedRedis.SimulatedRedis, (server) =>
    server.execute(RedisCommand.make("SET", [keyOf(key), text, "PX", 10_000]))
  )

const valueIn = <A>(effect: Effect.Effect<Option.Option<A>>) => Effect.map(effect, Option.getOrUndefined)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

/** Runs while time passes in small steps, and says what came of it and how long it took. */
const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    let took = 0
    const fiber = yield* fork(
      Effect.tap(effect, () =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          took = Math.round(now - startedAt)
        })
      )
    )
    yield* settle
    for (let passed = 0; passed < 6000 && fiber.pollUnsafe() === undefined; passed += 50) {
      yield* TestClock.adjust(50)
      yield* settle
    }
    if (fiber.pollUnsafe() === undefined) assert.fail("not done after 6 seconds")
    return { value: yield* Fiber.join(fiber), took }
  })

/** Log lines as `LEVEL message`. */
const makeLog = (level: LogLevel.LogLevel = "Info") => {
  const lines: Array<string> = []
  const logger = Logger.make((options: Logger.Options<unknown>) => {
    lines.push(`${options.logLevel} ${[options.message].flat().map(String).join(" ")}`)
  })
  const layer = Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, level))
  return { lines, layer }
}

/** Every method once, on the key `a` where it takes one. */
const methods = {
  get: (cache: Texts) => cache.get("a"),
  getMany: (cache: Texts) => cache.getMany(["a", "b"]),
  has: (cache: Texts) => cache.has("a"),
  set: (cache: Texts) => cache.set("a", "new"),
  setMany: (cache: Texts) =>
    cache.setMany([
      ["a", "new"],
      ["b", "new"]
    ]),
  remove: (cache: Texts) => cache.remove("a"),
  removeMany: (cache: Texts) => cache.removeMany(["a", "b"]),
  clear: (cache: Texts) => cache.clear,
  getOrSet: (cache: Texts) => cache.getOrSet("a", Effect.succeed("looked up"))
}

type Texts = Cache.Region<string, string>

const methodNames = Object.keys(methods) as ReadonlyArray<keyof typeof methods>

describe("HybridCache while Redis answers", () => {
  test("another process' write wins over memory", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const other = yield* otherProcess
      yield* cache.set("a", "mine")
      yield* other.set("a", "theirs")
      assert.strictEqual(yield* valueIn(cache.get("a")), "theirs")
      yield* isolate
      assert.strictEqual(yield* valueIn(cache.get("a")), "theirs")
    }))

  for (const [how, read] of [
    ["get", (cache: Texts) => cache.get("a")],
    ["getMany", (cache: Texts) => cache.getMany(["b", "a"])]
  ] as const) {
    test(`a miss of ${how} in Redis empties memory`, () =>
      Effect.gen(function* () {
        const cache = yield* region
        const other = yield* otherProcess
        yield* cache.setMany([
          ["a", "1"],
          ["b", "1"]
        ])
        yield* other.remove("a")
        yield* read(cache)
        yield* isolate
        assert.isUndefined(yield* valueIn(cache.get("a")))
      }))

    test(`a hit of ${how} fills memory with the life that remains`, () =>
      Effect.gen(function* () {
        const cache = yield* region
        yield* (yield* otherProcess).set("a", "1")
        yield* TestClock.adjust("4 seconds")
        yield* read(cache)
        yield* isolate
        yield* TestClock.adjust("5999 millis")
        assert.strictEqual(yield* valueIn(cache.get("a")), "1")
        yield* TestClock.adjust("1 millis")
        assert.isUndefined(yield* valueIn(cache.get("a")))
      }))
  }

  test("getMany asks Redis once, setMany and removeMany write both", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* cache.setMany([
        ["a", "1"],
        ["b", "2"]
      ])
      const before = (yield* server.received).length
      yield* cache.getMany(["a", "b", "c"])
      assert.deepStrictEqual(
        (yield* server.received).slice(before).map(({ name }) => name),
        ["MGET"]
      )
      yield* cache.removeMany(["a", "c"])
      assert.deepStrictEqual([...(yield* server.entries).keys()], [keyOf("b")])
      yield* isolate
      assert.deepStrictEqual(yield* cache.getMany(["a", "b"]), [Option.none(), Option.some("2")])
    }))

  test("a key expires in Redis exactly at its timeToLive", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region({ ...texts, timeToLive: (key) => (key === "a" ? 1500 : "2 seconds") })
      const defaults = yield* Cache.region({ ...texts, name: "defaults", timeToLive: undefined })
      const jittered = yield* Cache.region({ ...texts, name: "jittered", jitter: 0.5 })
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* cache.set("a", "1")
      yield* cache.setMany([["b", "1"]])
      yield* cache.set("c", "1", { timeToLive: "3 seconds" })
      yield* cache.set("d", "1", { timeToLive: "0.4 millis" })
      yield* cache.set("e", "1", { timeToLive: 1000.6 })
      yield* defaults.set("a", "1")
      yield* jittered.setMany(Array.from({ length: 50 }, (_, index) => [`${index}`, "1"]))
      const lives = new Map(
        [...(yield* server.entries)].map(([key, { expiresAt }]) => [key, (expiresAt ?? 0) - 1000] as const)
      )
      const ofTexts = ["a", "b", "c", "d", "e"].map((key) => lives.get(keyOf(key)))
      assert.deepStrictEqual(ofTexts, [1500, 2000, 3000, 1, 1001])
      assert.strictEqual(lives.get("cache:defaults:v1:=a"), 300_000)
      const jitters = [...lives].filter(([key]) => key.startsWith("cache:jittered")).map(([, life]) => life)
      assert.strictEqual(jitters.length, 50)
      assert.isTrue(jitters.every((life) => life >= 5000 && life <= 10_000))
      assert.isAbove(new Set(jitters).size, 20)
    }))

  it.live("a real server says the same", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* Server
      yield* cache.set("a", "1")
      yield* cache.getOrSet("b", Effect.succeed("1"), { timeToLive: "1 hour" })
      yield* eventually(Effect.map(server.cli("EXISTS", keyOf("b")), (count) => count === 1))
      const [a, b] = [Number(yield* server.cli("PTTL", keyOf("a"))), Number(yield* server.cli("PTTL", keyOf("b")))]
      assert.isTrue(a > 8_000 && a <= 10_000, `${a}`)
      assert.isTrue(b > 3_590_000 && b <= 3_600_000, `${b}`)
    }).pipe(Effect.provide(layerReal()))
  )
})

describe("HybridCache while Redis does not answer", () => {
  const failures: ReadonlyArray<readonly [string, SimulatedOptions, Effect.Effect<void, never, Provided>]> = [
    ["refuses connections", {}, inject(Fault.refuse)],
    ["is frozen", {}, inject(Fault.freeze)],
    ["is slow", {}, inject(Fault.delay("3 seconds"))],
    ["is refused by the breaker", {}, isolate],
    ...["LOADING", "NOAUTH", "BUSY", "READONLY", "OOM", "MISCONF", "NOPERM", "CLUSTERDOWN"].map(
      (code) =>
        [
          `answers ${code}`,
          {},
          inject(Fault.error(code, { commands: ["GET", "MGET", "SET", "UNLINK", "SCAN"] }))
        ] as const
    )
  ]

  for (const [what, options, fail] of failures) {
    test(
      `memory answers when Redis ${what}`,
      () =>
        Effect.gen(function* () {
          const cache = yield* region
          const long = { timeToLive: "1 hour" } as const
          yield* cache.set("a", "1", long)
          yield* cache.set("b", "2", long)
          yield* fail
          const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
            Effect.map(passing(effect), ({ took, value }) => {
              assert.isAtMost(took, 1000)
              return value
            })
          assert.deepStrictEqual(yield* inTime(cache.get("a")), Option.some("1"))
          assert.deepStrictEqual(yield* inTime(cache.get("x")), Option.none())
          assert.deepStrictEqual(yield* inTime(cache.getMany(["b", "x", "a"])), [
            Option.some("2"),
            Option.none(),
            Option.some("1")
          ])
          assert.isTrue(yield* inTime(cache.has("a")))
          assert.strictEqual(yield* inTime(cache.getOrSet("a", Effect.die("memory has it"))), "1")
          assert.strictEqual(yield* inTime(cache.getOrSet("c", Effect.succeed("3"))), "3")
          assert.strictEqual(yield* inTime(cache.getOrSet("c", Effect.die("memory has it"))), "3")
          assert.strictEqual(yield* inTime(cache.set("a", "4", long)), "Deferred")
          assert.strictEqual(yield* inTime(valueIn(cache.get("a"))), "4")
          assert.deepStrictEqual(
            yield* inTime(
              cache.setMany(
                [
                  ["a", "5"],
                  ["d", "6"]
                ],
                long
              )
            ),
            ["Deferred", "Deferred"]
          )
          assert.strictEqual(yield* inTime(valueIn(cache.get("d"))), "6")
          assert.strictEqual(yield* inTime(cache.remove("a")), "Deferred")
          assert.isUndefined(yield* inTime(valueIn(cache.get("a"))))
          assert.deepStrictEqual(yield* inTime(cache.removeMany(["d", "x"])), ["Deferred", "Deferred"])
          assert.isUndefined(yield* inTime(valueIn(cache.get("d"))))
          assert.isTrue(yield* inTime(cache.has("b")))
          assert.strictEqual(yield* inTime(cache.clear), "Deferred")
          assert.isFalse(yield* inTime(cache.has("b")))
          const { fallbacks, redisHits } = yield* (yield* Cache.Cache).stats
          assert.strictEqual(redisHits, 0)
          // What was written meanwhile is answered by the journal, which is no fallback.
          assert.isAbove(fallbacks, 5)
        }),
      options
    )
  }

  test("an entry in memory lives no longer than its timeToLive", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* isolate
      yield* cache.set("a", "1")
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* valueIn(cache.get("a")), "1")
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(yield* valueIn(cache.get("a")))
    }))
})

describe("patience", () => {
  const frozen: ReadonlyArray<readonly [string, SimulatedOptions]> = [
    ["", {}],
    [", with no breaker to help", { client: { circuitBreaker: false } }],
    [", with other settings", { patience: "300 millis" }]
  ]
  for (const [how, options] of frozen) {
    for (const name of methodNames) {
      test(
        `a frozen Redis holds ${name} for exactly as long${how}`,
        () =>
          Effect.gen(function* () {
            const patience = Duration.toMillis(options.patience ?? 1000)
            const cache = yield* region
            yield* cache.set("a", "1")
            yield* inject(Fault.freeze)
            const { took } = yield* passing<unknown, never, never>(methods[name](cache))
            assert.strictEqual(took, patience)
          }),
        options
      )
    }
  }

  for (const name of methodNames) {
    test(
      `a Redis that cuts every connection holds ${name} no longer, retries and all`,
      () =>
        Effect.gen(function* () {
          const cache = yield* region
          yield* inject(Fault.refuse)
          const { took } = yield* passing<unknown, never, never>(methods[name](cache))
          assert.isAbove(took, 0)
          assert.isAtMost(took, 1000)
        }),
      {
        client: { circuitBreaker: false, retry: RetryPolicy.make({ ...endless(), budget: false }) }
      }
    )

    test(
      `a Redis that freezes at its second command holds ${name} no longer`,
      () =>
        Effect.gen(function* () {
          const cache = yield* region
          // What has to be removed, and so takes a second command.
          yield* store("a", "garbage")
          yield* store("b", "garbage")
          yield* inject(Fault.delay("100 millis"))
          const running = yield* fork<unknown, never, never>(methods[name](cache))
          yield* settle
          yield* TestClock.adjust("150 millis")
          yield* inject(Fault.freeze)
          const { took } = yield* passing(Fiber.join(running))
          assert.isAtMost(took + 150, 1000)
        }),
      { client: { circuitBreaker: false } }
    )
  }

  // It is not so: refused entries are removed one after the other, each with its own patience, before the others are written.
  test(
    "a frozen Redis holds a setMany with refused entries for exactly as long",
    () =>
      Effect.gen(function* () {
        const cache = yield* Cache.region({ ...texts, maxBytes: 50 })
        yield* inject(Fault.freeze)
        const tooLarge = "x".repeat(100)
        const { took } = yield* passing(
          cache.setMany([
            ["a", tooLarge],
            ["b", tooLarge],
            ["c", "1"]
          ])
        )
        assert.strictEqual(took, 1000)
      }),
    { client: { circuitBreaker: false } }
  )

  test("clear of a Redis that is only slow says so in time, and goes on until the region is empty", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cache.setMany([
        ["a", "1"],
        ["b", "1"]
      ])
      yield* inject(Fault.delay("600 millis"))
      const { took, value } = yield* passing(cache.clear)
      assert.deepStrictEqual([took, value], [1000, "Deferred"])
      assert.isDefined(yield* peek("a"))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(yield* peek("a"))
      assert.isUndefined(yield* peek("b"))
    }))

  it.live("a real server that is stopped holds a call no longer, and is used again when it goes on", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* Server
      yield* cache.set("a", "1", { timeToLive: "1 hour" })
      for (const name of methodNames.filter((name) => name !== "clear")) {
        yield* server.freeze
        yield* cache.set("a", "1", { timeToLive: "1 hour" })
        const startedAt = performance.now()
        yield* methods[name](cache) as Effect.Effect<unknown>
        assert.isBelow(performance.now() - startedAt, 400 + 300, name)
        yield* server.thaw
        yield* eventually(Effect.map(cache.set("a", "1"), (outcome) => outcome === "Applied"))
      }
    }).pipe(Effect.provide(layerReal({ patience: "400 millis", redis: { resetTimeout: "20 millis" } })))
  )
})

describe("writes that are tried again", () => {
  const cut = (command: string) => inject(Fault.cut({ executed: false, at: command }))

  test("one that nothing followed is applied", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cut("SET")
      assert.strictEqual((yield* passing(cache.set("a", "old"))).value, "Applied")
      assert.strictEqual(yield* readBack("a"), "old")
    }))

  for (const [what, first, second, expected] of [
    ["set after a set", (cache: Texts) => cache.set("a", "old"), (cache: Texts) => cache.set("a", "new"), "new"],
    ["remove after a set", (cache: Texts) => cache.set("a", "old"), (cache: Texts) => cache.remove("a"), undefined],
    ["set after a remove", (cache: Texts) => cache.remove("a"), (cache: Texts) => cache.set("a", "new"), "new"],
    [
      "set after a setMany",
      (cache: Texts) =>
        cache.setMany([
          ["b", "old"],
          ["a", "old"]
        ]),
      (cache: Texts) => cache.set("a", "new"),
      "new"
    ],
    [
      "setMany after a removeMany",
      (cache: Texts) => cache.removeMany(["b", "a"]),
      (cache: Texts) => cache.setMany([["a", "new"]]),
      "new"
    ],
    [
      "set after a getOrSet",
      (cache: Texts) => cache.getOrSet("a", Effect.succeed("old")),
      (cache: Texts) => cache.set("a", "new"),
      "new"
    ],
    ["clear after a set", (cache: Texts) => cache.set("a", "old"), (cache: Texts) => cache.clear, undefined]
  ] as const) {
    test(`a ${what} is not undone by the older one's retry`, () =>
      Effect.gen(function* () {
        const cache = yield* region
        yield* cut(what.endsWith("a remove") || what.endsWith("removeMany") ? "UNLINK" : "SET")
        const older = yield* fork<unknown, never, never>(first(cache))
        yield* settle
        // The connection is there again before the older one's retry is due, after 80 ms at the soonest.
        yield* TestClock.adjust("50 millis")
        yield* settle
        yield* second(cache) as Effect.Effect<unknown>
        assert.strictEqual(yield* readBack("a"), expected)
        for (let passed = 0; passed < 100; passed++) {
          yield* TestClock.adjust("20 millis")
          yield* settle
        }
        yield* Fiber.join(older)
        assert.strictEqual(yield* readBack("a"), expected)
        assert.strictEqual(yield* valueIn(cache.get("a")), expected)
        yield* isolate
        assert.strictEqual(yield* valueIn(cache.get("a")), expected)
      }))
  }

  for (const [what, command, write, kept] of [
    ["set", "SET", (cache: Texts) => cache.set("a", "new"), "new"],
    ["setMany", "SET", (cache: Texts) => cache.setMany([["a", "new"]]), "new"],
    ["remove", "UNLINK", (cache: Texts) => cache.remove("a"), undefined],
    ["clear", "SCAN", (cache: Texts) => cache.clear, undefined]
  ] as const) {
    test(`what is read before the retry of a ${what} does not take its place in memory`, () =>
      Effect.gen(function* () {
        const cache = yield* region
        yield* (yield* otherProcess).set("a", "old")
        yield* cut(command)
        const writing = yield* fork<unknown, never, never>(write(cache))
        yield* settle
        yield* TestClock.adjust("50 millis")
        yield* settle
        assert.strictEqual(yield* valueIn(cache.get("a")), kept)
        yield* isolate
        yield* TestClock.adjust("1 second")
        // A new connection lets the region be emptied at once.
        const expected = what === "clear" ? "Applied" : "Deferred"
        assert.include(yield* Effect.map(Fiber.join(writing), (outcome) => [outcome].flat()), expected)
        assert.strictEqual(yield* valueIn(cache.get("a")), kept)
      }))
  }

  const readBack = (key: string) =>
    Effect.map(peek(key), (text): unknown => (text === undefined ? undefined : JSON.parse(payloadOf(text))))
})

describe("stored values that cannot be read", () => {
  const ours = (json: string) => stored(keyOf("a"), json)
  const broken = "broken"
  const stays = "stays"
  const unreadable: ReadonlyArray<readonly [string, string, typeof broken | typeof stays]> = [
    ["empty", "", stays],
    ["foreign", "hello", stays],
    ["foreign JSON", `{"a":1}`, stays],
    ["of the release before", `4102444800000:"1"`, stays],
    ["of another key", stored(keyOf("other"), `"1"`), stays],
    ["of another shape", ours(`{"text":"hello"}`), stays],
    ["not UTF-8", "\u0000\ufffd", stays],
    ["without a value", ours(""), broken],
    ["truncated", ours(`"hel`), broken],
    ["with a header cut short", ours(`"1"`).slice(0, 30), broken]
  ]
  for (const [what, text, then] of unreadable) {
    test(`${what}: a miss for every method, counted, and ${then === broken ? "removed" : "left"}`, () =>
      Effect.gen(function* () {
        const cache = yield* region
        const strict = yield* (yield* RedisCache.RedisCache).region(texts)
        for (const missed of [
          Effect.map(cache.get("a"), Option.isNone),
          Effect.map(strict.get("a"), Option.isNone),
          Effect.map(cache.has("a"), (has) => !has),
          Effect.map(cache.getMany(["b", "a"]), ([, found]) => found !== undefined && Option.isNone(found)),
          Effect.map(strict.getMany(["b", "a"]), ([, found]) => found !== undefined && Option.isNone(found))
        ]) {
          yield* store("a", text)
          assert.isTrue(yield* missed)
          // A removal would follow the answer.
          yield* settle
          assert.strictEqual(yield* peek("a"), then === broken ? undefined : text)
        }
        yield* store("a", text)
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
        yield* settle
        assert.strictEqual(yield* valueIn(cache.get("a")), "1")
        assert.strictEqual((yield* (yield* Cache.Cache).stats).corrupt, 4)
      }))
  }

  test("memory does not stand in for one", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cache.set("a", "1")
      yield* store("a", "hello")
      assert.isUndefined(yield* valueIn(cache.get("a")))
      yield* isolate
      assert.isUndefined(yield* valueIn(cache.get("a")))
    }))

  it.effect(
    "a list under the key is a miss and no outage, memory does not stand in, and a write takes its place",
    () => {
      const log = makeLog()
      return Effect.gen(function* () {
        const cache = yield* region
        const server = yield* SimulatedRedis.SimulatedRedis
        const replace = Effect.andThen(
          server.execute(RedisCommand.make("DEL", [keyOf("a")])),
          server.execute(RedisCommand.make("LPUSH", [keyOf("a"), "x"]))
        )
        yield* cache.set("a", "1")
        yield* replace
        assert.isUndefined(yield* valueIn(cache.get("a")))
        assert.deepStrictEqual(yield* cache.getMany(["a"]), [Option.none()])
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("2")), "2")
        yield* settle
        assert.strictEqual(yield* valueIn(cache.get("a")), "2")
        yield* replace
        assert.deepStrictEqual(yield* (yield* (yield* RedisCache.RedisCache).region(texts)).get("a"), Option.none())
        assert.deepStrictEqual(log.lines, [
          "Warn A stored value could not be read and is taken as a miss",
          // The strict cache has regions of its own.
          "Warn A stored value could not be read and is taken as a miss"
        ])
      }).pipe(Effect.provide(layerSimulated({ logs: log.layer })))
    }
  )

  test("a new version never reads what an older one wrote, nor removes it", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const older = yield* region
      const newer = yield* Cache.region({ ...texts, version: 2, value: Schema.Struct({ text: Schema.String }) })
      yield* older.set("a", "1")
      assert.isFalse(yield* newer.has("a"))
      yield* newer.set("a", { text: "2" })
      yield* newer.clear
      assert.strictEqual(yield* valueIn(older.get("a")), "1")
      assert.deepStrictEqual([...(yield* server.entries).keys()], [keyOf("a")])
    }))

  test("one that another process rewrites meanwhile stays", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* store("a", ours(`"hel`))
      const theirs = ours(`"2"`)
      yield* inject(Fault.delay("100 millis"))
      const reading = yield* fork(cache.get("a"))
      yield* settle
      // It was read after 100 ms, and its removal takes effect after 200.
      yield* TestClock.adjust("150 millis")
      yield* store("a", theirs)
      assert.deepStrictEqual((yield* passing(Fiber.join(reading))).value, Option.none())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* peek("a"), theirs)
      assert.deepStrictEqual((yield* passing(cache.get("a"))).value, Option.some("2"))
    }))

  it.live("a real server compares and removes them as well", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* Server
      const bytes = new Uint8Array([0xff, 0xfe, 0x00])
      // A value that was cut inside a character is compared as bytes.
      const cut = Buffer.from(ours(`"h€`)).subarray(0, -1)
      const all: ReadonlyArray<readonly [string | Uint8Array, string]> = [
        ...unreadable.map(([, text, then]) => [text, then] as const),
        [bytes, stays],
        [cut, broken]
      ]
      for (const [text, then] of all) {
        yield* server.cli("SET", keyOf("a"), text)
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        if (then === broken) yield* eventually(Effect.map(server.cli("EXISTS", keyOf("a")), (count) => count === 0))
      }
    }).pipe(Effect.provide(layerReal()))
  )

  it.effect("are logged once a region, without key or value", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const cache = yield* region
      const other = yield* Cache.region({ ...texts, name: "others" })
      for (const key of ["secret-1", "secret-2", "secret-3"]) {
        yield* store(key, "secret")
        yield* cache.get(key)
      }
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.execute(RedisCommand.make("SET", ["cache:others:v1:=a", "secret"]))
      yield* other.get("a")
      assert.deepStrictEqual(log.lines, [
        "Warn A stored value could not be read and is taken as a miss",
        "Warn A stored value could not be read and is taken as a miss"
      ])
    }).pipe(Effect.provide(layerSimulated({ logs: log.layer })))
  })
})

describe("what is said of a stored value that cannot be read", () => {
  const Person = Schema.Struct({ name: Schema.String, age: Schema.Int })
  const key = "cache:people:v1:=a"

  it.effect("is what is wrong with it, without the value, and once for each wave", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const people = yield* Cache.region({ ...texts, name: "people", value: Person })
      const server = yield* SimulatedRedis.SimulatedRedis
      const told = Effect.fnUntraced(function* (text: string) {
        const before = captured.logs.length
        yield* server.execute(RedisCommand.make("SET", [key, text]))
        assert.deepStrictEqual(yield* people.get("a"), Option.none())
        yield* settle
        return captured.logs.slice(before).filter((line) => line.includes("could not be read"))
      })
      const waves: ReadonlyArray<readonly [string, string]> = [
        ["secret", "it is not a value of this library"],
        [stored("cache:people:v1:=b", `{"name":"secret","age":1}`), "it was written under another key"],
        [stored(key, `{"name":"secret","age":"secret"}`), `at [\\"age\\"]`],
        [stored(key, `{"name":"secret"}`), `at [\\"age\\"]`],
        [stored(key, `{"name":"secret`), "it is a broken value of this region"]
      ]
      for (const [text, problem] of waves) {
        const [first, ...more] = yield* told(text)
        assert.deepStrictEqual(more, [])
        assert.include(first, "level=WARN")
        assert.include(first, problem)
        const [again] = yield* told(text)
        assert.include(again, "level=DEBUG")
        yield* TestClock.adjust("1 minute")
      }
      yield* server.execute(RedisCommand.make("DEL", [key]))
      yield* server.execute(RedisCommand.make("LPUSH", [key, "secret"]))
      yield* people.get("a")
      yield* settle
      assert.include(captured.logs.at(-1), "it is of another Redis type")
      assert.notInclude(captured.text(), "secret")
    }).pipe(Effect.provide(layerSimulated({ logs: captured.layer })))
  })
})

describe("a wall clock that is wrong in another process", () => {
  test("by years: a value is a miss, and memory does not serve it without end where a function says how long", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region({ ...texts, timeToLive: () => "10 seconds" })
      yield* store("a", stored(keyOf("a"), `"1"`, { life: 10_000, writtenAt: 4e12 }))
      assert.isUndefined(yield* valueIn(cache.get("a")))
      yield* isolate
      assert.isUndefined(yield* valueIn(cache.get("a")))
    }))

  for (const [what, hours] of [
    ["an hour ahead", 1],
    ["an hour behind", -1]
  ] as const) {
    test(`${what}: values live as long as Redis keeps them`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("2 hours")
        const cache = yield* region
        const clock = yield* ClockDouble.make
        clock.wallOffset = hours * 3_600_000
        const wrong = yield* Effect.provideService(otherProcessOn(yield* Clock.Clock), Clock.Clock, clock)
        const theirs = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, Clock.Clock, clock)
        yield* theirs(wrong.set("a", "1"))
        yield* cache.set("b", "2")
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(yield* valueIn(cache.get("a")), "1")
        assert.strictEqual(yield* valueIn(theirs(wrong.get("b"))), "2")
        yield* TestClock.adjust("1 millis")
        assert.isUndefined(yield* valueIn(cache.get("a")))
        assert.isUndefined(yield* valueIn(theirs(wrong.get("b"))))
        yield* isolate
        assert.isUndefined(yield* valueIn(cache.get("a")))
      }))
  }

  // It is not so: memory takes the writer's word for how long a value still lives.
  test("an hour ahead: a value outlives its time in memory no more than in Redis", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const clock = yield* ClockDouble.make
      clock.wallOffset = 3_600_000
      const wrong = yield* Effect.provideService(otherProcess, Clock.Clock, clock)
      yield* Effect.provideService(wrong.set("a", "1"), Clock.Clock, clock)
      assert.strictEqual(yield* valueIn(cache.get("a")), "1")
      yield* isolate
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(yield* valueIn(cache.get("a")))
    }))

  test("a wall clock that jumps in this process changes nothing in memory", () =>
    Effect.gen(function* () {
      const testClock = yield* Clock.Clock
      const clock = yield* ClockDouble.make
      const adjust = (millis: number) => Effect.provideService(TestClock.adjust(millis), Clock.Clock, testClock)
      yield* Effect.gen(function* () {
        const cache = yield* region
        yield* isolate
        yield* cache.set("a", "1")
        clock.wallOffset = 3_600_000
        assert.strictEqual(yield* valueIn(cache.get("a")), "1")
        clock.wallOffset = -3_600_000
        yield* adjust(9999)
        assert.strictEqual(yield* valueIn(cache.get("a")), "1")
        yield* adjust(1)
        assert.isUndefined(yield* valueIn(cache.get("a")))
      }).pipe(Effect.provide(layerSimulated()), Effect.provideService(Clock.Clock, clock))
    }))
})

describe("a real Redis beside a TestClock", () => {
  it.effect("is no outage because the clock is moved on", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const redis = yield* RedisClient.RedisClient
      for (let minute = 0; minute < 10; minute++) {
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* cache.set("a", `${minute}`), "Applied")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* valueIn(cache.get("a")), `${minute}`)
        assert.deepInclude(yield* redis.stats, { connection: "Ready", breaker: { _tag: "Closed", failures: 0 } })
      }
    }).pipe(Effect.provide(layerReal()))
  )
})

describe("two caches on one real server", () => {
  it.live("see each other's writes and removals", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const other = yield* Effect.flatMap(Layer.build(Layer.fresh(layerRealProcess())), (context) =>
        Effect.provideContext(region, context)
      )
      yield* cache.set("a", "1")
      assert.strictEqual(yield* valueIn(other.get("a")), "1")
      yield* other.set("a", "2")
      assert.strictEqual(yield* valueIn(cache.get("a")), "2")
      yield* other.clear
      assert.isFalse(yield* cache.has("a"))
    }).pipe(Effect.provide(layerReal()))
  )
})

// Retries that would go on long after the patience has run out.
function endless() {
  const schedule = RetryPolicy.exponential({ retries: 1000, base: "30 millis", cap: "50 millis" })
  return { read: schedule, write: schedule, effectful: schedule }
}

it.effect("a script that the server does not know takes no second patience", () =>
  Effect.gen(function* () {
    yield* inject(Fault.delay("600 millis"))
    const drafts = yield* Cache.region({ ...texts, replay: "latest" })
    const clock = yield* Clock.Clock
    const many = drafts.setMany([
      ["a", "2"],
      ["b", "2"]
    ])
    for (const write of [Effect.asVoid(drafts.set("a", "1")), Effect.asVoid(many)]) {
      const startedAt = clock.currentTimeMillisUnsafe()
      const fiber = yield* Effect.forkChild(write, { startImmediately: true })
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
      assert.isAtMost(clock.currentTimeMillisUnsafe() - startedAt, 1010)
    }
  }).pipe(Effect.provide(layerSimulated()))
)

it.effect("what the journal answers in an outage does not say that Redis answers again", () => {
  const lines: Array<string> = []
  const logs = Layer.merge(
    Logger.layer([Logger.make(({ message }) => lines.push(String(message)))]),
    Layer.succeed(References.MinimumLogLevel, "Debug")
  )
  return Effect.gen(function* () {
    const one = yield* region
    yield* isolate
    for (let n = 0; n < 3; n++) {
      yield* one.get("b")
      yield* one.set("a", "1")
      assert.deepStrictEqual(yield* one.getMany(["a"]), [Option.some("1")])
    }
    assert.isFalse(
      lines.some((line) => line.includes("again")),
      String(lines)
    )
  }).pipe(Effect.provide(layerSimulated({ logs })))
})

test("the life that a write gave to one value is not another's", () =>
  Effect.gen(function* () {
    const one = yield* region
    const other = yield* otherProcess
    yield* one.set("a", "1", { timeToLive: "1 hour" })
    assert.strictEqual(yield* valueIn(one.get("a")), "1")
    yield* other.set("a", "2")
    assert.strictEqual(yield* valueIn(one.get("a")), "2")
    yield* isolate
    yield* TestClock.adjust("11 seconds")
    assert.isUndefined(yield* valueIn(one.get("a")))
  }))

test("a value that a write gave a longer life keeps it, read or not", () =>
  Effect.gen(function* () {
    const one = yield* region
    yield* one.set("a", "1", { timeToLive: "1 hour" })
    for (let n = 0; n < 3; n++) assert.strictEqual(yield* valueIn(one.get("a")), "1")
    yield* isolate
    yield* TestClock.adjust("30 minutes")
    assert.strictEqual(yield* valueIn(one.get("a")), "1")
  }))
