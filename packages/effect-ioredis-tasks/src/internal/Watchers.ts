import { Duration, Effect, Latch, Option, RcRef, Schema, type Scope, Stream } from "effect"
import { RedisClient, RedisPubSub } from "effect-ioredis"

/** Looks at tasks whenever something may have happened to them. */
export interface Watchers {
  /** Looks until there is an answer: at once, when Redis tells of the id, and every second. */
  readonly until: <A, E>(id: string, look: Effect.Effect<Option.Option<A>, E>) => Effect.Effect<A, E>
}

const ids = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))

/**
 * Hears of tasks on one shard channel, for as long as somebody waits for any. What is told may be
 * missed, so that each is looked at every second as well.
 */
export const make = Effect.fnUntraced(function* (
  client: RedisClient.RedisClient,
  channel: string
): Effect.fn.Return<Watchers, never, Scope.Scope> {
  const waiting = new Map<string, Set<Latch.Latch>>()
  const tell = (id: string) => {
    for (const latch of waiting.get(id) ?? []) latch.openUnsafe()
  }
  const subscription = yield* RcRef.make({
    acquire: RedisPubSub.ssubscribe([channel]).pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          // What was told in a gap is not known: everybody looks.
          const told = event._tag === "Gap" ? Option.some([...waiting.keys()]) : ids(event.payload)
          for (const id of Option.getOrElse(told, () => [])) tell(id)
        })
      ),
      // Who may not subscribe looks every second.
      Effect.ignore,
      Effect.provideService(RedisClient.RedisClient, client),
      Effect.forkScoped
    ),
    idleTimeToLive: "10 seconds"
  })
  const listening = (id: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const latch = Latch.makeUnsafe()
        const all = waiting.get(id) ?? new Set()
        waiting.set(id, all.add(latch))
        return latch
      }),
      (latch) =>
        Effect.sync(() => {
          const all = waiting.get(id)
          all?.delete(latch)
          if (all?.size === 0) waiting.delete(id)
        })
    )
  return {
    until: (id, look) =>
      Effect.gen(function* () {
        const latch = yield* listening(id)
        yield* RcRef.get(subscription)
        while (true) {
          latch.closeUnsafe()
          const found = yield* look
          if (Option.isSome(found)) return found.value
          yield* Effect.timeoutOption(latch.await, longest)
        }
      }).pipe(Effect.scoped)
  }
})

const longest = Duration.seconds(1)
