import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Duration, Effect, Exit, Fiber, Layer, Result, Scope, Stream } from "effect"
import { CircuitBreaker, RedisClient, RedisCommand, RedisConnector, type RedisError, RetryPolicy } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as SeededRandom from "../../packages/effect-ioredis/src/testing/internal/SeededRandom.ts"

// What a client does with the connections of its server, in virtual time.

type Server = SimulatedRedis.SimulatedRedis

const withRedis =
  (options: RedisClient.Options = {}, serverOptions?: SimulatedRedis.Options) =>
  <A, E>(use: (redis: RedisClient.RedisClient, server: Server, dispatch: Dispatch.Dispatch) => Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      // The other connections of a pool follow when the first has stayed for a moment.
      if (options.connections !== undefined) yield* TestClock.adjust("1 second")
      return yield* use(redis, yield* SimulatedRedis.SimulatedRedis, Dispatch.of(redis))
    }).pipe(
      Effect.provide(
        RedisClient.layer({ ...options, requireReady: false }).pipe(
          Layer.provideMerge(SimulatedRedis.layer(serverOptions))
        )
      )
    )

const get = (key: string) => RedisCommand.make("GET", [key])
const set = (key: string, value: RedisCommand.Argument) => RedisCommand.make("SET", [key, value])
const unlink = (...keys: ReadonlyArray<string>) => RedisCommand.make("UNLINK", keys)

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const sent = (server: Server, name: string) =>
  Effect.map(server.received, (all) => all.filter((command) => command.name === name))

const commands = (server: Server) =>
  Effect.map(server.received, (all) =>
    all.filter(({ name }) => !["PING", "CLIENT", "INFO", "TIME", "HELLO", "SCRIPT"].includes(name))
  )

/** The keys of each connection, so that a test can choose its victims. */
const keysOf = (dispatch: Dispatch.Dispatch, perConnection: number) => {
  const keys = new Map<number, Array<string>>()
  const [node] = dispatch.nodes()
  const connections = node?.sessions().length ?? 0
  for (let n = 0; n < 10_000; n++) {
    const id = node?.sessionFor(`k${n}`)?.id ?? -1
    const known = keys.get(id) ?? []
    if (known.length < perConnection) keys.set(id, [...known, `k${n}`])
    const full = Array.from(keys.values()).filter(({ length }) => length === perConnection)
    if (full.length === connections) return keys
  }
  return assert.fail("the keys are not spread")
}

const events = (dispatch: Dispatch.Dispatch) => {
  const told: Array<Dispatch.NodeEvent["_tag"]> = []
  dispatch.listen(({ _tag }) => told.push(_tag))
  return told
}

const result = (fiber: Fiber.Fiber<unknown, unknown>) => {
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "waiting" : exit._tag
}

