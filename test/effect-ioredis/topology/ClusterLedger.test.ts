import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Result } from "effect"
import { type RedisClient, RedisError } from "effect-ioredis"
import { Fault, type SimulatedCluster, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { withCluster } from "../../support/VirtualCluster.ts"

// Each key is counted up once, while slots move, masters hand over and nodes come and go. What was told decides what the
// owner must have in the end: 2 was executed twice, nothing was lost.

describe("A ledger of a cluster that is always changed", () => {
  for (const seed of [1, 2, 3, 4]) {
    const mayDie = seed % 2 === 0
    it.effect(
      `loses nothing and does nothing twice${mayDie ? ", where masters die" : ""}, seed ${seed}`,
      () =>
        withCluster({ cluster: { server: { latency: "2 millis" } } })(({ cluster, redis }) =>
          Effect.gen(function* () {
            const told: Array<Fiber.Fiber<Result.Result<number, RedisError.RedisCommandError>>> = []
            for (let step = 0; step < 60; step++) {
              for (let n = 0; n < 5; n++) told.push(yield* count(redis, keyOf(told.length)))
              yield* change(cluster, mayDie)
              for (let n = 0; n < 5; n++) told.push(yield* count(redis, keyOf(told.length)))
              yield* TestClock.adjust(yield* below(1000))
            }
            yield* TestClock.adjust("1 minute")
            for (const [n, fiber] of told.entries()) {
              const result = yield* Fiber.join(fiber)
              const value = yield* (yield* cluster.ownerOf(keyOf(n))).peek(keyOf(n))
              const what = Result.isFailure(result) ? result.failure.message : "told"
              assert.include(allowed[RedisError.endOf(result)], value, `${keyOf(n)}: ${what}`)
              // Where no master dies, every call is answered.
              if (!mayDie) assert.isTrue(Result.isSuccess(result), `${keyOf(n)}: ${what}`)
            }
          })
        ).pipe(Random.withSeed(seed)),
      { tags: ["long"] }
    )
  }
})

// What the owner may have in the end, by what the caller was told.
const allowed: Readonly<Record<ReturnType<typeof RedisError.endOf>, ReadonlyArray<string | undefined>>> = {
  confirmed: ["1"],
  refused: [undefined],
  doubtful: ["1", undefined]
}

const keyOf = (n: number): string => `key ${n}`

const count = (redis: RedisClient.RedisClient, key: string) =>
  Effect.forkChild(Effect.result(redis.incr(key)), { startImmediately: true })

// One of those changes that lose nothing, as far as Redis is concerned.
const change = Effect.fnUntraced(function* (cluster: SimulatedCluster.SimulatedCluster, mayDie: boolean) {
  const masters = yield* cluster.masters
  const to = yield* pick(masters)
  const from = yield* below(16_000)
  const slots = { from, to: from + (yield* below(384)) }
  switch (yield* below(mayDie ? 6 : 5)) {
    case 0:
      return yield* cluster.moveSlots(slots, to)
    case 1: {
      const migration = yield* cluster.migrate(slots, to)
      yield* TestClock.adjust(yield* below(20))
      yield* migration.moveKeys()
      yield* TestClock.adjust(yield* below(20))
      return yield* migration.finish
    }
    case 2:
      return yield* cluster.moveSlots(slots, yield* cluster.addNode())
    case 3:
      return yield* handOver(cluster, to)
    case 4:
      return yield* leave(cluster, to, masters)
    case 5:
      return yield* die(cluster, to)
  }
})

// A node that was added has no replica.
const handOver = Effect.fnUntraced(function* (
  cluster: SimulatedCluster.SimulatedCluster,
  master: SimulatedServer.SimulatedServer
) {
  yield* cluster.addNode({ replicaOf: master })
  yield* cluster.failOver(master, { planned: true })
})

// Whatever the master has answered its replica has too; what was in flight may have been executed or not.
const die = Effect.fnUntraced(function* (
  cluster: SimulatedCluster.SimulatedCluster,
  master: SimulatedServer.SimulatedServer
) {
  yield* cluster.addNode({ replicaOf: master })
  yield* TestClock.adjust(1)
  yield* master.inject(Fault.refuse)
  yield* TestClock.adjust(yield* below(2000))
  yield* cluster.failOver(master)
  yield* Effect.forkChild(Effect.andThen(Effect.sleep("3 seconds"), master.heal))
})

const leave = Effect.fnUntraced(function* (
  cluster: SimulatedCluster.SimulatedCluster,
  leaving: SimulatedServer.SimulatedServer,
  masters: ReadonlyArray<SimulatedServer.SimulatedServer>
) {
  const heir = masters.find((master) => master !== leaving)
  if (heir === undefined || masters.length < 3) return
  const owned: Array<number> = []
  for (let slot = 0; slot < 16_384; slot++) if ((yield* cluster.ownerOf(slot)) === leaving) owned.push(slot)
  yield* cluster.moveSlots(owned, heir)
  yield* cluster.removeNode(leaving)
})

const below = (end: number): Effect.Effect<number> => Effect.map(Random.next, (value) => Math.floor(value * end))

const pick = <A>(all: ReadonlyArray<A>): Effect.Effect<A> => Effect.map(below(all.length), (index) => all[index] as A)
