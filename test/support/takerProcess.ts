import { Effect, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { Redis } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"

/** A process that takes one element of the queue `jobs`, says so, and never ends it. */
const program = Effect.gen(function* () {
  const jobs = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Number })
  return yield* jobs.take((n, { attempts }) =>
    Effect.andThen(
      Effect.sync(() => console.log(`> ${n} ${attempts}`)),
      Effect.never
    )
  )
})

const Queues = PersistedQueue.layer.pipe(
  Layer.provide(Persistence.layerStore({ lease: process.env.LEASE as "3 seconds" })),
  Layer.provide(Redis.layerFromEnv())
)

Effect.runFork(Effect.provide(program, Queues))