const settled = <A, E>(fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E> => fiber.pollUnsafe() ?? assert.fail("it still waits")

const failure = <A>(exit: Exit.Exit<A, RedisError.RedisCommandError>): RedisError.RedisCommandError =>
  Exit.match(exit, {
    onSuccess: () => assert.fail("it succeeded"),
    onFailure: ({ reasons: [reason] }) => (reason?._tag === "Fail" ? reason.error : assert.fail("it died"))
  })

const noRetry = { retry: RetryPolicy.none } as const

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

  it.effect("splits what concerns several connections and puts the answers together in order", () =>
    withRedis({ connections: 5 })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = Array.from(keysOf(dispatch, 4).values()).flat()
        for (const key of keys) yield* redis.set(key, `value of ${key}`)
        const found = yield* redis.mget([...keys, "none"])
        assert.deepStrictEqual(
          found.map((value) => (value._tag === "Some" ? value.value : undefined)),
          [...keys.map((key) => `value of ${key}`), undefined]
        )
        assert.strictEqual(yield* redis.exists(...keys), 20)
        assert.strictEqual((yield* sent(server, "MGET")).length, 5)
        assert.strictEqual(yield* redis.run(unlink(...keys, "none")), 20)
        assert.strictEqual(yield* redis.exists(...keys), 0)
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

describe("A stall", () => {
  it.effect("is not what a caller with a short deadline makes of a slow command", () =>
    withRedis(noRetry)((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay(1900))
        const long = yield* fork(redis.get("k"))
        const short = yield* fork(Effect.exit(redis.run(get("k"), { operationTimeout: 100 })))
        // More of them than failures in a row open a circuit.
        for (let n = 0; n < 10; n++) yield* fork(Effect.exit(redis.run(get("k"), { operationTimeout: 100 + n })))
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual((yield* redis.stats).breaker, { _tag: "Closed", failures: 0 })
        yield* TestClock.adjust(1000)
        assert.strictEqual(settled(short)._tag, "Success")
        assert.strictEqual(settled(long)._tag, "Success")
        assert.strictEqual((yield* server.attempts).length, 1)
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
      })
    )
  )

  it.effect("is not what a long batch is whose replies come one by one", () =>
    withRedis({ ...noRetry, commandTimeout: 500, circuitBreaker: false })((_, server, dispatch) =>
      Effect.gen(function* () {
        const ends: Array<Dispatch.SendingEnd["_tag"]> = []
        // Each is executed 400 ms after the one before.
        const sendings = Arr.range(1, 20).map(
          (n): Dispatch.Sending => ({
            begin: () => {
              Effect.runSync(server.inject(Fault.delay(n * 400)))
              return true
            },
            end: (_, { _tag }) => ends.push(_tag)
          })
        )
        dispatch.sendAll(
          sendings.map((_, n) => get(`k${n}`)),
          { sendings },
          () => {}
        )
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(
          ends,
          sendings.map(() => "Confirmed")
        )
        assert.strictEqual((yield* server.attempts).length, 1)
      })
    )
  )
})

