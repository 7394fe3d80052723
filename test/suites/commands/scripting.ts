import { Option } from "effect"
import { RedisCommand, RedisScript } from "effect-ioredis"
import { Scripting, Strings } from "effect-ioredis/commands"
import { answers, refuses, type Scene, satisfies } from "./Row.ts"

const { lua, sha } = RedisScript.deleteIfEqual

/** What the commands on scripts answer. */
export const scripting: ReadonlyArray<Scene> = [
  [
    "scripts that the server knows",
    [
      answers(Scripting.scriptExists([sha]), [false]),
      answers(Scripting.scriptLoad(lua), sha),
      answers(Scripting.scriptExists(["nonsense", sha, sha.toUpperCase()]), [false, true, true]),
      answers(Strings.set("k", "v"), true),
      answers(RedisCommand.make("EVALSHA", [sha, 1, "k", "v"]), 1),
      answers(Scripting.scriptFlush(), undefined),
      answers(Scripting.scriptExists([sha]), [false]),
      refuses(RedisCommand.make("EVALSHA", [sha, 1, "k", "v"]), "NOSCRIPT"),
      answers(Scripting.scriptLoad(lua), sha),
      answers(Scripting.scriptFlush({ mode: "sync" }), undefined),
      answers(Scripting.scriptLoad(lua), sha),
      answers(Scripting.scriptFlush({ mode: "async" }), undefined),
      answers(Scripting.scriptExists([sha]), [false]),
      refuses(Scripting.scriptExists([]), "ARGUMENT")
    ]
  ]
]

const library = `#!lua name=mine
redis.register_function("give", function(keys, args) return redis.call("SET", keys[1], args[1]) end)
redis.register_function("refuse", function(keys, args) return redis.error_reply("NOJOB " .. args[1]) end)
redis.register_function{
  function_name = "read", description = "reads", flags = {"no-writes"},
  callback = function(keys) return redis.call("GET", keys[1]) end
}`

/** What the commands on functions answer, which a simulated Redis does not run. */
export const functions: ReadonlyArray<Scene> = [
  [
    "libraries",
    [
      answers(Scripting.functionList(), []),
      answers(Scripting.functionLoad(library), "mine"),
      refuses(Scripting.functionLoad(library), "ERR"),
      refuses(Scripting.functionLoad(library, { replace: false }), "ERR"),
      answers(Scripting.functionLoad(library, { replace: true }), "mine"),
      answers(
        Scripting.functionLoad(`#!lua name=other\nredis.register_function("f", function() return 1 end)`),
        "other"
      ),
      satisfies(Scripting.functionList(), (found) => found.length === 2),
      answers(Scripting.functionList({ library: "o*" }), [
        {
          name: "other",
          engine: "LUA",
          functions: [{ name: "f", description: Option.none(), flags: [] }],
          code: Option.none()
        }
      ]),
      satisfies(Scripting.functionList({ library: "mine", withCode: true }), ([mine]) => {
        const read = mine?.functions.find(({ name }) => name === "read")
        const isDescribed = Option.contains(read?.description ?? Option.none(), "reads")
        return Option.contains(mine?.code ?? Option.none(), library) && isDescribed && `${read?.flags}` === "no-writes"
      }),
      answers(Scripting.functionStats, {
        running: Option.none(),
        engines: { LUA: { libraries: 2, functions: 4 } }
      }),
      answers(Scripting.functionDelete("other"), undefined),
      refuses(Scripting.functionDelete("other"), "ERR"),
      answers(Scripting.functionFlush(), undefined),
      answers(Scripting.functionLoad(library), "mine"),
      answers(Scripting.functionFlush({ mode: "sync" }), undefined),
      answers(Scripting.functionLoad(library), "mine"),
      answers(Scripting.functionFlush({ mode: "async" }), undefined),
      answers(Scripting.functionList(), []),
      refuses(Scripting.functionRestore(Uint8Array.of(1, 2, 3)), "ERR")
    ]
  ],
  [
    "calls",
    [
      refuses(Scripting.fcall("give", ["k"], ["v"]), "ERR"),
      answers(Scripting.functionLoad(library), "mine"),
      answers(Scripting.fcall("give", ["k"], ["1"]), "OK"),
      answers(Scripting.fcall("read", ["k"]), "1"),
      answers(Scripting.fcallRo("read", ["k"]), "1"),
      answers(Scripting.fcallRo("read", ["k"], [], { decode: Strings.get("k").decode }), Option.some("1")),
      answers(Scripting.fcall("read", ["k"], [], { reply: "bytes" }), Buffer.from("1")),
      refuses(Scripting.fcall("read", ["k"], [], { decode: Strings.strlen("k").decode }), "REPLY"),
      refuses(Scripting.fcallRo("give", ["k"], ["v"]), "ERR"),
      refuses(Scripting.fcall("refuse", [], ["secret"], { errors: ["NOJOB"] }), "NOJOB"),
      refuses(Scripting.fcall("refuse", [], ["secret"]), "ERR")
    ]
  ]
]
