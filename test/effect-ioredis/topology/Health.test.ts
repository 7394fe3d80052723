import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Fault, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../../support/Captured.ts"
import * as VirtualCluster from "../../support/VirtualCluster.ts"
import * as VirtualSentinels from "../../support/VirtualSentinels.ts"

const settled = TestClock.adjust("1 second")

const nameOf = ({ address: { host, port } }: SimulatedServer.SimulatedServer) => `redis ${host}:${port}`

const healthOf = (redis: RedisClient.RedisClient) =>
  RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))

/** What a program has said, by the message of its lines. */
const speaking = () => {
  const captured = Captured.make()
  const said = (message: string) => captured.logs.filter((line) => line.includes(`message="${message}"`))
  return { layer: captured.layer, said }
}

const tagsOf = Effect.fnUntraced(function* (health: RedisHealth.RedisHealth) {
  const seen: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(health.changes, ({ _tag }) => Effect.sync(() => seen.push(_tag))),
    { startImmediately: true }
  )
  return seen
})

const partial = "A part of Redis does not answer"
const whole = "Redis does not answer"

describe("the health of a client of a cluster", () => {
  it.effect(
    "names the server that does not answer and its slots, and says so once",
    () => {
      const { layer, said } = speaking()
      return Effect.gen(function* () {
        const { cluster, redis } = yield* VirtualCluster.make()
        const health = yield* healthOf(redis)
        const seen = yield* tagsOf(health)
        const lost = yield* cluster.ownerOf(0)
        assert.strictEqual((yield* health.status)._tag, "Up")
        yield* lost.inject(Fault.refuse)
        yield* redis.reconnect
        yield* settled
        const status = yield* health.status
        if (status._tag !== "Partial") return assert.fail(status._tag)
        const [one, ...others] = status.nodes
        assert.deepStrictEqual([one?.node, one?.slots, others.length], [nameOf(lost), [[0, 5460]], 0])
        assert.include(one?.reason, "Check that Redis runs")
        yield* TestClock.adjust("90 seconds")
        const [line = "", ...rest] = said(partial)
        assert.lengthOf(rest, 0)
        assert.include(line, `${nameOf(lost)} (slots 0-5460): No connection to Redis`)
        assert.lengthOf(said("A part of Redis still does not answer"), 1)
        yield* lost.heal
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* health.status)._tag, "Up")
        const [end = "", ...more] = said("Redis answers again")
        assert.lengthOf(more, 0)
        assert.include(end, nameOf(lost))
        assert.deepStrictEqual(seen, ["Up", "Partial", "Up"])
        assert.isEmpty(said(whole))
      }).pipe(Effect.scoped, Effect.provide(layer))
    },
    { tags: ["long"] }
  )

  it.effect("is down where none of them answers, which is said once more", () => {
    const { layer, said } = speaking()
    return Effect.gen(function* () {
      const { cluster, redis } = yield* VirtualCluster.make({ cluster: { replicas: 0 } })
      const health = yield* healthOf(redis)
      const [first, ...others] = yield* cluster.masters
      yield* first?.inject(Fault.refuse) ?? Effect.void
      yield* redis.reconnect
      yield* settled
      assert.strictEqual((yield* health.status)._tag, "Partial")
      const begun = (yield* health.status).since
      for (const other of others) yield* other.inject(Fault.refuse)
      yield* redis.reconnect
      yield* settled
      const status = yield* health.status
      if (status._tag !== "Down") return assert.fail(status._tag)
      assert.sameMembers(
        status.nodes.map(({ node }) => node),
        (yield* cluster.masters).map(nameOf)
      )
      assert.isAbove(status.since.epochMilliseconds, begun.epochMilliseconds)
      for (const master of yield* cluster.masters) yield* master.heal
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* health.status)._tag, "Up")
      assert.deepStrictEqual(
        [partial, whole, "Redis answers again"].map((text) => said(text).length),
        [1, 1, 1]
      )
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("probes the circuit of a frozen server as soon as it is due, and of no other", () =>
    Effect.gen(function* () {
      const { cluster, redis } = yield* VirtualCluster.make({ circuitBreaker: { resetTimeout: "3 seconds" } })
      const health = yield* healthOf(redis)
      const lost = yield* cluster.ownerOf(0)
      yield* lost.inject(Fault.freeze)
      yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      const status = yield* health.status
      if (status._tag !== "Partial") return assert.fail(status._tag)
      assert.deepStrictEqual(
        status.nodes.map(({ node }) => node),
        [nameOf(lost)]
      )
      assert.strictEqual((yield* redis.breaker.state)._tag, "Partial")
      const pings = (server: typeof lost) =>
        Effect.map(VirtualCluster.receivedBy(server, "PING"), ({ length }) => length)
      const healthy = yield* cluster.ownerOf(16_383)
      const before = yield* pings(healthy)
      yield* lost.heal
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* health.status)._tag, "Up")
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      assert.isAtMost((yield* pings(healthy)) - before, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("a server that another has taken over from is not down", () =>
    Effect.gen(function* () {
      const { cluster, redis } = yield* VirtualCluster.make()
      const health = yield* healthOf(redis)
      const lost = yield* cluster.ownerOf(0)
      yield* lost.inject(Fault.refuse)
      yield* redis.reconnect
      yield* settled
      assert.strictEqual((yield* health.status)._tag, "Partial")
      yield* cluster.failOver(lost)
      yield* settled
      assert.strictEqual((yield* health.status)._tag, "Up")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* health.status)._tag, "Up")
      assert.strictEqual((yield* health.check)._tag, "Up")
    }).pipe(Effect.scoped)
  )

  it.effect("follows the slots of a server that is down", () =>
    Effect.gen(function* () {
      const { cluster, redis } = yield* VirtualCluster.make({ cluster: { replicas: 0 } })
      const health = yield* healthOf(redis)
      const lost = yield* cluster.ownerOf(0)
      // A login there takes two seconds to fail, so that nothing else tells of it meanwhile.
      yield* lost.inject(Fault.freeze)
      yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("2100 millis")
      assert.strictEqual((yield* health.status)._tag, "Partial")
      yield* cluster.moveSlots({ from: 0, to: 99 }, yield* cluster.ownerOf(16_383))
      yield* TestClock.adjust("500 millis")
      const status = yield* health.status
      if (status._tag !== "Partial") return assert.fail(status._tag)
      assert.deepStrictEqual(status.nodes[0]?.slots, [[100, 5460]])
    }).pipe(Effect.scoped)
  )
})

describe("the health of a client of sentinels", () => {
  it.effect("is up with a warning where the master answers and no sentinel does", () => {
    const { layer, said } = speaking()
    return Effect.gen(function* () {
      const { connect, sentinels: group } = yield* VirtualSentinels.make()
      const redis = yield* connect()
      const health = yield* healthOf(redis)
      assert.isUndefined(warningIn(yield* health.status))
      for (const sentinel of group.sentinels) yield* sentinel.inject(Fault.freeze)
      yield* TestClock.adjust("1 minute")
      assert.include(warningIn(yield* health.status), "sentinel")
      assert.lengthOf(said("Redis answers, but a failover would not be noticed"), 1)
      assert.isEmpty(said(whole))
      for (const sentinel of group.sentinels) yield* sentinel.heal
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(warningIn(yield* health.status))
      assert.lengthOf(said("A failover of Redis would be noticed again"), 1)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
})

const warningIn = (status: RedisHealth.Status) => (status._tag === "Up" ? status.warning : assert.fail(status._tag))
