import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Option, Result, Schema } from "effect"
import { Redis, RedisClient, RedisCommand, RedisError, RedisScript } from "effect-ioredis"
import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import * as Captured from "../../support/Captured.ts"
import * as Connect from "../../support/Connect.ts"
import * as RedisServer from "../../support/RedisServer.ts"

const client = Effect.flatMap(RedisServer.make(), ({ port }) => Connect.client({ port }))

/** What an error says of a script that failed, and its code. */
const told = <A>(effect: Effect.Effect<A, RedisError.RedisCommandError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    const { message } = error
    return `${error._tag === "RedisOperationError" ? error.code : error._tag}: ${message.slice(message.indexOf(":") + 2)}`
  })

const notShown = "(the reply's text is not shown, for it may hold data)"

describe("A declared script", () => {
  it.live("is a function of its parameters, and answers what its decoder makes of the reply", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const Job = Schema.Struct({ title: Schema.String })
      const take = RedisScript.make({
        lua: `redis.call("INCRBY", KEYS[2], ARGV[1]) return redis.call("LPOP", KEYS[1])`,
        keys: ({ queue }: { readonly queue: string; readonly by: number }) => [queue, `${queue}:taken`],
        args: ({ by }) => [by],
        decode: RedisCommand.decoder(Schema.NullOr(Schema.fromJsonString(Job)))
      })
      yield* redis.run(RedisCommand.make("RPUSH", ["jobs", '{"title":"engineer"}', "no job"]))
      const call = redis.eval(take)
      const first: { readonly title: string } | null = yield* call({ queue: "jobs", by: 2 })
      assert.deepStrictEqual(first, { title: "engineer" })
      const broken = yield* Effect.flip(call({ queue: "jobs", by: 3 }))
      assert.strictEqual(broken._tag === "RedisOperationError" && broken.code, "REPLY")
      assert.isNull(yield* call({ queue: "jobs", by: 1 }))
      assert.deepStrictEqual(yield* redis.get("jobs:taken"), Option.some("6"))
    })
  )

  it.live("takes nothing, and answers the reply as it came, unless it says otherwise", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const nothing = RedisScript.make({ lua: "return {#KEYS, #ARGV, false, {'a'}}" })
      const reply: RedisCommand.Reply = yield* redis.eval(nothing)()
      assert.deepStrictEqual(reply, [0, 0, null, ["a"]])
      const bytes = RedisScript.make({ lua: "return ARGV[1]", args: (value: Uint8Array) => [value], reply: "bytes" })
      assert.deepStrictEqual(yield* redis.eval(bytes)(Uint8Array.of(0xff, 0)), Buffer.from([0xff, 0]))
      // A script of any parameters is a script; nobody can call it.
      const scripts: ReadonlyArray<RedisScript.RedisScript> = [nothing, bytes, RedisScript.deleteIfEqual]
      assert.deepStrictEqual(
        scripts.map(({ kind }) => kind),
        ["effectful", "effectful", "idempotent"]
      )
    })
  )

  it.live("removes a key that is still the same", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const remove = redis.eval(RedisScript.deleteIfEqual)
      yield* redis.set("lock", "mine")
      assert.isFalse(yield* remove({ key: "lock", value: "another's" }))
      assert.isTrue(yield* remove({ key: "lock", value: "mine" }))
      assert.isFalse(yield* remove({ key: "lock", value: "mine" }))
    })
  )

  it.live("whose own functions throw is a defect of its call alone", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const broken = RedisScript.make({
        lua: "return 1",
        keys: (): ReadonlyArray<string> => assert.fail("on purpose")
      })
      const exit = yield* Effect.exit(redis.eval(broken)())
      assert.include(String(exit), "on purpose")
      yield* redis.ping
    })
  )
})

