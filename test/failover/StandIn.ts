import { Effect, type Scope } from "effect"
import { Cluster, Redis } from "ioredis"
import type { CallFailed } from "./Ledger.ts"
import type { Subject } from "./Subject.ts"
import type { Address, Target } from "./Target.ts"

/**
 * The driver's own Sentinel and Cluster with its own defaults, in the place of the library: it executes twice and loses,
 * so it shows that these checks can fail. It has no cache.
 */
export const make = (target: Target): Effect.Effect<Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => connect(target)),
      (client) => Effect.sync(() => client.disconnect())
    )
    // Without a listener, an error ends the process.
    client.on("error", () => {})
    return {
      incr: (key) =>
        Effect.tryPromise({
          try: () => client.incr(key),
          // It does not say whether it has sent what it gives up.
          catch: (error): CallFailed => ({ sent: "unknown", message: String(error) })
        }),
      cache: undefined
    }
  })

const connect = (target: Target): Redis | Cluster => {
  const natMap = Object.fromEntries(target.addressMap.map(({ from, to }) => [keyOf(from), to]))
  return target._tag === "Cluster"
    ? new Cluster([...target.seeds], { natMap })
    : new Redis({ sentinels: [...target.sentinels], name: target.master, natMap })
}

const keyOf = ({ host, port }: Address) => `${host}:${port}`