describe("A replica that refuses writes", () => {
  const replica = { host: "b", port: 1 }

  it.effect("keeps its connection, and the address is tried ever more slowly", () =>
    withRedis({ address: replica })((redis, server) =>
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

describe("A server that lets clients log in and drops them", () => {
  for (const [when, fault, connections] of [
    ["at once", Fault.dropLogins(), 1],
    ["after 20 ms", Fault.dropLogins({ after: 20 }), 1],
    ["after 20 ms, of a pool", Fault.dropLogins({ after: 20 }), 5],
    ["after 300 ms, of a pool", Fault.dropLogins({ after: 300 }), 5],
    ["at the first command", Fault.cut({ executed: false, at: "GET" }), 1]
  ] as const) {
    it.effect(`${when}: at most two logins a second, few commands, and it recovers`, () =>
      withRedis({ connections })((redis, server) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("10 seconds")
          const healthy = (yield* server.attempts).length
          assert.strictEqual(healthy, connections)
          const before = (yield* commands(server)).length
          yield* server.inject(fault)
          for (let n = 0; n < 600; n++) {
            if (fault._tag === "Cut") yield* server.inject(fault)
            yield* fork(Effect.exit(redis.get(`k${n}`)))
            yield* TestClock.adjust(100)
          }
          const all = (yield* server.attempts).slice(healthy)
          // What answers for 300 ms is used for as long, and the others of a pool have followed the first by then.
          const isUsed = when.startsWith("after 300 ms")
          const logins = isUsed ? all.slice(connections) : all
          assert.isAbove(logins.length, fault._tag === "Cut" ? 10 : 60)
          for (const [n, at] of logins.slice(2).entries()) assert.isAbove(at - (logins[n] ?? at), 1000)
          assert.isAtMost((yield* commands(server)).length - before, isUsed ? 300 : 60)
          yield* server.heal
          yield* TestClock.adjust("40 seconds")
          const after = yield* fork(redis.get("k"))
          yield* TestClock.adjust("1 second")
          assert.strictEqual(result(after), "Success")
        })
      )
    )
  }
})

/** Counts what it is told, session by session. */
const counting = () => {
  const told: Array<Dispatch.SendingEnd["_tag"]> = []
  let begun = 0
  const open = new Map<Dispatch.Session, number>()
  const sending: Dispatch.Sending = {
    begin: (session) => {
      begun++
      open.set(session, (open.get(session) ?? 0) + 1)
      return true
    },
    end: (session, { _tag }) => {
      const left = (open.get(session) ?? 0) - 1
      assert.isAtLeast(left, 0, "an end without its begin")
      open.set(session, left)
      told.push(_tag)
    }
  }
  return { sending, told, begun: () => begun }
}

describe("A sending", () => {
  it.effect("ends exactly once under random cuts, freezes, cancels and retries", () =>
    Effect.forEach(
      Arr.range(1, 20),
      (seed) =>
        withRedis({ connections: 1 + (seed % 3) })((_, server, dispatch) =>
          Effect.gen(function* () {
            const random = SeededRandom.make(seed)
            const below = (n: number) => Math.floor(random() * n)
            const all: Array<ReturnType<typeof counting>> = []
            const answers: Array<number> = []
            for (let n = 0; n < 120; n++) {
              const clients = yield* server.clients
              const connection = clients[below(clients.length)]
              const what = random()
              if (what < 0.05) yield* server.inject(Fault.cut({ executed: random() < 0.5 }), { connection })
              else if (what < 0.1 && connection !== undefined) yield* server.inject(Fault.freeze, { connection })
              else if (what < 0.15) yield* server.inject(Fault.error("LOADING"))
              else if (what < 0.2) yield* server.inject(Fault.refuse)
              else if (what < 0.3) yield* server.heal
              else if (what < 0.4) yield* TestClock.adjust(below(700))
              else {
                const counter = counting()
                all.push(counter)
                const index = answers.push(0) - 1
                const done = () => {
                  answers[index] = (answers[index] ?? 0) + 1
                }
                const keys = Array.from({ length: 1 + below(3) }, () => `k${below(20)}`)
                const options = { sending: counter.sending, answer: "ignored" as const, timeout: 1 + below(5000) }
                const cancel =
                  random() < 0.5
                    ? dispatch.send(unlink(...keys), options, done)
                    : dispatch.sendAll(
                        keys.map((key) => set(key, n)),
                        { ...options, sendings: keys.map(() => counter.sending) },
                        done
                      )
                if (random() < 0.2) {
                  if (answers[index] === 0) answers[index] = 1
                  cancel()
                }
              }
            }
            yield* server.heal
            yield* TestClock.adjust("1 minute")
            for (const { begun, told } of all) assert.strictEqual(told.length, begun(), `seed ${seed}`)
            assert.isTrue(
              answers.every((count) => count === 1),
              `seed ${seed}: a call was not answered once`
            )
          })
        ),
      { discard: true }
    )
  )

  it.effect("that is called off is not sent, and the call fails with SUPERSEDED", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const ends: Array<unknown> = []
        const sending = { begin: () => false, end: (...end: ReadonlyArray<unknown>) => ends.push(end) }
        const results: Array<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>> = []
        dispatch.send(set("k", "v"), { sending }, (result) => results.push(result))
        yield* TestClock.adjust("1 second")
        const [told] = results
        assert.isTrue(told !== undefined && Result.isFailure(told))
        if (told === undefined || Result.isSuccess(told)) return
        assert.deepInclude({ ...told.failure }, { _tag: "RedisOperationError", code: "SUPERSEDED" })
        assert.strictEqual(results.length, 1)
        assert.deepStrictEqual(ends, [])
        assert.strictEqual(yield* server.peek("k"), undefined)
      })
    )
  )

  it.effect("whose callbacks throw is no failure of Redis, then or when its deadline is over", () =>
    withRedis()((redis, _, dispatch) =>
      Effect.gen(function* () {
        const boom = () => {
          throw new Error("boom")
        }
        for (let n = 0; n < 20; n++) {
          dispatch.send(set("a", n), { sending: { begin: boom, end: boom } }, boom)
          dispatch.send(set("a", n), { sending: { begin: () => true, end: boom } }, boom)
          dispatch.sendAll([set("a", n), set("b", n)], { sendings: [{ begin: boom, end: boom }, undefined] }, boom)
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude(yield* redis.stats, { breaker: { _tag: "Closed", failures: 0 }, inFlight: 0 })
      })
    )
  )

  it.effect("is told before the call, and what its callbacks throw harms nobody", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        const boom = () => {
          throw new Error("boom")
        }
        const told: Array<string> = []
        dispatch.listen(boom)
        dispatch.send(set("a", "1"), { sending: { begin: boom, end: boom } }, () => {
          told.push("a")
          boom()
        })
        dispatch.send(set("b", "1"), { sending: { begin: () => true, end: () => boom() } }, () => {
          told.push("b")
          boom()
        })
        dispatch.get("b", { bytes: 1 }, boom)
        dispatch.get("b", { bytes: 1 }, () => told.push("read"))
        dispatch.sendAll([get("a"), get("b")], {}, boom)
        yield* redis.set("c", "1")
        yield* server.inject(Fault.cut({ executed: false }))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(told, ["a", "b", "read"])
        assert.strictEqual(yield* server.peek("a"), undefined, "a command whose begin threw was sent")
        assert.isTrue(yield* redis.set("c", "2"))
      })
    )
  )
})