describe("What a script fails with", () => {
  const failing = (lua: string, errors?: ReadonlyArray<Uppercase<string>>) =>
    RedisScript.make({ lua, errors, args: (secret: string) => [secret] })

  it.live("is not taken for a script that Redis does not know, which would be sent again", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const lua = `redis.call("INCR", "n") return redis.error_reply("NOSCRIPT of mine")`
      const failing = redis.eval(RedisScript.make({ lua, errors: ["NOSCRIPT"] }))()
      for (const runs of ["1", "2", "3"]) {
        assert.isTrue(Result.isFailure(yield* Effect.result(failing)))
        assert.deepStrictEqual(yield* redis.get("n"), Option.some(runs))
      }
    })
  )

  it.live("counts as executed if the script itself says what Redis says of one that has not begun", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const texts = ["NOSCRIPT of mine", "MOVED 1 away", "ASK", "EXECABORT Transaction discarded because of: me"]
      const errors = ["NOSCRIPT", "MOVED", "ASK", "EXECABORT"] as const
      for (const text of texts) {
        for (const lua of [`return redis.error_reply("${text}")`, `error({err = "${text}"})`]) {
          const command = RedisCommand.make("EVAL", [`redis.call("INCR", "ran") ${lua}`, 0], { errors })
          const result = yield* Effect.result(redis.run(command))
          assert.strictEqual(RedisError.endOf(result), "confirmed", lua)
          assert.match(yield* told(redis.run(command)), /^ERR: /)
        }
      }
      assert.deepStrictEqual(yield* redis.get("ran"), Option.some("16"))
      const unknown = yield* Effect.result(redis.run(RedisCommand.make("EVALSHA", ["f".repeat(40), 0])))
      assert.strictEqual(RedisError.endOf(unknown), "refused")
    })
  )

  it.live("has the code that the script declares, and none that it does not, whatever stands behind it", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const errors = ["NOJOB", "TOO_MANY2", "ARGUMENT"] as const
      const codes = yield* Effect.forEach(
        [
          `return redis.error_reply("NOJOB " .. ARGV[1])`,
          `return {err = "NOJOB"}`,
          `return redis.error_reply("TOO_MANY2: " .. ARGV[1])`,
          `\nerror({err = "NOJOB " .. ARGV[1]})`,
          // Redis puts words of its own before the text.
          `error("NOJOB " .. ARGV[1])`,
          `return redis.error_reply("NOJOBS " .. ARGV[1])`,
          `return redis.error_reply(ARGV[1])`,
          // What this library says by it is that nothing was sent.
          `return redis.error_reply("ARGUMENT " .. ARGV[1])`,
          `redis.call("SET", "k", 1) return redis.call("LPUSH", "k", ARGV[1])`
        ],
        (lua) => told(redis.eval(failing(lua, errors))("SECRET of mine"))
      )
      assert.deepStrictEqual(codes, [
        `NOJOB: NOJOB ${notShown}`,
        `NOJOB: NOJOB ${notShown}`,
        `TOO_MANY2: TOO_MANY2 ${notShown}`,
        `NOJOB: NOJOB ${notShown}, at line 2 of the script`,
        `ERR: ERR ${notShown}, at line 1 of the script`,
        `ERR: ERR ${notShown}`,
        `ERR: ERR ${notShown}`,
        `ERR: ERR ${notShown}`,
        "WRONGTYPE: WRONGTYPE Operation against a key holding the wrong kind of value, at line 1 of the script"
      ])
    })
  )

  it.live("has no code that another script declares, and may have one that a command does", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const lua = `return redis.error_reply("NOJOB " .. ARGV[1])`
      assert.strictEqual(yield* told(redis.eval(failing(lua))("x")), `ERR: ERR ${notShown}`)
      const command = RedisCommand.make("EVAL", [lua, 0, "x"], { errors: ["NOJOB"] })
      assert.strictEqual(yield* told(redis.run(command)), `NOJOB: NOJOB ${notShown}`)
      const [result] = yield* redis.pipeline([command])
      assert.strictEqual(Result.isFailure(result) && String(result.failure).includes("NOJOB"), true)
    })
  )

  it.live("says what is wrong with its source, and where, and shows none of it and no data", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const lines = yield* Effect.forEach(
        [
          "return secret",
          "\n\nreturn redis.call('SECRET', ARGV[1])",
          "return redis.call('GET')",
          "return redis.call('CLIENT', 'SECRET')",
          "secret = ARGV[1]",
          "return _G[ARGV[1]]",
          "local secret = {}\nreturn secret.x.y",
          "return secret(",
          "\nif ARGV[1] then 'secret'",
          "local secret = 'abc",
          "assert(false, ARGV[1])",
          "assert(false)",
          "for i = 1, ARGV[1] do end",
          "return cjson.decode('{' .. ARGV[1])",
          "#!lua flags=secret\nreturn 1"
        ],
        (lua) => told(redis.eval(failing(lua))("SECRET of mine"))
      )
      assert.deepStrictEqual(lines, [
        "ERR: ERR Script attempted to access nonexistent global variable '…', at line 1 of the script",
        "ERR: ERR Unknown Redis command called from script, at line 3 of the script",
        "ERR: ERR Wrong number of args calling Redis command from script, at line 1 of the script",
        "ERR: ERR Unknown Redis command called from script, at line 1 of the script",
        "ERR: ERR Attempt to modify a readonly table, at line 1 of the script",
        "ERR: ERR Script attempted to access nonexistent global variable '…', at line 1 of the script",
        "ERR: ERR attempt to index field '…' (a nil value), at line 2 of the script",
        "ERR: ERR Error compiling script (new function): unexpected symbol near '<eof>', at line 1 of the script",
        "ERR: ERR Error compiling script (new function): unexpected symbol near '…', at line 2 of the script",
        "ERR: ERR Error compiling script (new function): unfinished string near '<eof>', at line 1 of the script",
        `ERR: ERR ${notShown}, at line 1 of the script`,
        "ERR: ERR assertion failed!, at line 1 of the script",
        "ERR: ERR 'for' … must be a number, at line 1 of the script",
        "ERR: ERR Expected … but found … at character 2, at line 1 of the script",
        "ERR: ERR Unexpected flag in script shebang: …"
      ])
    })
  )

  it.live("says the same of a library of functions", () =>
    Effect.gen(function* () {
      const redis = yield* client
      const load = (lua: string) => redis.run(RedisCommand.make("FUNCTION", ["LOAD", `#!lua name=mine\n${lua}`]))
      const call = (name: string) => told(redis.run(RedisCommand.make("FCALL", [name, 0, "x"], { errors: ["NOJOB"] })))
      assert.strictEqual(
        yield* told(load("return (")),
        "ERR: ERR Error compiling function: unexpected symbol near '<eof>', at line 2 of the script"
      )
      assert.strictEqual(
        yield* told(load("\nreturn secret")),
        "ERR: ERR Error registering functions: ERR Script attempted to access nonexistent global variable '…', at line 3 of the script"
      )
      yield* load(`redis.register_function("refuse", function() return redis.error_reply("NOJOB secret") end)
        redis.register_function("raise", function(keys, args) error(args[1]) end)
        redis.register_function("unknown", function() return secret end)`)
      assert.strictEqual(yield* call("refuse"), `NOJOB: NOJOB ${notShown}`)
      assert.strictEqual(yield* call("raise"), `ERR: ERR ${notShown}, at line 3 of the script`)
      assert.strictEqual(
        yield* call("unknown"),
        "ERR: ERR Script attempted to access nonexistent global variable '…', at line 4 of the script"
      )
    })
  )

  it.live("is found nowhere in an error, and only its declared codes in a label of a metric", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const captured = Captured.make()
      const shown = yield* Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        return yield* Effect.forEach(
          [`return redis.error_reply("NOJOB " .. ARGV[1])`, "return redis.error_reply(ARGV[1])", "error(ARGV[1])"],
          (lua) => Effect.map(Effect.flip(redis.eval(failing(lua, ["NOJOB"]))("TOP secret")), Captured.everyRendering)
        )
      }).pipe(Effect.provide(Layer.provideMerge(Redis.layer({ url }), captured.layer)))
      assert.notMatch([...shown, captured.text()].join("\n"), /TOP|secret/)
      const codes = (yield* Metric.snapshot).flatMap(({ attributes, id }) =>
        id === "redis.client.errors" ? [attributes?.["error.type"]] : []
      )
      assert.deepStrictEqual(codes.sort(), ["ERR", "NOJOB"])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("has its code on a simulated Redis too", () => {
    const script = failing(`return redis.error_reply(ARGV[1] .. " secret")`, ["NOJOB"])
    const simulated = SimulatedScript.make(script, (_keys, [code = ""]) => SimulatedScript.fail(`${code} secret`))
    return Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      assert.strictEqual(yield* told(redis.eval(script)("NOJOB")), `NOJOB: NOJOB ${notShown}`)
      assert.strictEqual(yield* told(redis.eval(script)("OTHER")), `ERR: ERR ${notShown}`)
    }).pipe(Effect.provide(Layer.provide(RedisClient.layer(), SimulatedRedis.layer({ scripts: [simulated] }))))
  })
})
