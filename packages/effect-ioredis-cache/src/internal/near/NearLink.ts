import { Data, Duration, Effect, Latch, type Scope } from "effect"
import { RedisCommand, RedisConnection, type RedisError } from "effect-ioredis"
import type { Node } from "effect-ioredis/dispatch"
import { now } from "../now.ts"
import { type Demand, Hearing } from "./Hearing.ts"

/**
 * Keeps one connection to a server that tells of every write below some keyspaces.
 *
 * **Details**
 *
 * It is told what it asked for itself, on the connection that it pings: a server that has stopped
 * to tell can then no longer answer either. A second connection for the notices would go on
 * answering when the first one is gone.
 */
export interface NearLink {
  readonly hearing: Hearing
  /** Ends when the link is lost or no longer answers, and says why. */
  readonly ended: Effect.Effect<LinkError>
}

/** The server does not let its user hear of writes. */
export class Refused extends Data.TaggedError("Refused")<{
  /** Names the permissions that are missing, as an ACL spells them. */
  readonly missing: string
}> {}

/** The link could not be made, was lost or is silent. */
export class Lost extends Data.TaggedError("Lost") {}

export type LinkError = Refused | Lost

/** Says what a link is to hear of, and whom it tells. */
export interface Options {
  readonly node: Node
  readonly slotOf: ((key: string) => number) | undefined
  /** Gives what all regions want. It is asked when the connection is there. */
  readonly demand: () => Demand
  /** Is told of each key that was written. */
  readonly onKey: (key: string) => void
  /** Is told that the server has forgotten everything. */
  readonly onAll: () => void
}

/** Opens a link that is kept until the scope closes. */
export const open = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<NearLink, LinkError, Scope.Scope> {
  const { connection, id, runId } = yield* Effect.mapError(options.node.connect, () => new Lost())
  if (runId === undefined) return yield* new Refused({ missing: "+info" })
  if (id === undefined) return yield* new Refused({ missing: "+client|id" })
  const demand = options.demand()
  const { keyspaces, maxStaleness } = demand
  const hearing = new Hearing(options.node, runId, demand, options.slotOf)
  const stop = connection.onPush((push) => hear(hearing, options, push))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      stop()
      hearing.end()
    })
  )
  const silence = Math.max(maxStaleness, shortestSilence)
  const ask = (command: RedisCommand.RedisCommand, missing: string) =>
    RedisConnection.send(connection, command).pipe(
      Effect.mapError((error) => endOf(error, missing)),
      Effect.timeoutOrElse({ duration: silence, orElse: () => Effect.fail(new Lost()) })
    )
  yield* ask(tracking(id, keyspaces), "+client|tracking")
  yield* ask(subscribe, `+subscribe &${channel}`)
  let end: LinkError | undefined
  const hasEnded = Latch.makeUnsafe()
  const ending = (error: LinkError): void => {
    end ??= error
    hearing.end()
    hasEnded.openUnsafe()
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => connection.onLoss(() => ending(new Lost()))),
    (unlisten) => Effect.sync(unlisten)
  )
  const pinging = keepLease(hearing, ask(ping, "+ping"), maxStaleness)
  yield* Effect.forkScoped(Effect.catch(pinging, (error) => Effect.sync(() => ending(error))))
  return { hearing, ended: Effect.map(hasEnded.await, () => end ?? new Lost()) }
})

// What the lease counts from is the sending of a PING and not its answer: the answer overtakes the
// notice of a write that the server executed in the same turn, but none of one that it had
// acknowledged before.
const keepLease = <E>(
  { lease }: Hearing,
  pinged: Effect.Effect<unknown, E>,
  maxStaleness: number
): Effect.Effect<never, E> => {
  const interval = Math.min(maxStaleness / 4, longestInterval)
  return Effect.clockWith((clock) => {
    const turn = Effect.suspend(() => {
      const askedAt = now(clock)
      const wallAhead = clock.currentTimeMillisUnsafe() - askedAt
      return Effect.flatMap(pinged, () => {
        lease.renew(askedAt, wallAhead)
        return Effect.sleep(Duration.millis(Math.max(1, askedAt + interval - now(clock))))
      })
    })
    return Effect.forever(turn)
  })
}

const hear = (hearing: Hearing, { onAll, onKey }: Options, push: RedisConnection.Push): void => {
  const [kind, from, keys] = push
  if (kind !== "message" || from !== channel) return
  if (!Array.isArray(keys)) {
    hearing.endAll()
    onAll()
    return
  }
  for (const key of keys) {
    const text = textOf(key)
    hearing.tell(text)
    onKey(text)
  }
}

const textOf = (key: RedisCommand.Reply): string => (key instanceof Uint8Array ? decoder.decode(key) : String(key))

const decoder = new TextDecoder()

// Every other error reply may be another one soon: of a server that is busy, loads its data, or
// cannot save them and therefore answers no PING.
const endOf = (error: RedisError.RedisCommandError, missing: string): LinkError =>
  error._tag === "RedisOperationError" && (error.code === "NOPERM" || error.code === "ERR")
    ? new Refused({ missing })
    : new Lost()

const tracking = (id: number, keyspaces: ReadonlySet<string>): RedisCommand.RedisCommand =>
  RedisCommand.make("CLIENT", [
    "TRACKING",
    "ON",
    "REDIRECT",
    id,
    "BCAST",
    ...Array.from(keyspaces).flatMap((keyspace) => ["PREFIX", keyspace])
  ])

/** The channel that Redis tells a client of writes on. */
export const channel = "__redis__:invalidate"

const subscribe = RedisCommand.make("SUBSCRIBE", [channel])
const ping = RedisCommand.make("PING")

// A server that is merely busy is not to be left for another connection to it.
const shortestSilence = 2000

// A link that nobody needs soon is found dead in time all the same.
const longestInterval = 30_000
