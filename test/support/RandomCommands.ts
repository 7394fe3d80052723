import { deleteIfEqual } from "effect-ioredis/RedisScript"
import * as Draw from "../model/Draw.ts"
import type { Line, Word } from "./RawConnection.ts"
import { blockingLines, waitingLines } from "./randomBlocking.ts"
import { serverLines } from "./randomServer.ts"
import { sortedSetLines } from "./randomSortedSets.ts"
import { streamLines } from "./randomStreams.ts"

// A simulated Redis has a counterpart of this script.
const { lua, sha } = deleteIfEqual

/** Draws from the same numbers as all the others. */
export interface Draws {
  /** A whole number from 0 up to but not including `n`. */
  readonly below: (n: number) => number
  readonly one: <A>(items: ReadonlyArray<A>) => A
  readonly several: <A>(make: () => A, from?: number, to?: number) => ReadonlyArray<A>
  /** One of the keys that every kind of command meets. */
  readonly key: () => Word
  /** A number, or what is none. None of them is so far below 0 that it would take all memory to count up to it. */
  readonly number: () => string
  readonly value: () => Word
}

/** Draws a command line. */
export type DrawLine = () => Line

/** Makes draws that a seed decides. */
export const draws = (seed: number): Draws => {
  const { below, one } = Draw.make(seed)
  // A rare one of them at times.
  const mostly =
    <A>(usual: ReadonlyArray<A>, odd: ReadonlyArray<A>) =>
    () =>
      below(10) === 0 ? one(odd) : one(usual)
  return {
    below,
    one,
    several: (make, from = 0, to = 4) => Array.from({ length: from + below(to - from + 1) }, make),
    key: mostly<Word>(["a", "b", "c", "é", ""], oddKeys),
    number: mostly(
      ["0", "1", "-1", "2", "100000", "-100000", "9223372036854775807", "ten", "1.0", "+1", ""],
      oddNumbers
    ),
    value: mostly<Word>(
      ["1", "-7", "007", "", "x", "9223372036854775807", "1.5", " 1", "\u0000", "EX", "inf", "0x7"],
      [...oddNumbers, "-9007199254740993", "-9223372036854775807", ...oddKeys]
    )
  }
}

const oddKeys: ReadonlyArray<Word> = [
  Uint8Array.of(0xff, 0, 0xc3, 0x28),
  ...["{a}b", "{a}c", "{}", "{", " a", "a\r\nb", "a\u0000b", "%s", "*", "$1", "k".repeat(600)]
]

