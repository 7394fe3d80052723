import { DateTime, Duration, Option } from "effect"
import { Keys, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene, satisfies } from "./Row.ts"

const hello = Option.some("hello")
const none = Option.none<string>()
const inTenMinutes = DateTime.addDuration(DateTime.nowUnsafe(), "10 minutes")
const lives = (key: string, millis: number) =>
  satisfies(
    Keys.pttl(key),
    Option.exists((life) => Math.abs(Duration.toMillis(life) - millis) < 30_000)
  )

/** What the commands on strings answer. */
export const strings: ReadonlyArray<Scene> = [
  [
    "set, by every option",
    [
      answers(Strings.set("k", "hello"), true),
      answers(Strings.get("k"), hello),
      answers(Strings.set("k", "other", { condition: "ifAbsent" }), false),
      answers(Strings.set("nobody", "x", { condition: "ifPresent" }), false),
      answers(Strings.set("k", "hello", { condition: "ifPresent", timeToLive: "10 minutes" }), true),
      lives("k", 600_000),
      answers(Strings.set("k", "hello", { keepTimeToLive: true }), true),
      lives("k", 600_000),
      answers(Strings.set("k", "hello", { timeToLive: Duration.infinity }), true),
      answers(Keys.pttl("k"), Option.some(Duration.infinity)),
      answers(Strings.set("k", "hello", { expiresAt: inTenMinutes }), true),
      lives("k", 600_000),
      refuses(Strings.set("k", "hello", { timeToLive: 0 }), "ERR"),
      answers(Strings.setget("k", "hi"), hello),
      answers(Strings.setget("k", "ho", { condition: "ifAbsent" }), Option.some("hi")),
      answers(Strings.setget("another", "ho", { timeToLive: "10 minutes" }), none)
    ]
  ],
  [
    "get with an effect",
    [
      answers(Strings.set("k", "hello"), true),
      answers(Strings.getex("k", { timeToLive: "10 minutes" }), hello),
      lives("k", 600_000),
      answers(Strings.getex("k", { timeToLive: Duration.infinity }), hello),
      answers(Keys.pttl("k"), Option.some(Duration.infinity)),
      answers(Strings.getex("k", { expiresAt: inTenMinutes }), hello),
      answers(Strings.getex("k", "persist"), hello),
      answers(Keys.pttl("k"), Option.some(Duration.infinity)),
      answers(Strings.getdel("k"), hello),
      answers(Strings.getdel("k"), none),
      answers(Strings.getex("k", "persist"), none)
    ]
  ],
  [
    "numbers",
    [
      answers(Strings.incr("n"), 1),
      answers(Strings.incrby("n", 41), 42),
      answers(Strings.decr("n"), 41),
      answers(Strings.decrby("n", 50), -9),
      answers(Strings.incrbyfloat("n", 0.5), -8.5),
      answers(Strings.set("f", 0), true),
      answers(Strings.incrbyfloat("f", 1e20), 1e20),
      // 99,999,999,999,999,999,992, which no number is.
      refuses(Strings.incrbyfloat("n", 1e20), "REPLY"),
      refuses(Strings.incr("n"), "ERR"),
      answers(Strings.set("text", "ada"), true),
      refuses(Strings.incrbyfloat("text", 1), "ERR")
    ]
  ],
  [
    "parts",
    [
      answers(Strings.append("k", "hello"), 5),
      answers(Strings.append("k", " world"), 11),
      answers(Strings.strlen("k"), 11),
      answers(Strings.strlen("nobody"), 0),
      answers(Strings.getrange("k", -5, -1), "world"),
      answers(Strings.getrange("nobody", 0, -1), ""),
      answers(Strings.setrange("k", 6, "Ada"), 11),
      answers(Strings.get("k"), Option.some("hello Adald"))
    ]
  ],
  [
    "several",
    [
      answers(Strings.mset({ a: 1, b: "two" }), undefined),
      answers(Strings.mget(["a", "nobody", "b"]), [Option.some("1"), none, Option.some("two")]),
      answers(Strings.msetnx({ b: 3, c: 4 }), false),
      answers(Strings.get("c"), none),
      answers(Strings.msetnx({ c: 4, d: 5 }), true),
      answers(Strings.get("c"), Option.some("4"))
    ]
  ]
]
