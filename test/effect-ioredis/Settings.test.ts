import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Option, Redacted, Schema } from "effect"
import { Settings } from "effect-ioredis"
import * as Captured from "../support/Captured.ts"

const read = <A>(config: Config.Config<A>, environment: unknown) =>
  config.parse(ConfigProvider.fromUnknown(environment))

/** The lines of an error. */
const linesOf = (error: Config.ConfigError | undefined): ReadonlyArray<string> => {
  assert.instanceOf(error, Config.ConfigError)
  return error.message.replace(/^SchemaError\(([\s\S]*)\)$/, "$1").split("\n")
}

/** The problems that reading it ends with. */
const problems = (config: Config.Config<unknown>, environment: unknown) =>
  Effect.map(Effect.flip(read(config, environment)), linesOf)

const Percent = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })).annotate({
  expected: "a percentage",
  example: "50"
})

describe("Settings.all", () => {
  it.effect("is a record of what its configs read", () =>
    Effect.gen(function* () {
      const all = Settings.all({ port: Config.Port("PORT"), load: Config.schema(Percent, "LOAD") })
      const found: { readonly port: number; readonly load: number } = yield* read(all, { PORT: "1", LOAD: "2" })
      assert.deepStrictEqual(found, { port: 1, load: 2 })
    })
  )

  it.effect("says everything that is wrong in one error", () =>
    Effect.gen(function* () {
      const all = Settings.all({
        port: Config.Port("PORT"),
        load: Config.schema(Percent, "LOAD"),
        patience: Settings.duration("PATIENCE", { unit: "seconds", example: 5 }),
        host: Config.String("HOST"),
        fine: Config.String("FINE")
      })
      assert.deepStrictEqual(yield* problems(all, { PORT: "0", LOAD: "high", PATIENCE: "soon", FINE: "yes" }), [
        "PORT: expected a value between 1 and 65535",
        'LOAD is "high": expected a percentage, for example 50',
        'PATIENCE is "soon": expected a duration above zero (a number of seconds, or one with its unit), for example 5',
        "HOST is missing: expected string"
      ])
    })
  )

  it.effect("names a nested variable as a whole, and shows its value", () =>
    Effect.gen(function* () {
      const all = Settings.all({ load: Config.schema(Percent, "LOAD") })
      const expected = ['A_B_LOAD is "high": expected a percentage, for example 50']
      const nested = { A: { B: { LOAD: "high" } } }
      assert.deepStrictEqual(yield* problems(all.pipe(Config.nested("B"), Config.nested("A")), nested), expected)
      const within = Settings.all({ load: Config.schema(Percent, ["A", "B", "LOAD"]) })
      assert.deepStrictEqual(yield* problems(within, nested), expected)
      const struct = Settings.all({ b: Config.schema(Schema.Struct({ B: Schema.Struct({ LOAD: Percent }) }), "A") })
      assert.deepStrictEqual(yield* problems(struct, nested), expected)
    })
  )

  it.effect("joins what other groups say as it is", () =>
    Effect.gen(function* () {
      const one = Config.nested(Settings.all({ load: Config.schema(Percent, "LOAD"), n: Config.Int("N") }), "A")
      const both = Settings.all({ one, other: Config.schema(Percent, "LOAD") })
      assert.deepStrictEqual(yield* problems(both, { A: { LOAD: "x", N: "y" }, LOAD: "z" }), [
        'A_LOAD is "x": expected a percentage, for example 50',
        "A_N: expected a string representing a finite number",
        'LOAD is "z": expected a percentage, for example 50'
      ])
    })
  )

  it.effect("is absent where one is absent and none is wrong, as Config.all is", () =>
    Effect.gen(function* () {
      const all = Settings.all({ port: Config.Port("PORT"), load: Config.schema(Percent, "LOAD") })
      assert.deepStrictEqual(yield* read(Config.option(all), { PORT: "1" }), Option.none())
      assert.strictEqual(yield* read(Config.withDefault(all, "none"), {}), "none")
      assert.strictEqual((yield* problems(Config.option(all), { PORT: "0" }))[0]?.split(":")[0], "PORT")
    })
  )

  it.effect("shows no value that may be secret", () =>
    Effect.gen(function* () {
      const secret = Schema.Redacted(
        Schema.String.check(Schema.isMinLength(20)).annotate({ expected: "long", example: "x" })
      )
      const all = Settings.all({
        secret: Config.schema(secret, "SECRET"),
        load: Config.schema(Percent, "LOAD"),
        share: Config.schema(Percent, "SHARE"),
        number: Config.Int("NUMBER")
      })
      const environment = {
        SECRET: "hunter2",
        LOAD: "bob:hunter2@localhost",
        SHARE: "redis://hunter2",
        NUMBER: "hunter2"
      }
      const error = yield* Effect.flip(read(all, environment))
      assert.notInclude(Captured.everyRendering(error), "hunter2")
      assert.include(error.message, "LOAD is not shown, for it may hold a password: expected a percentage")
      assert.strictEqual(
        Redacted.value(
          yield* read(Settings.all({ a: Config.schema(secret, "A") }), { A: "x".repeat(20) }).pipe(
            Effect.map(({ a }) => a)
          )
        ),
        "x".repeat(20)
      )
    })
  )

  it.effect("says what the source of the settings says", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no such file" })))
      const error = yield* Effect.flip(Settings.all({ a: Config.Int("A") }).parse(broken))
      assert.include(error.message, "no such file")
    })
  )
})

