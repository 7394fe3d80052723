import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import * as commandKeys from "../../packages/effect-ioredis/src/internal/commandKeys.ts"

type Args = ReadonlyArray<string | number>

const keysOf = (name: string, ...args: Args) =>
  RedisCommand.keysOf(RedisCommand.make(name, args)).map((key) => String(key))

// Whether these are the keys that Redis finds is asked of Redis, in live/RedisCommand.test.ts.
describe("commandKeys", () => {
  it("has no key where there is none, and takes the first argument of an unknown command for one", () => {
    assert.deepStrictEqual(keysOf("PING"), [])
    assert.deepStrictEqual(keysOf("CONFIG", "GET", "maxmemory"), [])
    assert.strictEqual(commandKeys.keyOf("SCAN", ["0"]), undefined)
    assert.deepStrictEqual(keysOf("EVAL", "return 1", 0, "x"), [])
    assert.deepStrictEqual(keysOf("XREAD", "COUNT", 1), [])
    assert.deepStrictEqual(keysOf("GET"), [])
    assert.deepStrictEqual(keysOf("JSON.GET", "a", "$"), ["a"])
    assert.deepStrictEqual(keysOf("SPUBLISH", "channel", "x"), ["channel"])
    const bytes = Buffer.from("streams")
    assert.deepStrictEqual(RedisCommand.keysOf(RedisCommand.make("XREAD", [bytes, "a", "0"])), ["a"])
  })

  it("names a sub-command as Redis does, and takes bytes for the word that they are", () => {
    const rows: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string | Uint8Array>, full: string]> = [
      ["CONFIG", ["get", "maxmemory"], "CONFIG|GET"],
      ["CONFIG", [Buffer.from("get")], "CONFIG|GET"],
      ["CONFIG", [], "CONFIG"],
      ["GET", ["a"], "GET"],
      ["NOSUCH", ["a"], "NOSUCH"]
    ]
    for (const [name, args, full] of rows) assert.strictEqual(commandKeys.fullName(name, args), full)
    assert.isTrue(commandKeys.isKnown("CONFIG|GET"))
    assert.isFalse(commandKeys.isKnown("NOSUCH"))
    assert.strictEqual(commandKeys.find("OBJECT", ["encoding", "a"])?.keys.length, 1)
  })

  it("finds the first key without the others, wherever it stands", () => {
    const rows: ReadonlyArray<readonly [name: string, args: Args, key: string | undefined]> = [
      ["GET", ["a"], "a"],
      ["GET", [], undefined],
      ["EVAL", ["return 1", 2, "a", "b"], "a"],
      ["MIGRATE", ["host", 1, "", 0, 10, "KEYS", "a", "b"], "a"],
      ["XREAD", ["STREAMS", "a", "0"], "a"],
      ["BITOP", ["AND", "to", "a"], "to"]
    ]
    for (const [name, args, key] of rows) assert.strictEqual(commandKeys.keyOf(name, args), key, name)
  })
})
