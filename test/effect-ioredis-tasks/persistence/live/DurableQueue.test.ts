import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { DurableQueue, Workflow, WorkflowEngine } from "effect/workflow"
import { Redis } from "effect-ioredis"
import * as Persistence from "effect-ioredis-tasks/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"

const Charges = DurableQueue.make({
  name: "Charges",
  payload: { order: Schema.String },
  success: Schema.Int,
  error: Schema.Never,
  idempotencyKey: ({ order }) => order
})

const Checkout = Workflow.make("Checkout", {
  payload: { order: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ order }) => order
})

const CheckoutLive = Checkout.toLayer(({ order }) => DurableQueue.process(Charges, { order }))

describe("A DurableQueue over our store", () => {
  it.live("answers its workflow, also after Redis was gone while the worker had the element", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
      const isCharging = Latch.makeUnsafe()
      const mayEnd = Latch.makeUnsafe(true)
      let charges = 0
      const worker = DurableQueue.worker(Charges, () =>
        isCharging.open.pipe(Effect.andThen(mayEnd.await), Effect.andThen(Effect.sync(() => ++charges)))
      )
      const Live = Layer.merge(CheckoutLive, worker).pipe(
        Layer.provideMerge(WorkflowEngine.layerMemory),
        Layer.provideMerge(PersistedQueue.layer),
        Layer.provide(Persistence.layerStore()),
        Layer.provide(Redis.layer({ url: server.url }))
      )
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* Checkout.execute({ order: "a" }), 1)
        assert.strictEqual(yield* Checkout.execute({ order: "a" }), 1)
        mayEnd.closeUnsafe()
        isCharging.closeUnsafe()
        const second = yield* Effect.forkChild(Checkout.execute({ order: "b" }))
        yield* isCharging.await
        yield* server.kill
        yield* mayEnd.open
        yield* server.start
        assert.strictEqual(yield* Fiber.join(second), 2)
        // The worker goes on: what it had is settled, and it takes the next.
        assert.strictEqual(yield* Checkout.execute({ order: "c" }), 3)
      }).pipe(Effect.provide(Live))
      assert.strictEqual(charges, 3)
    }).pipe(Effect.scoped)
  )
})