describe("Settings.duration", () => {
  const millis = (unit: "millis" | "seconds", text: string) =>
    Effect.map(read(Settings.duration("D", { unit, example: 1 }), { D: text }), Duration.toMillis)

  it.effect("reads a bare number in its unit, and a unit of its own", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* millis("seconds", "300"), 300_000)
      assert.strictEqual(yield* millis("seconds", "0.1"), 100)
      assert.strictEqual(yield* millis("seconds", "1e-7"), 0.0001)
      assert.strictEqual(yield* millis("millis", "2000"), 2000)
      assert.strictEqual(yield* millis("seconds", "1500 millis"), 1500)
      assert.strictEqual(yield* millis("millis", "2 minutes"), 120_000)
    })
  )

  it.effect("takes no other, and is absent where the variable is", () =>
    Effect.gen(function* () {
      for (const text of ["0", "-1", "soon", "Infinity", "-Infinity", "NaN", " ", "0 millis", "-5 seconds", "1e999"]) {
        yield* Effect.flip(millis("seconds", text))
      }
      const config = Settings.duration("D", { unit: "millis", example: 1 })
      assert.deepStrictEqual(yield* read(Config.option(config), {}), Option.none())
    })
  )
})

describe("Settings.problem and Settings.error", () => {
  it("say of an option what Settings.all says of a variable", () => {
    const rows: ReadonlyArray<readonly [value: unknown, problem: string | undefined]> = [
      [50, undefined],
      [101, "load is 101: expected a percentage, for example 50"],
      ["50", 'load is "50": expected a percentage, for example 50'],
      [null, "load is null: expected a percentage, for example 50"],
      [() => 50, "load is a function: expected a percentage, for example 50"],
      ["a:hunter2@b", "load is not shown, for it may hold a password: expected a percentage, for example 50"]
    ]
    for (const [value, problem] of rows) assert.strictEqual(Settings.problem("load", Percent, value), problem)
    assert.strictEqual(Settings.problem("load", Schema.Int, "hunter2"), "load does not fit its schema")
  })

  it("make one error of all problems, and none of none", () => {
    assert.isUndefined(Settings.error([]))
    assert.isUndefined(Settings.error([undefined, undefined]))
    assert.deepStrictEqual(linesOf(Settings.error(["a is wrong", undefined, "b is wrong"])), [
      "a is wrong",
      "b is wrong"
    ])
  })

  it("take a duration that ends, in each of its forms", () => {
    const good = [1, 1n, "1 millis", Duration.seconds(1), { seconds: 1 }]
    const bad = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Duration.infinity, "soon", "", true, null, undefined, {}]
    const problemOf = (value: unknown) => Settings.problem("wait", Settings.AboveZero, value)
    for (const value of good) assert.isUndefined(problemOf(value), String(value))
    for (const value of bad) assert.include(problemOf(value) ?? "", "expected a duration above zero", String(value))
  })
})
