/** Asks sentinels where the master is. */
import { Effect, Result } from "effect"
import { RedisCommand, type RedisConnector, type RedisTopology } from "effect-ioredis"
import { addressText, isSame, translate } from "./address.ts"
import { Conversation } from "./Conversation.ts"
import type { Sentinel, Sentinels, Server } from "./Facts.ts"
import { login } from "./login.ts"
import { type Inquiry, lookAt } from "./server.ts"

/** Asks each sentinel for the master, and looks at the one that most of them name. */
export const lookAtSentinels = Effect.fnUntraced(function* (
  topology: RedisTopology.Sentinel,
  inquiry: Inquiry
): Effect.fn.Return<{ readonly place: Sentinels; readonly servers: ReadonlyArray<Server> }> {
  const credentials = yield* sentinelLogin(topology)
  const sentinels = yield* Effect.forEach(
    topology.sentinels,
    (address) => askSentinel(address, topology.master, { ...inquiry, credentials }),
    { concurrency: "unbounded" }
  )
  const master = mostNamed(sentinels)
  const place: Sentinels = { _tag: "Sentinel", master: topology.master, sentinels }
  const servers = master === undefined ? [] : [yield* lookAt(translate(topology.addressMap, master), inquiry)]
  return { place, servers }
})

// A login that fails is one without a password, and the sentinel says what it thinks of it.
const sentinelLogin = ({ login }: RedisTopology.Sentinel): Effect.Effect<RedisConnector.RedisLogin> =>
  Effect.isEffect(login) ? Effect.orElseSucceed(login, () => ({})) : Effect.succeed(login ?? {})

const askSentinel = (address: RedisConnector.RedisAddress, master: string, inquiry: Inquiry) =>
  Effect.scoped(
    Effect.gen(function* () {
      const at = addressText(address)
      const connected = yield* login(inquiry.connector, address, inquiry.credentials, inquiry.patience)
      if (Result.isFailure(connected)) {
        const { message, reason } = connected.failure
        const tag = reason === "Auth" ? "Refused" : "Unreached"
        return { address: at, answer: { _tag: tag, said: message } } satisfies Sentinel
      }
      const conversation = new Conversation(connected.success, inquiry.patience)
      const answer = yield* conversation.ask(RedisCommand.make("SENTINEL", ["MASTER", master]))
      return { address: at, answer: sentinelAnswer(answer) } satisfies Sentinel
    })
  )

const sentinelAnswer = (
  answer: Result.Result<RedisCommand.Reply, { readonly _tag: string; readonly message: string }>
): Sentinel["answer"] => {
  if (Result.isFailure(answer)) {
    const { _tag, message } = answer.failure
    if (message.includes("No such master")) return { _tag: "Unknown" }
    if (/unknown command/i.test(message)) return { _tag: "NoSentinel", said: message }
    return { _tag: _tag === "RedisOperationError" ? "Refused" : "Unreached", said: message }
  }
  const fields = pairs(answer.success)
  const numberOf = (name: string) => Number(fields.get(name) ?? 0)
  return {
    _tag: "View",
    host: fields.get("ip") ?? "",
    port: numberOf("port"),
    flags: (fields.get("flags") ?? "").split(","),
    quorum: numberOf("quorum"),
    sentinels: numberOf("num-other-sentinels") + 1,
    replicas: numberOf("num-slaves")
  }
}

const pairs = (reply: RedisCommand.Reply): ReadonlyMap<string, string> => {
  const list = Array.isArray(reply) ? reply.map(String) : []
  return new Map(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ""] as const] : [])))
}

const mostNamed = (sentinels: ReadonlyArray<Sentinel>): RedisConnector.RedisAddress | undefined => {
  const named = sentinels.flatMap(({ answer }) => (answer._tag === "View" ? [answer] : []))
  const votes = (one: RedisConnector.RedisAddress) => named.filter((other) => isSame(one, other)).length
  return named.toSorted((one, other) => votes(other) - votes(one))[0]
}