describe("A scan", () => {
  const fill = (redis: RedisClient.RedisClient) =>
    Effect.forEach(Arr.range(1, 60), (n) => redis.set(`k${n}`, "v"), { discard: true })

  const scanned = (redis: RedisClient.RedisClient, atFirstPage: Effect.Effect<unknown>) => {
    let first = true
    return redis.scan({ count: 10 }).pipe(
      Stream.mapEffect((key) => {
        const happens = first ? atFirstPage : Effect.void
        first = false
        return Effect.as(happens, key)
      }),
      Stream.runCollect,
      Effect.map((keys) => new Set(keys))
    )
  }

  it.effect("begins anew when its connection is lost", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* fill(redis)
        const fiber = yield* fork(scanned(redis, server.restart({ data: "kept" })))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
        assert.isAtLeast((yield* sent(server, "SCAN")).filter(({ args: [cursor] }) => cursor === "0").length, 2)
      })
    )
  )

  it.effect("begins anew when the server was resynchronised in place", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* Effect.forkChild(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        const other = yield* server.server({ host: "other", port: 1 })
        yield* fill(redis)
        yield* server.attachReplica
        yield* TestClock.adjust("2 seconds")
        const change = Effect.gen(function* () {
          yield* server.replicaOf({ address: other.address })
          yield* server.promote
          yield* Effect.ignore(Effect.forEach(Arr.range(1, 60), (n) => server.execute(set(`k${n}`, "v"))))
          yield* Effect.sleep("2 seconds")
        })
        const fiber = yield* fork(scanned(redis, change))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
        assert.isAtLeast((yield* sent(server, "SCAN")).filter(({ args: [cursor] }) => cursor === "0").length, 2)
      })
    )
  )

  it.effect("begins anew when the server changes while its last page is on the way", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        const other = yield* server.server({ host: "other", port: 1 })
        yield* fill(redis)
        yield* server.attachReplica
        yield* fork(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        yield* TestClock.adjust(1500)
        const [connection] = yield* server.clients
        const fiber = yield* fork(scanned(redis, Effect.void))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(fiber)
        const pages = (yield* sent(server, "SCAN")).length
        // The history is asked for first, and the page comes after its answer.
        yield* server.replicaOf({ address: other.address })
        yield* server.promote
        yield* server.inject(Fault.delay(700), { connection })
        yield* TestClock.adjust(600)
        const late = yield* fork(Stream.runCollect(redis.scan({ count: 1000 })))
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(result(late), "Success")
        const cursors = (yield* sent(server, "SCAN")).slice(pages).map(({ args: [cursor] }) => cursor)
        assert.strictEqual(dispatch.nodes()[0]?.generation(), 1)
        assert.deepStrictEqual(cursors, ["0", "0"])
      })
    )
  )

  it.effect("that no connection was ready for keeps to one session", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* fill(redis)
        yield* TestClock.adjust("10 seconds")
        yield* server.inject(Fault.cut({ executed: false }))
        const fiber = yield* fork(scanned(redis, server.restart({ data: "kept" })))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).size, 60)
      })
    )
  )
})

