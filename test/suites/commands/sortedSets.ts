import { Option } from "effect"
import { Keys, SortedSets, Strings } from "effect-ioredis/commands"
import { answers, refuses, reserved, type Scene, satisfies } from "./Row.ts"

const { NEGATIVE_INFINITY, POSITIVE_INFINITY } = Number
const none = Option.none<number>()
const all = { ranks: {} } as const
const board = SortedSets.zadd("z", { a: 1, b: 2, c: 3, d: 4 })
const words = SortedSets.zadd("w", { a: 0, b: 0, c: 0, d: 0 })
const wrong = Strings.set("text", "x")

/** What the commands on sorted sets answer. */
export const sortedSets: ReadonlyArray<Scene> = [
  [
    "zadd, by every option",
    [
      answers(SortedSets.zadd("z", { a: 1, b: 2 }), 2),
      answers(SortedSets.zadd("z", { a: 1, b: 3, c: 4 }), 1),
      answers(SortedSets.zadd("z", { a: 1, b: 2, d: 4 }, { changed: true }), 2),
      answers(SortedSets.zadd("z", { a: 9, e: 5 }, { condition: "ifAbsent" }), 1),
      answers(SortedSets.zadd("z", { a: 0, f: 6 }, { condition: "ifPresent", changed: true }), 1),
      answers(SortedSets.zadd("z", { a: -1, b: 7, g: 8 }, { scores: "ifHigher", changed: true }), 2),
      answers(SortedSets.zadd("z", { a: -2, b: 8, h: 9 }, { scores: "ifLower", changed: true }), 2),
      answers(SortedSets.zadd("z", { a: 1, i: 1 }, { condition: "ifPresent", scores: "ifHigher", changed: true }), 1),
      answers(SortedSets.zmscore("z", ["a", "b", "c", "d", "e", "f", "g", "h", "i"]), [
        ...[1, 7, 4, 4, 5].map((score) => Option.some(score)),
        ...[none, Option.some(8), Option.some(9), none]
      ]),
      answers(
        SortedSets.zadd("z", [
          ["i", POSITIVE_INFINITY],
          [Buffer.from("j"), NEGATIVE_INFINITY],
          [7, 0.1]
        ]),
        3
      ),
      answers(SortedSets.zmscore("z", ["i", "j", 7]), [POSITIVE_INFINITY, NEGATIVE_INFINITY, 0.1].map(Option.some)),
      refuses(SortedSets.zadd("z", { a: Number.NaN }), "ERR"),
      refuses(SortedSets.zadd("z", {}), "ARGUMENT"),
      answers(wrong, true),
      refuses(SortedSets.zadd("text", { a: 1 }), "WRONGTYPE")
    ]
  ],
  [
    "scores that are counted up",
    [
      answers(SortedSets.zaddIncr("z", "a", 5), Option.some(5)),
      answers(SortedSets.zaddIncr("z", "a", -1.5), Option.some(3.5)),
      answers(SortedSets.zaddIncr("z", "a", 1, { condition: "ifAbsent" }), none),
      answers(SortedSets.zaddIncr("z", "nobody", 1, { condition: "ifPresent" }), none),
      answers(SortedSets.zaddIncr("z", "a", -1, { scores: "ifHigher" }), none),
      answers(SortedSets.zaddIncr("z", "a", 1, { scores: "ifLower" }), none),
      answers(SortedSets.zaddIncr("z", "a", 1, { condition: "ifPresent", scores: "ifHigher" }), Option.some(4.5)),
      answers(SortedSets.zincrby("z", "a", 1e20), 1e20),
      answers(SortedSets.zincrby("z", "new", 0.1), 0.1),
      answers(SortedSets.zincrby("z", "new", 0.2), 0.1 + 0.2),
      answers(SortedSets.zincrby("z", "a", POSITIVE_INFINITY), POSITIVE_INFINITY),
      refuses(SortedSets.zincrby("z", "a", NEGATIVE_INFINITY), "ERR"),
      answers(wrong, true),
      refuses(SortedSets.zaddIncr("text", "a", 1), "WRONGTYPE"),
      refuses(SortedSets.zincrby("text", "a", 1), "WRONGTYPE")
    ]
  ],
  [
    "members, one by one",
    [
      answers(board, 4),
      answers(Keys.type("z"), Option.some("zset")),
      answers(SortedSets.zcard("z"), 4),
      answers(SortedSets.zcard("nobody"), 0),
      answers(SortedSets.zscore("z", "b"), Option.some(2)),
      answers(SortedSets.zscore("z", "nobody"), none),
      answers(SortedSets.zmscore("nobody", ["a", "b"]), [none, none]),
      answers(SortedSets.zrank("z", "a"), Option.some(0)),
      answers(SortedSets.zrevrank("z", "a"), Option.some(3)),
      answers(SortedSets.zrank("z", "nobody"), none),
      answers(SortedSets.zrevrank("nobody", "a"), none),
      answers(SortedSets.zrem("z", ["a", "nobody", "b"]), 2),
      answers(SortedSets.zrem("z", ["c", "d"]), 2),
      answers(Keys.exists(["z"]), 0),
      answers(wrong, true),
      refuses(SortedSets.zcard("text"), "WRONGTYPE"),
      refuses(SortedSets.zscore("text", "a"), "WRONGTYPE"),
      refuses(SortedSets.zmscore("text", ["a"]), "WRONGTYPE"),
      refuses(SortedSets.zrank("text", "a"), "WRONGTYPE"),
      refuses(SortedSets.zrevrank("text", "a"), "WRONGTYPE"),
      refuses(SortedSets.zrem("text", ["a"]), "WRONGTYPE")
    ]
  ],
  [
    "ranges by rank",
    [
      answers(board, 4),
      answers(SortedSets.zrange("z", all), ["a", "b", "c", "d"]),
      answers(SortedSets.zrange("z", { ranks: { to: 1 } }), ["a", "b"]),
      answers(SortedSets.zrange("z", { ranks: { from: -2 } }), ["c", "d"]),
      answers(SortedSets.zrange("z", { ranks: { from: 1, to: 2 }, reversed: true }), ["c", "b"]),
      answers(SortedSets.zrange("z", { ranks: { from: 2, to: 1 } }), []),
      answers(SortedSets.zrange("nobody", all), []),
      answers(SortedSets.zrangeWithScores("z", { ranks: { to: 0 }, reversed: true }), [{ member: "d", score: 4 }]),
      answers(SortedSets.zrangestore("to", "z", { ranks: { to: 0 }, reversed: true }), 1),
      answers(SortedSets.zrange("to", all), ["d"]),
      answers(SortedSets.zremrangebyrank("z", { from: 1, to: -2 }), 2),
      answers(SortedSets.zremrangebyrank("z", { from: 5 }), 0),
      answers(SortedSets.zremrangebyrank("z", {}), 2),
      answers(wrong, true),
      refuses(SortedSets.zrange("text", all), "WRONGTYPE"),
      refuses(SortedSets.zrangeWithScores("text", all), "WRONGTYPE"),
      refuses(SortedSets.zrangestore("to", "text", all), "WRONGTYPE"),
      refuses(SortedSets.zremrangebyrank("text", {}), "WRONGTYPE"),
      refuses(SortedSets.zrange("z", { ranks: { from: 0.5 } }), "ERR")
    ]
  ],
  [
    "ranges by score",
    [
      answers(board, 4),
      answers(SortedSets.zrange("z", { scores: {} }), ["a", "b", "c", "d"]),
      answers(SortedSets.zrange("z", { scores: { from: 2, to: 3 } }), ["b", "c"]),
      answers(SortedSets.zrange("z", { scores: { above: 2, below: 4 } }), ["c"]),
      answers(SortedSets.zrange("z", { scores: { from: NEGATIVE_INFINITY, below: POSITIVE_INFINITY } }), [..."abcd"]),
      answers(SortedSets.zrange("z", { scores: { above: NEGATIVE_INFINITY, below: 2 } }), ["a"]),
      answers(SortedSets.zrange("z", { scores: { above: 1, to: 3 }, reversed: true }), ["c", "b"]),
      answers(SortedSets.zrange("z", { scores: {}, limit: { offset: 1, count: 2 } }), ["b", "c"]),
      answers(SortedSets.zrange("z", { scores: {}, limit: { offset: 3 }, reversed: true }), ["a"]),
      answers(SortedSets.zrange("z", { scores: {}, limit: { count: 0 } }), []),
      answers(SortedSets.zrangeWithScores("z", { scores: { from: 4 }, limit: { count: 1 } }), [
        { member: "d", score: 4 }
      ]),
      answers(SortedSets.zcount("z", { above: 1 }), 3),
      answers(SortedSets.zcount("z", {}), 4),
      answers(SortedSets.zrangestore("to", "z", { scores: { from: 2 }, limit: { count: 2 } }), 2),
      answers(SortedSets.zrangestore("to", "z", { scores: { from: 9 } }), 0),
      answers(Keys.exists(["to"]), 0),
      answers(SortedSets.zremrangebyscore("z", { above: 1, below: 4 }), 2),
      answers(SortedSets.zremrangebyscore("z", { from: 4, to: 4 }), 1),
      answers(SortedSets.zrange("z", all), ["a"]),
      refuses(SortedSets.zcount("z", { from: Number.NaN }), "ERR"),
      answers(wrong, true),
      refuses(SortedSets.zcount("text", {}), "WRONGTYPE"),
      refuses(SortedSets.zremrangebyscore("text", {}), "WRONGTYPE")
    ]
  ],
  [
    "ranges by member",
    [
      answers(words, 4),
      answers(SortedSets.zrange("w", { members: {} }), ["a", "b", "c", "d"]),
      answers(SortedSets.zrange("w", { members: { from: "b", to: "c" } }), ["b", "c"]),
      answers(SortedSets.zrange("w", { members: { above: "b", below: "d" } }), ["c"]),
      answers(SortedSets.zrange("w", { members: { above: Buffer.from("b") }, reversed: true }), ["d", "c"]),
      answers(SortedSets.zrange("w", { members: {}, limit: { offset: 1, count: 1 }, reversed: true }), ["c"]),
      answers(SortedSets.zlexcount("w", { below: "c" }), 2),
      answers(SortedSets.zlexcount("w", {}), 4),
      answers(SortedSets.zrangestore("to", "w", { members: { to: "c" }, reversed: true }), 3),
      answers(SortedSets.zremrangebylex("w", { from: Buffer.from("b"), below: "d" }), 2),
      answers(SortedSets.zremrangebylex("w", {}), 2),
      answers(wrong, true),
      refuses(SortedSets.zlexcount("text", {}), "WRONGTYPE"),
      refuses(SortedSets.zremrangebylex("text", {}), "WRONGTYPE")
    ]
  ],
  [
    "ends",
    [
      answers(board, 4),
      answers(SortedSets.zpopmin("z"), [{ member: "a", score: 1 }]),
      answers(SortedSets.zpopmax("z", 2), [
        { member: "d", score: 4 },
        { member: "c", score: 3 }
      ]),
      answers(SortedSets.zpopmin("z", 0), []),
      answers(SortedSets.zpopmin("z", 9), [{ member: "b", score: 2 }]),
      answers(SortedSets.zpopmax("z"), []),
      answers(Keys.exists(["z"]), 0),
      answers(board, 4),
      answers(
        SortedSets.zmpop(["nobody", "z"], "min"),
        Option.some({ key: "z", entries: [{ member: "a", score: 1 }] })
      ),
      answers(
        SortedSets.zmpop(["z"], "max", { count: 2 }),
        Option.some({
          key: "z",
          entries: [
            { member: "d", score: 4 },
            { member: "c", score: 3 }
          ]
        })
      ),
      answers(SortedSets.zmpop(["nobody"], "max"), Option.none()),
      refuses(SortedSets.zmpop(["z"], "max", { count: 0 }), "ERR"),
      refuses(SortedSets.zmpop([], "max"), "ARGUMENT"),
      refuses(SortedSets.zpopmin("z", -1), "ERR"),
      answers(wrong, true),
      refuses(SortedSets.zpopmin("text"), "WRONGTYPE"),
      refuses(SortedSets.zpopmax("text"), "WRONGTYPE"),
      refuses(SortedSets.zmpop(["text", "z"], "min"), "WRONGTYPE")
    ]
  ],
  [
    "waiting for members",
    [
      reserved(answers(SortedSets.bzpopmin(["z"], "10 millis"), Option.none())),
      reserved(answers(SortedSets.bzpopmax(["nobody", "z"], "10 millis"), Option.none())),
      reserved(answers(SortedSets.bzmpop(["z"], "max", "10 millis"), Option.none())),
      answers(board, 4),
      reserved(
        answers(SortedSets.bzpopmin(["nobody", "z"], "1 minute"), Option.some({ key: "z", member: "a", score: 1 }))
      ),
      reserved(answers(SortedSets.bzpopmax(["z"], "1 minute"), Option.some({ key: "z", member: "d", score: 4 }))),
      reserved(
        answers(
          SortedSets.bzmpop(["nobody", "z"], "max", "1 minute"),
          Option.some({ key: "z", entries: [{ member: "c", score: 3 }] })
        )
      ),
      reserved(
        answers(
          SortedSets.bzmpop(["z"], "min", "1 minute", { count: 9 }),
          Option.some({ key: "z", entries: [{ member: "b", score: 2 }] })
        )
      ),
      answers(wrong, true),
      reserved(refuses(SortedSets.bzpopmin(["z", "text"], "1 minute"), "WRONGTYPE")),
      reserved(refuses(SortedSets.bzmpop([], "min", "1 minute"), "ARGUMENT")),
      reserved(refuses(SortedSets.bzpopmax(["z"], "Infinity"), "ARGUMENT")),
      refuses(SortedSets.bzpopmax(["z"], "1 minute"), "UNSUPPORTED")
    ]
  ],
  [
    "by chance",
    [
      answers(SortedSets.zrandmember("z"), Option.none()),
      answers(SortedSets.zrandmembers("z", 2, { repeated: true }), []),
      answers(board, 4),
      satisfies(
        SortedSets.zrandmember("z"),
        Option.exists((member) => "abcd".includes(member))
      ),
      satisfies(SortedSets.zrandmembers("z", 3), (members) => new Set(members).size === 3),
      satisfies(SortedSets.zrandmembers("z", 9), (members) => members.length === 4),
      satisfies(SortedSets.zrandmembers("z", 9, { repeated: true }), (members) => members.length === 9),
      satisfies(
        SortedSets.zrandmembersWithScores("z", 9),
        (entries) => entries.length === 4 && entries.every(({ member, score }) => " abcd".indexOf(member) === score)
      ),
      satisfies(SortedSets.zrandmembersWithScores("z", 9, { repeated: true }), (entries) => entries.length === 9),
      answers(wrong, true),
      refuses(SortedSets.zrandmember("text"), "WRONGTYPE"),
      refuses(SortedSets.zrandmembers("text", 1), "WRONGTYPE"),
      refuses(SortedSets.zrandmembersWithScores("text", 1), "WRONGTYPE")
    ]
  ],
  [
    "several together",
    [
      answers(SortedSets.zadd("m", { a: 1, b: 2 }), 2),
      answers(SortedSets.zadd("n", { b: 5, c: 3 }), 2),
      answers(SortedSets.zunion(["m", "n", "nobody"]), ["a", "c", "b"]),
      answers(SortedSets.zunionWithScores(["m", "n"], { weights: [10, 1], aggregate: "min" }), [
        { member: "c", score: 3 },
        { member: "b", score: 5 },
        { member: "a", score: 10 }
      ]),
      answers(SortedSets.zunion(["m", "n"], { weights: [POSITIVE_INFINITY, 1] }), ["c", "a", "b"]),
      answers(SortedSets.zinter(["m", "n"]), ["b"]),
      answers(SortedSets.zinter(["m", "n"], { weights: [1, 2], aggregate: "max" }), ["b"]),
      answers(SortedSets.zinterWithScores(["m", "n"]), [{ member: "b", score: 7 }]),
      answers(SortedSets.zinterWithScores(["m", "n"], { aggregate: "sum" }), [{ member: "b", score: 7 }]),
      answers(SortedSets.zinterWithScores(["m", "n"], { weights: [0.5, -2], aggregate: "max" }), [
        { member: "b", score: 1 }
      ]),
      answers(SortedSets.zintercard(["m", "n"]), 1),
      answers(SortedSets.zintercard(["m", "m"], { limit: 1 }), 1),
      answers(SortedSets.zintercard(["m", "m"], { limit: 0 }), 2),
      answers(SortedSets.zdiff(["m", "n"]), ["a"]),
      answers(SortedSets.zdiffWithScores(["m", "n"]), [{ member: "a", score: 1 }]),
      answers(SortedSets.zunionstore("to", ["m", "n"], { weights: [1, 1], aggregate: "max" }), 3),
      answers(SortedSets.zscore("to", "b"), Option.some(5)),
      answers(SortedSets.zinterstore("to", ["m", "n"], { weights: [2, 1] }), 1),
      answers(SortedSets.zscore("to", "b"), Option.some(9)),
      answers(SortedSets.zdiffstore("to", ["m", "n"]), 1),
      answers(SortedSets.zscore("to", "a"), Option.some(1)),
      answers(SortedSets.zdiffstore("to", ["m", "m"]), 0),
      answers(Keys.exists(["to"]), 0),
      refuses(SortedSets.zunion([]), "ARGUMENT"),
      refuses(SortedSets.zunion(["m", "n"], { weights: [1] }), "ERR"),
      refuses(SortedSets.zintercard(["m"], { limit: -1 }), "ERR"),
      answers(wrong, true),
      refuses(SortedSets.zunion(["m", "text"]), "WRONGTYPE"),
      refuses(SortedSets.zunionWithScores(["text"]), "WRONGTYPE"),
      refuses(SortedSets.zinter(["m", "text"]), "WRONGTYPE"),
      refuses(SortedSets.zinterWithScores(["text"]), "WRONGTYPE"),
      refuses(SortedSets.zintercard(["text"]), "WRONGTYPE"),
      refuses(SortedSets.zdiff(["m", "text"]), "WRONGTYPE"),
      refuses(SortedSets.zdiffWithScores(["text"]), "WRONGTYPE"),
      refuses(SortedSets.zdiffstore("to", ["text"]), "WRONGTYPE"),
      refuses(SortedSets.zinterstore("to", ["text"]), "WRONGTYPE"),
      refuses(SortedSets.zunionstore("to", ["text"]), "WRONGTYPE")
    ]
  ],
  [
    "expiry",
    [
      answers(board, 4),
      answers(Keys.expire("z", { timeToLive: "1 hour" }), true),
      answers(SortedSets.zadd("z", { a: 9 }), 0),
      answers(SortedSets.zpopmin("z"), [{ member: "b", score: 2 }]),
      satisfies(Keys.expiretime("z"), (time) => !Option.contains(time, "never")),
      answers(SortedSets.zrangestore("z", "z", all), 3),
      answers(Keys.expiretime("z"), Option.some("never" as const))
    ]
  ]
]
