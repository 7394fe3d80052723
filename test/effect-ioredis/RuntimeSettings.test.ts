import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  ConfigProvider,
  Duration,
  Effect,
  Fiber,
  FileSystem,
  Layer,
  Logger,
  PlatformError,
  Redacted,
  References,
  Stream
} from "effect"
import { RuntimeSettings } from "effect-ioredis"
import { TestClock } from "effect/testing"
import * as Wait from "../support/Wait.ts"

const { RuntimeSettings: Service } = RuntimeSettings

const use = Effect.gen(function* () {
  return yield* Service
})

/** A file in the hands of a test. */
const makeFile = (text: string | undefined) => {
  const state = { text, failure: undefined as "PermissionDenied" | undefined, reads: 0 }
  const fail = (tag: "NotFound" | "PermissionDenied") =>
    Effect.fail(PlatformError.systemError({ _tag: tag, module: "FileSystem", method: "readFile" }))
  const layer = FileSystem.layerNoop({
    readFileString: () =>
      Effect.suspend(() => {
        state.reads++
        if (state.failure !== undefined) return fail(state.failure)
        return state.text === undefined ? fail("NotFound") : Effect.succeed(state.text)
      })
  })
  return { state, layer }
}

/** What was logged. */
const makeLog = () => {
  const lines: Array<{ readonly message: unknown; readonly annotations: unknown }> = []
  const logger = Logger.make(({ fiber, message }) => {
    lines.push({ message, annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  return { lines, layer: Logger.layer([logger]) }
}

describe("a document", () => {
  it.effect("that does not fit is refused whole, with everything that is wrong with it", () =>
    Effect.gen(function* () {
      const settings = yield* use
      const before = yield* settings.current
      const bad: unknown = {
        patience: "0 seconds",
        commandTimeout: "1 second",
        pateince: 1,
        retry: { maxRetries: 1.5 },
        regions: { users: { mode: "off", circuit: {} } },
        read: 5,
        load: { from: 10, upTo: 20, shortest: 2 },
        connection: { password: 42, url: "redis://ada:pa55word@host:port" },
        locations: { "eu-west": { patience: "2 hours" } }
      }
      const error = yield* Effect.flip(settings.update(bad as RuntimeSettings.Document))
      assert.instanceOf(error, RuntimeSettings.RuntimeSettingsError)
      assert.strictEqual(error.source, "code")
      assert.deepStrictEqual(error.problems.toSorted(), [
        "connection.password is an object: expected a text, for example s3cret",
        "connection.url is an object: expected redis://user:password@host:port/db, or rediss:// for TLS, for example redis://localhost:6379/0",
        "load.shortest is 2: expected a share from 0.05 to 1, for example 0.25",
        'locations.eu-west.patience is "2 hours": expected a duration from 1ms to 1m, for example 500 millis',
        "pateince is no setting: see docs/settings.md for those that there are",
        'patience is "0 seconds": expected a duration from 1ms to 1m, for example 500 millis',
        "read: expected object",
        "regions.users.circuit is no setting: see docs/settings.md for those that there are",
        'regions.users.mode is "off": expected "normal", "memory-only", "bypass" or "read-only", for example memory-only',
        "retry.maxRetries is 1.5: expected a whole number from 0 to 100, for example 3"
      ])
      assert.notInclude(error.message, "pa55word")
      assert.strictEqual(yield* settings.current, before)
    }).pipe(
      Effect.provide(
        RuntimeSettings.layer({ document: { patience: "500 millis" } }).pipe(Layer.provideMerge(Logger.layer([])))
      )
    )
  )

  it.effect("that contradicts itself is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(RuntimeSettings.make({ document: { load: { from: 5000 } } }))
      assert.deepStrictEqual(error.problems, [
        "load.upTo is 1000: expected more than load.from, which is 5000, for example 50000"
      ])
    })
  )

  it.effect("that contradicts another one, or for a location, is refused, and one that another completes is not", () =>
    Effect.gen(function* () {
      const options: RuntimeSettings.Options = {
        document: { load: { from: 500, upTo: 600 }, locations: { "eu-west": { load: { upTo: 400 } } } }
      }
      const error = yield* Effect.flip(RuntimeSettings.make(options))
      assert.deepStrictEqual(error.problems, [
        "locations.eu-west.load.upTo is 400: expected more than locations.eu-west.load.from, which is 500, for example 5000"
      ])
      const settings = yield* RuntimeSettings.make({ document: { load: { upTo: 5000 } } })
      yield* settings.update({ load: { from: 2000 } })
      const refused = yield* Effect.flip(settings.update({ load: { upTo: 1500 } }))
      assert.deepStrictEqual(refused.problems, [
        "load.upTo is 1500: expected more than load.from, which is 2000, for example 20000"
      ])
      assert.deepStrictEqual(yield* settings.current, { load: { upTo: 5000, from: 2000 } })
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("takes durations in all of their forms, and each in the place of another", () =>
    Effect.gen(function* () {
      const settings = yield* RuntimeSettings.make({ document: { patience: { seconds: 50 } } })
      const forms = [{ minutes: 1 }, 500_000_000n, 600_000_000n, [1, 0], Duration.seconds(2), "3 seconds"] as const
      for (const patience of forms) {
        yield* settings.update({ patience })
        assert.deepStrictEqual(yield* settings.current, { patience })
      }
      // A region may have the name of a unit.
      yield* settings.update({ regions: { seconds: { mode: "bypass" } } })
      yield* settings.update({ regions: { minutes: { mode: "bypass" } } })
      assert.deepStrictEqual(Object.keys((yield* settings.current).regions ?? {}), ["seconds", "minutes"])
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("is redacted where it is secret", () =>
    Effect.gen(function* () {
      const options: RuntimeSettings.Options = {
        document: {
          connection: { password: "s3cret" },
          locations: { here: { connection: { url: "redis://:s3cret@host" } } }
        },
        location: "here"
      }
      const settings = yield* RuntimeSettings.make(options)
      const { connection } = yield* settings.current
      assert.isTrue(Redacted.isRedacted(connection?.password) && Redacted.isRedacted(connection.url))
    })
  )

  it.effect("of a location says otherwise than for all, in each source by itself", () =>
    Effect.gen(function* () {
      const document: RuntimeSettings.Document = {
        patience: "500 millis",
        timeToLive: "5 minutes",
        locations: { "eu-west": { patience: "1 second" } }
      }
      const elsewhere = yield* RuntimeSettings.make({ document, location: "us-east" })
      const settings = yield* RuntimeSettings.make({ document, location: "eu-west" })
      assert.deepStrictEqual(yield* elsewhere.current, { patience: "500 millis", timeToLive: "5 minutes" })
      assert.deepStrictEqual(yield* settings.current, { patience: "1 second", timeToLive: "5 minutes" })
    })
  )
})

describe("changes", () => {
  it.effect("are told with the current settings first, keep what was said before, and are taken back", () =>
    Effect.gen(function* () {
      const settings = yield* use
      const told = yield* Effect.forkChild(Stream.runCollect(Stream.take(settings.changes, 3)), {
        startImmediately: true
      })
      yield* settings.update({ regions: { users: { mode: "bypass" } } })
      yield* settings.replace({})
      assert.deepStrictEqual(Array.from(yield* Fiber.join(told)), [
        { patience: "1 second" },
        { patience: "1 second", regions: { users: { mode: "bypass" } } },
        {}
      ])
    }).pipe(
      Effect.provide(
        RuntimeSettings.layer({ document: { patience: "1 second" } }).pipe(Layer.provideMerge(Logger.layer([])))
      )
    )
  )

  it.effect("are logged by the names of the settings, and not by their values", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const settings = yield* use
      yield* settings.update({ patience: "2 seconds", connection: { password: "s3cret" } })
      yield* settings.update({ patience: "2 seconds" })
      assert.deepStrictEqual(log.lines, [
        {
          message: ["The settings have changed"],
          annotations: { source: "code", settings: ["patience", "connection.password"] }
        }
      ])
    }).pipe(Effect.provide(RuntimeSettings.layer().pipe(Layer.provideMerge(log.layer))))
  })
})

describe("a file", () => {
  const following = (file: ReturnType<typeof makeFile>, options: Partial<RuntimeSettings.FileOptions> = {}) =>
    RuntimeSettings.layerFile({ path: "/etc/app/redis.json", ...options }).pipe(Layer.provide(file.layer))

  it.effect("is followed within a second, and code wins over it", () => {
    const file = makeFile('{"patience": "1 second"}')
    return Effect.gen(function* () {
      const settings = yield* use
      assert.deepStrictEqual(yield* settings.current, { patience: "1 second" })
      file.state.text = '{"patience": "2 seconds", "mode": "read-only"}'
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* settings.current, { patience: "2 seconds", mode: "read-only" })
      yield* settings.update({ patience: "3 seconds" })
      file.state.text = '{"patience": "4 seconds"}'
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* settings.current, { patience: "3 seconds" })
    }).pipe(Effect.provide(following(file).pipe(Layer.provideMerge(Logger.layer([])))))
  })

  it.effect("that is bad, gone or not to be read leaves the last good document, and is told of once", () => {
    const file = makeFile('{"patience": "1 second"}')
    const log = makeLog()
    return Effect.gen(function* () {
      const settings = yield* use
      log.lines.length = 0
      const leaves = Effect.fnUntraced(function* (text: string | undefined) {
        file.state.text = text
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* settings.current, { patience: "1 second" })
      })
      yield* leaves('{"patience": "2 seconds", "mode": "off"}')
      yield* leaves('{"patience": "2 sec')
      yield* leaves(undefined)
      file.state.failure = "PermissionDenied"
      yield* leaves("{}")
      assert.deepStrictEqual(
        log.lines.map(({ annotations }) => annotations),
        [
          ['mode is "off": expected "normal", "memory-only", "bypass" or "read-only", for example memory-only'],
          ['/etc/app/redis.json is no JSON: expected a document such as {"patience": "500 millis"}'],
          ["/etc/app/redis.json is gone"],
          ["/etc/app/redis.json could not be read (PermissionDenied)"]
        ].map((problems) => ({ source: "file", problems }))
      )
      file.state.failure = undefined
      file.state.text = '{"patience": "5 seconds"}'
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* settings.current, { patience: "5 seconds" })
    }).pipe(Effect.provide(following(file).pipe(Layer.provideMerge(log.layer))))
  })

  it.effect("that is bad at the beginning fails the layer, and one that is not there yet says nothing", () =>
    Effect.gen(function* () {
      const bad = yield* Effect.flip(Effect.provide(use, following(makeFile("{"))))
      assert.deepStrictEqual([bad.source, bad.problems.length], ["file", 1])
      const absent = makeFile(undefined)
      yield* Effect.gen(function* () {
        const settings = yield* use
        assert.deepStrictEqual(yield* settings.current, {})
        absent.state.text = '{"mode": "bypass"}'
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* settings.current, { mode: "bypass" })
      }).pipe(Effect.provide(following(absent)))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("is not read without a pause", () =>
    Effect.gen(function* () {
      const file = makeFile("{}")
      for (const interval of [0, -1, Number.NaN] as const) {
        const error = yield* Effect.flip(Effect.provide(use, following(file, { interval })))
        assert.deepStrictEqual(error.problems, [`interval is ${interval}. Make it a time above 0`])
      }
      assert.strictEqual(file.state.reads, 0)
    })
  )

  it.effect("that names what every object has says nothing by it", () => {
    const file = makeFile('{"__proto__": {"commandTimeout": -1}}')
    return Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(use, following(file)))
      assert.deepStrictEqual(error.problems, ["__proto__ is no setting: see docs/settings.md for those that there are"])
      file.state.text = '{"regions": {"__proto__": {"mode": "bypass"}, "constructor": {"mode": "read-only"}}}'
      const { regions } = yield* Effect.provide(
        Effect.flatMap(use, ({ current }) => current),
        following(file)
      )
      assert.deepStrictEqual(Object.keys(regions ?? {}), ["__proto__", "constructor"])
    }).pipe(Effect.provide(Logger.layer([])))
  })

  it.effect("that is a link, as a cluster mounts it, is followed through a directory and back", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const directory = yield* files.makeTempDirectoryScoped()
      const path = `${directory}/redis.json`
      const mount = Effect.fnUntraced(function* (name: string, text: string) {
        yield* files.makeDirectory(`${directory}/${name}`)
        yield* files.writeFileString(`${directory}/${name}/redis.json`, text)
        yield* files.symlink(name, `${directory}/..data_tmp`)
        yield* files.rename(`${directory}/..data_tmp`, `${directory}/..data`)
      })
      yield* mount("..1", '{"patience": "1 second"}')
      yield* files.symlink("..data/redis.json", path)
      const log = makeLog()
      yield* Effect.gen(function* () {
        const settings = yield* use
        const follows = (expected: string) =>
          settings.changes.pipe(
            Stream.filter(({ patience }) => patience === expected),
            Stream.take(1),
            Stream.runDrain
          )
        yield* mount("..2", '{"patience": "2 seconds"}')
        yield* files.remove(`${directory}/..1`, { recursive: true })
        yield* follows("2 seconds")
        yield* files.remove(path)
        yield* files.makeDirectory(path)
        yield* Wait.until("it is told of", () =>
          log.lines.some(({ annotations }) => /BadRes/.test(String(JSON.stringify(annotations))))
        )
        assert.deepStrictEqual(yield* settings.current, { patience: "2 seconds" })
        yield* files.remove(path, { recursive: true })
        yield* files.writeFileString(path, '{"patience": "3 seconds"}')
        yield* follows("3 seconds")
      }).pipe(
        Effect.provide(RuntimeSettings.layerFile({ path, interval: "5 millis" }).pipe(Layer.provideMerge(log.layer))),
        TestClock.withLive
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("on a real disk is followed as well", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const path = `${yield* files.makeTempDirectoryScoped()}/redis.json`
      yield* files.writeFileString(path, '{"patience": "1 second"}')
      yield* Effect.gen(function* () {
        const settings = yield* use
        yield* files.writeFileString(path, '{"patience": "2 seconds"}')
        yield* settings.changes.pipe(
          Stream.filter(({ patience }) => patience === "2 seconds"),
          Stream.take(1),
          Stream.runDrain
        )
      }).pipe(Effect.provide(RuntimeSettings.layerFile({ path, interval: "10 millis" })), TestClock.withLive)
    }).pipe(Effect.provide(NodeServices.layer.pipe(Layer.provideMerge(Logger.layer([])))))
  )
})

