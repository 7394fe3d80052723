import { NodeRedis } from "@effect/platform-node"
import { Duration, Effect, Fiber, Layer, ManagedRuntime } from "effect"
import { PersistedQueue } from "effect/persistence"
import { Redis } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"
import type { Make } from "./Contender.ts"
import { JobSchema } from "./JobSchema.ts"
import * as TaskRunner from "./TaskRunner.ts"

/** As many fibers take as tasks are worked on at once. */
export const make: Make = async ({ lease, url, variant }) => {
  const effects = PersistedQueue.layerStoreRedis(
    lease === undefined
      ? {}
      : { lockExpiration: lease, lockRefreshInterval: Duration.times(Duration.fromInputUnsafe(lease), 1 / 3) }
  ).pipe(Layer.provide(NodeRedis.layer({ url })))
  const ours = Persistence.layerStore({ lease }).pipe(Layer.provide(Redis.layer({ url })))
  const store: Layer.Layer<PersistedQueue.PersistedQueueStore, unknown> = variant === "ours" ? ours : effects
  const runtime = ManagedRuntime.make(Layer.provide(PersistedQueue.layer, store))
  const queue = await runtime.runPromise(PersistedQueue.make({ name: "bench", schema: JobSchema, maxAttempts: 4 }))
  let ended = 0
  let onEnded = () => {}
  return TaskRunner.contender({
    offer: (job) => runtime.runPromise(Effect.as(queue.offer(job, { id: job.id }), "Enqueued")),
    work: async ({ concurrency, handle }) => {
      ended = 0
      const taking = queue
        .take((job) =>
          Effect.suspend(() => {
            const ending = handle(job)
            return ending === undefined ? Effect.void : Effect.promise(() => ending)
          })
        )
        .pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              ended++
              onEnded()
            })
          ),
          Effect.ignoreCause,
          Effect.forever
        )
      const fiber = runtime.runFork(
        Effect.all(
          Array.from({ length: concurrency }, () => taking),
          { concurrency: "unbounded", discard: true }
        )
      )
      return () => runtime.runPromise(Fiber.interrupt(fiber))
    },
    settled: (handled) =>
      new Promise((resolve) => {
        onEnded = () => ended >= handled && resolve()
        onEnded()
      }),
    close: () => runtime.dispose()
  })
}
