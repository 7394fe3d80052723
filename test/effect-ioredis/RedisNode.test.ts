import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Fiber, Scope } from "effect"
import { CircuitBreaker, RedisClient, RedisConnector, RedisTopology, RetryPolicy } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as SeededRandom from "../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"
import {
  withRedis,
  noRetry,
  get,
  set,
  unlink,
  fork,
  sent,
  keysOf,
  result,
  settled,
  failure
} from "../support/VirtualRedis.ts"

// What a client does with the connections of its server, in virtual time.

describe("A pool", () => {
  it.effect("of which one is mute, one is reset and one is frozen fails no call of the others", () =>
    withRedis({ connections: 5, ...noRetry })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = keysOf(dispatch, 3)
        const [mute = 0, reset = 0, frozen = 0, ...healthy] = Array.from(keys.keys())
        yield* server.inject(Fault.mute, { connection: mute })
        yield* server.inject(Fault.freeze, { connection: frozen })
        const calls = Array.from(keys, ([id, own]) => own.map((key) => [id, redis.set(key, "v")] as const)).flat()
        const fibers = yield* Effect.forEach(calls, ([id, call]) =>
          Effect.map(fork(call), (fiber) => [id, fiber] as const)
        )
        yield* server.inject(Fault.cut({ executed: false }), { connection: reset })
        // The others answer all the time.
        for (let n = 0; n < 25; n++) {
          yield* TestClock.adjust(100)
          for (const id of healthy) {
            const fiber = yield* fork(redis.get(keys.get(id)?.[0] ?? ""))
            yield* TestClock.adjust(0)
            assert.strictEqual(settled(fiber)._tag, "Success")
          }
        }
        for (const [id, fiber] of fibers) {
          assert.strictEqual(settled(fiber)._tag, healthy.includes(id) ? "Success" : "Failure")
        }
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* redis.stats).connections, 5)
        for (const key of Array.from(keys.values()).flat()) assert.isTrue(yield* redis.set(key, "w"))
      })
    )
  )

  it.effect("whose only speaker answers batches does not open its circuit for another's stall", () =>
    withRedis({ connections: 2, ...noRetry })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = keysOf(dispatch, 1)
        const [[first = 0, [mutedKey = ""] = []] = [], [, [key = ""] = []] = []] = Array.from(keys)
        yield* server.inject(Fault.mute, { connection: first })
        const muted = yield* fork(Effect.exit(redis.get(mutedKey)))
        yield* TestClock.adjust(1000)
        // The second connection is the batch's second carrier.
        const batch = yield* fork(redis.pipeline([get(mutedKey), get(key)]))
        yield* TestClock.adjust(1000)
        assert.strictEqual(settled(muted)._tag, "Success")
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
        yield* Fiber.join(batch)
      })
    )
  )

  it.effect("is not taken for stalled where a slow server answers nothing but questions for its history", () =>
    withRedis({ historyInterval: "250 millis", ...noRetry })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* fork(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        yield* server.inject(Fault.delay("700 millis"))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
        assert.strictEqual(dispatch.nodes()[0]?.sessions()[0], session)
      })
    )
  )

  it.effect("counts all that one stalled connection loses as one failure", () =>
    withRedis({ connections: 2, ...noRetry, circuitBreaker: { tripPolicy: CircuitBreaker.consecutive(3) } })(
      (redis, server, dispatch) =>
        Effect.gen(function* () {
          const keys = keysOf(dispatch, 3)
          const [[first = 0, muted = []] = [], [, [key = ""] = []] = []] = Array.from(keys)
          yield* server.inject(Fault.mute, { connection: first })
          const calls = yield* Effect.forEach([...muted, ...muted], (key) => fork(Effect.exit(redis.get(key))))
          yield* TestClock.adjust(1999)
          // Somebody answers meanwhile, so that the stall does not open the circuit by itself.
          assert.strictEqual(yield* redis.get(key).pipe(Effect.map(({ _tag }) => _tag)), "None")
          yield* TestClock.adjust(1)
          for (const call of calls) assert.strictEqual(settled(call)._tag, "Success")
          assert.deepStrictEqual((yield* redis.stats).breaker, { _tag: "Closed", failures: 1 })
        })
    )
  )

  it.effect("opens its circuit for a stall where nobody has answered since", () =>
    withRedis({ connections: 2, ...noRetry })((redis, server) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1000)
        yield* server.inject(Fault.mute)
        const call = yield* fork(Effect.exit(redis.get("k")))
        yield* TestClock.adjust(2000)
        assert.strictEqual(settled(call)._tag, "Success")
        assert.strictEqual((yield* redis.stats).breaker._tag, "Open")
      })
    )
  )

  it.effect("keeps the order of a key that a batch carries on another's connection", () =>
    withRedis({ connections: 2, ...noRetry })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = keysOf(dispatch, 2)
        const [[first = 0, a = []] = [], [second = 0, b = []] = []] = Array.from(keys)
        yield* redis.set(b[0] ?? "", "old")
        // The second is away, so that the first carries everything.
        yield* server.inject(Fault.cut({ executed: false }), { connection: second })
        yield* server.inject(Fault.delay("1 second"), { connection: first })
        const removal = yield* fork(redis.run(unlink(a[0] ?? "", b[0] ?? "")))
        yield* TestClock.adjust(500)
        assert.strictEqual((yield* redis.stats).connections, 2)
        const write = yield* fork(redis.set(b[0] ?? "", "new"))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(settled(removal)._tag, "Success")
        assert.strictEqual(settled(write)._tag, "Success")
        assert.strictEqual(yield* server.peek(b[0] ?? ""), "new")
      })
    )
  )

  it.effect("keeps the order of a key whose command was given to one session", () =>
    withRedis({ connections: 2, ...noRetry })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = keysOf(dispatch, 1)
        const [[first = 0] = [], [second = 0, [key = ""] = []] = []] = Array.from(keys)
        yield* server.inject(Fault.cut({ executed: false }), { connection: second })
        yield* server.inject(Fault.delay("1 second"), { connection: first })
        dispatch.send(set(key, "old"), { session: dispatch.nodeOf(key).sessionFor(key) }, () => {})
        yield* TestClock.adjust(500)
        const write = yield* fork(redis.set(key, "new"))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(settled(write)._tag, "Success")
        assert.strictEqual(yield* server.peek(key), "new")
      })
    )
  )

  it.effect("keeps the order of each key under random losses and slowness", () =>
    Effect.forEach(
      Arr.range(1, 15),
      (seed) =>
        withRedis({ connections: 3, ...noRetry })((redis, server) =>
          Effect.gen(function* () {
            const random = SeededRandom.make(seed)
            const below = (n: number) => Math.floor(random() * n)
            for (let n = 0; n < 150; n++) {
              const clients = yield* server.clients
              const connection = clients[below(clients.length)]
              const what = random()
              if (what < 0.04 && connection !== undefined) {
                yield* server.inject(Fault.cut({ executed: random() < 0.5 }), { connection })
              } else if (what < 0.12 && connection !== undefined) {
                yield* server.inject(Fault.delay(below(150)), { connection })
              } else if (what < 0.3) yield* TestClock.adjust(below(60))
              else if (what < 0.5)
                yield* fork(Effect.ignore(redis.pipeline([set(`k${below(8)}`, n), set(`k${below(8)}`, n)])))
              else yield* fork(Effect.ignore(redis.set(`k${below(8)}`, n)))
            }
            yield* TestClock.adjust("1 minute")
            const last = new Map<string, number>()
            const connections = new Map<string, number>()
            for (const { args, connection } of yield* sent(server, "SET")) {
              const [key = "", value] = args
              // What a lost connection still executes is in doubt, and may come late.
              if (connections.get(key) === connection)
                assert.isAtLeast(Number(value), last.get(key) ?? 0, `seed ${seed}`)
              last.set(key, Number(value))
              connections.set(key, connection)
            }
          })
        ),
      { discard: true }
    )
  )
})

