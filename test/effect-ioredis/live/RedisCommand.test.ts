import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import * as commandKeys from "../../../packages/effect-ioredis/src/internal/commandKeys.ts"
import * as commandKinds from "../../../packages/effect-ioredis/src/internal/commandKinds.ts"
import { refusal } from "../../../packages/effect-ioredis/src/internal/refusal.ts"
import * as RedisServer from "../../support/RedisServer.ts"

type Args = ReadonlyArray<string | number>

const keysOf = (name: string, ...args: Args) =>
  RedisCommand.keysOf(RedisCommand.make(name, args)).map((key) => String(key))

/** Commands whose keys are not simply at fixed places. */
const tricky: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<string>]> = [
  ["GET", "a"],
  ["MSET", "a", "1", "b", "2"],
  ["MGET", "a", "b", "a"],
  ["BITOP", "AND", "to", "a", "b"],
  ["BITFIELD", "a", "GET", "u8", "0"],
  ["LCS", "a", "b", "LEN"],
  ["BLPOP", "a", "b", "0"],
  ["BLMOVE", "a", "b", "LEFT", "RIGHT", "0"],
  ["BZMPOP", "0", "2", "a", "b", "MIN"],
  ["LMPOP", "2", "a", "b", "LEFT", "COUNT", "3"],
  ["SINTERCARD", "2", "a", "b", "LIMIT", "1"],
  ["ZUNION", "2", "a", "b", "WITHSCORES"],
  ["ZUNIONSTORE", "to", "2", "a", "b", "WEIGHTS", "1", "2"],
  ["ZRANGESTORE", "to", "a", "0", "-1"],
  ["GEOSEARCHSTORE", "to", "a", "FROMMEMBER", "m", "BYRADIUS", "1", "m"],
  ["GEORADIUS", "a", "1", "2", "3", "m", "COUNT", "1", "STORE", "to"],
  ["GEORADIUSBYMEMBER", "a", "m", "3", "m", "STOREDIST", "to"],
  ["SORT", "a"],
  ["SORT", "a", "BY", "STORE", "LIMIT", "0", "1", "GET", "#", "ALPHA", "STORE", "to"],
  ["EVAL", "return 1", "2", "a", "b", "c"],
  ["EVALSHA_RO", "sha", "1", "a", "b"],
  ["FCALL", "f", "1", "a", "b"],
  ["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "a", "b", "0", "0"],
  ["XREADGROUP", "GROUP", "STREAMS", "c", "COUNT", "1", "STREAMS", "a", "b", ">", ">"],
  ["XGROUP", "CREATE", "a", "g", "$"],
  ["XINFO", "STREAM", "a"],
  ["OBJECT", "ENCODING", "a"],
  ["MEMORY", "USAGE", "a"],
  ["MIGRATE", "host", "1", "a", "0", "10"],
  ["MIGRATE", "host", "1", "", "0", "10", "COPY", "KEYS", "a", "b"],
  ["PFMERGE", "to", "a", "b"],
  ["RENAME", "a", "b"],
  ["SET", "a", "1", "GET"],
  ["XADD", "a", "*", "f", "v"]
]

describe("The table of commands", () => {
  it.live("has every command of the server, with its arity, its flags and its keys", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const list = (reply: unknown): ReadonlyArray<unknown> => (Array.isArray(reply) ? reply : [])
      const told = list(yield* server.cli("COMMAND")).flatMap((command) => [command, ...list(list(command)[9])])
      assert.isAbove(told.length, 300)
      assert.strictEqual(commandKeys.commands.size, told.length)
      for (const command of told) {
        const [name, arity, flags, first, last, step] = list(command)
        const known = commandKeys.commands.get(String(name).toUpperCase())
        assert.strictEqual(known?.arity, arity, String(name))
        const has = (letter: string, flag: string) =>
          assert.strictEqual(known?.flags.includes(letter), list(flags).includes(flag), `${name} ${flag}`)
        has("w", "write")
        has("r", "readonly")
        has("b", "blocking")
        // What the server says in the old way of fixed places has to come out of the key specifications too.
        if (Number(first) === 0 || list(flags).includes("movablekeys")) continue
        const words = Array.from({ length: 9 }, (_, index) => `w${index}`)
        const end = Number(last) < 0 ? words.length + Number(last) : Number(last)
        const expected = words.filter(
          (_, index) => index >= Number(first) && index <= end && (index - Number(first)) % Number(step) === 0
        )
        const [base = "", sub] = String(name).split("|")
        const args = sub === undefined ? words.slice(1) : [sub, ...words.slice(2)]
        assert.deepStrictEqual(keysOf(base, ...args), expected, String(name))
      }
    })
  )

  it.live("finds the keys that COMMAND GETKEYS finds", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      for (const [name, ...args] of tricky) {
        const told = yield* server.cli("COMMAND", "GETKEYS", name, ...args)
        assert.sameMembers(keysOf(name, ...args), told as Array<string>, [name, ...args].join(" "))
        assert.strictEqual(commandKeys.keyOf(name, args), keysOf(name, ...args)[0])
      }
    })
  )

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
})

