import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import { RedisClient, RedisConnector, RedisTopology } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { fork, result } from "../../support/VirtualRedis.ts"
import { make } from "../../support/VirtualSentinels.ts"

const byHand = { host: "elsewhere.example", port: 1 }

describe("A client that asks sentinels", () => {
  it.effect("goes to the next master as soon as a sentinel names it, and calls it another history", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      const changes: Array<string> = []
      Dispatch.of(redis).listen(({ _tag }) => changes.push(_tag))
      yield* redis.set("a", 1)
      const old = yield* sentinels.master
      yield* old.inject(Fault.refuse)
      const promoted = yield* sentinels.failOver()
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
      yield* redis.set("b", 2)
      assert.strictEqual(yield* promoted.peek("b"), "2")
      assert.isTrue(changes.includes("HistoryChanged"))
      assert.strictEqual((yield* redis.stats).connection, "Ready")
    }).pipe(Effect.scoped)
  )

  it.effect("leaves a master that hands over although it answers", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      const old = yield* sentinels.master
      yield* sentinels.failOver()
      yield* TestClock.adjust("1100 millis")
      assert.strictEqual(yield* old.connections, 0)
      yield* redis.set("a", 1)
      assert.strictEqual(yield* (yield* sentinels.master).peek("a"), "1")
    }).pipe(Effect.scoped)
  )

  it.effect("is told by a refused write that there is another master, long before it would ask again", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      yield* sentinels.failOver()
      const write = yield* fork(redis.set("a", 1))
      yield* TestClock.adjust(400)
      assert.strictEqual(result(write), "Success")
    }).pipe(Effect.scoped)
  )

  it.effect("believes the highest epoch, whoever still names the old master", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      const [cutOff] = sentinels.sentinels
      if (cutOff === undefined) return assert.fail("there are no sentinels")
      yield* sentinels.isolate(cutOff)
      const old = yield* sentinels.master
      yield* sentinels.isolate(old)
      const promoted = yield* sentinels.failOver()
      yield* TestClock.adjust("10 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* promoted.peek("a"), "1")
      assert.strictEqual(yield* old.connections, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("believes sentinels that count from 0 again when nobody names the old master any more", () =>
    Effect.gen(function* () {
      const { connect, network, sentinels } = yield* make()
      const anew = yield* network.sentinels({
        name: sentinels.name,
        address: { host: "anew.example", port: 6379 },
        sentinelAddress: { host: "anew.example", port: 26379 }
      })
      const all = [...sentinels.sentinels, ...anew.sentinels]
      yield* Effect.forEach(anew.sentinels, (sentinel) => sentinel.inject(Fault.refuse))
      const redis = yield* connect({ sentinels: all.map(({ address }) => address) })
      const promoted = yield* sentinels.failOver()
      yield* TestClock.adjust("2 seconds")
      yield* Effect.forEach(anew.sentinels, (sentinel) => sentinel.heal)
      yield* TestClock.adjust("30 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* promoted.peek("a"), "1", "the old ones are still there")
      yield* Effect.forEach(sentinels.sentinels, (sentinel) => sentinel.inject(Fault.refuse))
      yield* TestClock.adjust("20 seconds")
      yield* redis.set("b", 2)
      assert.strictEqual(yield* (yield* anew.master).peek("b"), "2")
    }).pipe(Effect.scoped)
  )

  it.effect("stays with the master although the one sentinel that is left names the old one", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      const [cutOff, ...others] = sentinels.sentinels
      if (cutOff === undefined) return assert.fail("there are no sentinels")
      yield* sentinels.isolate(cutOff)
      const promoted = yield* sentinels.failOver()
      yield* TestClock.adjust("2 seconds")
      yield* Effect.forEach(others, (sentinel) => sentinel.inject(Fault.refuse))
      yield* TestClock.adjust("30 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* promoted.peek("a"), "1")
    }).pipe(Effect.scoped)
  )

  it.effect("goes where the leader of a failover sends it, while the others still name the old master", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      const old = yield* sentinels.master
      const { finish, replica } = yield* sentinels.beginFailOver()
      yield* TestClock.adjust("5 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* replica.peek("a"), "1")
      assert.isUndefined(yield* old.peek("a"))
      const { clients } = replica
      const before = yield* clients
      yield* finish
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* clients, before, "it stays where it is")
    }).pipe(Effect.scoped)
  )

  it.effect("is not held up by a sentinel that is frozen", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      yield* (sentinels.sentinels[0] ?? assert.fail("there are no sentinels")).inject(Fault.freeze)
      yield* (yield* sentinels.master).inject(Fault.refuse)
      yield* sentinels.failOver()
      yield* TestClock.adjust(300)
      yield* redis.set("a", 1)
    }).pipe(Effect.scoped)
  )

  it.effect("comes back to the last known master while no sentinel answers, and says that none does", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      const redis = yield* connect()
      yield* Effect.forEach(sentinels.sentinels, (sentinel) => sentinel.inject(Fault.refuse))
      yield* (yield* sentinels.master).inject(Fault.cut({ executed: false }))
      const write = yield* fork(redis.set("a", 1))
      yield* TestClock.adjust(500)
      assert.strictEqual(result(write), "Success")
      yield* TestClock.adjust("3 seconds")
      const { connectError } = yield* redis.stats
      assert.strictEqual(connectError?.reason, "Refused")
      assert.include(connectError?.message ?? "", "the sentinel at")
    }).pipe(Effect.scoped)
  )

  it.effect("says what is wrong with the master's name and with the sentinels' password", () =>
    Effect.gen(function* () {
      const { connect } = yield* make()
      const unknown = yield* connect({ master: "other" })
      assert.strictEqual((yield* unknown.stats).connectError?.reason, "UnknownMaster")
      const secured = yield* make({ sentinel: { password: "secret" } })
      for (const login of [{}, { password: Redacted.make("wrong") }]) {
        const { connectError } = yield* (yield* secured.connect({ login })).stats
        assert.strictEqual(connectError?.reason, "Auth")
        assert.notInclude(connectError?.message ?? "", "wrong")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("tells a caller, too, that it was a sentinel that refused the login", () =>
    Effect.gen(function* () {
      const { connect } = yield* make({ sentinel: { password: "secret" } })
      const redis = yield* connect()
      const { message } = yield* Effect.flip(redis.get("a"))
      assert.match(message, /^GET was not sent: Redis refused the login\..*This was the sentinel at .*sentinelPassword/)
    }).pipe(Effect.scoped)
  )

  it.effect("says within a second that a server is no sentinel", () =>
    Effect.gen(function* () {
      const { network } = yield* make()
      const topology = RedisTopology.sentinel({ master: "main", sentinels: [byHand] })
      const building = yield* RedisClient.make({ topology, connectTimeout: "1 minute" }).pipe(
        Effect.provideService(RedisConnector.RedisConnector, network.connector),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(result(building), "Success")
      const { connectError } = yield* (yield* Fiber.join(building)).stats
      assert.match(connectError?.message ?? "", /unknown command 'SENTINEL'.*the sentinel at/)
    }).pipe(Effect.scoped)
  )

  it.effect("translates the addresses that sentinels tell", () =>
    Effect.gen(function* () {
      const { connect, network, sentinels } = yield* make()
      const { address } = yield* sentinels.master
      const reached = yield* network.server(byHand)
      const redis = yield* connect({ addressMap: [{ from: address, to: byHand }] })
      yield* redis.set("a", 1)
      assert.strictEqual(yield* reached.peek("a"), "1")
    }).pipe(Effect.scoped)
  )

  it.effect("finds its master soon after the first sentinel comes, however long none was there", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make()
      yield* Effect.forEach(sentinels.sentinels, (sentinel) => sentinel.inject(Fault.refuse))
      const redis = yield* connect()
      yield* TestClock.adjust("1 minute")
      const [first] = sentinels.sentinels
      if (first === undefined) return assert.fail("there are no sentinels")
      const asked = (yield* first.attempts).length
      yield* first.heal
      for (let n = 0; n < 200 && (yield* first.attempts).length === asked; n++) yield* TestClock.adjust(5)
      yield* TestClock.adjust(20)
      assert.strictEqual((yield* redis.stats).connection, "Ready")
    }).pipe(Effect.scoped)
  )

  it.effect("minds no sentinel that does not know the master while another one may", () =>
    Effect.gen(function* () {
      const { network, sentinels } = yield* make()
      const [ignorant, ...others] = sentinels.sentinels
      if (ignorant === undefined) return assert.fail("there are no sentinels")
      yield* sentinels.forget(ignorant)
      yield* Effect.forEach(others, (sentinel) => sentinel.inject(Fault.delay("15 millis")))
      const topology = RedisTopology.sentinel({
        master: sentinels.name,
        sentinels: sentinels.sentinels.map(({ address }) => address)
      })
      const building = yield* Effect.forkChild(
        Effect.provideService(
          RedisClient.make({ topology, requireReady: true }),
          RedisConnector.RedisConnector,
          network.connector
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust(100)
      assert.strictEqual(result(building), "Success")
    }).pipe(Effect.scoped)
  )

  it.effect("believes another sentinel of the same epoch when the one that it believed is gone", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* make({ sentinel: { denied: ["SENTINEL MASTER"] } })
      const redis = yield* connect()
      const [first] = sentinels.sentinels
      if (first === undefined) return assert.fail("there are no sentinels")
      yield* first.inject(Fault.refuse)
      yield* TestClock.adjust("2 seconds")
      const next = yield* sentinels.failOver()
      yield* TestClock.adjust("20 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* next.peek("a"), "1")
    }).pipe(Effect.scoped)
  )

  it.effect("believes sentinels that were all set up anew, although their epochs begin again", () =>
    Effect.gen(function* () {
      const { connect, network, sentinels } = yield* make()
      const redis = yield* connect()
      yield* sentinels.failOver()
      yield* TestClock.adjust("2 seconds")
      const anew = yield* network.sentinels({
        address: { host: "anew", port: 6379 },
        sentinelAddress: { host: "anew", port: 26_379 }
      })
      for (const [index, old] of sentinels.sentinels.entries()) {
        const other = anew.sentinels[index]
        if (other === undefined) return assert.fail("there are fewer sentinels")
        yield* network.route(old.address, other)
        yield* old.inject(Fault.refuse)
      }
      yield* TestClock.adjust("20 seconds")
      yield* redis.set("a", 1)
      assert.strictEqual(yield* (yield* anew.master).peek("a"), "1")
    }).pipe(Effect.scoped)
  )
})
