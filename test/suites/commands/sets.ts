import { Duration, Option } from "effect"
import { Keys, Sets, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene, satisfies } from "./Row.ts"

const none = Option.none()
const set = (...members: ReadonlyArray<string>): ReadonlySet<string> => new Set(members)
const holds = (key: string, ...members: ReadonlyArray<string>) => answers(Sets.smembers(key), set(...members))
const areAmong = (drawn: Iterable<string>, members: string) => Array.from(drawn).every((one) => members.includes(one))

/** What the commands on sets answer. */
export const sets: ReadonlyArray<Scene> = [
  [
    "members",
    [
      answers(Sets.sadd("s", ["a", "b", "a"]), 2),
      answers(Sets.sadd("s", ["b", 3]), 1),
      holds("s", "3", "a", "b"),
      answers(Sets.scard("s"), 3),
      answers(Sets.sismember("s", "a"), true),
      answers(Sets.sismember("s", 3), true),
      answers(Sets.sismember("s", "nobody"), false),
      answers(Sets.smismember("s", ["a", "nobody", 3]), [true, false, true]),
      answers(Sets.smismember("nobody", ["a"]), [false]),
      answers(Sets.srem("s", ["a", "a", "nobody"]), 1),
      answers(Sets.srem("s", ["b", "3"]), 2),
      answers(Keys.exists(["s"]), 0),
      answers(Sets.srem("s", ["b"]), 0),
      answers(Sets.scard("s"), 0),
      holds("s"),
      answers(Sets.sismember("s", "a"), false),
      refuses(Sets.sadd("s", []), "ARGUMENT")
    ]
  ],
  [
    "moving",
    [
      answers(Sets.smove("s", "t", "a"), false),
      answers(Sets.sadd("s", ["a", "b"]), 2),
      answers(Sets.smove("s", "t", "nobody"), false),
      answers(Sets.smove("s", "s", "a"), true),
      answers(Sets.smove("s", "t", "a"), true),
      holds("s", "b"),
      holds("t", "a"),
      answers(Sets.smove("s", "t", "b"), true),
      answers(Keys.exists(["s"]), 0),
      holds("t", "a", "b")
    ]
  ],
  [
    "by chance",
    [
      answers(Sets.spop("s"), none),
      answers(Sets.spopCount("s", 2), set()),
      answers(Sets.srandmember("s"), none),
      answers(Sets.srandmemberCount("s", 2), []),
      answers(Sets.srandmemberCount("s", 2, { repeats: true }), []),
      answers(Sets.sadd("s", ["a", "b", "c", "d"]), 4),
      satisfies(
        Sets.srandmember("s"),
        Option.exists((member) => "abcd".includes(member))
      ),
      satisfies(Sets.srandmemberCount("s", 2), (drawn) => drawn.length === 2 && new Set(drawn).size === 2),
      satisfies(Sets.srandmemberCount("s", 9), (drawn) => drawn.length === 4 && areAmong(drawn, "abcd")),
      satisfies(
        Sets.srandmemberCount("s", 9, { repeats: true }),
        (drawn) => drawn.length === 9 && areAmong(drawn, "abcd")
      ),
      answers(Sets.scard("s"), 4),
      satisfies(Sets.spopCount("s", 2), (drawn) => drawn.size === 2 && areAmong(drawn, "abcd")),
      answers(Sets.scard("s"), 2),
      answers(Sets.spopCount("s", 0), set()),
      satisfies(
        Sets.spop("s"),
        Option.exists((member) => "abcd".includes(member))
      ),
      answers(Sets.scard("s"), 1),
      answers(Sets.sadd("s", ["a", "b", "c", "d"]), 3),
      answers(Sets.spopCount("s", 9), set("a", "b", "c", "d")),
      answers(Keys.exists(["s"]), 0),
      refuses(Sets.spopCount("s", -1), "ERR")
    ]
  ],
  [
    "several sets",
    [
      answers(Sets.sadd("s", ["a", "b", "c"]), 3),
      answers(Sets.sadd("t", ["b", "c", "d"]), 3),
      answers(Sets.sdiff(["s", "t"]), set("a")),
      answers(Sets.sdiff(["t", "s", "nobody"]), set("d")),
      answers(Sets.sinter(["s", "t"]), set("b", "c")),
      answers(Sets.sinter(["s", "nobody"]), set()),
      answers(Sets.sunion(["s", "t", "nobody"]), set("a", "b", "c", "d")),
      answers(Sets.sintercard(["s", "t"]), 2),
      answers(Sets.sintercard(["s", "t"], { limit: 1 }), 1),
      answers(Sets.sintercard(["s", "t"], { limit: 0 }), 2),
      refuses(Sets.sintercard(["s", "t"], { limit: -1 }), "ERR"),
      refuses(Sets.sintercard([]), "ARGUMENT")
    ]
  ],
  [
    "storing",
    [
      answers(Sets.sadd("s", ["a", "b", "c"]), 3),
      answers(Sets.sadd("t", ["b", "c", "d"]), 3),
      answers(Strings.set("to", "x", { timeToLive: "1 hour" }), true),
      answers(Sets.sdiffstore("to", ["s", "t"]), 1),
      holds("to", "a"),
      answers(Keys.pttl("to"), Option.some(Duration.infinity)),
      answers(Sets.sinterstore("to", ["s", "t"]), 2),
      holds("to", "b", "c"),
      answers(Sets.sunionstore("to", ["s", "t"]), 4),
      holds("to", "a", "b", "c", "d"),
      answers(Sets.sinterstore("to", ["s", "nobody"]), 0),
      answers(Keys.exists(["to"]), 0)
    ]
  ],
  [
    "of another type",
    [
      answers(Strings.set("x", "x"), true),
      ...[
        Sets.sadd("x", ["a"]),
        Sets.scard("x"),
        Sets.sdiff(["nobody", "x"]),
        Sets.sdiffstore("to", ["nobody", "x"]),
        Sets.sinter(["nobody", "x"]),
        Sets.sintercard(["nobody", "x"]),
        Sets.sinterstore("to", ["nobody", "x"]),
        Sets.sismember("x", "a"),
        Sets.smembers("x"),
        Sets.smismember("x", ["a"]),
        Sets.smove("x", "s", "a"),
        Sets.spop("x"),
        Sets.spopCount("x", 1),
        Sets.srandmember("x"),
        Sets.srandmemberCount("x", 1),
        Sets.srem("x", ["a"]),
        Sets.sunion(["nobody", "x"]),
        Sets.sunionstore("to", ["nobody", "x"])
      ].map((command) => refuses(command, "WRONGTYPE")),
      answers(Sets.sadd("s", ["a"]), 1),
      answers(Keys.type("s"), Option.some("set")),
      refuses(Sets.smove("s", "x", "a"), "WRONGTYPE"),
      holds("s", "a")
    ]
  ]
]
