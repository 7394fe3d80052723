import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import * as commandKeys from "../../packages/effect-ioredis/src/internal/commandKeys.ts"
import * as commandKinds from "../../packages/effect-ioredis/src/internal/commandKinds.ts"

describe("commandKinds", () => {
  it("are decided for every command", () => {
    const undecided = Array.from(commandKeys.commands.keys()).filter((name) => !commandKinds.isDecided(name))
    // What has sub-commands and does nothing without one.
    const containers = ["ACL", "CLIENT", "CLUSTER", "CONFIG", "FUNCTION", "MODULE", "SCRIPT", "XGROUP"]
    assert.deepStrictEqual(undecided, containers)
  })

  it("no write is a read, but GET in other words", () => {
    const writes = Array.from(commandKeys.commands)
      .filter(([, { flags }]) => flags.includes("w"))
      .map(([name]) => name)
    const args = ["k", "1", "2"]
    const reads = writes.filter((name) => RedisCommand.kindOf(name, args) === "read")
    assert.deepStrictEqual(reads, ["BITFIELD", "GEORADIUS", "GEORADIUSBYMEMBER", "SORT"])
  })

  const expected: Readonly<Record<RedisCommand.CommandKind, ReadonlyArray<string>>> = {
    read: [
      "GET k",
      "MGET a b",
      "XREAD COUNT 1 STREAMS block 0",
      "BITFIELD k GET u8 0",
      "SORT k",
      "GEORADIUS k 1 2 3 m",
      "HELLO",
      "CONFIG GET x",
      "CLIENT ID",
      "SLOWLOG GET",
      "EVAL_RO s 0",
      "XINFO HELP"
    ],
    repeatable: [
      "SET k v",
      "SET k v PX 10",
      "SET k v KEEPTTL",
      "SETEX k 1 v",
      "PSETEX k 1 v",
      "MSET a 1 b 2",
      "GETEX k EX 10",
      "PFMERGE to a to",
      "SUNIONSTORE to a b",
      "SORT k STORE to",
      "FLUSHDB",
      "SLOWLOG RESET",
      "ACL LOG RESET"
    ],
    idempotent: [
      "DEL k",
      "UNLINK k",
      "SADD k m",
      "SREM k m",
      "ZADD k CH 1 incr",
      "ZREM k m",
      "HSET k f v",
      "HDEL k f",
      "EXPIRE k 1",
      "PFADD k m",
      "XACK k g 1-1",
      "LREM k 0 m",
      "BITFIELD k SET u8 0 1",
      "CLIENT KILL ID 1"
    ],
    effectful: [
      "SET k v NX",
      "SET k v PX 10 XX",
      "SET k v GET",
      "SET k v IFEQ x",
      "SETNX k v",
      "INCR k",
      "LPUSH k v",
      "LTRIM k 1 -1",
      "LREM k 1 m",
      "ZADD k INCR 1 m",
      "BITFIELD k INCRBY u8 0 1",
      "SDIFFSTORE b a b",
      "BITOP XOR a a b",
      "ZUNIONSTORE d 2 d x",
      "SORT k STORE k",
      "XREADGROUP GROUP block c STREAMS k >",
      "EVAL s 0",
      "PUBLISH c m",
      "JSON.SET k v",
      "CONFIG NEWER x"
    ],
    blocking: ["BLPOP k 0", "WAIT 1 0", "XREAD BLOCK 0 STREAMS k $", "XREADGROUP GROUP g c BLOCK 1 STREAMS k >"],
    connection: [
      "MULTI",
      "SELECT 1",
      "SUBSCRIBE c",
      "HELLO 3",
      "CLIENT REPLY OFF",
      "CLIENT tracking ON",
      "CLIENT NO-EVICT ON",
      "CLIENT NO-TOUCH ON",
      "SCRIPT DEBUG YES"
    ]
  }
  for (const [kind, lines] of Object.entries(expected)) {
    it(`${kind}: by name and arguments`, () => {
      for (const line of lines) {
        const [name = "", ...args] = line.split(" ")
        assert.strictEqual(RedisCommand.make(name, args).kind, kind, line)
        const bytes = args.map((arg) => Buffer.from(arg.toLowerCase()))
        assert.strictEqual(RedisCommand.make(name.toLowerCase(), bytes).kind, kind, `${line}, as bytes`)
      }
    })
  }

  it("that a caller gives win", () => {
    assert.strictEqual(RedisCommand.make("INCR", ["k"], { kind: "read" }).kind, "read")
  })
})