describe("A history", () => {
  it.effect("is told before anything is sent in the session that showed it", () =>
    withRedis()((redis, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1000)
        const told: Array<string> = []
        const first = dispatch.nodes()[0]?.sessions()[0]
        dispatch.listen((event) => {
          told.push(event._tag)
          if (event._tag === "HistoryChanged") {
            assert.deepStrictEqual(event.node.sessions(), [])
            dispatch.send(
              get("k"),
              { sending: { begin: (session) => told.push(session === first ? "old" : "new") > 0, end: () => {} } },
              () => {}
            )
          }
        })
        yield* server.restart({ data: "kept" })
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(told, ["SessionLost", "HistoryChanged", "SessionReady", "new"])
        assert.strictEqual(dispatch.nodes()[0]?.generation(), 1)
        yield* redis.ping
      })
    )
  )

  it.effect("does not change when a connection is lost, however far its login came", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1000)
        const told = events(dispatch)
        const node = dispatch.nodes()[0]
        for (const name of ["PING", "CLIENT", "INFO", "TIME"]) {
          yield* server.inject(Fault.cut({ executed: false, at: name }))
          yield* server.inject(Fault.cut({ executed: false }))
          yield* TestClock.adjust("2 seconds")
        }
        assert.isTrue(node?.isReady())
        assert.strictEqual(node?.generation(), 0)
        assert.notInclude(told, "HistoryChanged")
        // A session that died while it introduced itself was never one.
        assert.strictEqual(told.filter((tag) => tag === "SessionReady").length, 4)
      })
    ).pipe(Effect.asVoid)
  )

  for (const [denied, generation] of [
    [["INFO"], 0],
    [["INFO", "SCRIPT"], 1],
    [["INFO", "SCRIPT", "CLIENT", "TIME", "PING"], 1]
  ] as const) {
    it.effect(
      `of a user without ${denied.join(", ")}: a lost connection ${generation === 0 ? "is none" : "is a change"}, a restart is one`,
      () =>
        withRedis(
          {},
          { denied }
        )((redis, server, dispatch) =>
          Effect.gen(function* () {
            const node = dispatch.nodes()[0]
            assert.strictEqual(node?.history()?.role, "master")
            yield* server.inject(Fault.cut({ executed: false }))
            yield* TestClock.adjust("1 second")
            assert.strictEqual(node?.generation(), generation)
            yield* server.restart({ data: "kept" })
            yield* TestClock.adjust("1 second")
            assert.strictEqual(node?.generation(), generation + 1)
            assert.isTrue(yield* redis.set("k", "v"))
          })
        )
    )
  }

  it.effect("is asked for each second while it is watched, and a resynchronisation in place is noticed", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const other = yield* server.server({ host: "other", port: 1 })
        const node = dispatch.nodes()[0]
        const watch = yield* fork(Effect.scoped(Effect.andThen(dispatch.watchHistory, Effect.never)))
        yield* server.attachReplica
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(node?.generation(), 0)
        yield* server.replicaOf({ address: other.address })
        yield* server.promote
        yield* TestClock.adjust("1 second")
        assert.strictEqual(node?.generation(), 1)
        yield* Fiber.interrupt(watch)
        const asked = (yield* sent(server, "INFO")).length
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost((yield* sent(server, "INFO")).length, asked + 1)
      })
    )
  )
})

describe("Redis' time", () => {
  it.effect("is that of the server that is reached now", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const a = yield* server.server({ host: "a", port: 1 }, { clockOffset: "1 hour" })
      const b = yield* server.server({ host: "b", port: 1 }, { clockOffset: "-1 hour", latency: 10 })
      let now = a
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...server.connector,
        connect: (_, login) => Effect.suspend(() => server.connector.connect(now.address, login))
      }
      const redis = yield* Effect.provideService(RedisClient.make(), RedisConnector.RedisConnector, connector)
      const node = Dispatch.of(redis).nodes()[0]
      yield* TestClock.adjust("1 day")
      const hour = Duration.toMillis("1 hour")
      const day = Duration.toMillis("1 day")
      assert.strictEqual(node?.time(), day + hour)
      now = b
      yield* a.inject(Fault.refuse)
      yield* TestClock.adjust("1 hour")
      assert.isTrue(node?.isReady())
      assert.closeTo(node?.time() ?? 0, day, 10)
    }).pipe(Effect.scoped)
  )
})

