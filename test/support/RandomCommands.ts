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

  // Mostly keys of their own, so that there is something in them.
  const zset = () => one(["x", "y", "z", "x", "y", "z", key()])
  const member = () => one(["a", "b", "c", "é", "", "B", "ab"])
  const score = () =>
    one([
      ...["0", "1", "2", "-1.5", "0.1", "-0", "3", "1e17", "1e-7", "0x1p-3", ".5", "1125899906842624.25"],
      ...["inf", "-inf", "+Infinity", "nan", "1e400", "1e-400", " 1", "ten", "", "5e-324"]
    ])
  const goodScore = () => one(["0", "1", "2", "-1.5", "0.1", "-0", "3", "1e17", "inf", "-inf"])
  const scoreBound = () => one(["-inf", "+inf", "(inf", "(", "", " 1", "((1", "1 ", "(0", "(1", "1", "2", "x", "0.1"])
  const memberBound = () => one(["-", "+", "[a", "(a", "[c", "(c", "[", "(B", "a", "", "[é", "-x"])
  const rankBound = () => one(["0", "1", "-1", "-2", "2", "-100", "100", "x", ""])
  const rangeWord = () => one(["BYSCORE", "bylex", "REV", "WITHSCORES", "LIMIT", "BOGUS", "0", "1", "-1"])
  const limit = () => (below(2) === 0 ? [] : ["LIMIT", one(["0", "1", "-1"]), one(["1", "2", "-1", "0"])])
  const reversed = () => (below(2) === 0 ? [] : ["REV"])
  const withScores = () => (below(2) === 0 ? [] : ["WITHSCORES"])
  const sets = () => [one(["1", "2", "2", "2", "3", "0", "-1", "x"]), ...several(zset, 1, 3)]
  const twoSets = () => ["2", zset(), zset()]
  const weights = () => (below(2) === 0 ? [] : ["WEIGHTS", ...several(score, 1, 3)])
  const goodWeights = () => (below(2) === 0 ? [] : ["weights", goodScore(), goodScore()])
  const aggregate = () => (below(2) === 0 ? [] : ["AGGREGATE", one(["SUM", "MIN", "max", "BOGUS"])])

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
    () => ["ZADD", zset(), ...several(() => one(["NX", "XX", "gt", "LT", "CH", "INCR"]), 0, 3), score(), member()],
    () => ["ZADD", zset(), ...several(() => one([goodScore(), member(), "CH"]), 0, 5)],
    () => ["ZADD", zset(), goodScore(), member(), goodScore(), member(), goodScore(), member()],
    () => ["ZADD", zset(), one(["GT", "LT", "NX", "XX"]), "CH", goodScore(), member(), goodScore(), member()],
    () => ["ZINCRBY", zset(), score(), member()],
    () => [one(["ZCARD", "ZSCORE", "ZMSCORE", "ZREM", "ZRANK", "ZREVRANK"]), zset(), ...several(member, 0, 3)],
    () => [one(["ZSCORE", "ZRANK", "ZREVRANK"]), zset(), member()],
    () => [one(["ZPOPMIN", "ZPOPMAX"]), zset(), ...several(number, 0, 2)],
    () => [
      "ZMPOP",
      ...sets(),
      one(["MIN", "max", "BOGUS"]),
      ...several(() => one(["COUNT", "1", "2", "0", "x"]), 0, 3)
    ],
    () => ["ZRANDMEMBER", zset(), ...several(() => one(["0", "1", "-3", "100", "x", "WITHSCORES"]), 0, 3)],
    () => ["ZSCAN", zset(), one(["0", "", "-1", "x"]), ...several(() => one(["MATCH", "*", "COUNT", "5"]), 0, 4)],
    () => [one(["ZRANGE", "ZREVRANGE"]), zset(), rankBound(), rankBound(), ...several(rangeWord, 0, 3)],
    () => ["ZRANGE", zset(), rankBound(), rankBound(), ...reversed(), ...withScores()],
    () => ["ZRANGE", zset(), scoreBound(), scoreBound(), "BYSCORE", ...limit(), ...reversed(), ...withScores()],
    () => ["ZRANGE", zset(), memberBound(), memberBound(), "BYLEX", ...limit(), ...reversed()],
    () => [one(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]), zset(), scoreBound(), scoreBound(), ...withScores(), ...limit()],
    () => [one(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), zset(), memberBound(), memberBound(), ...several(rangeWord, 0, 1)],
    () => [
      "ZRANGESTORE",
      zset(),
      zset(),
      scoreBound(),
      scoreBound(),
      "BYSCORE",
      ...limit(),
      ...several(rangeWord, 0, 1)
    ],
    () => ["ZRANGESTORE", zset(), zset(), rankBound(), rankBound(), ...reversed()],
    () => [one(["ZCOUNT", "ZREMRANGEBYSCORE"]), zset(), scoreBound(), scoreBound()],
    () => [one(["ZLEXCOUNT", "ZREMRANGEBYLEX"]), zset(), memberBound(), memberBound()],
    () => ["ZREMRANGEBYRANK", zset(), rankBound(), rankBound()],
    () => [one(["ZUNION", "ZINTER", "ZDIFF"]), ...sets(), ...weights(), ...aggregate(), ...withScores()],
    () => [one(["ZUNION", "ZINTER"]), ...twoSets(), ...goodWeights(), ...aggregate(), ...withScores()],
    () => [one(["ZUNIONSTORE", "ZINTERSTORE"]), zset(), ...twoSets(), ...goodWeights(), ...aggregate()],
    () => [one(["ZDIFF", "ZDIFFSTORE"]), zset(), ...twoSets(), ...withScores()],
    () => ["ZDIFF", ...twoSets(), ...withScores()],
    () => ["ZDIFFSTORE", zset(), ...twoSets()],
    () => ["ZUNIONSTORE", zset(), ...sets(), ...several(() => one(["WITHSCORES", "WEIGHTS", "1", "LIMIT"]), 0, 2)],
    () => ["ZINTERCARD", ...sets(), ...several(() => one(["LIMIT", "0", "1", "-1", "x"]), 0, 2)],
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
