import { Clock, Effect, Schedule } from "effect"
import type * as RedisCluster from "../../../../test/support/RedisCluster.ts"
import type * as Notes from "./Notes.ts"
import { slotText } from "./Shards.ts"

/** One thing that happens to the cluster, and what is called so. */
export interface Step {
  readonly name: string
  readonly does: Effect.Effect<void, RedisCluster.StartError>
}

/** What the story found out, in milliseconds. Mutable: it is known only as the story goes on. */
export interface Found {
  /** From the kill until the replica owned the slots. */
  promotedAfter: number | undefined
  /** From then until each of the two processes had a write confirmed there. */
  readonly servedAfter: [number | undefined, number | undefined]
}

/** The master that is killed is the first one, `A`. */
export const make = (options: {
  readonly cluster: RedisCluster.RedisCluster
  readonly slots: ReadonlyArray<number>
  readonly confirmed: Notes.Confirmed
  readonly found: Found
  readonly say: (text: string) => Effect.Effect<void>
}): ReadonlyArray<Step> => {
  const { cluster, confirmed, found, say, slots } = options
  const [master, replica] = [cluster.node(0), cluster.replicaOf(0)]
  const named = `A (port ${master.port}, slots ${slotText(slots)})`

  const away = Effect.gen(function* () {
    const killedAt = yield* Clock.currentTimeMillis
    yield* master.kill
    yield* say(`Master ${named} was killed with SIGKILL`)
    yield* until(Effect.map(cluster.slotsOf(replica), (owned) => owned.length === slots.length))
    const promotedAt = yield* Clock.currentTimeMillis
    found.promotedAfter = promotedAt - killedAt
    yield* say(`Its replica (port ${replica.port}) was promoted, ${seconds(found.promotedAfter)} s after the kill`)
    yield* until(
      Effect.sync(() => {
        for (const process of [0, 1] as const) {
          if (confirmed.at[process] > promotedAt) found.servedAfter[process] ??= confirmed.at[process] - promotedAt
        }
        return found.servedAfter.every((after) => after !== undefined)
      })
    )
    yield* say("Both processes write to it")
    // What they kept for it meanwhile is there soon after.
    yield* Effect.sleep("500 millis")
  })

  return [
    { name: "all up", does: Effect.sleep("2 seconds") },
    { name: "A away", does: away },
    { name: "A replaced", does: Effect.sleep("2 seconds") },
    {
      name: "A returned",
      does: Effect.gen(function* () {
        yield* master.start
        yield* say("The old master was started again, empty: it follows the one that took its place")
        yield* until(
          Effect.map(master.cli("INFO", "replication"), (info) => /master_link_status:up/.test(String(info)))
        )
        yield* cluster.healthy
        yield* Effect.sleep("1 second")
      })
    },
    {
      name: "A handed back",
      does: Effect.gen(function* () {
        yield* cluster.failover(master)
        yield* say("Its slots were handed back to it (CLUSTER FAILOVER)")
        yield* Effect.sleep("2 seconds")
      })
    }
  ]
}

// Not the finest grain, so that looking costs the cluster nothing that is seen.
const until = (condition: Effect.Effect<boolean, unknown>) =>
  Effect.orElseSucceed(condition, () => false).pipe(
    Effect.repeat({ until: (so) => so, schedule: Schedule.spaced("20 millis") }),
    // Whatever has not come by now is missing in the report.
    Effect.timeoutOption("15 seconds"),
    Effect.asVoid
  )

export const seconds = (millis: number): string => (millis / 1000).toFixed(2)
