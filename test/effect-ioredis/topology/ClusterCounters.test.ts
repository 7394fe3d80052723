import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Fiber, type Result } from "effect"
import { RedisCommand, RedisError } from "effect-ioredis"
import { Fault, type SimulatedCluster } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as SeededRandom from "../../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"
import { withCluster } from "../../support/VirtualCluster.ts"
import { fork } from "../../support/VirtualRedis.ts"

// Every key is counted up once, so that what Redis has in the end tells of each call whether it was
// executed, and how often.

type Count = Fiber.Fiber<ReadonlyArray<Result.Result<unknown, RedisError.RedisCommandError>>>

const incr = (key: string) => RedisCommand.make("INCR", [key])

const faults = [
  Fault.cut({ executed: true, at: "INCR" }),
  Fault.cut({ executed: false, at: "INCR" }),
  Fault.refuse,
  Fault.freeze,
  Fault.delay("60 millis"),
  Fault.none
]

/** Lets the cluster go through one event at random. */
const chance = (
  cluster: SimulatedCluster.SimulatedCluster,
  pick: <A>(all: ReadonlyArray<A>) => A,
  migrations: Array<SimulatedCluster.Migration>
): Effect.Effect<unknown> =>
  Effect.gen(function* () {
    const masters = yield* cluster.masters
    const one = pick(masters)
    // A migration ends before its source is another server.
    const events: ReadonlyArray<() => Effect.Effect<unknown>> = [
      () => cluster.moveSlots({ key: pick(moving) }, one),
      () => one.inject(pick(faults)),
      () => one.heal,
      () => Effect.forEach(masters, (server) => server.heal),
      () => (migrations.length > 0 ? Effect.void : cluster.failOver(one, { planned: true })),
      () =>
        Effect.suspend(() => {
          const running = migrations.pop()
          if (running !== undefined) return running.finish
          return Effect.map(cluster.migrate({ key: pick(migrating) }, one), (migration) => migrations.push(migration))
        })
    ]
    yield* Effect.exit(pick(events)())
  })

// What moves at once is not on its way at the same time.
const moving = ["a", "b", "c"]
const migrating = ["d", "e", "f"]
const tags = [...moving, ...migrating]

const run = (seed: number) =>
  withCluster()(({ cluster, redis }) =>
    Effect.gen(function* () {
      const random = SeededRandom.make(seed)
      const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)] as A
      const counts: Array<readonly [keys: ReadonlyArray<string>, call: Count]> = []
      const migrations: Array<SimulatedCluster.Migration> = []
      let next = 0
      const count = (size: number) =>
        Effect.gen(function* () {
          const keys = Array.from({ length: size }, () => `{${pick(tags)}}${next++}`)
          const call =
            size === 1
              ? Effect.map(Effect.result(redis.incr(keys[0] as string)), (result) => [result])
              : Effect.orDie(redis.pipeline(keys.map(incr)))
          counts.push([keys, yield* fork(call)])
        })
      for (let step = 0; step < 120; step++) {
        for (let n = 0; n < 3; n++) yield* count(pick([1, 1, 1, 4]))
        if (random() < 0.3) yield* chance(cluster, pick, migrations)
        yield* TestClock.adjust(Math.floor(random() * 80))
      }
      for (const migration of migrations) yield* migration.finish
      yield* Effect.forEach(yield* cluster.servers, (server) => server.heal)
      yield* TestClock.adjust("2 minutes")
      const seen = { acknowledged: 0, refused: 0, doubtful: 0, twice: 0, lost: 0, phantom: 0 }
      for (const [keys, call] of counts) {
        const exit = call.pollUnsafe()
        if (exit === undefined || Exit.isFailure(exit)) return assert.fail("a call has no end")
        for (const [n, key] of keys.entries()) {
          const owner = yield* cluster.ownerOf(key)
          const value = Number((yield* owner.peek(key)) ?? 0)
          const result = exit.value[n] as Result.Result<unknown, RedisError.RedisCommandError>
          const end = RedisError.endOf(result)
          if (end === "confirmed") seen.acknowledged++
          else seen[end]++
          if (value > 1) seen.twice++
          if (end === "confirmed" && value === 0) seen.lost++
          if (end === "refused" && value > 0) seen.phantom++
        }
      }
      return seen
    })
  )

describe("What is counted up once", () => {
  for (const seed of [1, 2, 3, 4]) {
    it.effect(`is never executed twice, and is there if it was acknowledged, seed ${seed}`, () =>
      Effect.gen(function* () {
        const seen = yield* run(seed)
        assert.deepStrictEqual([seen.twice, seen.lost, seen.phantom], [0, 0, 0])
        assert.isAbove(seen.acknowledged, 100)
      })
    )
  }
})
