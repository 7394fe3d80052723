import type { Line } from "./RawConnection.ts"
import type { Draws } from "./RandomCommands.ts"

/** What two clients do: one begins to wait, and the other does what may wake it. */
export interface Round {
  readonly before: ReadonlyArray<Line>
  readonly waiting: Line
  /** Says whether the wait is over before anything else happens. */
  readonly isShort: boolean
  readonly meanwhile: ReadonlyArray<Line>
  readonly end: "TIMEOUT" | "ERROR"
}

/** Draws rounds. The longest waits would last for an hour, and none is waited for. */
export const rounds = (draws: Draws, count: number): ReadonlyArray<Round> => {
  const { below, one, several } = draws
  const first: ReadonlyArray<Line> = [["FLUSHALL"], ["XADD", "e", "1-0", "f", "v"], ["XGROUP", "CREATE", "e", "g", "$"]]
  return Array.from({ length: count }, (): Round => {
    const isShort = below(8) === 0
    return {
      before: [...first, ...several(() => changing(draws), 0, 2)],
      waiting: waiting(draws, isShort ? 15 : 3_600_000),
      isShort,
      meanwhile: isShort ? [] : meanwhile(draws),
      end: one(["TIMEOUT", "TIMEOUT", "ERROR"])
    }
  })
}

/** Shows all that the rounds are about. */
export const shown: ReadonlyArray<Line> = [
  ...["l", "m"].map((key): Line => ["LRANGE", key, "0", "-1"]),
  ...["x", "y"].map((key): Line => ["ZRANGE", key, "0", "-1", "WITHSCORES"]),
  ["XRANGE", "e", "-", "+"],
  ["XPENDING", "e", "g"],
  ["DBSIZE"]
]

const meanwhile = (draws: Draws): ReadonlyArray<Line> => {
  const lines = draws.several(() => changing(draws), 0, 3)
  return draws.below(4) === 0 ? [["MULTI"], ...lines, ["EXEC"]] : lines
}

const waiting = ({ one, several }: Draws, millis: number): Line => {
  const list = () => one(["l", "l", "m", "x"])
  const zset = () => one(["x", "x", "y", "l"])
  const end = () => one(["LEFT", "RIGHT"])
  const count = () => one([[], ["COUNT", "2"], ["COUNT", "100"]])
  const [seconds, milliseconds] = [String(millis / 1000), String(millis)]
  const streams = () =>
    one([
      ["STREAMS", "e", one(["$", "1-0", "5-0", "0"])],
      ["STREAMS", "l", "e", "$", "$"]
    ])
  return one<() => Line>([
    () => [one(["BLPOP", "BRPOP"]), ...several(list, 1, 2), seconds],
    () => ["BLMOVE", list(), list(), end(), end(), seconds],
    () => ["BRPOPLPUSH", list(), list(), seconds],
    () => ["BLMPOP", seconds, "2", list(), list(), end(), ...count()],
    () => [one(["BZPOPMIN", "BZPOPMAX"]), ...several(zset, 1, 2), seconds],
    () => ["BZMPOP", seconds, "2", zset(), zset(), one(["MIN", "MAX"]), ...count()],
    () => ["XREAD", ...count(), "BLOCK", milliseconds, ...streams()],
    () => [
      "XREADGROUP",
      "GROUP",
      "g",
      "ada",
      ...count(),
      "BLOCK",
      milliseconds,
      "STREAMS",
      "e",
      one([">", ">", ">", "0"])
    ],
    () => ["WAIT", one(["0", "1", "3"]), milliseconds]
  ])()
}

const changing = ({ below, one, several }: Draws): Line => {
  const key = () => one(["l", "l", "m", "x", "x", "y", "e", "k"])
  const list = () => one(["l", "l", "m", "x"])
  const zset = () => one(["x", "x", "y", "l"])
  const item = () => one(["1", "2", "3"])
  const score = () => one(["1", "2", "-1", "inf"])
  const end = () => one(["LEFT", "RIGHT"])
  const id = () => one([`${2 + below(30)}-0`, `${2 + below(5)}-1`])
  return one<() => Line>([
    () => [one(["RPUSH", "LPUSH", "LPUSHX"]), list(), ...several(item, 1, 3)],
    () => ["LINSERT", list(), "BEFORE", item(), item()],
    () => [one(["LPOP", "RPOP"]), list()],
    () => ["LMOVE", list(), list(), end(), end()],
    () => ["LREM", list(), "0", item()],
    () => ["ZADD", zset(), score(), item(), score(), item()],
    () => ["ZINCRBY", zset(), score(), item()],
    () => [one(["ZUNIONSTORE", "ZINTERSTORE"]), zset(), "2", zset(), zset()],
    () => ["ZRANGESTORE", zset(), zset(), "0", "-1"],
    () => ["ZPOPMIN", zset()],
    () => ["XADD", one(["e", "e", "l"]), id(), "f", item()],
    () => ["XDEL", "e", "1-0", id()],
    () => ["XTRIM", "e", "MAXLEN", "0"],
    () => ["XGROUP", "DESTROY", "e", "g"],
    () => ["XGROUP", "CREATE", "e", "g", one(["$", "0"])],
    () => ["XGROUP", "SETID", "e", "g", one(["$", "0", "3-0"])],
    () => ["XREADGROUP", "GROUP", "g", "bob", "STREAMS", "e", ">"],
    () => [one(["DEL", "UNLINK", "PERSIST"]), key()],
    () => [one(["SET", "SADD", "APPEND"]), key(), item()],
    () => ["RENAME", key(), key()],
    () => ["COPY", key(), key(), "REPLACE"],
    () => ["EXPIRE", key(), one(["-1", "1000"])],
    () => [one(["FLUSHALL", "FLUSHDB"])],
    () => ["SINTERSTORE", key(), key()]
  ])()
}
