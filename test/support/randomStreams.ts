import type { Draws, DrawLine } from "./RandomCommands.ts"

/** Lines on streams. */
export const streamLines = ({ below, key, number, one, several, value }: Draws): ReadonlyArray<DrawLine> => {
  // Commands on streams meet each other's keys more often than those of other types.
  const stream = () => one(["e", "e", "e", "f", key()])
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
  const asked = () => one([["e"], ["e"], ["f"], ["e", "f"], [key()], ["e", "nobody"]])
  const reading = (ids: () => string) => {
    const keys = asked()
    return ["STREAMS", ...keys, ...several(ids, keys.length, keys.length), ...several(id, 0, below(8) === 0 ? 1 : 0)]
  }
  const count = () => (below(2) === 0 ? [] : ["COUNT", one(["1", "2", "100", number()])])
  // Redis takes memory for so many at once, and says so where it has not enough.
  const claimed = () => one(["1", "2", "100000", "0", "-1", "ten", "+1", "1e21", "-0", "", "9223372036854775807"])
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

  return [
    () => ["XADD", stream(), newId(), ...several(value, 2, 2)],
    () => ["XADD", "e", `${++entries}-0`, ...several(value, 2, 4)],
    () => ["XADD", "e", `${++entries}-0`, "field", value()],
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
    () => ["XREADGROUP", "GROUP", "g", consumer(), ...count(), "STREAMS", "e", ">"],
    () => ["XREADGROUP", ...several(() => one(["GROUP", "COUNT", "STREAMS", group(), "e", ">"]), 5, 8)],
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
      ...one([[], ["COUNT", claimed()], ["COUNT", "1"], ["JUSTID"], ["BOGUS"]])
    ],
    () => ["XPENDING", stream(), group()],
    () => ["XPENDING", stream(), group(), ...one([[], ["IDLE", idle()]]), "-", "+", "10", ...several(consumer, 0, 1)],
    () => ["XPENDING", stream(), group(), ...several(() => one([bound(), number(), "IDLE"]), 0, 6)],
    () => ["XINFO", one(["STREAM", "GROUPS", "CONSUMERS"]), ...several(stream, 1, 2)],
    () => ["XINFO", one(["STREAM", "GROUPS"]), stream()],
    () => ["XINFO", "GROUPS", "e"],
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
    () => ["DEL", one(["e", "f"])]
  ]
}
