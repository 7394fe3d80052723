/**
 * Commands on scripts and functions, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A script is run by `RedisClient.eval`, which sends its source only to a server that does not know
 * it. Functions are Lua too, but they stay on the server, with its data, under a name.
 *
 * **Example** (Scripts that the server knows)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisScript } from "effect-ioredis"
 * import { Scripting } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const { lua, sha } = RedisScript.deleteIfEqual
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Scripting.scriptExists([sha])) // => [false]
 *   yield* Effect.map(run(Scripting.scriptLoad(lua)), (loaded) => loaded === sha) // => true
 *   yield* run(Scripting.scriptExists([sha, "another"])) // => [true, false]
 *   yield* run(Scripting.scriptFlush()) // => undefined
 *   yield* run(Scripting.scriptExists([sha])) // => [false]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (A function, which a simulated Redis does not run)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Redis, RedisClient, RedisCommand } from "effect-ioredis"
 * import { Scripting } from "effect-ioredis/commands"
 *
 * const library = `#!lua name=scores
 * redis.register_function("raise", function(keys, args)
 *   local old = tonumber(redis.call("GET", keys[1]) or "0")
 *   if tonumber(args[1]) < old then return redis.error_reply("LOWER than before") end
 *   redis.call("SET", keys[1], args[1])
 *   return args[1]
 * end)
 * redis.register_function{
 *   function_name = "score",
 *   callback = function(keys) return redis.call("GET", keys[1]) end,
 *   flags = {"no-writes"}
 * }`
 *
 * const decode = RedisCommand.decoder(Schema.FiniteFromString)
 *
 * const raise = (board: string, score: number) =>
 *   Scripting.fcall("raise", [board], [score], { decode, errors: ["LOWER"], kind: "repeatable" })
 *
 * const score = (board: string) => Scripting.fcallRo("score", [board], [], { decode })
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Scripting.functionLoad(library, { replace: true })) // "scores"
 *   yield* run(raise("board", 42)) // 42
 *   yield* run(score("board")) // 42
 *   const [scores] = yield* run(Scripting.functionList({ library: "sc*" }))
 *   yield* Effect.log(scores?.functions.map(({ name }) => name)) // ["raise", "score"]
 *   yield* Effect.log((yield* run(Scripting.functionStats)).engines.LUA?.functions) // 2
 *   const dump = yield* run(Scripting.functionDump)
 *   yield* run(Scripting.functionDelete("scores"))
 *   yield* run(Scripting.functionRestore(dump, { policy: "replace" }))
 *   yield* run(Scripting.functionFlush({ mode: "async" }))
 * })
 *
 * Effect.runPromise(Effect.provide(program, Redis.layerFromEnv()))
 * ```
 *
 * @since 0.1.0
 */
import { Duration, type Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { flushWords } from "../internal/flushWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { FlushOptions } from "./Server.ts"

/**
 * Describes a library of functions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Library {
  /** Names it. */
  readonly name: string
  /** Names what runs it, such as `"LUA"`. */
  readonly engine: string
  /** Lists its functions, in no particular order. */
  readonly functions: ReadonlyArray<{
    /** Names it for {@link fcall}. */
    readonly name: string
    /** Says what it does, if its author has said so. */
    readonly description: Option.Option<string>
    /** Lists what its author has declared of it, such as `"no-writes"`. */
    readonly flags: ReadonlyArray<string>
  }>
  /** Holds its source, where it was asked for. */
  readonly code: Option.Option<string>
}

/**
 * Describes what runs on a server, and what is there to be run.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionStats {
  /** Describes the function that runs at this moment. */
  readonly running: Option.Option<{
    /** Names it. */
    readonly name: string
    /** Holds the command that called it, with its arguments. */
    readonly command: ReadonlyArray<string>
    /** Says how long it has been running. */
    readonly duration: Duration.Duration
  }>
  /** Counts the libraries and functions of each engine, by its name. */
  readonly engines: Readonly<Record<string, { readonly libraries: number; readonly functions: number }>>
}

/**
 * FCALL: calls a function, and answers what it answers.
 *
 * **Details**
 *
 * Without a `kind` it is effectful: never sent again once it may have run. As with a script, only
 * the author of a function can say that running it twice does no harm. `errors` declares the codes
 * that it may fail with beside Redis' own.
 *
 * @category functions
 * @since 0.1.0
 */
export const fcall: {
  <A>(
    name: string,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<RedisCommand.Argument>,
    options: RedisCommand.Options & { readonly decode: RedisCommand.Decoder<A> }
  ): RedisCommand.RedisCommand<A>
  (
    name: string,
    keys: ReadonlyArray<string>,
    args?: ReadonlyArray<RedisCommand.Argument>,
    options?: RedisCommand.Options
  ): RedisCommand.RedisCommand<RedisCommand.Reply>
} = (
  name: string,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<RedisCommand.Argument> = [],
  options?: RedisCommand.Options
): RedisCommand.RedisCommand<RedisCommand.Reply> =>
  RedisCommand.make("FCALL", [name, keys.length, ...keys, ...args], options)

/**
 * FCALL_RO: calls a function that is declared as `no-writes`, and answers what it answers. A
 * replica may run it too.
 *
 * **Details**
 *
 * It is a `read` unless `kind` says otherwise, for Redis itself lets it change nothing.
 *
 * @category functions
 * @since 0.1.0
 */