describe("A login", () => {
  it.effect("that dies is tried again", () => {
    let logins = 0
    return withRedis({
      login: Effect.suspend(() => (logins++ === 1 ? Effect.die(new Error("boom")) : Effect.succeed({})))
    })((redis) =>
      Effect.gen(function* () {
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    ).pipe(Effect.asVoid)
  })
})

describe("A pinned call", () => {
  it.effect("fails at once when its session is lost", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* server.inject(Fault.cut({ executed: false }))
        const errors: Array<unknown> = []
        dispatch.send(get("k"), { session }, (result) => errors.push(Result.isFailure(result) && result.failure))
        yield* TestClock.adjust(1)
        assert.strictEqual(errors.length, 1)
        assert.deepInclude({ ...(errors[0] as object) }, { _tag: "RedisConnectionError", sent: "never" })
      })
    )
  )
})

describe("A batch", () => {
  it.effect("gives a result per command, losses included, and repeats only what may be", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: false, at: "GET" }))
        const incr = RedisCommand.make("INCR", ["n"])
        const fiber = yield* fork(
          redis.pipeline([incr, set("a", "1"), get("a"), incr, RedisCommand.make("LPUSH", ["a", "x"])])
        )
        yield* TestClock.adjust("5 seconds")
        const results = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          results.map((result) => (Result.isSuccess(result) ? result.success : result.failure._tag)),
          // Replies that were on their way are lost with the connection.
          ["RedisConnectionError", "OK", "1", "RedisConnectionError", "RedisConnectionError"]
        )
        assert.strictEqual((yield* sent(server, "INCR")).length, 1)
      })
    )
  )

  it.effect("repeats what is idempotent where nobody reads the answer, and only there", () =>
    Effect.forEach(
      [undefined, "ignored"] as const,
      (answer) =>
        withRedis()((redis, server) =>
          Effect.gen(function* () {
            yield* server.inject(Fault.cut({ executed: true, at: "UNLINK" }))
            const one = yield* fork(Effect.exit(redis.run(unlink("k"), { answer })))
            yield* TestClock.adjust("5 seconds")
            yield* server.inject(Fault.cut({ executed: true, at: "UNLINK" }))
            const batch = yield* fork(redis.pipeline([unlink("k")], { answer }))
            yield* TestClock.adjust("5 seconds")
            const expected = answer === "ignored" ? "Success" : "Failure"
            assert.strictEqual(settled(one)._tag === "Success" && (yield* Fiber.join(one))._tag, expected)
            assert.strictEqual((yield* Fiber.join(batch))[0]?._tag, expected)
            assert.strictEqual((yield* sent(server, "UNLINK")).length, answer === "ignored" ? 4 : 2)
          })
        ),
      { discard: true }
    )
  )

  it.effect("says of a command of several connections that it may have run where a part of it may have", () =>
    withRedis({ connections: 2, maxInFlight: 1 })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const [[first = 0, [a = ""] = []] = [], [, [b = ""] = []] = []] = Array.from(keysOf(dispatch, 1))
        yield* redis.set(a, "1")
        yield* redis.set(b, "1")
        yield* server.inject(Fault.delay("500 millis"), { connection: first })
        // The first connection is full.
        yield* fork(redis.get(a))
        const error = failure(yield* Effect.exit(redis.run(unlink(a, b), { retry: false })))
        assert.deepInclude({ ...error }, { reason: "Saturated", sent: "unknown" })
        assert.strictEqual(yield* server.peek(a), "1")
        assert.strictEqual(yield* server.peek(b), undefined)
      })
    )
  )
})

