import { DateTime, Duration, Option } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Keys, Streams, Strings } from "effect-ioredis/commands"
import { answers, refuses, reserved, type Row, type Scene, satisfies } from "./Row.ts"

const entry = (n: number) => ({ id: `${n}-0`, fields: { n: String(n) } })
const delivered = (n: number) => ({ id: `${n}-0`, fields: Option.some({ n: String(n) }) })
const added = (n: number, key = "s"): Row => answers(Streams.xadd(key, { n }, { id: `${n}-0` }), `${n}-0`)
const all = (...entries: ReadonlyArray<number>): Row => answers(Streams.xrange("s", "-", "+"), entries.map(entry))
const group = (id = "0"): Row => answers(Streams.xgroupCreate("s", "g", id), undefined)
const read = (consumer: string, count: number) => Streams.xreadgroup("g", consumer, { s: ">" }, { count })
const one =
  <A>(holds: (item: A) => boolean) =>
  (items: ReadonlyArray<A>): boolean => {
    const [item, ...more] = items
    return item !== undefined && more.length === 0 && holds(item)
  }
const about = (idle: Duration.Duration, millis: number) => Math.abs(Duration.toMillis(idle) - millis) < 60_000
const idleOf = (id: string, millis: number, deliveries: number): Row =>
  satisfies(
    Streams.xpendingRange("s", "g", id, id, 1),
    one((entry) => entry.id === id && about(entry.idle, millis) && entry.deliveries === deliveries)
  )

// The answer's type says nothing of an entry that may not be there.
const ids: ReadonlyArray<RedisCommand.RedisCommand<string>> = [Streams.xadd("s", { n: 1 }), Streams.xadd("s", { n: 2 })]

