import { Duration, Option } from "effect"
import { Keys, Lists, Strings } from "effect-ioredis/commands"
import { answers, refuses, reserved, type Scene, satisfies } from "./Row.ts"

const none = Option.none()
const holds = (key: string, ...values: ReadonlyArray<string>) => answers(Lists.lrange(key, 0, -1), values)

/** What the commands on lists answer. */
export const lists: ReadonlyArray<Scene> = [
  [
    "adding and taking",
    [
      answers(Lists.lpushx("l", ["x"]), 0),
      answers(Lists.rpushx("l", ["x"]), 0),
      answers(Lists.lpush("l", ["b", "a"]), 2),
      answers(Lists.rpush("l", ["c", 4]), 4),
      answers(Lists.lpushx("l", ["0", "-"]), 6),
      answers(Lists.rpushx("l", ["5"]), 7),
      answers(Lists.llen("l"), 7),
      holds("l", "-", "0", "a", "b", "c", "4", "5"),
      answers(Lists.lpop("l"), Option.some("-")),
      answers(Lists.rpop("l"), Option.some("5")),
      answers(Lists.lpopCount("l", 2), ["0", "a"]),
      answers(Lists.rpopCount("l", 2), ["4", "c"]),
      answers(Lists.lpopCount("l", 0), []),
      answers(Lists.rpopCount("l", 9), ["b"]),
      answers(Keys.exists(["l"]), 0),
      answers(Lists.llen("l"), 0),
      answers(Lists.lpop("l"), none),
      answers(Lists.rpop("l"), none),
      answers(Lists.lpopCount("l", 2), []),
      answers(Lists.rpopCount("l", 2), []),
      refuses(Lists.lpopCount("l", -1), "ERR"),
      refuses(Lists.rpopCount("l", -1), "ERR"),
      refuses(Lists.lpush("l", []), "ARGUMENT")
    ]
  ],
  [
    "moving",
    [
      answers(Lists.lmove("l", "m", { take: "left", put: "left" }), none),
      answers(Lists.rpush("l", ["a", "b", "c", "d"]), 4),
      answers(Lists.lmove("l", "m", { take: "left", put: "right" }), Option.some("a")),
      answers(Lists.lmove("l", "m", { take: "right", put: "right" }), Option.some("d")),
      answers(Lists.lmove("l", "m", { take: "right", put: "left" }), Option.some("c")),
      holds("m", "c", "a", "d"),
      answers(Lists.lmove("l", "m", { take: "left", put: "left" }), Option.some("b")),
      holds("m", "b", "c", "a", "d"),
      answers(Keys.exists(["l"]), 0),
      answers(Keys.expire("m", { timeToLive: "1 hour" }), true),
      answers(Lists.lmove("m", "m", { take: "right", put: "left" }), Option.some("d")),
      holds("m", "d", "b", "c", "a"),
      satisfies(Keys.pttl("m"), Option.exists(Duration.isLessThan(Duration.infinity)))
    ]
  ],
  [
    "taking from the first of several",
    [
      answers(Lists.lmpop(["l", "m"], "left"), none),
      answers(Lists.rpush("m", ["a", "b", "c", "d"]), 4),
      answers(Lists.lmpop(["l", "m"], "left"), Option.some({ key: "m", values: ["a"] })),
      answers(Lists.lmpop(["l", "m"], "right", { count: 2 }), Option.some({ key: "m", values: ["d", "c"] })),
      answers(Lists.lmpop(["m"], "left", { count: 9 }), Option.some({ key: "m", values: ["b"] })),
      answers(Keys.exists(["m"]), 0),
      refuses(Lists.lmpop([], "left"), "ARGUMENT"),
      refuses(Lists.lmpop(["l"], "left", { count: 0 }), "ERR")
    ]
  ],
  [
    "waiting for elements",
    [
      reserved(answers(Lists.blpop(["l", "m"], "10 millis"), none)),
      reserved(answers(Lists.brpop(["l"], "10 millis"), none)),
      reserved(answers(Lists.blmove("l", "m", { take: "left", put: "left" }, "10 millis"), none)),
      reserved(answers(Lists.blmpop(["l", "m"], "left", "10 millis"), none)),
      answers(Lists.rpush("m", ["a", "b", "c", "d", "e", "f"]), 6),
      reserved(answers(Lists.blpop(["l", "m"], "1 minute"), Option.some({ key: "m", value: "a" }))),
      reserved(answers(Lists.brpop(["l", "m"], "1 minute"), Option.some({ key: "m", value: "f" }))),
      reserved(answers(Lists.blmove("m", "l", { take: "right", put: "left" }, "1 minute"), Option.some("e"))),
      reserved(answers(Lists.blmove("m", "l", { take: "left", put: "right" }, "1 minute"), Option.some("b"))),
      holds("l", "e", "b"),
      reserved(answers(Lists.blmpop(["x", "m"], "right", "1 minute"), Option.some({ key: "m", values: ["d"] }))),
      reserved(
        answers(Lists.blmpop(["l"], "right", "1 minute", { count: 9 }), Option.some({ key: "l", values: ["b", "e"] }))
      ),
      answers(Keys.exists(["l"]), 0),
      answers(Strings.set("s", "x"), true),
      reserved(refuses(Lists.blpop(["l", "s"], 10), "WRONGTYPE")),
      reserved(refuses(Lists.blmove("m", "s", { take: "left", put: "right" }, "1 minute"), "WRONGTYPE")),
      reserved(refuses(Lists.blmpop([], "left", 10), "ARGUMENT")),
      reserved(refuses(Lists.blpop(["l"], "Infinity"), "ARGUMENT")),
      reserved(refuses(Lists.brpop(["l"], 0), "ARGUMENT")),
      refuses(Lists.blpop(["l"], 10), "UNSUPPORTED")
    ]
  ],
  [
    "by place",
    [
      refuses(Lists.lset("l", 0, "x"), "ERR"),
      answers(Lists.lindex("l", 0), none),
      answers(Lists.ltrim("l", 0, 1), undefined),
      answers(Lists.rpush("l", ["a", "b", "c", "d"]), 4),
      answers(Lists.lindex("l", 1), Option.some("b")),
      answers(Lists.lindex("l", -1), Option.some("d")),
      answers(Lists.lindex("l", 4), none),
      answers(Lists.lset("l", -2, "C"), undefined),
      refuses(Lists.lset("l", 4, "x"), "ERR"),
      refuses(Lists.lset("l", -5, "x"), "ERR"),
      answers(Lists.lrange("l", 1, 2), ["b", "C"]),
      answers(Lists.lrange("l", -2, 9), ["C", "d"]),
      answers(Lists.lrange("l", 3, 1), []),
      answers(Lists.ltrim("l", 1, -2), undefined),
      holds("l", "b", "C"),
      answers(Lists.ltrim("l", 5, 9), undefined),
      answers(Keys.exists(["l"]), 0)
    ]
  ],
  [
    "by value",
    [
      answers(Lists.linsert("l", { before: "a" }, "x"), none),
      answers(Lists.rpush("l", ["a", "b", "a", "c", "a"]), 5),
      answers(Lists.linsert("l", { before: "nobody" }, "x"), none),
      answers(Lists.linsert("l", { before: "a" }, "0"), Option.some(6)),
      answers(Lists.linsert("l", { after: "a" }, "1"), Option.some(7)),
      holds("l", "0", "a", "1", "b", "a", "c", "a"),
      answers(Lists.lpos("l", "a"), Option.some(1)),
      answers(Lists.lpos("l", "nobody"), none),
      answers(Lists.lpos("nobody", "a"), none),
      answers(Lists.lpos("l", "a", { rank: 2 }), Option.some(4)),
      answers(Lists.lpos("l", "a", { rank: -1 }), Option.some(6)),
      answers(Lists.lpos("l", "a", { rank: 3, maxLength: 6 }), none),
      answers(Lists.lpos("l", "b", { rank: -1, maxLength: 3 }), none),
      answers(Lists.lposCount("l", "a", "all"), [1, 4, 6]),
      answers(Lists.lposCount("l", "a", 2), [1, 4]),
      answers(Lists.lposCount("l", "a", 2, { rank: -2 }), [4, 1]),
      answers(Lists.lposCount("l", "a", "all", { maxLength: 5 }), [1, 4]),
      answers(Lists.lposCount("nobody", "a", 2), []),
      refuses(Lists.lpos("l", "a", { rank: 0 }), "ERR"),
      refuses(Lists.lposCount("l", "a", -1), "ERR"),
      answers(Lists.lrem("l", "a", { count: 1 }), 1),
      holds("l", "0", "1", "b", "a", "c", "a"),
      answers(Lists.lrem("l", "a", { count: -1 }), 1),
      holds("l", "0", "1", "b", "a", "c"),
      answers(Lists.rpush("l", ["a"]), 6),
      answers(Lists.lrem("l", "a"), 2),
      answers(Lists.lrem("l", "a"), 0),
      holds("l", "0", "1", "b", "c")
    ]
  ],
  [
    "of another type",
    [
      answers(Strings.set("s", "x"), true),
      ...[
        Lists.lindex("s", 0),
        Lists.linsert("s", { before: "a" }, "x"),
        Lists.llen("s"),
        Lists.lmove("s", "l", { take: "left", put: "left" }),
        Lists.lmpop(["s"], "left"),
        Lists.lpop("s"),
        Lists.lpopCount("s", 1),
        Lists.lpos("s", "x"),
        Lists.lposCount("s", "x", 1),
        Lists.lpush("s", ["x"]),
        Lists.lpushx("s", ["x"]),
        Lists.lrange("s", 0, -1),
        Lists.lrem("s", "x"),
        Lists.lset("s", 0, "x"),
        Lists.ltrim("s", 0, 0),
        Lists.rpop("s"),
        Lists.rpopCount("s", 1),
        Lists.rpush("s", ["x"]),
        Lists.rpushx("s", ["x"])
      ].map((command) => refuses(command, "WRONGTYPE")),
      answers(Lists.rpush("l", ["a"]), 1),
      answers(Keys.type("l"), Option.some("list")),
      refuses(Lists.lmove("l", "s", { take: "left", put: "left" }), "WRONGTYPE"),
      holds("l", "a")
    ]
  ]
]
