/**
 * Commands on servers, their connections and their channels, as values for `RedisClient.run`,
 * pipelines and transactions.
 *
 * **Details**
 *
 * They are those of several of Redis' groups, of the server, connections, publishing and what there
 * is to know of a key. On a cluster those that concern every master go to each of them, as
 * `RedisClient.run` says; the others go to one server.
 *
 * **Example** (Looking at a server, and publishing)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Server, Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Server.ping) // => undefined
 *   yield* run(Server.echo("hello")) // => "hello"
 *   yield* run(Server.aclWhoami) // => "default"
 *   yield* Effect.map(run(Server.clientId), Number.isInteger) // => true
 *   yield* run(Server.clientKill(42)) // => false
 *   yield* Effect.map(run(Server.info("server")), (info) => info.redis_mode) // => "standalone"
 *   yield* Effect.map(run(Server.time), (time) => time.epochMilliseconds > 0) // => true
 *   yield* run(Strings.mset({ a: 1, b: 2 }))
 *   yield* run(Server.dbsize) // => 2
 *   yield* run(Server.flushdb()) // => undefined
 *   yield* run(Server.flushall({ mode: "async" })) // => undefined
 *   yield* run(Server.dbsize) // => 0
 *   yield* run(Server.publish("news", "it rains")) // => 0
 *   yield* run(Server.spublish("news", "it rains")) // => 0
 *   yield* run(Server.pubsubChannels()) // => []
 *   yield* run(Server.pubsubNumsub(["news"])) // => { news: 0 }
 *   yield* run(Server.slowlogGet()) // => []
 *   yield* run(Server.slowlogReset) // => undefined
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (A write that replicas have)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisReservation } from "effect-ioredis"
 * import { Server, Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* SimulatedRedis.SimulatedRedis
 *   const replica = yield* server.server({ host: "replica", port: 6379 })
 *   yield* replica.replicaOf(server)
 *   const { run } = yield* RedisReservation.reserve({ key: "order" })
 *   yield* run(Strings.set("order", "paid"))
 *   yield* run(Server.wait(1, "1 second")) // => 1
 * }).pipe(Effect.scoped)
 *
 * const Simulated = Layer.provideMerge(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (What a simulated Redis does not know)
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { Redis, RedisClient } from "effect-ioredis"
 * import { Server } from "effect-ioredis/commands"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   const { maxmemory } = yield* run(Server.configGet(["maxmemory"]))
 *   if (maxmemory === "0") yield* run(Server.configSet({ maxmemory: "100mb" }))
 *   const clients = yield* run(Server.clientList({ type: "normal" }))
 *   const idle = clients.filter((client) => Duration.toMinutes(client.idle) > 10)
 *   for (const { id } of idle) yield* run(Server.clientKill(id))
 *   yield* Effect.log(yield* run(Server.lastsave), yield* run(Server.commandCount))
 *   const bytes = yield* run(Server.memoryUsage("session"))
 *   if (Option.isSome(bytes) && bytes.value > 10_000) {
 *     const encoding = yield* run(Server.objectEncoding("session"))
 *     const idletime = yield* run(Server.objectIdletime("session"))
 *     yield* Effect.log(bytes, encoding, idletime)
 *   }
 * })
 *
 * Effect.runPromise(Effect.provide(program, Redis.layerFromEnv()))
 * ```
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { blockMillis } from "../internal/expiryWords.ts"
import { flushWords } from "../internal/flushWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Sets how something is emptied.
 *
 * @category models
 * @since 0.1.0
 */
export interface FlushOptions {
  /**
   * `"async"` frees the memory in the background, `"sync"` before the answer. Default: as the
   * server is set (`lazyfree-lazy-user-flush`), which is `"sync"` unless somebody changed it.
   */
  readonly mode?: "async" | "sync" | undefined
}

/**
 * Describes a connection, as its server sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectedClient {
  /** Tells it from every other connection that this server has had, for {@link clientKill}. */
  readonly id: number
  /** Says where it comes from, as `host:port`. */
  readonly address: string
  /** Names it, if it has given itself a name. */
  readonly name: Option.Option<string>
  /** Names the user that it has logged in as. */
  readonly user: string
  /** Says which database it has selected. */
  readonly db: number
  /** Says for how long it has been connected, in whole seconds. */
  readonly age: Duration.Duration
  /** Says for how long it has sent nothing, in whole seconds. */
  readonly idle: Duration.Duration
  /** Names the last command that it sent, in lower case. */
  readonly lastCommand: Option.Option<string>
  /** Holds everything that the server says of it, by Redis' own names. */
  readonly fields: Readonly<Record<string, string>>
}

