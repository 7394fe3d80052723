import { Duration, Effect, Layer, RcMap, Result, type Scope, Stream } from "effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { RedisClient, type RedisError } from "effect-ioredis"
import type { StoreOptions } from "../../persistence.ts"
import { dieOf, timeProblem } from "../problems.ts"
import { undecodable } from "../Handling.ts"
import * as QueueKeys from "../QueueKeys.ts"
import * as QueueStore from "../QueueStore.ts"
import { cleanUp } from "./cleanUp.ts"
import { endingOf, lost } from "./endingOf.ts"
import * as StoredElement from "./StoredElement.ts"
import * as Takers from "./Takers.ts"

type Service = PersistedQueue.PersistedQueueStore["Service"]

/** Effect's queue store on a client, for as long as the scope is open. */
export const make = Effect.fnUntraced(function* ({
  lease = "30 seconds",
  patience = "5 seconds",
  prefix = "persisted"
}: StoreOptions): Effect.fn.Return<Service, never, RedisClient.RedisClient | Scope.Scope> {
  yield* dieOf("effect-ioredis-tasks/persistence", [
    timeProblem("lease", lease, "1 second"),
    timeProblem("patience", patience, "1 millis")
  ])
  const client = yield* RedisClient.RedisClient
  const stores = new Map<string, QueueStore.QueueStore>()
  const storeOf = (name: string) => {
    const known = stores.get(name)
    if (known !== undefined) return known
    const made = QueueStore.make(client, prefix, tagOf(name), { remember, resultLife: 0 })
    stores.set(name, made)
    return made
  }
  const queues = yield* RcMap.make({
    lookup: (name: string) => Takers.make(client, storeOf(name), Duration.toMillis(lease)),
    idleTimeToLive: Duration.infinity
  })

  const offer: Service["offer"] = ({ delay = Duration.zero, element, id, isCustomId, name }) =>
    Effect.suspend(() => {
      const content = StoredElement.write({ isNamed: isCustomId, element })
      const offered = { id, content, priority: 1, delay: Math.ceil(Duration.toMillis(delay)), life: 0 } as const
      return storeOf(name).offer(offered, { waitToSend: patience, operationTimeout: patience })
    }).pipe(Effect.mapError(failure(`The element ${isCustomId ? "of the id that it has " : ""}was not offered`, name)))

  const take: Service["take"] = (options) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const takers = yield* Effect.scoped(RcMap.get(queues, options.name))
        while (true) {
          const given = yield* takers.next(restore)
          const { attempt, id, stored } = given.task
          const read = StoredElement.read(stored)
          if (attempt > options.maxAttempts) takers.settle(given, lost(attempt - 1))
          else if (Result.isFailure(read)) takers.settle(given, undecodable(read.failure))
          else {
            const { element, isNamed } = read.success
            yield* Effect.addFinalizer((exit) =>
              Effect.flatMap(endingOf({ attempts: attempt, isNamed }, options, exit), (ending) =>
                // Nobody waits for what goes back: a program that ends has no time for it.
                ending.kind === "back" ? Effect.sync(() => takers.settle(given, ending)) : takers.end(given, ending)
              )
            )
            return { id, attempts: attempt, element }
          }
        }
      }).pipe(Effect.mapError(failure("No element can be taken", options.name)))
    )

  const clean = client.eval(cleanUp)
  const cleanup: Service["cleanup"] = ({ failedTimeToLive, timeToLive }) =>
    Effect.gen(function* () {
      const times = {
        remember,
        timeToLive: Math.min(Duration.toMillis(timeToLive), remember),
        failedTimeToLive: failedTimeToLive === undefined ? -1 : Math.min(Duration.toMillis(failedTimeToLive), remember)
      }
      for (const tag of yield* tagsBelow(client, prefix)) {
        const once = clean({ ...times, keys: QueueKeys.of(prefix, tag) })
        yield* Effect.repeat(once, { while: (count) => count > 0 })
      }
    }).pipe(Effect.mapError(failure("What is old was not removed", prefix)))

  return { offer, take, cleanup }
})

/** Provides it. */
export const layer = (
  options: StoreOptions
): Layer.Layer<PersistedQueue.PersistedQueueStore, never, RedisClient.RedisClient> =>
  Layer.effect(PersistedQueue.PersistedQueueStore, make(options))

// The queues of a prefix of which something is over or dead.
const tagsBelow = (client: RedisClient.RedisClient, prefix: string) => {
  const begins = `${prefix}:{`
  return client.scan({ match: `${literal(begins)}*`, count: pageSize }).pipe(
    Stream.runFold(
      () => new Set<string>(),
      (tags, key) => {
        const [, tag] = /^(.*)\}:(?:over|dead)$/s.exec(key.slice(begins.length)) ?? []
        return tag === undefined ? tags : tags.add(tag)
      }
    )
  )
}

const failure =
  (what: string, where: string) =>
  (cause: RedisError.RedisCommandError): PersistedQueue.PersistedQueueError =>
    new PersistedQueue.PersistedQueueError({ message: `${what} (${where}): ${cause.message}`, cause })

// A hash tag ends at its first closing brace, and an empty one is none.
const tagOf = (name: string): string => name.replace(/[%{}]/g, encodeURIComponent) || "%"

// What stands for itself in a pattern of Redis.
const literal = (text: string): string => text.replace(/[\\*?[\]]/g, "\\$&")

const pageSize = 500

// Ids are remembered until they are cleaned up: for some thousand years, so that the times of those
// that nobody will offer again are far from these.
const remember = 1e14
