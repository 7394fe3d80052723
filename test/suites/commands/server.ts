import { DateTime, Duration, Option } from "effect"
import { Scripting, Server, Strings } from "effect-ioredis/commands"
import { answers, refuses, reserved, type Scene, satisfies } from "./Row.ts"

const isNow = (moment: DateTime.DateTime) =>
  Math.abs(DateTime.toEpochMillis(moment) - DateTime.toEpochMillis(DateTime.nowUnsafe())) < 60_000

/** What the commands on servers answer. */
export const server: ReadonlyArray<Scene> = [
  [
    "connections",
    [
      answers(Server.ping, undefined),
      answers(Server.echo("é"), "é"),
      answers(Server.echo(1.5), "1.5"),
      answers(Server.aclWhoami, "default"),
      satisfies(Server.clientId, (id) => Number.isInteger(id) && id > 0),
      answers(Server.clientKill(1_000_000), false),
      refuses(Server.clientKill(0), "ERR")
    ]
  ],
  [
    "what it says of itself",
    [
      satisfies(Server.info(), ({ redis_version, role }) => redis_version === "7.0.15" && role === "master"),
      satisfies(Server.info("server"), ({ redis_version, role }) => redis_version === "7.0.15" && role === undefined),
      satisfies(Server.info("server", "replication"), ({ role, run_id }) => role === "master" && run_id?.length === 40),
      satisfies(Server.time, isNow)
    ]
  ],
  [
    "waiting for replicas",
    [
      reserved(answers(Server.wait(0, "1 minute"), 0)),
      reserved(answers(Server.wait(1, "10 millis"), 0)),
      reserved(refuses(Server.wait(1, "Infinity"), "ARGUMENT")),
      refuses(Server.wait(1, "1 minute"), "UNSUPPORTED")
    ]
  ],
  [
    "emptying it",
    [
      answers(Server.dbsize, 0),
      answers(Strings.mset({ a: 1, b: 2, c: 3 }), undefined),
      answers(Server.dbsize, 3),
      answers(Server.flushdb(), undefined),
      answers(Server.dbsize, 0),
      answers(Strings.set("a", 1), true),
      answers(Server.flushdb({ mode: "async" }), undefined),
      answers(Server.dbsize, 0),
      answers(Strings.set("a", 1), true),
      answers(Server.flushall(), undefined),
      answers(Server.dbsize, 0),
      answers(Strings.set("a", 1), true),
      answers(Server.flushall({ mode: "sync" }), undefined),
      answers(Server.dbsize, 0)
    ]
  ],
  [
    "channels that nobody hears of",
    [
      answers(Server.publish("news", "it rains"), 0),
      answers(Server.spublish("news", "it rains"), 0),
      answers(Server.pubsubChannels(), []),
      answers(Server.pubsubChannels({ match: "n*" }), []),
      answers(Server.pubsubNumsub([]), {}),
      answers(Server.pubsubNumsub(["news", "weather"]), { news: 0, weather: 0 })
    ]
  ],
  [
    "a slow log without entries",
    [
      answers(Server.slowlogReset, undefined),
      answers(Server.slowlogGet({ count: 0 }), []),
      refuses(Server.slowlogGet({ count: -2 }), "ERR")
    ]
  ]
]

