import type { DrawLine, Draws } from "./RandomCommands.ts"

/** Lines on keys in general, on transactions, and on the server itself. */
export const serverLines = ({ key, number, one, several, value }: Draws): ReadonlyArray<DrawLine> => {
  const glob = () => one(["*", "[a-c]", "?", "\\*", "[^a]*", "{*", "", "[", "é", "h*", key()])
  // So many that all keys come at once.
  const scanWords = () => [
    ...several(
      () =>
        one([
          ["MATCH", glob()],
          ["TYPE", one(["string", "LIST", "zset", "x"])],
          ["COUNT", number()]
        ]),
      0,
      3
    ),
    ["COUNT", "1000"],
    ...one([[], [], [["MATCH"]], [["BOGUS", "1"]]])
  ]
  // Numbers that simulated keys keep to the millisecond.
  const moment = () =>
    one(["4000000000", "5000000000", "4000000000000", "9223372036854775", "9007199254740992", "4611686018427387904"])
  // Redis counts a key that SET gives a time that is over, until it has noticed.
  const future = () => one(["4000000000000", "9223372036854775", "9007199254740992", "4611686018427387904"])
  // None is so near that it is over before the lines are.
  const distance = () =>
    one(["900000", "9223372036854775", "-9223372036854775808", "1e21", "-0", "007", "+9", "", "9223372036854775808"])
  const condition = () => one(["NX", "XX", "GT", "LT", "xx"])
  return [
    () => ["KEYS", ...several(glob, one([0, 1, 1, 1]), one([1, 1, 2]))],
    () => ["RANDOMKEY", ...several(key, 0, one([0, 0, 1]))],
    () => ["SCAN", one(["0", "0", "0", "+0", "", "-", "x", "18446744073709551616", "0x0"]), ...scanWords().flat()],
    () => [one(["EXPIREAT", "PEXPIREAT"]), key(), one([moment(), moment(), number()]), ...several(condition, 0, 3)],
    () => [one(["EXPIRE", "PEXPIRE"]), key(), distance(), "NX", ...several(condition, 0, 1)],
    () => [one(["EXPIRETIME", "PEXPIRETIME"]), ...several(key, one([0, 1, 1, 1]), 1)],
    () => [
      "SET",
      key(),
      value(),
      one(["EXAT", "PXAT"]),
      one([future(), future(), "0", "-1", "x", "1e21", "9223372036854775807", "9223372036854775808"]),
      ...several(() => one(["KEEPTTL", "GET", "NX"]))
    ],
    () => ["GETEX", key(), one(["EXAT", "PXAT", "PERSIST"]), moment()],
    () => ["SELECT", one(["0", "0", "0", "1", "15", "16", number()]), ...several(value, 0, one([0, 0, 1]))],
    () => ["WATCH", ...several(key, one([0, 1, 1]), 3)],
    () => [one(["UNWATCH", "DISCARD", "EXEC"]), ...several(value, 0, one([0, 0, 1]))],
    () => [one(["TIME", "ROLE", "ASKING", "READONLY", "READWRITE"]), ...several(value, 0, one([0, 0, 1]))],
    () => ["INFO", ...several(() => one(["server", "Replication", "bogus"]), 0, 2)],
    () => ["AUTH", ...several(() => one(["default", "nobody", value()]), 0, 3)],
    () => ["HELLO", ...one([[], ["2"], ["1"], ["4"], [number()]]).filter((version) => version !== "3")],
    () => ["HELLO", "2", ...several(() => one(["AUTH", "default", "SETNAME", "name", value()]), 0, 4)],
    () => ["CLIENT", one(["ID", "GETNAME", "getname"]), ...several(value, 0, one([0, 0, 1]))],
    () => [
      "CLIENT",
      "SETNAME",
      one(["", "name", "a b", "a\n", "é", "~", value()]),
      ...several(value, 0, one([0, 0, 1]))
    ],
    () => [
      "CLIENT",
      "KILL",
      ...several(() => one(["ID", "999999999", "0", "-1", "x", "", "9223372036854775807"]), 0, 3)
    ],
    () => [
      "CLIENT",
      "UNBLOCK",
      one(["999999999", number()]),
      ...several(() => one(["TIMEOUT", "error", value()]), 0, 2)
    ],
    () => ["CLIENT", "TRACKING", ...one([["OFF"], ["ON", "BCAST"], ["OFF", "BCAST"], [value()], []])],
    () => [
      "CLIENT",
      "TRACKING",
      "ON",
      "BCAST",
      ...several(() => one(["PREFIX", "a", "b", "bc", "REDIRECT", "999999999"]))
    ],
    () => ["CLUSTER", one(["SLOTS", "SHARDS", "INFO", "MYID", "KEYSLOT", "BOGUS"]), ...several(key, 0, 2)],
    () => ["CLUSTER", one(["COUNTKEYSINSLOT", "GETKEYSINSLOT"]), ...several(number, 0, 3)],
    () => ["REPLICAOF", ...one([["NO", "ONE"], ["no"], ["nobody", "x"], ["nobody", "-1"], ["nobody", "65536"], []])],
    () => [
      one(["SLOWLOG", "SCRIPT", "CLIENT", "XGROUP", "PUBSUB", "ACL", "CLUSTER", "XINFO"]),
      ...several(value, 0, 1)
    ],
    // What an XADD names by the time has a stream for itself.
    () => ["XADD", "auto", ...one([[], ["MAXLEN", "~", "5"], ["MAXLEN", "3"], ["NOMKSTREAM"]]), "*", "f", value()],
    () => [one(["XLEN", "DEL"]), "auto"],
    () => ["NO\0SUCH", ...several(value)],
    () => [
      one(["NOSUCH", `NO${"such".repeat(40)}`, "NO\r\nSUCH", "é", ""]),
      ...several(() => one([value(), "x".repeat(70)]))
    ]
  ]
}