/** What the commands on streams answer. */
export const streams: ReadonlyArray<Scene> = [
  [
    "xadd, by every option",
    [
      answers(Streams.xadd("s", { n: 1 }, { id: "1-0", condition: "ifPresent" }), Option.none()),
      added(1),
      answers(Streams.xadd("s", { n: 2 }, { id: "2-0", condition: "ifPresent" }), Option.some("2-0")),
      answers(Streams.xadd("s", { n: 3 }, { id: "2-*" }), "2-1"),
      answers(Streams.xadd("s", { n: 3 }, { id: "3" }), "3-0"),
      refuses(Streams.xadd("s", { n: 3 }, { id: "3" }), "ERR"),
      refuses(Streams.xadd("s", { n: 3 }, { id: "three" }), "ERR"),
      refuses(Streams.xadd("s", {}, { id: "4" }), "ARGUMENT"),
      answers(Streams.xadd("s", { n: 5, m: 0.5 }, { id: "5-0", trim: { maxLength: 2 } }), "5-0"),
      answers(Streams.xrange("s", "-", "+"), [entry(3), { id: "5-0", fields: { n: "5", m: "0.5" } }]),
      answers(Streams.xadd("s", { n: 6 }, { id: "6-0", trim: { minId: "6" } }), "6-0"),
      answers(Streams.xadd("s", { n: 7 }, { id: "7-0", trim: { maxLength: 1, approximate: true } }), "7-0"),
      answers(Streams.xadd("s", { n: 8 }, { id: "8-0", trim: { minId: "8", approximate: true, limit: 1 } }), "8-0"),
      all(6, 7, 8),
      ...ids.map((command) => satisfies(command, (id) => /^[0-9]{13}-[0-9]+$/.test(id))),
      answers(Strings.set("k", "text"), true),
      refuses(Streams.xadd("k", { n: 1 }), "WRONGTYPE")
    ]
  ],
  [
    "ranges",
    [
      ...[1, 2, 3].map((n) => added(n)),
      all(1, 2, 3),
      answers(Streams.xrange("s", "(1-0", "3"), [entry(2), entry(3)]),
      answers(Streams.xrange("s", "-", "+", { count: 2 }), [entry(1), entry(2)]),
      answers(Streams.xrange("s", "-", "+", { count: 0 }), []),
      answers(Streams.xrange("nobody", "-", "+"), []),
      answers(Streams.xrevrange("s", "(3-0", "-"), [entry(2), entry(1)]),
      answers(Streams.xrevrange("s", "+", "-", { count: 1 }), [entry(3)]),
      refuses(Streams.xrange("s", "one", "+"), "ERR")
    ]
  ],
  [
    "fewer entries",
    [
      ...[1, 2, 3, 4, 5].map((n) => added(n)),
      answers(Streams.xlen("s"), 5),
      answers(Streams.xlen("nobody"), 0),
      answers(Streams.xdel("s", ["2-0", "2-0", "9-0"]), 1),
      answers(Streams.xtrim("s", { maxLength: 3 }), 1),
      all(3, 4, 5),
      answers(Streams.xtrim("s", { minId: "4" }), 1),
      answers(Streams.xtrim("s", { maxLength: 1, approximate: true }), 0),
      answers(Streams.xtrim("s", { maxLength: 0, approximate: true, limit: 1 }), 0),
      answers(Streams.xtrim("s", { maxLength: 0, approximate: true, limit: 2 }), 2),
      answers(Keys.type("s"), Option.some("stream")),
      refuses(Streams.xtrim("s", { maxLength: -1 }), "ERR"),
      refuses(Streams.xdel("s", ["x"]), "ERR")
    ]
  ],
  [
    "a field that is there twice, and one with a name like no other",
    [
      answers(RedisCommand.make("XADD", ["s", "0-1", "n", "first", "n", "last"]), "0-1"),
      answers(Streams.xrange("s", "-", "+"), [{ id: "0-1", fields: { n: "last" } }]),
      answers(Streams.xtrim("s", { maxLength: 0 }), 1),
      answers(Streams.xadd("s", { ["__proto__"]: "p", constructor: "c" }, { id: "1-0" }), "1-0"),
      satisfies(
        Streams.xrange("s", "-", "+"),
        one(({ fields }) => JSON.stringify(fields) === '{"__proto__":"p","constructor":"c"}')
      )
    ]
  ],
  [
    "xread",
    [
      answers(Streams.xread({ s: "0", t: "0" }), { s: [], t: [] }),
      ...[1, 2].map((n) => added(n)),
      added(3, "t"),
      answers(Streams.xread({ s: "1-0", t: "0" }), { s: [entry(2)], t: [entry(3)] }),
      answers(Streams.xread({ s: "0", t: "$" }, { count: 1 }), { s: [entry(1)], t: [] }),
      refuses(Streams.xread({ s: ">" }), "ERR")
    ]
  ],
  [
    "waiting for entries",
    [
      reserved(answers(Streams.xread({ s: "$" }, { block: "10 millis" }), { s: [] })),
      added(1),
      reserved(answers(Streams.xread({ s: "0", t: "$" }, { block: "1 minute", count: 1 }), { s: [entry(1)], t: [] })),
      reserved(answers(Streams.xread({ s: "$" }, { block: "10 millis" }), { s: [] })),
      group(),
      reserved(
        answers(Streams.xreadgroup("g", "ada", { s: ">" }, { block: "1 minute", noAck: true }), { s: [delivered(1)] })
      ),
      reserved(answers(Streams.xreadgroup("g", "ada", { s: ">" }, { block: "10 millis" }), { s: [] })),
      reserved(answers(Streams.xreadgroup("g", "ada", { s: "0" }, { block: "1 minute" }), { s: [] })),
      reserved(refuses(Streams.xreadgroup("h", "ada", { s: ">" }, { block: "1 minute" }), "NOGROUP")),
      reserved(refuses(Streams.xread({ s: "$" }, { block: "Infinity" }), "ARGUMENT")),
      refuses(Streams.xread({ s: "$" }, { block: "1 minute" }), "UNSUPPORTED")
    ]
  ],
  [
    "xreadgroup, by every option",
    [
      refuses(read("ada", 1), "NOGROUP"),
      ...[1, 2, 3, 4].map((n) => added(n)),
      group(),
      answers(read("ada", 2), { s: [delivered(1), delivered(2)] }),
      answers(Streams.xreadgroup("g", "bob", { s: ">" }, { count: 1, noAck: true }), { s: [delivered(3)] }),
      answers(Streams.xreadgroup("g", "bob", { s: "0" }), { s: [] }),
      answers(Streams.xdel("s", ["1-0"]), 1),
      answers(Streams.xreadgroup("g", "ada", { s: "0" }), { s: [{ id: "1-0", fields: Option.none() }, delivered(2)] }),
      answers(Streams.xreadgroup("g", "ada", { s: "1" }, { count: 1 }), { s: [delivered(2)] }),
      idleOf("2-0", 0, 3),
      answers(Streams.xack("s", "g", ["1-0", "2-0", "3-0"]), 2),
      answers(Streams.xack("s", "nobody", ["1-0"]), 0),
      answers(Streams.xreadgroup("g", "ada", { s: "0" }), { s: [] }),
      answers(read("ada", 10), { s: [delivered(4)] }),
      answers(read("ada", 10), { s: [] }),
      refuses(Streams.xreadgroup("g", "ada", { s: "$" }), "ERR")
    ]
  ],
  [
    "groups",
    [
      refuses(Streams.xgroupCreate("s", "g", "$"), "ERR"),
      answers(Streams.xgroupCreate("s", "g", "$", { makeStream: true }), undefined),
      refuses(Streams.xgroupCreate("s", "g", "$"), "BUSYGROUP"),
      ...[1, 2, 3].map((n) => added(n)),
      answers(Streams.xgroupCreate("s", "h", "1", { entriesRead: 1 }), undefined),
      answers(Streams.xinfoGroups("s"), [
        {
          name: "g",
          consumers: 0,
          pending: 0,
          lastDeliveredId: "0-0",
          entriesRead: Option.none(),
          lag: Option.some(3)
        },
        {
          name: "h",
          consumers: 0,
          pending: 0,
          lastDeliveredId: "1-0",
          entriesRead: Option.some(1),
          lag: Option.some(2)
        }
      ]),
      answers(Streams.xgroupSetid("s", "h", "2", { entriesRead: 2 }), undefined),
      answers(Streams.xgroupSetid("s", "g", "$"), undefined),
      answers(Streams.xdel("s", ["2-0"]), 1),
      satisfies(Streams.xinfoGroups("s"), (groups) =>
        groups.every(({ name, entriesRead, lag }) =>
          name === "g"
            ? Option.isNone(entriesRead) && Option.contains(lag, 0)
            : Option.contains(entriesRead, 2) && Option.isNone(lag)
        )
      ),
      answers(Streams.xgroupCreateconsumer("s", "g", "ada"), true),
      answers(Streams.xgroupCreateconsumer("s", "g", "ada"), false),
      answers(Streams.xgroupSetid("s", "g", "0"), undefined),
      answers(read("ada", 10), { s: [delivered(1), delivered(3)] }),
      satisfies(
        Streams.xinfoConsumers("s", "g"),
        one(({ idle, name, pending }) => name === "ada" && pending === 2 && about(idle, 0))
      ),
      answers(Streams.xgroupDelconsumer("s", "g", "ada"), 2),
      answers(Streams.xgroupDelconsumer("s", "g", "ada"), 0),
      answers(Streams.xgroupDestroy("s", "g"), true),
      answers(Streams.xgroupDestroy("s", "g"), false),
      refuses(Streams.xinfoConsumers("s", "g"), "NOGROUP"),
      refuses(Streams.xgroupSetid("s", "g", "0"), "NOGROUP"),
      refuses(Streams.xinfoGroups("nobody"), "ERR")
    ]
  ],
  [
    "what is pending",
    [
      ...[1, 2, 3].map((n) => added(n)),
      group(),
      answers(Streams.xpending("s", "g"), { count: 0, firstId: Option.none(), lastId: Option.none(), consumers: {} }),
      answers(read("ada", 2), { s: [delivered(1), delivered(2)] }),
      answers(read("bob", 1), { s: [delivered(3)] }),
      answers(Streams.xpending("s", "g"), {
        count: 3,
        firstId: Option.some("1-0"),
        lastId: Option.some("3-0"),
        consumers: { ada: 2, bob: 1 }
      }),
      satisfies(Streams.xpendingRange("s", "g", "(1-0", "+", 10), (entries) =>
        entries.every(({ id, consumer }, index) => `${id} ${consumer}` === ["2-0 ada", "3-0 bob"][index])
      ),
      satisfies(
        Streams.xpendingRange("s", "g", "-", "+", 10, { consumer: "bob" }),
        one(({ consumer, deliveries, id }) => `${id} ${consumer} ${deliveries}` === "3-0 bob 1")
      ),
      answers(Streams.xpendingRange("s", "g", "-", "+", 10, { minIdle: "1 hour" }), []),
      refuses(Streams.xpending("s", "nobody"), "NOGROUP"),
      refuses(Streams.xpendingRange("s", "g", "x", "+", 10), "ERR")
    ]
  ],
  [
    "xclaim, by every option",
    [
      ...[1, 2, 3].map((n) => added(n)),
      group(),
      answers(read("ada", 2), { s: [delivered(1), delivered(2)] }),
      answers(Streams.xclaim("s", "g", "bob", "1 hour", ["1-0"]), []),
      answers(Streams.xclaim("s", "g", "bob", 0, ["1-0", "3-0"], { idle: "2 hours" }), [entry(1)]),
      idleOf("1-0", 7_200_000, 2),
      answers(Streams.xclaim("s", "g", "bob", "1 hour", ["1-0"], { deliveries: 7 }), [entry(1)]),
      idleOf("1-0", 0, 7),
      answers(
        Streams.xclaim("s", "g", "ada", 0, ["1-0"], {
          deliveredAt: DateTime.subtractDuration(DateTime.nowUnsafe(), "3 hours")
        }),
        [entry(1)]
      ),
      idleOf("1-0", 10_800_000, 8),
      answers(Streams.xclaimJustid("s", "g", "bob", 0, ["1-0"]), ["1-0"]),
      idleOf("1-0", 0, 8),
      answers(Streams.xclaim("s", "g", "bob", 0, ["3-0"], { force: true }), [entry(3)]),
      answers(Streams.xdel("s", ["2-0"]), 1),
      answers(Streams.xclaim("s", "g", "bob", 0, ["2-0"]), []),
      answers(Streams.xpendingRange("s", "g", "2-0", "2-0", 1), []),
      refuses(Streams.xclaim("s", "nobody", "bob", 0, ["1-0"]), "NOGROUP")
    ]
  ],
  [
    "xautoclaim, by every option",
    [
      ...[1, 2, 3].map((n) => added(n)),
      group(),
      answers(read("ada", 3), { s: [delivered(1), delivered(2), delivered(3)] }),
      answers(Streams.xautoclaim("s", "g", "bob", "1 hour"), { next: Option.none(), entries: [], deleted: [] }),
      answers(Streams.xautoclaim("s", "g", "bob", 0, { count: 1 }), {
        next: Option.some("2-0"),
        entries: [entry(1)],
        deleted: []
      }),
      answers(Streams.xdel("s", ["2-0"]), 1),
      answers(Streams.xautoclaim("s", "g", "bob", 0, { start: "2-0" }), {
        next: Option.none(),
        entries: [entry(3)],
        deleted: ["2-0"]
      }),
      idleOf("3-0", 0, 2),
      answers(Streams.xautoclaimJustid("s", "g", "ada", 0, { start: "(1-0" }), {
        next: Option.none(),
        ids: ["3-0"],
        deleted: []
      }),
      idleOf("3-0", 0, 2),
      refuses(Streams.xautoclaim("s", "g", "bob", 0, { count: 0 }), "ERR"),
      refuses(Streams.xautoclaimJustid("s", "nobody", "bob", 0), "NOGROUP")
    ]
  ],
  [
    "xinfoStream",
    [
      refuses(Streams.xinfoStream("s"), "ERR"),
      ...[1, 2, 3].map((n) => added(n)),
      answers(Streams.xdel("s", ["2-0"]), 1),
      answers(Streams.xtrim("s", { maxLength: 1 }), 1),
      group("$"),
      answers(Streams.xinfoStream("s"), {
        length: 1,
        groups: 1,
        lastGeneratedId: "3-0",
        maxDeletedEntryId: "2-0",
        entriesAdded: 3,
        firstEntry: Option.some(entry(3)),
        lastEntry: Option.some(entry(3)),
        radixTreeKeys: 1,
        radixTreeNodes: 2
      }),
      answers(Streams.xdel("s", ["3-0"]), 1),
      satisfies(Streams.xinfoStream("s"), ({ firstEntry, lastEntry }) => [firstEntry, lastEntry].every(Option.isNone))
    ]
  ]
]