/**
 * Sets which connections {@link clientList} answers: all of them, those of one type, or those with
 * these numbers.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientListOptions =
  | {
      /** Names their type; `"pubsub"` are those that have subscribed. Default: all of them. */
      readonly type?: "normal" | "master" | "replica" | "pubsub" | undefined
      readonly ids?: never
    }
  | {
      readonly type?: never
      /** Lists their numbers; those that are not connected are left out. */
      readonly ids: ReadonlyArray<number>
    }

/**
 * Describes a command that took the server long.
 *
 * @category models
 * @since 0.1.0
 */
export interface SlowCommand {
  /** Counts up from the start of the server. */
  readonly id: number
  /** Says when it was executed, to the second. */
  readonly at: DateTime.Utc
  /** Says how long the server took to execute it, in microseconds. */
  readonly duration: Duration.Duration
  /** Holds its name and its arguments, of which long or many are cut off. */
  readonly command: ReadonlyArray<string>
  /** Says where it came from, as `host:port`. */
  readonly address: string
  /** Names the connection that it came on, if that has given itself a name. */
  readonly clientName: Option.Option<string>
}

/**
 * ACL WHOAMI: answers the name of the user that the client has logged in as.
 *
 * @category connections
 * @since 0.1.0
 */
export const aclWhoami: RedisCommand.RedisCommand<string> = RedisCommand.make("ACL", ["WHOAMI"], {
  decode: Answers.text
})

/**
 * CLIENT ID: answers the number of the connection that it was sent on, of which a client may have
 * several.
 *
 * @category connections
 * @since 0.1.0
 */
export const clientId: RedisCommand.RedisCommand<number> = RedisCommand.make("CLIENT", ["ID"], {
  decode: Replies.integer
})

/**
 * CLIENT KILL with ID: ends a connection to the server, and says whether there was one.
 *
 * @category connections
 * @since 0.1.0
 */
export const clientKill = (id: number): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("CLIENT", ["KILL", "ID", id], { decode: Replies.one })

/**
 * CLIENT LIST: answers who is connected to the server.
 *
 * @category connections
 * @since 0.1.0
 */
