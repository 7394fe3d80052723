import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RedisCommand } from "effect-ioredis"
import * as commandKeys from "../../../packages/effect-ioredis/src/internal/commandKeys.ts"
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
        const [name, arity, flags, first, last, step, , tips] = list(command)
        const known = commandKeys.commands.get(String(name).toUpperCase())
        assert.strictEqual(known?.arity, arity, String(name))
        const has = (letter: string, flag: string) =>
          assert.strictEqual(known?.flags.includes(letter), list(flags).includes(flag), `${name} ${flag}`)
        has("w", "write")
        has("r", "readonly")
        has("b", "blocking")
        const said = (kind: string) =>
          list(tips)
            .map(String)
            .find((tip) => tip.startsWith(kind))
            ?.slice(kind.length)
        const isForAll = ["all_shards", "all_nodes"].includes(said("request_policy:") ?? "")
        const response = said("response_policy:") ?? "any"
        assert.strictEqual(known?.response, isForAll && response !== "special" ? response : undefined, String(name))
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
})

describe("Kinds", () => {
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
