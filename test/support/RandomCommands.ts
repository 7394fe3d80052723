import * as RedisCommand from "effect-ioredis/RedisCommand"

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
  // Commands on streams meet each other's keys more often than those of other types.
  const stream = () => one(["s", "s", "s", "t", key()])
  let entries = 0
  // One of the newest twenty, or any that may never have been.
  const recent = () => `${Math.max(0, entries - below(20))}-0`
  const id = () =>
    one([recent(), recent(), recent(), recent(), "1-1", "2", "007", `${below(entries + 1)}-0`, "0-0", one(["x", "-"])])
  const bound = () => one(["-", "+", "0", "(2", "(0-0", "(", "18446744073709551615", "(-", id(), id(), `(${id()}`])
  // Each is greater than those before it, as a rule.
  const newId = () => {
    const next = `${++entries}-0`
    return one([next, next, next, `${entries}-*`, `${entries}`, `${entries - 1}-1`, "0-*", one(["0-0", id()])])
  }
  const trimming = () =>
    one([
      ["MAXLEN", number()],
      ["maxlen", one(["~", "=", "~"]), one(["0", "1", "5", number()])],
      ["MINID", id()],
      ["MINID", one(["~", "="]), id()],
      ["MAXLEN", "~", one(["0", "3"]), "LIMIT", number()],
      ["LIMIT", number()],
      ["MINID"]
    ])
  const group = () => one(["g", "g", "g", "h", "nobody"])
  const consumer = () => one(["ada", "ada", "bob", "eve", "B"])
  const idle = () => one(["0", "0", "500000", "-1", "x"])
  const asked = () => one([["s"], ["s"], ["t"], ["s", "t"], [key()], ["s", "nobody"]])
  const reading = (ids: () => string) => {
    const keys = asked()
    return ["STREAMS", ...keys, ...several(ids, keys.length, keys.length), ...several(id, 0, below(8) === 0 ? 1 : 0)]
  }
  const count = () => (below(2) === 0 ? [] : ["COUNT", one(["1", "2", "100", number()])])
  const claiming = () =>
    one([
      ["JUSTID"],
      ["FORCE"],
      ["IDLE", one(["0", "1000000", "-5", "x"])],
      ["TIME", one(["9223372036854775807", "-1", "soon"])],
      ["RETRYCOUNT", number()],
      ["LASTID", id()],
      ["BOGUS"],
      ["IDLE"]
    ])

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
    () => ["XADD", stream(), newId(), ...several(value, 2, 2)],
    () => ["XADD", "s", `${++entries}-0`, ...several(value, 2, 4)],
    () => ["XADD", "s", `${++entries}-0`, "field", value()],
    () => ["XADD", stream(), ...several(trimming, 0, 2).flat(), newId(), ...several(value, 0, 4)],
    () => ["XADD", stream(), "NOMKSTREAM", newId(), ...several(value, 2, 2)],
    () => ["XTRIM", stream(), ...several(trimming, 1, 2).flat()],
    () => ["XLEN", ...several(stream, 1, below(6) === 0 ? 2 : 1)],
    () => ["XDEL", stream(), ...several(id, 0, 3)],
    () => [one(["XRANGE", "XREVRANGE"]), stream(), bound(), bound(), ...count()],
    () => ["XRANGE", stream(), ...several(bound, 0, 4)],
    () => ["XREAD", ...count(), ...reading(() => one([id(), "$", "0"]))],
    () => ["XREAD", ...several(() => one(["COUNT", "NOACK", "GROUP", "STREAMS", id()]), 0, 5)],
    () => [
      "XREADGROUP",
      "GROUP",
      group(),
      consumer(),
      ...count(),
      ...one([[], [], ["NOACK"]]),
      ...reading(() => one([">", ">", ">", "0", id(), "$"]))
    ],
    () => ["XREADGROUP", "GROUP", "g", consumer(), ...count(), "STREAMS", "s", ">"],
    () => ["XREADGROUP", ...several(() => one(["GROUP", "COUNT", "STREAMS", group(), "s", ">"]), 5, 8)],
    () => ["XGROUP", "CREATE", stream(), group(), one(["$", "0", id()]), ...one([[], ["MKSTREAM"], ["mkstream"]])],
    () => ["XGROUP", "CREATE", stream(), "h", "$", ...several(() => one(["MKSTREAM", "ENTRIESREAD", number()]), 0, 4)],
    () => ["XGROUP", "SETID", stream(), group(), one(["$", "0", id()]), ...one([[], ["ENTRIESREAD", number()]])],
    () => ["XGROUP", one(["CREATECONSUMER", "DELCONSUMER"]), stream(), group(), ...several(consumer, 1, 1)],
    () => ["XGROUP", "DESTROY", stream(), one([group(), "h"])],
    () => ["XGROUP", one(["NONSENSE", "CREATE", "DESTROY", "SETID"]), ...several(group, 0, 3)],
    () => ["XACK", stream(), group(), ...several(id, 0, 3)],
    () => [
      "XCLAIM",
      stream(),
      group(),
      consumer(),
      idle(),
      ...several(id, 1, 3),
      ...one([[], several(claiming, 1, 3).flat()])
    ],
    () => [
      "XAUTOCLAIM",
      stream(),
      group(),
      consumer(),
      idle(),
      bound(),
      ...one([[], ["COUNT", number()], ["COUNT", "1"], ["JUSTID"], ["BOGUS"]])
    ],
    () => ["XPENDING", stream(), group()],
    () => ["XPENDING", stream(), group(), ...one([[], ["IDLE", idle()]]), "-", "+", "10", ...several(consumer, 0, 1)],
    () => ["XPENDING", stream(), group(), ...several(() => one([bound(), number(), "IDLE"]), 0, 6)],
    () => ["XINFO", one(["STREAM", "GROUPS", "CONSUMERS"]), ...several(stream, 1, 2)],
    () => ["XINFO", one(["STREAM", "GROUPS"]), stream()],
    () => ["XINFO", "GROUPS", "s"],
    () => ["XINFO", "CONSUMERS", stream(), group()],
    () => [
      "XSETID",
      stream(),
      one([id(), `${entries}-5`]),
      ...several(
        () => one([["ENTRIESADDED", one(["0", "5", "-1", "1000"])], ["MAXDELETEDID", id()], ["x"]]),
        0,
        2
      ).flat()
    ],
    () => ["DEL", one(["s", "t"])],
    () => ["PING", ...several(value, 0, 2)],
    () => ["DBSIZE", ...several(value, 0, 1)],
    () => [one(["SCRIPT", "CLIENT"]), one(["NONSENSE", "exists"]), ...several(value, 0, 1)],
    () => [one(["NONSENSE", "GETT"]), ...several(value)]
  ]
  return Array.from({ length: options.count }, () => {
    const [name, ...args] = one(lines)()
    return RedisCommand.make(name, args)
  })
}
