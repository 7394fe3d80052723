import * as Path from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Redis } from "effect-ioredis"
import { TaskQueue } from "effect-ioredis-tasks"
import * as Crew from "../../examples/worker/src/demo/Crew.ts"
import * as Entries from "../../examples/worker/src/demo/Entries.ts"
import * as History from "../../examples/worker/src/demo/History.ts"
import * as Ledger from "../../examples/worker/src/demo/Ledger.ts"
import * as Round from "../../examples/worker/src/demo/Round.ts"
import { type Parcel, queue, Ship } from "../../examples/worker/src/Parcel.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"
import * as Rounds from "../tasks/Rounds.ts"

const parcel: Parcel = { parcel: 1, fate: "ships", takes: 5000 }

/** A queue with one task in it, and two workers as processes. */
const stage = Effect.gen(function* () {
  const redis = yield* RedisServer.make({ config: Round.redisConfig })
  const diary = Path.join(redis.dir, "diary")
  const context = yield* Layer.build(TaskQueue.layer(queue).pipe(Layer.provide(Redis.layer({ url: redis.url }))))
  const offer = TaskQueue.TaskQueue.useSync((queue) => queue.offer(Ship, parcel)).pipe(
    Effect.flatten,
    Effect.provideContext(context)
  )
  const start = (lease: string) =>
    Crew.start(Crew.worker, {
      REDIS_URL: redis.url,
      DIARY: diary,
      CACHE_RESET_TIMEOUT: "1",
      WORKER_LEASE: lease,
      WORKER_DRAIN: "1 second"
    })
  const runs = () => Entries.read(diary).runs
  // Two workers, of which one has the task: which one is it?
  const begin = Effect.fnUntraced(function* (lease: string) {
    yield* start(lease)
    yield* start(lease)
    yield* Wait.until("two work", () => Entries.read(diary).works.size === 2)
    assert.strictEqual(yield* offer, "Enqueued")
    yield* Wait.until("it runs", () => runs().length === 1)
    return runs()[0]?.pid ?? 0
  })
  return { redis, begin, runs }
})

describe("workers as processes", { timeout: 120_000 }, () => {
  it.live("neither lose a task nor settle one twice while they are killed, and Redis is killed and frozen", () =>
    Effect.gen(function* () {
      const played = yield* Round.play(Rounds.short, () => Effect.void)
      const ledger = Ledger.of(played)
      assert.deepStrictEqual(Ledger.broken(ledger), [])
      assert.strictEqual(ledger.offered, Rounds.short.parcels)
      assert.isAbove(ledger.deferred, 0)
      assert.isAbove(ledger.killed, 0)
      assert.isAtLeast(ledger.dead.Lost ?? 0, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("hand over a task in hand within a second after their drain when they are told to end", () =>
    Effect.gen(function* () {
      const { begin, runs } = yield* stage
      const first = yield* begin("30 seconds")
      const toldAt = performance.now()
      process.kill(first, "SIGTERM")
      yield* Wait.until("it runs elsewhere", () => runs().length === 2)
      assert.isBelow(performance.now() - toldAt, 2000)
      const [left, next] = runs()
      assert.deepStrictEqual([left?.how, next?.attempt], ["left", 1])
      assert.notStrictEqual(next?.pid, first)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("settle nothing that another has taken while they stood still for longer than their lease", () =>
    Effect.gen(function* () {
      const { begin, redis, runs } = yield* stage
      const first = yield* begin("1 second")
      process.kill(first, "SIGSTOP")
      yield* Wait.until("it runs elsewhere", () => runs().length === 2)
      process.kill(first, "SIGCONT")
      yield* Wait.until("the first leaves off", () => runs()[0]?.how === "left")
      const settlements = () => History.read(redis.dir, queue.name).settlements
      yield* Wait.until("it is settled", () => settlements().length > 0)
      const [settled] = settlements()
      assert.include(settled?.value, runs()[1]?.name)
      assert.strictEqual(runs().length, 2)
      assert.strictEqual(settlements().length, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
