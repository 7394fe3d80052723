import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import type { CallFailed, Incr } from "./Ledger.ts"
import { slotOf } from "./slotOf.ts"

/**
 * Writes as a person at redis-cli would: one plain connection to each server, follows MOVED and ASK, tries nothing again.
 * What it loses of what was acknowledged is what Redis loses, whatever the client does.
 */
export interface RawWriter {
  readonly incr: Incr
  /** How often it was sent elsewhere: so often the other one was, too, had it known no more. */
  readonly redirects: () => Redirects
}

export interface Redirects {
  readonly moved: number
  readonly ask: number
}

/** Writes to whatever server is the master by then. */
export const toMaster = Effect.fnUntraced(function* (
  port: () => number
): Effect.fn.Return<RawWriter, never, Scope.Scope> {
  const connectionTo = yield* connections
  return { incr: (key) => incrAt(connectionTo(port()), key), redirects: () => ({ moved: 0, ask: 0 }) }
})

/** Writes to the nodes of a cluster, of which some are known. */
export const toCluster = Effect.fnUntraced(function* (
  ports: () => ReadonlyArray<number>
): Effect.fn.Return<RawWriter, never, Scope.Scope> {
  const connectionTo = yield* connections
  const owners = new Map<number, number>()
  const redirects = { moved: 0, ask: 0 }
  let turn = 0
  const anyone = () => ports()[turn++ % ports().length] ?? 0
  const incr = (key: string, port: number, asking: boolean, hops: number): Effect.Effect<unknown, CallFailed> =>
    incrAt(connectionTo(port), key, asking).pipe(
      Effect.catch((failed) => {
        const slot = slotOf(key)
        const redirect = /^(MOVED|ASK) \d+ .*:(\d+)/.exec(failed.message)
        if (redirect === null || hops === 0) {
          owners.delete(slot)
          return Effect.fail(failed)
        }
        const next = Number(redirect[2])
        const isAsk = redirect[1] === "ASK"
        redirects[isAsk ? "ask" : "moved"]++
        if (!isAsk) owners.set(slot, next)
        return incr(key, next, isAsk, hops - 1)
      })
    )
  return { incr: (key) => incr(key, owners.get(slotOf(key)) ?? anyone(), false, 5), redirects: () => redirects }
})

const incrAt = (connection: Redis, key: string, asking = false): Effect.Effect<unknown, CallFailed> =>
  Effect.tryPromise({
    try: () => {
      if (asking) connection.asking().catch(() => {})
      return connection.incr(key)
    },
    catch: (error): CallFailed => ({ sent: "unknown", message: error instanceof Error ? error.message : String(error) })
  })

/** A connection to each port, made when it is first needed, and anew when it has ended. */
const connections: Effect.Effect<(port: number) => Redis, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Map<number, Redis>()),
    (open) =>
      Effect.sync(() => {
        for (const connection of open.values()) connection.disconnect()
      })
  ),
  (open) => (port) => {
    const known = open.get(port)
    if (known !== undefined && known.status !== "end") return known
    const made = new Redis({
      port,
      host: "127.0.0.1",
      commandTimeout: 1000,
      connectTimeout: 1000,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: () => null
    })
    made.on("error", () => {})
    open.set(port, made)
    return made
  }
)
