import type { Line } from "./RawConnection.ts"
import type { DrawLine, Draws } from "./RandomCommands.ts"

/** Lines that wait, though for a few milliseconds only. */
export const blockingLines = (draws: Draws): ReadonlyArray<DrawLine> => {
  const { one } = draws
  const seconds = () => one(["0.001", "0.002", "1e-3", "0x1p-9", "0.0001", "1e-30", ".001", "0.001", ...wrongSeconds])
  const millis = () => one(["1", "2", "1", ...wrongMillis])
  return linesOf(draws, seconds, millis)
}

/** Lines that would wait for ever, or for longer than a test may take, where they did: in a transaction none does. */
export const waitingLines = (draws: Draws): ReadonlyArray<DrawLine> => {
  const { number, one } = draws
  const seconds = () =>
    one(["0", "-0", "-0.0001", "-1e-30", "1e-4000", "1e20", "9223372036854774", "9223372036854776", "inf", number()])
  const millis = () => one(["0", "9223372036854775807", "2147483648", number()])
  return linesOf(draws, seconds, millis)
}

const wrongSeconds = ["-1", "x", "", "nan", "-inf", " 1", "1 ", "1e", "0x", "1e400", "-1e400"]
const wrongMillis = ["-1", "x", "", "1.0", " 1", "0x1", "-9223372036854775808", "9223372036854775808", "1e21"]

const linesOf = (
  { key, number, one, several, value }: Draws,
  seconds: () => string,
  millis: () => string
): ReadonlyArray<DrawLine> => {
  const list = () => one(["l", "l", "m", key()])
  const zset = () => one(["x", "y", "z", key()])
  const end = () => one(["LEFT", "right", "LEFT", "BOTH"])
  const count = () => one([[], [], ["COUNT", one(["1", "2", number()])], ["COUNT"], ["LIMIT", "1"]])
  const amount = () => one(["1", "2", "2", "3", number()])
  const stream = () => one(["e", "e", "f", key()])
  const block = () => one([["BLOCK", millis()], ["block", millis()], ["BLOCK", millis(), "COUNT", "1"], ["BLOCK"]])
  return [
    () => [one(["BLPOP", "BRPOP"]), ...several(list, 0, 3), seconds()],
    () => ["BLMOVE", list(), list(), end(), end(), seconds()],
    () => ["BRPOPLPUSH", ...several(list, one([1, 2, 2, 2]), 2), seconds()],
    () => ["BLMPOP", seconds(), "2", list(), list(), end(), ...count()],
    () => ["BLMPOP", seconds(), amount(), ...several(list, 0, 3), end(), ...count()],
    () => [one(["BZPOPMIN", "BZPOPMAX"]), ...several(zset, 0, 3), seconds()],
    () => ["BZMPOP", seconds(), "2", zset(), zset(), one(["MIN", "max", "MED"]), ...count()],
    () => ["BZMPOP", seconds(), amount(), ...several(zset, 0, 3), one(["MIN", "MAX"]), ...count()],
    () => ["XREAD", ...block(), "STREAMS", stream(), one(["$", "$", "0", "5-0", ">", value()])],
    () => ["XREAD", ...block(), "STREAMS", "e", "f", "$", one(["$", "99999999-0"])],
    () => [
      ...(["XREADGROUP", "GROUP", one(["g", "g", "h"]), one(["ada", "bob"])] satisfies Line),
      ...block(),
      ...["STREAMS", stream(), one([">", ">", "0", "$"])]
    ],
    () => ["WAIT", one(["0", "1", "-1", number()]), millis()]
  ]
}