describe("the environment", () => {
  const fromEnv = (variables: object, options?: RuntimeSettings.EnvOptions) =>
    RuntimeSettings.layerFromEnv(options).pipe(
      Layer.provide(makeFile('{"mode": "read-only", "patience": "2 seconds"}').layer),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(variables)))
    )
  const settingsOf = (variables: object, options?: RuntimeSettings.EnvOptions) =>
    Effect.provide(
      Effect.flatMap(use, ({ current }) => current),
      fromEnv(variables, options)
    )

  it.effect("gives a document, a file that wins over it, and a location", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* settingsOf({}), {})
      const REDIS_SETTINGS =
        '{"timeToLive": "1 minute", "patience": "1 second", "locations": {"eu": {"timeToLive": "2 minutes"}}}'
      assert.deepStrictEqual(yield* settingsOf({ REDIS_SETTINGS }), { timeToLive: "1 minute", patience: "1 second" })
      const all = { REDIS_SETTINGS, REDIS_LOCATION: "eu", REDIS_SETTINGS_FILE: "/redis.json" }
      const expected: RuntimeSettings.Settings = { timeToLive: "2 minutes", patience: "2 seconds", mode: "read-only" }
      assert.deepStrictEqual(yield* settingsOf(all), expected)
      assert.deepStrictEqual(yield* settingsOf({ SESSIONS: all }, { prefix: "SESSIONS" }), expected)
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("that is bad fails the layer", () =>
    Effect.gen(function* () {
      const errors = yield* Effect.forEach(["{", '{"patience": -1}'], (REDIS_SETTINGS) =>
        Effect.flip(settingsOf({ REDIS_SETTINGS }))
      )
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "RuntimeSettingsError" && [error.source, error.problems]),
        [
          ["environment", ['REDIS_SETTINGS is no JSON: expected a document such as {"patience": "500 millis"}']],
          ["environment", ["patience is -1: expected a duration from 1ms to 1m, for example 500 millis"]]
        ]
      )
    })
  )
})