describe("A replica that refuses writes", () => {
  const replica = { host: "b", port: 1 }

  it.effect("keeps its connection, and the address is tried ever more slowly", () =>
    withRedis(
      { topology: RedisTopology.server(replica) },
      { servers: [replica] }
    )((redis, server) =>
      Effect.gen(function* () {
        const b = yield* server.server(replica)
        yield* b.replicaOf({ address: server.address })
        yield* redis.reconnect
        yield* TestClock.adjust("10 seconds")
        const before = (yield* b.attempts).length
        const [connection] = yield* b.clients
        const session = Dispatch.of(redis).nodes()[0]?.sessions()[0]
        for (let n = 0; n < 600; n++) {
          yield* fork(Effect.exit(redis.run(set("k", "v"), { retry: false })))
          yield* TestClock.adjust(100)
        }
        const tries = (yield* b.attempts).length - before
        assert.isAtLeast(tries, 3)
        assert.isAtMost(tries, 8)
        assert.isTrue(session?.isOpen())
        assert.include(yield* b.clients, connection)
      })
    )
  )

  it.effect("is left when the address leads to a master", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        // The default server answers for every address that has none of its own.
        const other = yield* server.server({ host: "other", port: 1 })
        yield* server.replicaOf({ address: other.address })
        const write = yield* fork(redis.set("k", "v"))
        yield* TestClock.adjust(10)
        yield* server.promote
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(settled(write)._tag, "Success")
      })
    )
  )

  it.effect("behind an address that leads now here, now there costs few connections", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const a = yield* server.server({ host: "a", port: 1 })
      const b = yield* server.server({ host: "b", port: 1 })
      yield* b.replicaOf({ address: a.address })
      let connects = 0
      // Logins reach the replica, what is tried beside them reaches the master.
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...server.connector,
        connect: (_, login) =>
          Effect.suspend(() => server.connector.connect(connects++ % 2 === 0 ? b.address : a.address, login))
      }
      const redis = yield* Effect.provideService(RedisClient.make(noRetry), RedisConnector.RedisConnector, connector)
      for (let n = 0; n < 600; n++) {
        yield* fork(Effect.exit(redis.set("k", "v")))
        yield* TestClock.adjust(100)
      }
      assert.isAtMost(connects, 25)
    }).pipe(Effect.scoped)
  )

  it.effect("costs those connections nothing that reach the master already", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const a = yield* server.server({ host: "a", port: 1 })
      const b = yield* server.server({ host: "b", port: 1 })
      yield* b.replicaOf({ address: a.address })
      let connects = 0
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...server.connector,
        connect: (_, login) =>
          Effect.suspend(() => server.connector.connect(connects++ === 0 ? b.address : a.address, login))
      }
      const redis = yield* Effect.provideService(
        RedisClient.make({ ...noRetry, connections: 3 }),
        RedisConnector.RedisConnector,
        connector
      )
      yield* TestClock.adjust("1 second")
      const before = Dispatch.of(redis).nodes()[0]?.sessions() ?? []
      for (const n of Arr.range(1, 20)) {
        yield* fork(Effect.exit(redis.set(`k${n}`, "v")))
      }
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(before.filter((session) => session.isOpen()).length, 2)
      assert.isTrue(before.filter((session) => session.isOpen()).every(({ runId }) => runId !== before[0]?.runId))
      assert.strictEqual((yield* redis.stats).connections, 3)
      for (const n of Arr.range(1, 20)) assert.isTrue(yield* redis.set(`k${n}`, "v"))
    }).pipe(Effect.scoped)
  )
})

