import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Random } from "effect"
import { RedisClient, RedisCommand, RedisReservation } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { withCluster } from "../support/VirtualCluster.ts"
import { fork, withRedis } from "../support/VirtualRedis.ts"

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const keys = ["a", "b", "c", "{t}1", "{t}2"]

const oneOf = <A>(all: ReadonlyArray<A>) => Effect.map(Random.next, (draw) => all[Math.floor(draw * all.length)] as A)

type Server = Pick<SimulatedServer.SimulatedServer, "inject" | "heal">

/** A call of some kind, however it ends. */
const aCall = (redis: RedisClient.RedisClient, joins: boolean): Effect.Effect<Effect.Effect<unknown>> =>
  Effect.gen(function* () {
    const [one, other] = [yield* oneOf(keys), yield* oneOf(keys)]
    const get = RedisCommand.make("GET", [one])
    const incr = RedisCommand.make("INCR", [other])
    const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      redis.run(get),
      redis.run(incr),
      redis.run(get, { readFrom: "replica" }),
      redis.mget([one, other]),
      redis.pipeline([get, incr, get]),
      redis.pipeline([get, get], { retry: false }),
      Effect.provideService(RedisReservation.transaction([get, get]), RedisClient.RedisClient, redis),
      redis.set(one, "text")
    ]
    const joined = Effect.callback((resume) => {
      const cancel = Dispatch.of(redis).get(one, { bytes: 0 }, () => resume(Effect.void))
      return Effect.sync(cancel)
    })
    return Effect.exit(yield* oneOf(joins ? [...calls, joined] : calls))
  })

/** What the metrics of the client have of what its stats count. */
const counted = Effect.map(Metric.snapshot, (all) => {
  const failures: Record<string, number> = {}
  let [operations, retries] = [0, 0]
  for (const { attributes, id, state } of all) {
    if (id === "redis.client.retries" && "count" in state) retries += Number(state.count)
    if (id !== "db.client.operation.duration" || !("buckets" in state)) continue
    operations += state.count
    const failed = attributes?.["error.type"]
    if (failed !== undefined) failures[failed] = (failures[failed] ?? 0) + state.count
  }
  return { operations, retries, failures }
})

const inFlight = Effect.map(Metric.snapshot, (all) =>
  all.flatMap(({ id, state }) => (id === "redis.client.commands.in_flight" && "value" in state ? [state.value] : []))
)

const outage = (redis: RedisClient.RedisClient, servers: ReadonlyArray<Server>, joins: boolean) =>
  Effect.gen(function* () {
    const rounds = 100
    const each = 3
    const faults = [Fault.refuse, Fault.freeze, Fault.error("LOADING"), Fault.error("BUSY"), Fault.error("NOPERM")]
    for (let round = 0; round < rounds; round++) {
      const server = yield* oneOf(servers)
      const dice = yield* Random.next
      if (dice < 0.1) yield* server.inject(yield* oneOf(faults))
      else if (dice < 0.3) yield* server.heal
      else if (dice < 0.35) yield* redis.reconnect
      else if (dice < 0.4) yield* redis.breaker.reset
      const calls: Array<Fiber.Fiber<unknown>> = []
      for (let n = 0; n < each; n++) calls.push(yield* fork(yield* aCall(redis, joins)))
      yield* TestClock.adjust(yield* oneOf([0, 1, 20, 300, 3000]))
      if ((yield* Random.next) < 0.5) for (const call of calls) yield* Fiber.interrupt(call)
    }
    for (const server of servers) yield* server.heal
    yield* TestClock.adjust("1 minute")
    const { failures, inFlight: open, operations, retries } = yield* redis.stats
    assert.deepStrictEqual<unknown>({ operations, retries, failures }, yield* counted)
    // Several gets of one turn are one operation, and every other call is one, whatever it consists of.
    if (joins) assert.isBelow(operations, rounds * each)
    else assert.strictEqual(operations, rounds * each)
    assert.isAtLeast(Object.keys(failures).length, 4, JSON.stringify(failures))
    assert.deepStrictEqual([open, ...(yield* inFlight)], [0, 0])
  })

describe("What a client has counted", () => {
  for (const joins of [false, true]) {
    it.effect(
      `is the same in stats and metrics, whatever befell one server, ${joins ? "with" : "without"} joins`,
      () =>
        withRedis({ connections: 3 })((redis, server) => outage(redis, [server], joins)).pipe(
          alone,
          Random.withSeed("one server")
        ),
      { tags: ["long"] }
    )
  }

  it.effect("is the same in stats and metrics, whatever befell a cluster", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.flatMap(cluster.masters, (masters) => outage(redis, masters, false))
    ).pipe(alone, Random.withSeed("a cluster"))
  )
})
