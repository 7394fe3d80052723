import { describe, assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TaskQueue } from "effect-ioredis-tasks"
import * as Rounds from "../../packages/effect-ioredis-tasks/src/internal/Rounds.ts"
import * as VirtualTime from "../model/VirtualTime.ts"
import { pass, test } from "./harness.ts"

describe("Rounds", () => {
  test("are settled when the last that was asked for is, also while another was on its way", () =>
    Effect.gen(function* () {
      const { client, store } = (yield* TaskQueue.TaskQueue)[TaskQueue.TypeId]
      const server = yield* SimulatedRedis.SimulatedRedis
      let answered = 0
      const rounds = Rounds.make(store, Dispatch.of(client), {
        worker: "one",
        lease: 30_000,
        rate: { limit: 0, window: 0 },
        attempts: 1,
        capacity: () => 0,
        take: () => {},
        confirmed: () => {},
        worked: () => answered++,
        after: () => {}
      })
      yield* pass(1)
      yield* server.inject(Fault.delay("1 second"))
      yield* Effect.forkScoped(rounds.run)
      yield* pass(0.5)
      rounds.look()
      yield* VirtualTime.passUntilDone(rounds.settled)
      assert.strictEqual(answered, 2)
    }))
})