describe("Without a circuit breaker", () => {
  it.effect("no call is refused, but by hand", () =>
    withRedis({ circuitBreaker: false, retry: RetryPolicy.none })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("LOADING"))
        for (let n = 0; n < 50; n++) {
          assert.strictEqual(failure(yield* Effect.exit(redis.set("k", "v")))._tag, "RedisOperationError")
        }
        yield* server.inject(Fault.mute)
        const hanging = yield* fork(Effect.exit(redis.set("k", "v")))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(settled(hanging)._tag, "Success")
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
        yield* redis.breaker.isolate
        assert.strictEqual(failure(yield* Effect.exit(redis.get("k")))._tag, "RedisCircuitBreakerOpenError")
        yield* redis.breaker.reset
        yield* server.heal
        yield* TestClock.adjust("3 seconds")
        assert.isTrue(yield* redis.set("k", "v"))
      })
    )
  )
})

describe("Closing", () => {
  it.effect("has one time for all who close", () =>
    withRedis({ closeTimeout: "1 second" })((_redis, _server, dispatch) =>
      Effect.gen(function* () {
        const first = yield* fork(dispatch.closeWithin(Effect.sleep(600)))
        yield* TestClock.adjust(600)
        assert.isTrue(yield* Fiber.join(first))
        const second = yield* fork(Effect.uninterruptible(dispatch.closeWithin(Effect.sleep(600))))
        yield* TestClock.adjust(399)
        assert.strictEqual(result(second), "waiting")
        yield* TestClock.adjust(1)
        assert.isFalse(yield* Fiber.join(second))
        assert.isFalse(yield* dispatch.closeWithin(Effect.never))
        assert.isTrue(yield* dispatch.closeWithin(Effect.void))
      })
    )
  )
})

