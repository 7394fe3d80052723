/** Asks the nodes of a cluster who owns what. */
import { Effect, Result } from "effect"
import { RedisCommand, type RedisConnector, type RedisTopology } from "effect-ioredis"
import { addressText, translate } from "./address.ts"
import { Conversation } from "./Conversation.ts"
import type { Cluster, ClusterView, Server, SlotRange } from "./Facts.ts"
import { attemptOf, login } from "./login.ts"
import { type Inquiry, lookAt } from "./server.ts"

/** Asks the first node that tells for the slots, and looks at every master. */
export const lookAtCluster = Effect.fnUntraced(function* (
  topology: RedisTopology.Cluster,
  inquiry: Inquiry
): Effect.fn.Return<{ readonly place: Cluster; readonly servers: ReadonlyArray<Server> }> {
  const asked = yield* Effect.forEach(topology.seeds, (seed) => askSeed(seed, topology, inquiry), {
    concurrency: 8
  })
  const told = asked.find((answer) => answer._tag === "Told")
  if (told !== undefined) {
    const servers = yield* Effect.forEach(told.masters, (master) => lookAt(master, inquiry), { concurrency: 8 })
    return { place: { _tag: "Cluster", view: told.view, problem: undefined }, servers }
  }
  const problem = asked.flatMap((answer) =>
    answer._tag === "NoCluster" || answer._tag === "Refused" ? [answer] : []
  )[0]
  const servers = asked.flatMap((answer) => (answer._tag === "Unreached" ? [answer] : []))
  return { place: { _tag: "Cluster", view: undefined, problem }, servers: problem === undefined ? servers : [] }
})

const askSeed = (seed: RedisConnector.RedisAddress, topology: RedisTopology.Cluster, inquiry: Inquiry) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connected = yield* login(inquiry.connector, seed, inquiry.credentials, inquiry.patience)
      if (Result.isFailure(connected)) return connected.failure
      const conversation = new Conversation(connected.success, inquiry.patience)
      const slots = yield* conversation.ask(RedisCommand.make("CLUSTER", ["SLOTS"]))
      if (Result.isFailure(slots)) {
        const { message } = slots.failure
        const address = addressText(seed)
        if (slots.failure._tag !== "RedisOperationError") return silent(seed, inquiry, message)
        const tag = message.includes("cluster support disabled") ? "NoCluster" : "Refused"
        return { _tag: tag, address, said: message } as const
      }
      const info = yield* conversation.tell(RedisCommand.make("CLUSTER", ["INFO"]))
      const state = /cluster_state:(\w+)/.exec(String(info))?.[1]
      return toldBy(slots.success, state, seed, topology)
    })
  )

// A node that let us in and then hung.
const silent = (seed: RedisConnector.RedisAddress, { credentials, patience }: Inquiry, message: string): Server => ({
  _tag: "Unreached",
  ...attemptOf(seed, credentials),
  reason: "Stalled",
  message,
  said: message,
  code: "",
  waited: patience.answer,
  accepts: true,
  speaksTls: false,
  speaksPlain: false
})

interface Told {
  readonly _tag: "Told"
  readonly view: ClusterView
  readonly masters: ReadonlyArray<RedisConnector.RedisAddress>
}

const toldBy = (
  reply: RedisCommand.Reply,
  state: string | undefined,
  seed: RedisConnector.RedisAddress,
  { addressMap }: RedisTopology.Cluster
): Told => {
  const masters = new Map<string, RedisConnector.RedisAddress>()
  const ranges = (Array.isArray(reply) ? reply : []).flatMap((entry): ReadonlyArray<SlotRange> => {
    const [from, to, master, ...replicas] = Array.isArray(entry) ? entry : []
    if (!Array.isArray(master)) return []
    // A node that tells no address of its own is where it was asked.
    const told = { host: String(master[0] ?? "") || seed.host, port: Number(master[1]) }
    const address = translate(addressMap, told)
    masters.set(addressText(address), address)
    return [{ from: Number(from), to: Number(to), master: addressText(address), replicas: replicas.length }]
  })
  return { _tag: "Told", view: { state, ranges }, masters: Array.from(masters.values()) }
}