describe("What a call says after its retries", () => {
  it.effect("is that it may have run, although the last attempt never left", () =>
    withRedis({ circuitBreaker: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: true, at: "SET" }))
        const one = yield* fork(Effect.exit(redis.set("k", "v")))
        yield* server.inject(Fault.cut({ executed: true, at: "SET" }))
        const batch = yield* fork(redis.pipeline([set("k", "v"), get("k")]))
        yield* TestClock.adjust(1)
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude({ ...failure(yield* Fiber.join(one)) }, { sent: "unknown" })
        const [write] = yield* Fiber.join(batch)
        assert.isTrue(write !== undefined && Result.isFailure(write))
        if (write !== undefined && Result.isFailure(write))
          assert.deepInclude({ ...write.failure }, { sent: "unknown" })
      })
    )
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
            ({ activity, destroy, inFlight, isOpen, onLoss, submit }) => ({
              activity,
              destroy,
              inFlight,
              isOpen,
              onLoss,
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

describe("A call that waits to be sent", () => {
  const waiting = { retry: false, waitToSend: "3 seconds" } as const

  it.effect("goes out as soon as there is a connection, and costs no retry", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        const one = yield* fork(redis.run(RedisCommand.make("INCR", ["n"]), waiting))
        const batch = yield* fork(redis.pipeline([RedisCommand.make("INCR", ["n"]), get("k")], waiting))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(result(one), "waiting")
        yield* server.heal
        yield* TestClock.adjust(750)
        assert.strictEqual(result(one), "Success")
        assert.isTrue((yield* Fiber.join(batch)).every(Result.isSuccess))
        assert.strictEqual(yield* server.peek("n"), "2")
      })
    )
  )

  it.effect("fails when its time is over, and at once without it", () =>
    withRedis({ circuitBreaker: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        const patient = yield* fork(Effect.exit(redis.run(get("k"), waiting)))
        const brief = yield* fork(Effect.exit(redis.run(get("k"), { ...waiting, operationTimeout: "1 second" })))
        const hasty = yield* fork(Effect.exit(redis.run(get("k"), { retry: false })))
        assert.strictEqual(result(hasty), "Success")
        yield* TestClock.adjust(999)
        assert.strictEqual(result(brief), "waiting")
        yield* TestClock.adjust(1)
        assert.strictEqual(result(brief), "Success")
        yield* TestClock.adjust(1999)
        assert.strictEqual(result(patient), "waiting")
        yield* TestClock.adjust(1)
        const exit = yield* settled(patient)
        assert.deepInclude({ ...failure(exit) }, { _tag: "RedisConnectionError", sent: "never" })
      })
    )
  )

  it.effect("waits for the circuit: one call is the probe, the others follow its success", () =>
    withRedis({ circuitBreaker: { resetTimeout: "2 seconds" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        const calls = yield* Effect.forEach(Arr.range(1, 20), () => fork(redis.run(get("k"), waiting)))
        yield* TestClock.adjust(1999)
        assert.strictEqual((yield* sent(server, "GET")).length, 0)
        yield* server.inject(Fault.delay(200))
        yield* TestClock.adjust(1)
        yield* TestClock.adjust(100)
        assert.strictEqual((yield* sent(server, "GET")).length, 0)
        assert.strictEqual((yield* redis.stats).inFlight, 1)
        yield* TestClock.adjust(300)
        assert.isTrue(calls.every((call) => result(call) === "Success"))
        assert.strictEqual((yield* sent(server, "GET")).length, 20)
      })
    )
  )

  it.effect("goes out when a probe whose caller gave it up shows that Redis is back", () =>
    withRedis({ circuitBreaker: { resetTimeout: "1 second" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.delay(500))
        const probe = yield* fork(redis.run(get("k")))
        const call = yield* fork(redis.run(get("k"), waiting))
        yield* TestClock.adjust(100)
        yield* Fiber.interrupt(probe)
        yield* TestClock.adjust(399)
        assert.strictEqual((yield* redis.breaker.state)._tag, "HalfOpen")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        yield* TestClock.adjust(500)
        assert.strictEqual(result(call), "Success")
      })
    )
  )

  it.effect("does not wait once it may have been executed, nor for a session that was lost", () =>
    withRedis({ circuitBreaker: false })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* server.inject(Fault.freeze)
        const call = yield* fork(Effect.exit(redis.run(RedisCommand.make("INCR", ["n"]), waiting)))
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust(0)
        assert.deepInclude({ ...failure(yield* settled(call)) }, { sent: "unknown" })
        let answers = 0
        dispatch.send(get("k"), { session, waitToSend: 3000 }, () => answers++)
        assert.strictEqual(answers, 1)
      })
    )
  )

  it.effect("ends when the client closes", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const closing = yield* Scope.make()
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector),
        Scope.provide(closing)
      )
      yield* server.inject(Fault.refuse)
      const call = yield* fork(Effect.exit(redis.run(get("k"), waiting)))
      yield* TestClock.adjust(100)
      yield* Scope.close(closing, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(failure(yield* settled(call))._tag, "RedisConnectionError")
    }).pipe(Effect.scoped)
  )
})