export const fcallRo: typeof fcall = (
  name: string,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<RedisCommand.Argument> = [],
  options?: RedisCommand.Options
): RedisCommand.RedisCommand<RedisCommand.Reply> =>
  RedisCommand.make("FCALL_RO", [name, keys.length, ...keys, ...args], options)

/**
 * FUNCTION DELETE: removes a library with its functions. It fails where there is none.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionDelete = (library: string): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("FUNCTION", ["DELETE", library], { decode: Answers.done })

/**
 * FUNCTION DUMP: answers all libraries as bytes for {@link functionRestore}.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionDump: RedisCommand.RedisCommand<Uint8Array> = RedisCommand.make("FUNCTION", ["DUMP"], {
  decode: Answers.bytes,
  reply: "bytes"
})

/**
 * FUNCTION FLUSH: removes all libraries.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionFlush = (options: FlushOptions = {}): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("FUNCTION", ["FLUSH", ...flushWords(options)], { decode: Answers.done })

/**
 * FUNCTION LIST: answers which libraries there are, in no particular order, with their functions.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionList = (
  options: {
    /** Gives the pattern of their names, as of KEYS. Default: all of them. */
    readonly library?: string | undefined
    /** Sets whether their source is answered as well. Default: false. */
    readonly withCode?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<Library>> =>
  RedisCommand.make(
    "FUNCTION",
    [
      "LIST",
      ...(options.library === undefined ? [] : ["LIBRARYNAME", options.library]),
      ...(options.withCode === true ? ["WITHCODE"] : [])
    ],
    { decode: Answers.listOf(library) }
  )

const optionalText = Answers.optional(Answers.text)

const library: RedisCommand.Decoder<Library> = Answers.fields((field) =>
  Result.all({
    name: field("library_name", Answers.text),
    engine: field("engine", Answers.text),
    functions: field("functions", Answers.listOf(libraryFunction)),
    code: field("library_code", optionalText)
  })
)

const libraryFunction: RedisCommand.Decoder<Library["functions"][number]> = Answers.fields((field) =>
  Result.all({
    name: field("name", Answers.text),
    description: field("description", optionalText),
    flags: field("flags", Answers.listOf(Answers.text))
  })
)

/**
 * FUNCTION LOAD: makes a library of its source, whose first line names it, and answers that name.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionLoad = (
  code: string,
  options: {
    /** Takes the place of a library of that name. Default: false, which fails where one is. */
    readonly replace?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<string> =>
  RedisCommand.make("FUNCTION", ["LOAD", ...(options.replace === true ? ["REPLACE"] : []), code], {
    decode: Answers.text
  })

/**
 * FUNCTION RESTORE: brings back what {@link functionDump} has answered, all of it or nothing.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionRestore = (
  dump: Uint8Array,
  options: {
    /**
     * Says what becomes of the libraries that are there: `"append"` keeps them, and fails where a
     * name is taken; `"replace"` keeps those of other names; `"flush"` removes them all. Default:
     * `"append"`.
     */
    readonly policy?: "append" | "replace" | "flush" | undefined
  } = {}
): RedisCommand.RedisCommand<void> =>
  RedisCommand.make(
    "FUNCTION",
    ["RESTORE", dump, ...(options.policy === undefined ? [] : [options.policy.toUpperCase()])],
    { decode: Answers.done }
  )

/**
 * FUNCTION STATS: answers which function runs at this moment, and how many there are.
 *
 * **Details**
 *
 * A server that has been running one for longer than `busy-reply-threshold` (5 seconds) still
 * answers this, when it answers others by BUSY.
 *
 * @category functions
 * @since 0.1.0
 */
export const functionStats: RedisCommand.RedisCommand<FunctionStats> = RedisCommand.make("FUNCTION", ["STATS"], {
  decode: Answers.fields((field) =>
    Result.all({
      running: field("running_script", Answers.optional(running)),
      engines: Result.map(field("engines", Answers.pairsOf(engine)), Object.fromEntries)
    })
  )
})

const running: RedisCommand.Decoder<Option.Option.Value<FunctionStats["running"]>> = Answers.fields((field) =>
  Result.all({
    name: field("name", Answers.text),
    command: field("command", Answers.listOf(Answers.text)),
    duration: Result.map(field("duration_ms", Replies.integer), Duration.millis)
  })
)

const engine: RedisCommand.Decoder<FunctionStats["engines"][string]> = Answers.fields((field) =>
  Result.all({
    libraries: field("libraries_count", Replies.integer),
    functions: field("functions_count", Replies.integer)
  })
)

/**
 * SCRIPT EXISTS: says of each SHA-1 whether the server knows its script.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scriptExists = (shas: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlyArray<boolean>> =>
  RedisCommand.make("SCRIPT", ["EXISTS", ...shas], { decode: Answers.eachOf(shas.length, Replies.one) })

/**
 * SCRIPT FLUSH: lets the server forget all scripts.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scriptFlush = (options: FlushOptions = {}): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("SCRIPT", ["FLUSH", ...flushWords(options)], { decode: Answers.done })

/**
 * SCRIPT LOAD: lets the server know a script, and answers its SHA-1. The source is compiled and not
 * run.
 *
 * @category scripts
 * @since 0.1.0
 */
export const scriptLoad = (lua: string): RedisCommand.RedisCommand<string> =>
  RedisCommand.make("SCRIPT", ["LOAD", lua], { decode: Answers.text })