describe("Kinds", () => {
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
    assert.isUndefined(refusal(RedisCommand.make("SELECT", [0], { kind: "effectful" })))
    assert.strictEqual(refusal(RedisCommand.make("GET", ["k"], { kind: "blocking" }))?.code, "UNSUPPORTED")
  })

  it.live("repeatable commands leave and answer the same when they run twice", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.cli("SADD", "a", 1, 2, 3)
      yield* server.cli("SADD", "b", 2, 3, 4)
      yield* server.cli("RPUSH", "l", 3, 1, 2)
      yield* server.cli("ZADD", "z", 1, "x", 2, "y")
      yield* server.cli("PFADD", "p", "x")
      for (const line of [
        "SET k v",
        "SETEX k 100 v",
        "MSET k 1 k2 2",
        "HMSET h f v",
        "LSET l 0 9",
        "SETRANGE k 2 x",
        "GETEX k EX 100",
        "PFMERGE p2 p p2",
        "SDIFFSTORE d a b",
        "SINTERSTORE d a b",
        "ZUNIONSTORE zd 2 z a",
        "ZRANGESTORE zd z 0 -1",
        "BITOP XOR bits k k2",
        "SORT l STORE sorted",
        "CONFIG SET maxmemory-samples 6"
      ]) {
        const [name = "", ...args] = line.split(" ")
        assert.strictEqual(RedisCommand.kindOf(name, args), "repeatable", line)
        const answer = yield* server.cli(name, ...args)
        const digest = yield* server.cli("EVAL", everything, 0)
        assert.deepStrictEqual(yield* server.cli(name, ...args), answer, line)
        assert.deepStrictEqual(yield* server.cli("EVAL", everything, 0), digest, line)
      }
    })
  )

  it.live("idempotent commands leave the same when they run twice", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.cli("RPUSH", "l", 3, 1, 3)
      for (const line of [
        "SADD s m",
        "HSET h f v",
        "ZADD z 1 m",
        "ZADD z GT CH 2 m",
        "GEOADD g 1 2 m",
        "PFADD p m",
        "SETBIT bits 3 1",
        "COPY s s2",
        "SMOVE s s3 m",
        "EXPIRE s2 100",
        "PERSIST s2",
        "LREM l 0 3",
        "BITFIELD bits SET u8 0 7",
        "SREM s3 m",
        "ZREMRANGEBYSCORE z 0 1",
        "XGROUP CREATE x g $ MKSTREAM",
        "DEL h"
      ]) {
        const [name = "", ...args] = line.split(" ")
        assert.strictEqual(RedisCommand.kindOf(name, args), "idempotent", line)
        yield* server.cli(name, ...args)
        const digest = yield* server.cli("EVAL", everything, 0)
        yield* Effect.ignore(server.cli(name, ...args))
        assert.deepStrictEqual(yield* server.cli("EVAL", everything, 0), digest, line)
      }
    })
  )
})

/** Every key with its value, as a dump; the last bytes of a dump are its version and its checksum. */
const everything = `local all = {}
for _, key in ipairs(redis.call("KEYS", "*")) do
  table.insert(all, key .. ":" .. redis.sha1hex(redis.call("DUMP", key)))
end
table.sort(all)
return all`

describe("Refusals", () => {
  it("a command without a name, with one clear error", () => {
    const refused = refusal(RedisCommand.make("", ["x"]))
    assert.include(refused, { _tag: "RedisOperationError", code: "ARGUMENT" })
    assert.include(refused?.message, "it has no name")
  })
})

describe("Whether a sending may be repeated, and what became of it", () => {
  const replied = (command: string, code: string) => new RedisError.RedisOperationError({ command, code, message: "" })
  const lost = RedisError.connectionError("DEL", "Reset", "unknown")

  it("idempotent commands are sent again only where the answer is ignored", () => {
    assert.isFalse(RedisError.isRetryable(lost, "idempotent"))
    assert.isTrue(RedisError.isRetryable(lost, "idempotent", { answer: "ignored" }))
    assert.isFalse(RedisError.isRetryable(lost, "effectful", { answer: "ignored" }))
  })

  it("what Redis put off was not executed, unless it ran a script", () => {
    for (const code of ["LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "TRYAGAIN", "NOREPLICAS"]) {
      assert.isTrue(RedisError.isRetryable(replied("INCR", code), "effectful"))
      assert.strictEqual(RedisError.endOf(Result.fail(replied("INCR", code))), "refused")
      for (const command of ["EVAL", "EVALSHA", "FCALL", "EXEC", "PIPELINE"]) {
        assert.isFalse(RedisError.isRetryable(replied(command, code), "effectful"))
        assert.isFalse(RedisError.isRetryable(replied(command, code), "idempotent"))
        assert.isTrue(RedisError.isRetryable(replied(command, code), "repeatable"))
        assert.strictEqual(RedisError.endOf(Result.fail(replied(command, code))), "confirmed")
      }
    }
  })

  it("the end of a sending", () => {
    const ended = (error: RedisError.RedisCommandError) => RedisError.endOf(Result.fail(error))
    assert.strictEqual(RedisError.endOf(Result.succeed("OK")), "confirmed")
    assert.strictEqual(ended(lost), "doubtful")
    assert.strictEqual(ended(RedisError.connectionError("DEL", "Reset", "never")), "refused")
    assert.strictEqual(ended(RedisError.RedisTimeoutError.after("DEL", 1)), "doubtful")
    assert.strictEqual(ended(replied("SET", "WRONGTYPE")), "refused")
    assert.strictEqual(ended(replied("EVAL", "WRONGTYPE")), "confirmed")
    for (const code of ["NOSCRIPT", "MOVED", "ASK", "UNSUPPORTED"]) {
      assert.strictEqual(ended(replied("EVALSHA", code)), "refused")
    }
  })
})