const oddNumbers: ReadonlyArray<string> = [
  ...["9007199254740991", "9007199254740992", "9007199254740993", "4294967296", "2147483648"],
  ...["9223372036854775806", "9223372036854775808", "-9223372036854775808"],
  ...["-9223372036854775809", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890"],
  ...["1e21", "1e2", "-0", "+0", "0.0", "nan", "-nan", "inf", "-inf", "007", "-007", "00", " 5", "5 ", "\t5", "5\n"],
  ...["0x10", "0b1", "1_000", "1,5", "5\u0000", "+", "-", "--1", "+-1", ".", "e1", "٣"]
]

/**
 * Commands drawn from few keys and values, so that they meet each other's keys, types and errors. What they leave
 * behind does not depend on the order in which a server keeps its keys and members, nor on what it draws by chance.
 */
export const make = (options: { readonly count: number; readonly seed: number }): ReadonlyArray<Line> => {
  const drawn = draws(options.seed)
  const { below, one } = drawn
  const lines = [...dataLines(drawn), ...serverLines(drawn), ...blockingLines(drawn)]
  const inTransaction = [...lines, ...waitingLines(drawn)]
  const transaction = (): ReadonlyArray<Line> => [
    ["MULTI"],
    // What comes behind its end may wait for ever.
    ...drawn.several(() => one(inTransaction)(), 0, 4).filter(([name]) => name !== "EXEC" && name !== "DISCARD"),
    [one(["EXEC", "EXEC", "EXEC", "EXEC", "DISCARD"])]
  ]
  const all: Array<Line> = []
  while (all.length < options.count) all.push(...(below(40) === 0 ? transaction() : [one(lines)()]))
  return all.slice(0, options.count)
}

/** Lines on strings, keys, lists, sets, hashes, sorted sets and streams, and on the server itself. */
const dataLines = (draws: Draws): ReadonlyArray<DrawLine> => {
  const { key, number, one, several, value } = draws
  // Mostly a key that other commands leave alone.
  const hash = () => one([key(), "h", "h", "h"])
  // So few that a page of a scan has all of them.
  const field = () => one(["1", "-7", "", "x", "\u0000", "é", "EX", " 1"])
  const float = () => one([number(), "0.1", "-0.25", "1e3", "1e-3", ".5", "nan", "inf", "-Infinity", "0x1F", "-0x.8p1"])
  // Long enough that nothing ends while a slow machine runs the test, whether they are seconds or milliseconds.
  const seconds = () => one(["300000", "400000", "500000", "0", "-1", "soon", "9223372036854775807"])
  // No two are the same, so that GT and LT do not hang on the millisecond.
  let others = 0
  const otherSeconds = () =>
    one(["0", "-1", "soon", ...["600000", "700000"].map((from) => String(Number(from) + ++others))])
  const word = () =>
    one(["NX", "XX", "GET", "get", "KEEPTTL", "PERSIST", "EX", "PX", "BOGUS", ...[seconds(), seconds()]])
  // Longer than what Redis keeps in the order in which it came.
  const long = () => one(["", "x".repeat(65)])
  const scanWord = () => one(["MATCH", "COUNT", "TYPE", "*", "[1x]*", "-?", "10", "0", "hash"])
  const bit = () => one(["0", "1", "0", "1", "2", "x"])
  const offset = () => one(["0", "1", "7", "8", "22", "100", "-1", "4294967296", "#1", "x"])
  const bytePlace = () => one(["0", "1", "2", "5", "9", "70", "-1", "-3", "-70", "x"])
  const integer = () =>
    one(["u1", "u4", "u8", "u63", "i1", "i5", "i8", "i16", "i63", "i64", "u64", "i65", "U8", "i0", "u"])
  const bits = () => one(["0", "3", "8", "#0", "#1", "#2", "64", "-1", "#", "#-1", "4294967296"])
  const amount = () => one([number(), "3", "100", "-100", "255", "-9223372036854775808"])
  // FAIL may make a string longer, of which Redis does not tell those who watch it, but the simulation does.
  const bitfieldWords = () =>
    one([
      ["GET", integer(), bits()],
      ["SET", integer(), bits(), amount()],
      ["incrby", integer(), bits(), amount()],
      ["OVERFLOW", one(["WRAP", "sat", "SATURATE"])]
    ])

  const place = () => one(["0", "1", "2", "3", "-1", "-2", "-3", number()])
  // Keys that mostly hold what their commands are for.
  const list = () => one(["l", "l", "m", key()])
  const set = () => one(["s", "s", "t", key()])
  const item = () => one(["x", "x", "", "1", value()])
  const end = () => one(["LEFT", "RIGHT", "left", "BOTH"])
  const numberOfKeys = () => one(["1", "2", "2", "3", "0", "-1", "x"])
  // So few that SSCAN answers all of them at once.
  const member = () => one(["1", "-7", "007", "", "x", "é", "\u0000", "9223372036854775807"])
  // What two servers draw is not the same, unless there is only one to draw, or all are drawn.
  const alone = ["alone", "m"]

  return [
    ...sortedSetLines(draws),
    ...streamLines(draws),
    () => ["SET", key(), value(), ...several(word, 0, 3)],
    () => ["SET", key(), value(), one(["EX", "PX", "KEEPTTL"]), seconds()],
    () => ["SET", key(), value()],
    () => ["SETNX", key(), value()],
    () => [one(["SETEX", "PSETEX"]), key(), seconds(), value()],
    () => ["GETSET", key(), value()],
    () => [
      one(["GET", "GETDEL", "STRLEN", "TYPE", "PERSIST", "TTL", "PTTL", "LLEN", "HLEN", "HGETALL"]),
      ...several(key, 0, 2)
    ],
    () => ["GETEX", key(), ...several(word, 0, 2)],
    () => ["GETEX", key(), one(["EX", "PX", "EXAT"]), seconds()],
    () => [one(["MGET", "EXISTS", "DEL", "UNLINK", "TOUCH"]), ...several(key)],
    () => ["MSET", ...several(value, 0, 5)],
    () => [one(["INCR", "DECR"]), key()],
    () => [one(["INCRBY", "DECRBY"]), key(), number()],
    () => ["INCRBYFLOAT", key(), float()],
    () => ["MSETNX", ...several(() => one([key(), value()]), 0, 5)],
    () => [one(["RENAME", "RENAMENX", "COPY"]), ...several(key, 1, 3)],
    () => ["COPY", key(), key(), ...several(() => one(["REPLACE", "DB", "0", "16", "x"]), 0, 3)],
    () => ["APPEND", key(), value()],
    () => [
      one(["EXPIRE", "PEXPIRE"]),
      key(),
      otherSeconds(),
      ...several(() => one(["NX", "XX", "GT", "LT", "gt", word()]), 0, 3)
    ],
    () => ["GETRANGE", key(), number(), number()],
    () => ["SETRANGE", key(), one(["0", "1", "3", "-1", "x"]), value()],
    () => [one(["LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]), list(), ...several(item, 0, 4)],
    () => ["RPUSH", list(), ...several(item, 2, 6)],
    () => [one(["LPOP", "RPOP"]), list(), ...several(place, 0, 2)],
    () => ["LRANGE", list(), place(), place()],
    () => ["LTRIM", list(), one(["0", "0", "1", number()]), one(["-1", "-1", "-2", number()])],
    () => ["LINDEX", list(), place()],
    () => ["LSET", list(), place(), item()],
    () => ["LINSERT", list(), one(["BEFORE", "after", "NEXT"]), item(), item()],
    () => ["LREM", list(), place(), item()],
    () => ["LPOS", list(), item(), ...several(() => [one(["RANK", "COUNT", "maxlen"]), place()], 0, 3).flat()],
    () => ["LPOS", list(), item(), ...several(() => one(["RANK", "COUNT", "BOGUS", number()]), 0, 3)],
    () => ["LMOVE", list(), list(), end(), end()],
    () => ["RPOPLPUSH", ...several(list, 2, one([2, 2, 3]))],
    () => ["LMPOP", "2", list(), list(), end(), ...several(() => ["COUNT", place()], 0, 2).flat()],
    () => ["LMPOP", numberOfKeys(), ...several(list, 0, 3), end(), ...several(() => one(["COUNT", number()]), 0, 3)],
    () => ["SADD", set(), ...several(member, 0, 5)],
    () => [one(["SREM", "SMISMEMBER"]), set(), ...several(member)],
    () => [one(["SISMEMBER", "LLEN", "LINDEX", "LSET", "LREM"]), list(), ...several(member, 0, 4)],
    () => ["SISMEMBER", set(), member()],
    () => [one(["SCARD", "SMEMBERS"]), ...several(set, one([0, 1, 1]), 2)],
    () => ["SMOVE", set(), set(), member()],
    () => [one(["SDIFF", "SINTER", "SUNION"]), ...several(set)],
    () => [one(["SDIFFSTORE", "SINTERSTORE", "SUNIONSTORE"]), set(), ...several(set, 0, 3)],
    () => ["SINTERCARD", "2", set(), set(), ...several(() => ["LIMIT", place()], 0, 2).flat()],
    () => ["SINTERCARD", numberOfKeys(), ...several(set, 0, 3), ...several(() => one(["LIMIT", number()]), 0, 3)],
    () => ["SPOP", set(), one(["0", "0", "100", "-1", "ten", "9223372036854775807"]), ...several(number, 0, 1)],
    () => [one(["SADD", "SADD", "SREM", "DEL"]), ...alone],
    () => ["SET", ...alone],
    () => ["SPOP", "alone", ...several(number, 0, 1)],
    () => ["SRANDMEMBER", set(), ...several(() => one(["0", "1", "3", "-5", "100", "ten"]), 0, one([1, 1, 2]))],
    () => ["SRANDMEMBER", set(), one(["-9223372036854775808", "9223372036854775807", "-9223372036854775809"])],
    () => ["SSCAN", set(), one(["0", "", "+0", "-", "x", " 0", "18446744073709551616"])],
    () => [
      "SSCAN",
      set(),
      "0",
      ...several(() => one(["MATCH", "count", "TYPE", "*", "[0-9]*", "100", "0", "x"]), 0, 4)
    ],
    () => ["SSCAN", set(), "0", "MATCH", one(["*", "[0-9]*", "-?", "é"]), "COUNT", one(["100", "20"])],
    () => [one(["HSET", "HMSET"]), hash(), ...several(() => [field(), value()], 0, 2).flat(), ...several(field, 0, 1)],
    () => ["HSET", hash(), field(), value(), field(), long()],
    () => ["HSETNX", hash(), ...several(field, 1, 3)],
    () => [one(["HGET", "HEXISTS", "HSTRLEN"]), hash(), ...several(field, 0, 2)],
    () => [one(["HMGET", "HDEL"]), hash(), ...several(field)],
    () => [one(["DEL", "PERSIST"]), hash()],
    () => ["EXPIRE", hash(), otherSeconds()],
    () => ["RENAME", hash(), hash()],
    () => [one(["HKEYS", "HVALS", "HGETALL", "HLEN"]), ...several(hash, 0, 2)],
    () => ["HINCRBY", hash(), field(), number()],
    () => ["HINCRBYFLOAT", hash(), field(), float()],
    () => ["HRANDFIELD", hash(), ...several(() => one([number(), "WITHVALUES", "-9223372036854775808"]), 0, 3)],
    () => ["HRANDFIELD", hash(), one(["-3", "0", "2", "9", "9223372036854775807"]), "withvalues"],
    () => ["HSCAN", hash(), one(["0", "0", "+0", "", "x", "-"]), ...several(scanWord, 0, 4)],
    () => ["SETBIT", key(), offset(), one(["0", "1", "1", "2", "x"])],
    () => ["GETBIT", key(), offset()],
    () => ["BITCOUNT", key(), ...several(() => one([number(), "3", "-2", "9"]), 0, 3)],
    () => ["BITCOUNT", key(), bytePlace(), bytePlace(), one(["BIT", "byte", "BITS"])],
    () => ["BITPOS", key(), bit(), ...several(bytePlace, 0, 3)],
    () => ["BITPOS", key(), bit(), bytePlace(), bytePlace(), one(["bit", "BYTE", "x"])],
    () => ["BITOP", one(["AND", "or", "XOR", "NOT", "NAND"]), ...several(key, 1, 4)],
    () => ["BITFIELD", key(), ...several(bitfieldWords, 0, 4).flat()],
    () => ["BITFIELD", key(), ...several(() => one([...bitfieldWords(), word()]), 0, 4)],
    () => ["BITFIELD_RO", key(), ...several(bitfieldWords, 0, 2).flat()],
    () => ["PING", ...several(value, 0, 2)],
    () => ["DBSIZE", ...several(value, 0, 1)],
    () => [one(["SCRIPT", "CLIENT"]), one(["NONSENSE", "exists"]), ...several(value, 0, 1)],
    () => ["SCRIPT", "EXISTS", ...several(() => one([sha, sha.toUpperCase(), value()]), 0, 3)],
    () => ["SCRIPT", "LOAD", lua, ...several(value, 0, 1)],
    () => ["SCRIPT", "FLUSH", ...several(() => one(["ASYNC", "sync", "x", ""]), 0, 2)],
    () => ["EVAL", lua, one(["1", "1", "1", "-1", "5", "x", ""]), key(), value()],
    () => [
      "EVALSHA",
      one([sha, sha.toUpperCase(), "x", "x".repeat(40)]),
      one(["1", "1", "2", "-1", "5", ""]),
      key(),
      value()
    ],
    () => [one(["EVAL", "EVALSHA"]), ...several(value, 0, 1)],
    () => [one(["FLUSHDB", "FLUSHALL"]), one(["x", "", "ASYNC x", "SYNC"]), "x"],
    () => [one(["FLUSHDB", "FLUSHALL"]), one(["ASYNC", "sync", "x", "x", "x", "x", "x", "x"])],
    () => [one(["ECHO", "PUBLISH", "SPUBLISH"]), ...several(value, 0, 3)],
    () => [
      "PUBSUB",
      one(["CHANNELS", "NUMSUB", "NUMPAT", "SHARDCHANNELS", "SHARDNUMSUB", "x"]),
      ...several(value, 0, 2)
    ],
    () => ["SLOWLOG", "GET", one(["0", "-2", "x", "", "1.0"]), ...several(value, 0, 1)],
    () => ["SLOWLOG", one(["RESET", "x"]), ...several(value, 0, 1)],
    () => ["SLOWLOG", "LEN", value(), ...several(value, 0, 1)],
    () => ["ACL", one(["WHOAMI", "x"]), ...several(value, 0, 1)],
    () => [one(["NONSENSE", "GETT"]), ...several(value)]
  ]
}
