import * as RedisCommand from "effect-ioredis/RedisCommand"
import { deleteIfEqual } from "effect-ioredis/RedisScript"

// A simulated Redis has a counterpart of this script.
const { lua, sha } = deleteIfEqual

/**
 * Commands drawn from few keys and values, so that they meet each other's keys, types and errors. Their answers do not depend on the order
 * in which a server keeps its keys.
 */
export const make = (options: {
  readonly count: number
  readonly seed: number
}): ReadonlyArray<RedisCommand.RedisCommand> => {
  let state = options.seed
  // A linear congruence is random enough to draw from lists.
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  // The index is below the length of a list that is never empty.
  const one = <A>(items: ReadonlyArray<A>): A => items[below(items.length)] as A
  const key = () => one(["a", "b", "c", "é", ""])
  const value = () => one(["1", "-7", "007", "", "x", "9223372036854775807", "1.5", " 1", "\u0000", "EX"])
  const number = () => one(["0", "1", "-1", "2", "100000", "-100000", "9223372036854775807", "ten", "1.0", "+1", ""])
  // Long enough that nothing ends while a slow machine runs the test, whether they are seconds or milliseconds.
  const seconds = () => one(["300000", "400000", "500000", "0", "-1", "soon", "9223372036854775807"])
  // No two are the same, so that GT and LT do not hang on the millisecond.
  let others = 0
  const otherSeconds = () =>
    one(["0", "-1", "soon", ...["600000", "700000"].map((from) => String(Number(from) + ++others))])
  const word = () =>
    one(["NX", "XX", "GET", "get", "KEEPTTL", "PERSIST", "EX", "PX", "BOGUS", ...[seconds(), seconds()]])
  const several = <A>(make: () => A, from = 0, to = 4): ReadonlyArray<A> =>
    Array.from({ length: from + below(to - from + 1) }, make)

  const lines: ReadonlyArray<() => readonly [string, ...ReadonlyArray<string>]> = [
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
    () => ["INCRBYFLOAT", key(), one([number(), "0.1", "-0.25", "1e3", "1e-3", ".5", "nan"])],
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
    () => [one(["LPUSH", "RPUSH"]), key(), ...several(value)],
    () => [one(["LPOP", "RPOP"]), key(), ...several(number, 0, 1)],
    () => ["LRANGE", key(), number(), number()],
    () => ["HSET", key(), ...several(value, 0, 4)],
    () => [one(["HGET", "HEXISTS"]), key(), value()],
    () => ["HDEL", key(), ...several(value)],
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
  return Array.from({ length: options.count }, () => {
    const [name, ...args] = one(lines)()
    return RedisCommand.make(name, args)
  })
}
