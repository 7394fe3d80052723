import { DateTime, Duration, Option } from "effect"
import { Keys, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene, satisfies } from "./Row.ts"

const moment = DateTime.addDuration(DateTime.nowUnsafe(), "1 hour")

/** What the commands on keys answer. */
export const keys: ReadonlyArray<Scene> = [
  [
    "being there",
    [
      answers(Strings.mset({ a: 1, b: 2, c: 3 }), undefined),
      answers(Keys.exists(["a", "a", "nobody"]), 2),
      answers(Keys.touch(["a", "nobody"]), 1),
      answers(Keys.type("a"), Option.some("string")),
      answers(Keys.type("nobody"), Option.none()),
      satisfies(Keys.keys("[ab]"), (found) => found.length === 2 && found.includes("a") && found.includes("b")),
      satisfies(
        Keys.randomkey,
        Option.exists((key) => "abc".includes(key))
      ),
      answers(Keys.del(["a", "a", "nobody"]), 1),
      answers(Keys.unlink(["b", "c"]), 2),
      answers(Keys.randomkey, Option.none())
    ]
  ],
  [
    "expiry",
    [
      answers(Keys.expire("k", { timeToLive: "1 minute" }), false),
      answers(Keys.pttl("k"), Option.none()),
      answers(Keys.expiretime("k"), Option.none()),
      answers(Strings.set("k", "v"), true),
      answers(Keys.expiretime("k"), Option.some("never" as const)),
      answers(Keys.expire("k", { timeToLive: "1 minute" }, { condition: "ifAny" }), false),
      answers(Keys.expire("k", { timeToLive: "1 minute" }, { condition: "ifLater" }), false),
      answers(Keys.expire("k", { timeToLive: "2 hours" }, { condition: "ifNone" }), true),
      answers(Keys.expire("k", { expiresAt: moment }, { condition: "ifLater" }), false),
      answers(Keys.expire("k", { expiresAt: moment }, { condition: "ifEarlier" }), true),
      answers(Keys.expiretime("k"), Option.some(DateTime.toUtc(moment))),
      answers(Keys.persist("k"), true),
      answers(Keys.persist("k"), false),
      answers(Keys.pttl("k"), Option.some(Duration.infinity)),
      answers(Keys.expire("k", { timeToLive: Duration.infinity }), true),
      answers(Keys.expire("k", { timeToLive: 0 }), true),
      answers(Keys.exists(["k"]), 0)
    ]
  ],
  [
    "other names",
    [
      refuses(Keys.rename("nobody", "a"), "ERR"),
      answers(Strings.mset({ a: 1, b: 2 }), undefined),
      answers(Keys.rename("a", "c"), undefined),
      answers(Strings.mget(["a", "c"]), [Option.none(), Option.some("1")]),
      answers(Keys.renamenx("c", "b"), false),
      answers(Keys.renamenx("c", "d"), true),
      answers(Keys.copy("d", "b"), false),
      answers(Keys.copy("d", "b", { replace: true }), true),
      answers(Keys.copy("nobody", "e"), false),
      answers(Strings.mget(["b", "d"]), [Option.some("1"), Option.some("1")])
    ]
  ]
]