describe("Closing a client", () => {
  it.effect("takes no longer than its time, whatever is in flight", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...server.connector,
        connect: (address, login) =>
          Effect.map(
            server.connector.connect(address, login),
            ({ activity, destroy, inFlight, isOpen, onLoss, onPush, submit }) => ({
              activity,
              destroy,
              inFlight,
              isOpen,
              onLoss,
              onPush,
              submit,
              drain: Effect.never
            })
          )
      }
      const closing = yield* Scope.make()
      const redis = yield* RedisClient.make({ closeTimeout: "1 second" }).pipe(
        Effect.provideService(RedisConnector.RedisConnector, connector),
        Scope.provide(closing)
      )
      yield* server.inject(Fault.freeze)
      const call = yield* fork(Effect.exit(redis.incr("n")))
      const closed = yield* fork(Scope.close(closing, Exit.void))
      yield* TestClock.adjust(999)
      assert.strictEqual(result(closed), "waiting")
      yield* TestClock.adjust(1)
      assert.strictEqual(result(closed), "Success")
      assert.deepInclude({ ...failure(yield* settled(call)) }, { reason: "Closed", sent: "unknown" })
    }).pipe(Effect.scoped)
  )
})

describe("The circuit", () => {
  it.effect("is due with the next session where only one of those that stalled had answered", () =>
    withRedis({ ...noRetry, connections: 2 })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const [[first = ""] = [], [second = ""] = []] = Array.from(keysOf(dispatch, 1).values())
        for (const [answering, other] of [
          [first, second],
          [second, first]
        ] as const) {
          yield* redis.reconnect
          yield* TestClock.adjust("10 seconds")
          yield* redis.get(answering)
          yield* server.inject(Fault.freeze)
          for (const key of [answering, other]) yield* fork(Effect.exit(redis.get(key)))
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual((yield* redis.stats).breaker._tag, "Open")
          yield* server.heal
          yield* TestClock.adjust("3 seconds")
          const back = yield* fork(redis.get("k"))
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(result(back), "Success")
        }
      })
    )
  )

  it.effect("is due only after some seconds where the last session answered nothing", () =>
    withRedis({ ...noRetry, circuitBreaker: { tripPolicy: CircuitBreaker.consecutive(1), resetTimeout: "1 hour" } })(
      (redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.cut({ executed: false, at: "GET" }))
          yield* Effect.exit(redis.get("k"))
          yield* TestClock.adjust("1 second")
          assert.strictEqual(failure(yield* Effect.exit(redis.get("k")))._tag, "RedisCircuitBreakerOpenError")
          yield* TestClock.adjust("5 seconds")
          yield* redis.get("k")
        })
    )
  )
})
