import { Option } from "effect"
import { Hashes, Keys, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene, satisfies } from "./Row.ts"

const none = Option.none<string>()
const same = (one: ReadonlyArray<string>, other: ReadonlyArray<string>) =>
  one.length === other.length && one.every((item) => other.includes(item))

/** What the commands on hashes answer. */
export const hashes: ReadonlyArray<Scene> = [
  [
    "fields",
    [
      answers(Hashes.hset("h", { a: "1", b: 2, c: new Uint8Array([51, 51]) }), 3),
      answers(Hashes.hset("h", { a: "one", d: "four" }), 1),
      answers(Hashes.hget("h", "a"), Option.some("one")),
      answers(Hashes.hget("h", "nobody"), none),
      answers(Hashes.hmget("h", ["b", "nobody", "c"]), [Option.some("2"), none, Option.some("33")]),
      answers(Hashes.hgetall("h"), { a: "one", b: "2", c: "33", d: "four" }),
      satisfies(Hashes.hkeys("h"), (fields) => same(fields, ["a", "b", "c", "d"])),
      satisfies(Hashes.hvals("h"), (values) => same(values, ["one", "2", "33", "four"])),
      answers(Hashes.hlen("h"), 4),
      answers(Hashes.hstrlen("h", "d"), 4),
      answers(Hashes.hstrlen("h", "nobody"), 0),
      answers(Hashes.hexists("h", "d"), true),
      answers(Hashes.hexists("h", "nobody"), false),
      answers(Hashes.hsetnx("h", "d", "other"), false),
      answers(Hashes.hsetnx("h", "e", 5), true),
      answers(Hashes.hmget("h", ["d", "e"]), [Option.some("four"), Option.some("5")])
    ]
  ],
  [
    "fields that are gone, and the hash with the last one",
    [
      answers(Hashes.hset("h", { a: 1, b: 2 }), 2),
      answers(Keys.expire("h", { timeToLive: "1 hour" }), true),
      answers(Hashes.hdel("h", ["a", "a", "nobody"]), 1),
      answers(Keys.persist("h"), true),
      answers(Hashes.hdel("h", ["b"]), 1),
      answers(Hashes.hdel("h", ["b"]), 0),
      answers(Keys.exists(["h"]), 0),
      answers(Hashes.hgetall("h"), {}),
      answers(Hashes.hkeys("h"), []),
      answers(Hashes.hvals("h"), []),
      answers(Hashes.hlen("h"), 0),
      answers(Hashes.hmget("h", ["a"]), [none])
    ]
  ],
  [
    "a field of any name is a property of its own",
    [
      answers(Hashes.hset("h", { ["__proto__"]: "p", constructor: "c", "": "empty" }), 3),
      satisfies(
        Hashes.hgetall("h"),
        (record) =>
          Object.getPrototypeOf(record) === Object.prototype &&
          Object.getOwnPropertyDescriptor(record, "__proto__")?.value === "p" &&
          same(Object.keys(record), ["__proto__", "constructor", ""])
      )
    ]
  ],
  [
    "numbers",
    [
      answers(Hashes.hincrby("h", "n", 5), 5),
      answers(Hashes.hincrby("h", "n", -7), -2),
      answers(Hashes.hincrbyfloat("h", "n", 0.5), -1.5),
      answers(Hashes.hincrbyfloat("h", "great", 1e20), 1e20),
      refuses(Hashes.hincrby("h", "n", 1), "ERR"),
      answers(Hashes.hset("h", { text: "ada" }), 1),
      refuses(Hashes.hincrbyfloat("h", "text", 1), "ERR")
    ]
  ],
  [
    "some fields",
    [
      answers(Hashes.hrandfield("h"), none),
      answers(Hashes.hrandfields("h", 2), []),
      answers(Hashes.hrandfieldsWithValues("h", 2), []),
      answers(Hashes.hset("h", { a: "1", b: "2" }), 2),
      satisfies(
        Hashes.hrandfield("h"),
        Option.exists((field) => field === "a" || field === "b")
      ),
      satisfies(Hashes.hrandfields("h", 9), (fields) => same(fields, ["a", "b"])),
      answers(Hashes.hrandfields("h", 0, { repeated: true }), []),
      satisfies(
        Hashes.hrandfields("h", 5, { repeated: true }),
        (fields) => fields.length === 5 && fields.every((field) => field === "a" || field === "b")
      ),
      satisfies(Hashes.hrandfieldsWithValues("h", 1), (pairs) =>
        same(
          pairs.map(([field, value]) => `${field}=${value}`),
          pairs[0]?.[0] === "a" ? ["a=1"] : ["b=2"]
        )
      ),
      satisfies(
        Hashes.hrandfieldsWithValues("h", 5, { repeated: true }),
        (pairs) => pairs.length === 5 && pairs.every(([field, value]) => value === (field === "a" ? "1" : "2"))
      )
    ]
  ],
  [
    "refused on another type",
    [
      answers(Strings.set("s", "text"), true),
      ...[
        Hashes.hdel("s", ["a"]),
        Hashes.hexists("s", "a"),
        Hashes.hget("s", "a"),
        Hashes.hgetall("s"),
        Hashes.hincrby("s", "a", 1),
        Hashes.hincrbyfloat("s", "a", 1),
        Hashes.hkeys("s"),
        Hashes.hlen("s"),
        Hashes.hmget("s", ["a"]),
        Hashes.hrandfield("s"),
        Hashes.hrandfields("s", 1),
        Hashes.hrandfieldsWithValues("s", 1),
        Hashes.hset("s", { a: 1 }),
        Hashes.hsetnx("s", "a", 1),
        Hashes.hstrlen("s", "a"),
        Hashes.hvals("s")
      ].map((command) => refuses(command, "WRONGTYPE")),
      refuses(Hashes.hset("h", {}), "ARGUMENT"),
      refuses(Hashes.hdel("h", []), "ARGUMENT"),
      refuses(Hashes.hmget("h", []), "ARGUMENT")
    ]
  ]
]