export const clientList = (
  options: ClientListOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<ConnectedClient>> => {
  const { ids, type } = options
  const words = ids !== undefined ? ["ID", ...ids] : type === undefined ? [] : ["TYPE", type]
  return RedisCommand.make("CLIENT", ["LIST", ...words], { decode: connectedClients })
}

// A line for each, of fields such as `addr=127.0.0.1:1234`. The path of a socket may hold spaces.
const connectedClients: RedisCommand.Decoder<ReadonlyArray<ConnectedClient>> = (reply) =>
  Result.flatMap(Answers.text(reply), (text) =>
    Result.all(text.split("\n").flatMap((line) => (line === "" ? [] : [connectedClient(fieldsOf(line))])))
  )

const connectedClient = (fields: Readonly<Record<string, string>>): Result.Result<ConnectedClient, string> => {
  const number = (name: string) => Answers.float(fields[name] ?? null)
  const text = (name: string) => Answers.text(fields[name] ?? null)
  return Result.all({
    id: number("id"),
    address: text("addr"),
    name: Result.map(text("name"), nonEmpty),
    user: text("user"),
    db: number("db"),
    age: Result.map(number("age"), Duration.seconds),
    idle: Result.map(number("idle"), Duration.seconds),
    lastCommand: Result.map(
      text("cmd"),
      Option.liftPredicate((name) => name !== "NULL")
    ),
    fields: Result.succeed(fields)
  })
}

const fieldsOf = (line: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    line.split(/ (?=[a-z-]+=)/).map((field) => {
      const end = field.indexOf("=")
      return [field.slice(0, end), field.slice(end + 1)]
    })
  )

const nonEmpty = Option.liftPredicate((text: string) => text !== "")

/**
 * COMMAND COUNT: answers how many commands the server knows.
 *
 * @category server
 * @since 0.1.0
 */
export const commandCount: RedisCommand.RedisCommand<number> = RedisCommand.make("COMMAND", ["COUNT"], {
  decode: Replies.integer
})

/**
 * CONFIG GET: answers the settings of the server whose names match one of these patterns.
 *
 * @category server
 * @since 0.1.0
 */
export const configGet = (
  patterns: ReadonlyArray<string>
): RedisCommand.RedisCommand<Readonly<Record<string, string>>> =>
  RedisCommand.make("CONFIG", ["GET", ...patterns], { decode: Answers.record })

/**
 * CONFIG SET: changes settings of the server, all of them or none, until it is started anew.
 *
 * @category server
 * @since 0.1.0
 */
export const configSet = (settings: Readonly<Record<string, RedisCommand.Argument>>): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("CONFIG", ["SET", ...Object.entries(settings).flat()], { decode: Answers.done })

/**
 * DBSIZE: counts the keys of the database, those that are over and not yet removed included.
 *
 * @category server
 * @since 0.1.0
 */
export const dbsize: RedisCommand.RedisCommand<number> = RedisCommand.make("DBSIZE", [], { decode: Replies.integer })

/**
 * ECHO: answers what it was given.
 *
 * @category connections
 * @since 0.1.0
 */
export const echo = (message: RedisCommand.Argument): RedisCommand.RedisCommand<string> =>
  RedisCommand.make("ECHO", [message], { decode: Answers.text })

/**
 * FLUSHALL: removes all keys of all databases.
 *
 * **Gotchas**
 *
 * As it is repeatable, it may be sent a second time where the first answer is lost: what somebody
 * stored in between is gone too. `{ retry: false }` in the options of the call sends it once.
 *
 * @category server
 * @since 0.1.0
 */
export const flushall = (options: FlushOptions = {}): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("FLUSHALL", flushWords(options), { decode: Answers.done })

/**
 * FLUSHDB: removes all keys of the database that the client is on. It may be sent twice as
 * {@link flushall} may.
 *
 * @category server
 * @since 0.1.0
 */
export const flushdb = (options: FlushOptions = {}): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("FLUSHDB", flushWords(options), { decode: Answers.done })

/**
 * INFO: answers what the server says of itself, in these sections or in the default ones, by Redis'
 * own names. The names of all sections stand side by side, as `RedisClient.info` answers them too.
 *
 * @category server
 * @since 0.1.0
 */
export const info = (...sections: ReadonlyArray<string>): RedisCommand.RedisCommand<Readonly<Record<string, string>>> =>
  RedisCommand.make("INFO", sections, { decode: Replies.info })

/**
 * LASTSAVE: answers when the data were last saved to disk, or when the server was started, to the
 * second.
 *
 * @category server
 * @since 0.1.0
 */
export const lastsave: RedisCommand.RedisCommand<DateTime.Utc> = RedisCommand.make("LASTSAVE", [], {
  decode: (reply) => Result.flatMap(Replies.integer(reply), momentOf)
})

const momentOf = (seconds: number): Result.Result<DateTime.Utc, string> => {
  const moment = DateTime.make(seconds * 1000)
  return Option.isSome(moment) ? Result.succeed(moment.value) : Replies.expected("a moment")
}

/**
 * MEMORY USAGE: answers how many bytes a key takes with its value, as far as the server knows.
 *
 * @category keys
 * @since 0.1.0
 */
export const memoryUsage = (
  key: string,
  options: {
    /**
     * Sets how many elements of a collection are looked at, from which the others are estimated; 0
     * looks at all of them. Default: 5.
     */
    readonly samples?: number | undefined
  } = {}
): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("MEMORY", ["USAGE", key, ...(options.samples === undefined ? [] : ["SAMPLES", options.samples])], {
    decode: Answers.optional(Replies.integer)
  })

/**
 * OBJECT ENCODING: answers how the server keeps the value of a key, such as `"embstr"` or
 * `"listpack"`.
 *
 * @category keys
 * @since 0.1.0
 */
export const objectEncoding = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("OBJECT", ["ENCODING", key], { decode: Replies.optionalText })

/**
 * OBJECT IDLETIME: answers for how long nobody has used a key, in whole seconds. It fails where the
 * server counts how often keys are used instead (an LFU `maxmemory-policy`).
 *
 * @category keys
 * @since 0.1.0
 */
export const objectIdletime = (key: string): RedisCommand.RedisCommand<Option.Option<Duration.Duration>> =>
  RedisCommand.make("OBJECT", ["IDLETIME", key], {
    decode: Answers.optional((reply) => Result.map(Replies.integer(reply), Duration.seconds))
  })

/**
 * PING: asks whether the server answers.
 *
 * @category connections
 * @since 0.1.0
 */
export const ping: RedisCommand.RedisCommand<void> = RedisCommand.make("PING", [], { decode: Replies.ignored })

/**
 * PUBLISH: sends a message to whoever has subscribed to a channel, and counts those who are
 * connected to the very server that it went to; on a cluster the others hear it too.
 *
 * **Details**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category channels
 * @since 0.1.0
 */
export const publish = (channel: string, message: RedisCommand.Argument): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("PUBLISH", [channel, message], { decode: Replies.integer })

/**
 * PUBSUB CHANNELS: answers which channels somebody on the server has subscribed to, by their names
 * and not by a pattern.
 *
 * @category channels
 * @since 0.1.0
 */
export const pubsubChannels = (
  options: {
    /** Gives the pattern of their names, as of KEYS. Default: all of them. */
    readonly match?: string | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("PUBSUB", ["CHANNELS", ...(options.match === undefined ? [] : [options.match])], {
    decode: Answers.listOf(Answers.text)
  })

/**
 * PUBSUB NUMSUB: counts who on the server has subscribed to each of these channels, by its name and
 * not by a pattern.
 *
 * @category channels
 * @since 0.1.0
 */
export const pubsubNumsub = (
  channels: ReadonlyArray<string>
): RedisCommand.RedisCommand<Readonly<Record<string, number>>> =>
  RedisCommand.make("PUBSUB", ["NUMSUB", ...channels], {
    decode: (reply) => Result.map(Answers.pairsOf(Replies.integer)(reply), Object.fromEntries)
  })

/**
 * SLOWLOG GET: answers the commands that took the server longest of late, the last one first.
 *
 * **Details**
 *
 * Which count as slow is a setting of the server, `slowlog-log-slower-than`: more than 10
 * milliseconds, unless somebody changed it.
 *
 * @category server
 * @since 0.1.0
 */
export const slowlogGet = (
  options: {
    /** Sets how many at most; -1 is all of them. Default: 10. */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<SlowCommand>> =>
  RedisCommand.make("SLOWLOG", ["GET", ...(options.count === undefined ? [] : [options.count])], {
    decode: Answers.listOf(slowCommand)
  })

const slowCommand: RedisCommand.Decoder<SlowCommand> = (reply) => {
  if (!Array.isArray(reply)) return Replies.expected("an entry of the slow log")
  const [id, at, micros, command, address, clientName] = reply
  return Result.all({
    id: Replies.integer(id),
    at: Result.flatMap(Replies.integer(at), momentOf),
    duration: Result.map(Replies.integer(micros), (micros) => Duration.millis(micros / 1000)),
    command: Answers.listOf(Answers.text)(command),
    address: Answers.text(address),
    clientName: Result.map(Answers.text(clientName), nonEmpty)
  })
}

/**
 * SLOWLOG RESET: lets the server forget which commands were slow.
 *
 * @category server
 * @since 0.1.0
 */
export const slowlogReset: RedisCommand.RedisCommand<void> = RedisCommand.make("SLOWLOG", ["RESET"], {
  decode: Answers.done
})

/**
 * SPUBLISH: sends a message to whoever has subscribed to a shard channel by SSUBSCRIBE, and counts
 * them. On a cluster it goes to the server whose slot the channel has, as a key would.
 *
 * **Details**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category channels
 * @since 0.1.0
 */
export const spublish = (channel: string, message: RedisCommand.Argument): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SPUBLISH", [channel, message], { decode: Replies.integer })

/**
 * TIME: answers the time of the server's clock, to the millisecond.
 *
 * @category server
 * @since 0.1.0
 */
export const time: RedisCommand.RedisCommand<DateTime.Utc> = RedisCommand.make("TIME", [], {
  decode: (reply) =>
    Result.flatMap(Answers.pair(Answers.float, Answers.float)(reply), ([seconds, micros]) =>
      momentOf(seconds + Math.floor(micros / 1000) / 1000)
    )
})

/**
 * WAIT: waits until so many replicas have what this connection has written, and answers how many
 * have it, also where the time is over before.
 *
 * **Gotchas**
 *
 * - It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone, behind
 *   the writes of that connection. There a time that is infinite, or 0, which is the same to Redis,
 *   is refused with the code `ARGUMENT`.
 * - A write that replicas have may be lost all the same, where one becomes the master that has it
 *   not.
 *
 * @category server
 * @since 0.1.0
 */
export const wait = (replicas: number, timeout: Duration.Input): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("WAIT", [replicas, blockMillis(timeout)], { decode: Replies.integer })