/** What only a real server answers. */
export const serverAlone: ReadonlyArray<Scene> = [
  [
    "settings",
    [
      satisfies(
        Server.configGet(["maxmemory", "slowlog-*"]),
        (found) => found.maxmemory === "0" && found["slowlog-max-len"] === "128"
      ),
      answers(Server.configSet({ maxmemory: "100mb", "slowlog-max-len": 64 }), undefined),
      answers(Server.configGet(["maxmemory", "slowlog-max-len"]), { maxmemory: "104857600", "slowlog-max-len": "64" }),
      answers(Server.configGet(["nonsense"]), {}),
      refuses(Server.configSet({ "slowlog-max-len": 32, nonsense: 1 }), "ERR"),
      answers(Server.configGet(["slowlog-max-len"]), { "slowlog-max-len": "64" }),
      satisfies(Server.commandCount, (count) => count > 200),
      satisfies(Server.lastsave, isNow)
    ]
  ],
  [
    "what there is to know of a key",
    [
      answers(Strings.mset({ n: 1, s: "text", l: "x".repeat(1000) }), undefined),
      answers(Server.objectEncoding("n"), Option.some("int")),
      answers(Server.objectEncoding("s"), Option.some("embstr")),
      answers(Server.objectEncoding("l"), Option.some("raw")),
      answers(Server.objectEncoding("nobody"), Option.none()),
      satisfies(
        Server.objectIdletime("n"),
        Option.exists((idle) => Duration.toSeconds(idle) < 60)
      ),
      answers(Server.objectIdletime("nobody"), Option.none()),
      satisfies(
        Server.memoryUsage("l"),
        Option.exists((bytes) => bytes > 1000)
      ),
      answers(Server.memoryUsage("nobody", { samples: 0 }), Option.none()),
      refuses(Server.memoryUsage("l", { samples: -1 }), "ERR"),
      answers(Server.configSet({ "maxmemory-policy": "allkeys-lfu" }), undefined),
      refuses(Server.objectIdletime("n"), "ERR")
    ]
  ],
  [
    "the slow log",
    [
      answers(Server.slowlogReset, undefined),
      answers(Server.configSet({ "slowlog-log-slower-than": 0 }), undefined),
      answers(Strings.set("k", "v"), true),
      satisfies(Server.slowlogGet({ count: 1 }), ([first, ...more]) => {
        if (first === undefined || more.length > 0) return false
        const micros = Duration.toMillis(first.duration) * 1000
        const isExact = Number.isInteger(Math.round(micros * 1e6) / 1e6) && micros < 60e6
        const { address, at, clientName, command, id } = first
        const says = `${command.join(" ")} ${Option.getOrElse(clientName, () => "")}`
        return id > 0 && isNow(at) && isExact && says === "SET k v effect-ioredis" && /:\d+$/.test(address)
      }),
      satisfies(Server.slowlogGet(), (found) => found.length >= 2 && found.length <= 10),
      satisfies(Server.slowlogGet({ count: -1 }), (found) => found[0]?.command[0] === "SLOWLOG"),
      answers(Server.configSet({ "slowlog-log-slower-than": -1 }), undefined),
      answers(Server.slowlogReset, undefined),
      answers(Server.slowlogGet(), [])
    ]
  ],
  [
    "who is connected",
    [
      satisfies(Server.clientList(), ([one, ...others]) => {
        if (one === undefined || others.length > 0) return false
        const { address, age, db, fields, id, idle, lastCommand, name, user } = one
        const seconds = [age, idle].map(Duration.toSeconds)
        const says = [name, user, db, lastCommand].map((field) =>
          Option.isOption(field) ? field.valueOrUndefined : field
        )
        return (
          `${says}` === "effect-ioredis,default,0,client|list" &&
          /^127\.0\.0\.1:\d+$/.test(address) &&
          fields.addr === address &&
          fields.resp === "2" &&
          id > 0 &&
          seconds.every((count) => count >= 0 && count < 60)
        )
      }),
      satisfies(Server.clientList({ type: "normal" }), (found) => found.length === 1),
      answers(Server.clientList({ type: "pubsub" }), []),
      answers(Server.clientList({ ids: [1_000_000, 1_000_001] }), [])
    ]
  ]
]

/** What a simulated Redis says of what it does not know. */
export const lacking: ReadonlyArray<Scene> = [
  [
    "what it lacks",
    [
      refuses(Server.configGet(["maxmemory"]), "NOSIMULATEDCOMMAND"),
      refuses(Server.clientList(), "NOSIMULATEDCOMMAND"),
      refuses(Server.memoryUsage("k"), "NOSIMULATEDCOMMAND"),
      refuses(Scripting.fcall("mine", ["k"]), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.fcallRo("mine", ["k"]), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionDelete("mine"), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionDump, "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionFlush({ mode: "async" }), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionList({ withCode: true }), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionLoad("#!lua name=mine", { replace: true }), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionRestore(Uint8Array.of(1), { policy: "flush" }), "NOSIMULATEDFUNCTION"),
      refuses(Scripting.functionStats, "NOSIMULATEDFUNCTION")
    ]
  ]
]
