/** Collects what one server says of itself. */
import { Clock, DateTime, Effect, Result } from "effect"
import { RedisCommand, type RedisConnection, type RedisConnector } from "effect-ioredis"
import { Server as Commands } from "effect-ioredis/commands"
import { type Answer, Conversation, type Patience } from "./Conversation.ts"
import type { Attempt, Clock as ClockFact, Denial, Reached, Server } from "./Facts.ts"
import { sampleKeys } from "./keySample.ts"
import { lookAtQueues } from "./queues.ts"
import { measureLatency } from "./latency.ts"
import { attemptOf, login } from "./login.ts"
import { type Want, wants } from "./wants.ts"

/** What is wanted of a server, and how long it may take. */
export interface Inquiry {
  readonly connector: RedisConnector.RedisConnector["Service"]
  readonly credentials: RedisConnector.RedisLogin
  readonly patience: Patience
  readonly prefix: string
  readonly hasCache: boolean
  /** The queues of tasks that are looked at; none are those that are found. */
  readonly queues: ReadonlyArray<string>
}

/** Logs in, asks everything, and hangs up. */
export const lookAt = (address: RedisConnector.RedisAddress, inquiry: Inquiry): Effect.Effect<Server> =>
  Effect.scoped(
    Effect.flatMap(
      login(inquiry.connector, address, inquiry.credentials, inquiry.patience),
      Result.match({
        onSuccess: (connection) => question(connection, attemptOf(address, inquiry.credentials), inquiry),
        onFailure: (unreached) => Effect.succeed<Server>(unreached)
      })
    )
  )

const question = Effect.fnUntraced(function* (
  connection: RedisConnection.RedisConnection,
  attempt: Attempt,
  { hasCache, patience, prefix, queues: named }: Inquiry
) {
  const conversation = new Conversation(connection, patience)
  const greeting = yield* conversation.ask(ping)
  const latency = yield* measureLatency(conversation, patience)
  const clock = yield* compareClocks(conversation)
  const info = yield* conversation.tell(Commands.info())
  const configuration = yield* conversation.tell(Commands.configGet(["save"]))
  const slowest = yield* slowestOfLate(conversation)
  const keys = hasCache ? yield* sampleKeys(conversation, prefix) : undefined
  const queues = yield* lookAtQueues(conversation, named)
  // A subscription is among them, after which the connection takes nothing else.
  const tried = yield* tryAll(
    conversation,
    wants(prefix).filter(({ by }) => hasCache || by === "client")
  )
  const reached: Reached = {
    _tag: "Reached",
    ...attempt,
    silence: conversation.silence,
    loss: conversation.loss,
    isOther: isReply(greeting),
    info: info ?? {},
    save: configuration?.save,
    ...tried,
    clock,
    keys,
    queues,
    latency,
    slowest
  }
  return reached
})

// Whoever reads PING for the sake of its time takes any answer.
const ping = RedisCommand.make("PING", [], {
  decode: (reply) => (reply === "PONG" ? Result.succeed(reply) : Result.fail("PONG"))
})

const isReply = (answer: Answer<unknown>): boolean =>
  Result.isFailure(answer) && answer.failure._tag === "RedisOperationError" && answer.failure.code === "REPLY"

// The server's clock was read at some moment between the question and the answer.
const compareClocks = Effect.fnUntraced(function* (
  conversation: Conversation
): Effect.fn.Return<ClockFact | undefined> {
  const before = yield* Clock.currentTimeMillis
  const time = yield* conversation.tell(Commands.time)
  const after = yield* Clock.currentTimeMillis
  if (time === undefined) return undefined
  return { ahead: DateTime.toEpochMillis(time) - (before + after) / 2, uncertainty: (after - before) / 2 }
})

const slowestOfLate = Effect.fnUntraced(function* (conversation: Conversation) {
  const now = yield* Clock.currentTimeMillis
  // Arguments may be anybody's data, so that the name alone is kept.
  const entries = yield* conversation.tell(slowlog)
  return entries
    ?.filter(({ at }) => now - at < 3_600_000)
    .reduce<Reached["slowest"]>(
      (slowest, entry) => (entry.millis > (slowest?.millis ?? 0) ? entry : slowest),
      undefined
    )
})

const slowlog = RedisCommand.make("SLOWLOG", ["GET", 128], {
  decode: (reply) =>
    Result.succeed(
      (Array.isArray(reply) ? reply : []).flatMap((entry) => {
        const [, at, micros, command] = Array.isArray(entry) ? entry : []
        const [name] = Array.isArray(command) ? command : []
        return typeof name === "string" && /^[a-zA-Z.|_]{1,40}$/.test(name)
          ? [{ at: Number(at) * 1000, millis: Number(micros) / 1000, command: name.toUpperCase() }]
          : []
      })
    )
})

const tryAll = Effect.fnUntraced(function* (conversation: Conversation, tries: ReadonlyArray<Want>) {
  const refusals = (some: ReadonlyArray<Want>) =>
    Effect.map(
      Effect.forEach(some, (want) => refusalOf(conversation, want), { concurrency: "unbounded" }),
      (found) => found.filter((refusal) => refusal !== undefined)
    )
  const refused = [
    ...(yield* refusals(tries.filter(({ command }) => command !== "SUBSCRIBE"))),
    ...(yield* refusals(tries.filter(({ command }) => command === "SUBSCRIBE")))
  ]
  return {
    denied: refused.filter(({ code, said }) => code === "NOPERM" || said.includes("unknown command")),
    outOfMemory: refused.some(({ code }) => code === "OOM")
  }
})

interface Refusal extends Denial {
  readonly code: string
}

const refusalOf = (conversation: Conversation, want: Want): Effect.Effect<Refusal | undefined> =>
  Effect.map(conversation.ask(RedisCommand.make(want.command, want.args)), (answer) => {
    if (Result.isSuccess(answer) || answer.failure._tag !== "RedisOperationError") return undefined
    const { code, message } = answer.failure
    return { want, code, said: message.replace(/^.*by Redis: /, "").replace(/\. Grant the user.*$/, "") }
  })
