/** Collects the facts, within a time. */
import { Clock, Duration, Effect } from "effect"
import { IoredisConnector } from "effect-ioredis"
import type { Use } from "../../Report.ts"
import type { Target } from "../settings.ts"
import type { Facts } from "./Facts.ts"
import { lookAtCluster } from "./cluster.ts"
import { lookAtSentinels } from "./sentinels.ts"
import { type Inquiry, lookAt } from "./server.ts"

/** What is judged, and how long it may take to look at it. */
export interface Options {
  readonly use: Use
  /** The queues of tasks that are looked at; none are those that are found. */
  readonly queues: ReadonlyArray<string>
  /** The moment at which it has to be over, in milliseconds. */
  readonly until: number
}

/** Asks whatever can be asked, and never fails. */
export const collect = Effect.fnUntraced(function* (
  { prefix, redis }: Target,
  { queues, until, use }: Options
): Effect.fn.Return<Facts> {
  const { client, connector } = redis
  const now = yield* Clock.currentTimeMillis
  const timeout = Math.max(leastTime, until - now)
  const inquiry: Inquiry = {
    connector: yield* IoredisConnector.make(connector),
    // The environment gives no Effect as a login.
    credentials: client.login === undefined || Effect.isEffect(client.login) ? {} : client.login,
    patience: {
      connect: Math.min(millisOf(client.connectTimeout), timeout / 3),
      answer: Math.min(millisOf(client.commandTimeout), timeout / 3),
      until: now + timeout
    },
    prefix,
    hasCache: use !== "durable",
    queues
  }
  return { use, prefix, queues, ...(yield* lookEverywhere(client.topology, inquiry)) }
})

// A process that took all the time for its start still looks.
const leastTime = 1000

const millisOf = (timeout: Duration.Input | undefined): number => Duration.toMillis(timeout ?? "2 seconds")

const lookEverywhere = (
  topology: Target["redis"]["client"]["topology"],
  inquiry: Inquiry
): Effect.Effect<Pick<Facts, "place" | "servers">> => {
  switch (topology?._tag) {
    case "Cluster":
      return lookAtCluster(topology, inquiry)
    case "Sentinel":
      return lookAtSentinels(topology, inquiry)
    default: {
      const address = topology?.address ?? { host: "localhost", port: 6379 }
      return Effect.map(lookAt(address, inquiry), (server) => ({ place: { _tag: "Server" }, servers: [server] }))
    }
  }
}
