import type { Draws, DrawLine } from "./RandomCommands.ts"

/** Lines on sorted sets. */
export const sortedSetLines = ({ below, key, number, one, several }: Draws): ReadonlyArray<DrawLine> => {
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
  const source = () => one([zset(), zset(), zset(), "s"])
  const sets = () => [one(["1", "2", "2", "2", "3", "0", "-1", "x"]), ...several(source, 1, 3)]
  const twoSets = () => ["2", source(), source()]
  const weights = () => (below(2) === 0 ? [] : ["WEIGHTS", ...several(score, 1, 3)])
  const goodWeights = () => (below(2) === 0 ? [] : ["weights", goodScore(), goodScore()])
  const aggregate = () => (below(2) === 0 ? [] : ["AGGREGATE", one(["SUM", "MIN", "max", "BOGUS"])])

  return [
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
    () => ["ZINTERCARD", ...sets(), ...several(() => one(["LIMIT", "0", "1", "-1", "x"]), 0, 2)]
  ]
}
