import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { type RedisClient, RedisCommand } from "effect-ioredis"
import * as Load from "../support/Load.ts"
import * as DroppingServer from "../support/DroppingServer.ts"
import * as OwnCache from "../support/OwnCache.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as TcpProxy from "../support/TcpProxy.ts"
import * as Replication from "../support/Replication.ts"
import * as Wait from "../support/Wait.ts"

const timeout = { timeout: 60_000 }

describe("who is impatient is alone to suffer", timeout, () => {
  for (const [what, busy] of [
    ["DEBUG SLEEP", ["DEBUG", "SLEEP", "0.15"]],
    ["a script", ["EVAL", spins(150), "0"]]
  ] as const) {
    it.live(`a patience of 50 ms beside a server busy for 150 ms (${what})`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make({ config: ["enable-debug-command yes"] })
        const { cache, client } = yield* OwnCache.make({
          redis: { host: "127.0.0.1", port: server.port },
          hybrid: { patience: "50 millis" }
        })
        const region = yield* OwnCache.region(cache, { name: "hasty" })
        yield* Wait.until(
          "a value is there",
          Effect.map(region.set("a", "1"), (outcome) => outcome === "Applied")
        )
        const connections = yield* clientsOf(server)
        const circuit = yield* Load.watchCircuit(client)
        const reads = yield* Load.start("read", (key) => client.get(key), 10)
        const writes = yield* Load.start("write", (key) => client.set(key, "1"), 10)
        const cached: Array<{ readonly value: Option.Option<string>; readonly millis: number }> = []
        for (let round = 0; round < 8; round++) {
          const sleeping = yield* Effect.forkChild(server.cli(...busy))
          for (let n = 0; n < 8; n++) {
            cached.push(yield* Wait.timed(region.get("a")))
            yield* Effect.sleep("20 millis")
          }
          yield* Fiber.join(sleeping)
        }
        yield* reads.stop
        yield* writes.stop
        assert.deepStrictEqual(
          {
            failures: [...reads.failures, ...writes.failures].slice(0, 5),
            circuit,
            gone: yield* goneOf(server, connections)
          },
          { failures: [], circuit: [], gone: [] }
        )
        assert.isTrue(cached.every(({ value }) => Option.isSome(value)))
        assert.isAbove(cached.filter(({ millis }) => millis > 40).length, 3, "the server was never too slow")
      })
    )
  }

  for (const [what, settings, complete] of [
    ["the usual deadlines", {}, false],
    ["a deadline of half a second", { commandTimeout: "500 millis", patience: "4 seconds" }, true]
  ] as const) {
    it.live(`a process that is busy for 1.2 s over 60 values of 50 kB, with ${what}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const { commandTimeout, patience } = { commandTimeout: undefined, patience: undefined, ...settings }
        const options = {
          redis: { host: "127.0.0.1", port: server.port, commandTimeout },
          hybrid: { patience }
        }
        const writer = yield* OwnCache.make(options)
        const reader = yield* OwnCache.make(options)
        const keys = Array.from({ length: 60 }, (_, n) => `large-${n}`)
        const written = yield* OwnCache.region(writer.cache, { name: "large" })
        yield* Wait.until(
          "the values are there",
          Effect.map(written.setMany(keys.map((key) => [key, "x".repeat(50_000)])), (outcomes) =>
            outcomes.every((outcome) => outcome === "Applied")
          )
        )
        const region = yield* OwnCache.region(reader.cache, { name: "large" })
        const connections = yield* clientsOf(server)
        const states: Array<string> = []
        const others: Array<string> = []
        let found = 0
        yield* Effect.forEach(
          keys,
          (key) =>
            Effect.all(
              [
                Effect.map(region.get(key), (value) => {
                  if (Option.isSome(value)) found++
                  spin(20)
                }),
                Effect.matchEffect(reader.client.get(key), {
                  onFailure: (error) => Effect.sync(() => others.push(error._tag)),
                  onSuccess: () => Effect.map(reader.client.breaker.state, ({ _tag }) => states.push(_tag))
                })
              ],
              { concurrency: 2 }
            ),
          { concurrency: "unbounded" }
        )
        // Whoever asks next is not refused either.
        yield* Effect.match(reader.client.get("next"), {
          onFailure: (error) => others.push(error._tag),
          onSuccess: () => {}
        })
        assert.deepStrictEqual(
          {
            others,
            states: states.filter((state) => state !== "Closed"),
            gone: yield* goneOf(server, connections),
            missed: complete ? 60 - found : 0
          },
          { others: [], states: [], gone: [], missed: 0 }
        )
      })
    )
  }
})

describe("a connection's fault is its own", timeout, () => {
  it.live(
    "no call suffers from the mute, the reset and the frozen connection of a pool of five, but those sent on them",
    () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const proxy = yield* TcpProxy.make(server.port)
        const { client } = yield* pool(proxy.port)
        for (let round = 0; round < 3; round++) {
          const links = yield* readyConnections(proxy, client)
          const faulty = links.slice(round % 2, (round % 2) + 3)
          const [mute, reset, frozen] = faulty
          for (const link of faulty) yield* link.listenIn
          yield* Effect.all([mute?.mute ?? Effect.void, frozen?.freeze ?? Effect.void])
          const reads = yield* Load.start(`read-${round}`, (key) => client.get(key))
          const writes = yield* Load.start(`write-${round}`, (key) => client.set(key, "1"))
          yield* Effect.sleep("200 millis")
          yield* reset?.reset ?? Effect.void
          yield* Effect.sleep("2 seconds")
          yield* reads.stop
          yield* writes.stop
          const excused = faulty.map((link) => link.sent()).join("")
          const blamed = [...reads.failures, ...writes.failures].filter(({ key }) => !excused.includes(key))
          assert.deepStrictEqual(
            { round, blamed: blamed.length, some: blamed.slice(0, 3) },
            { round, blamed: 0, some: [] }
          )
          assert.isAbove(reads.calls() + writes.calls(), 60)
        }
      })
  )

  it.live("reads from a replica never fail because somebody writes to it", () =>
    Effect.gen(function* () {
      const master = yield* RedisServer.make({ config: ["repl-diskless-sync-delay 0"] })
      const replica = yield* RedisServer.make()
      yield* Replication.follow(replica, master)
      const { cache, client } = yield* OwnCache.make({
        redis: { host: "127.0.0.1", port: replica.port, maxConnections: 2 }
      })
      const region = yield* OwnCache.region(cache, { name: "replica" })
      const circuit = yield* Load.watchCircuit(client)
      const reads = yield* Load.start("read", (key) => client.get(key))
      const writes = yield* Load.start("write", (key) => client.set(key, "1"))
      const cached = yield* Load.start("cached", (key) => region.set(key.slice(0, -1), "1"), 20)
      yield* Effect.sleep("3 seconds")
      for (const load of [reads, writes, cached]) yield* load.stop
      assert.deepStrictEqual(
        { failures: reads.failures.slice(0, 3), circuit: circuit.slice(0, 3) },
        { failures: [], circuit: [] }
      )
      assert.isAbove(reads.calls(), 30)
      assert.strictEqual(writes.failures.length, writes.calls())
      assert.isTrue(writes.failures.every(({ error }) => error.includes("READONLY")))
    })
  )
})

// Side by side: nearly all of it is waiting.
describe("a server that is not there, or not for long", { ...timeout, concurrent: true }, () => {
  for (const [what, strike, heal] of [
    [
      "swallows everything",
      (_: RedisServer.RedisServer, proxy: TcpProxy.TcpProxy) => proxy.silent,
      (_: RedisServer.RedisServer, proxy: TcpProxy.TcpProxy) => proxy.pass
    ],
    [
      "is frozen",
      (server: RedisServer.RedisServer) => Effect.orDie(server.freeze),
      (server: RedisServer.RedisServer) => Effect.orDie(server.thaw)
    ],
    [
      "is dead",
      (server: RedisServer.RedisServer) => server.kill,
      (server: RedisServer.RedisServer) => Effect.orDie(server.start)
    ]
  ] as const) {
    it.live(`a server that ${what} for 6 s is used within a second of its first PING, with the usual open time`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const proxy = yield* TcpProxy.make(server.port)
        const { client } = yield* pool(proxy.port)
        yield* readyConnections(proxy, client)
        yield* strike(server, proxy)
        const load = yield* Load.start("during", (key) => client.get(key), 10)
        yield* Effect.sleep("6 seconds")
        yield* load.stop
        assert.isAbove(load.failures.length, 0)
        yield* Effect.forkChild(heal(server, proxy))
        yield* Wait.until("a PING is answered", ping(proxy.port))
        const back = yield* Wait.timed(
          Wait.until(
            "a call is answered",
            Effect.match(client.get("back"), { onSuccess: () => true, onFailure: () => false })
          )
        )
        assert.isBelow(back.millis, 1000)
      })
    )
  }

  for (const connections of [1, 5]) {
    for (const drops of ["AtOnce", "AtFirstCommand", "AfterPing"] as const) {
      it.live(`a server that drops who logs in (${drops}) sees two logins a second from a pool of ${connections}`, () =>
        Effect.gen(function* () {
          const server = yield* RedisServer.make()
          const dropping = yield* DroppingServer.make(server.port, drops)
          const { client } = yield* OwnCache.make({
            redis: { host: "127.0.0.1", port: dropping.port, resetTimeout: "1 second", maxConnections: connections }
          })
          const load = yield* Load.start("call", (key) => client.get(key), 10)
          yield* Effect.sleep("15 seconds")
          yield* load.stop
          const logins = dropping.logins()
          assert.isAbove(load.calls(), 150)
          assert.isAbove(logins.length, 15)
          // The third login after each one comes more than a second later.
          const spans = logins.slice(2).map((at, n) => Math.round(at - (logins[n] ?? at)))
          assert.deepStrictEqual(
            spans.filter((span) => span < 1000),
            []
          )
          // A login asks one PING, and the health check another. Five failures open the circuit, and then there is one
          // probe to a login. A server that answers for 30 ms first is trusted for as long: calls come each 10 ms.
          assert.isAtMost(dropping.pings(), 2 * logins.length)
          assert.isAtMost(dropping.commands(), (drops === "AtOnce" ? 4 : 1) * logins.length + 5)
        })
      )
    }
  }
})

const pool = (port: number) =>
  OwnCache.make({ redis: { host: "127.0.0.1", port, maxConnections: 5, commandTimeout: "500 millis" } })

/** The connections of a pool, when all five are there and calls are answered. */
const readyConnections = Effect.fnUntraced(function* (proxy: TcpProxy.TcpProxy, client: RedisClient.RedisClient) {
  let calls = 0
  yield* Wait.until(
    "the pool is whole",
    Effect.gen(function* () {
      if ((yield* client.stats).connections < 5) return false
      for (let n = 0; n < 20; n++) yield* client.run(RedisCommand.make("GET", [`ready-${calls++}`]))
      return (yield* proxy.connections).length >= 5
    })
  )
  return yield* proxy.connections
})

/** The clients of a server, without the one that asks. */
const clientsOf = (server: RedisServer.RedisServer) =>
  Effect.map(server.cli("CLIENT", "LIST"), (text) =>
    Array.from(String(text).matchAll(/^id=(\d+) (?!.*cmd=client\|list)/gm), ([, id]) => Number(id))
  )

const goneOf = (server: RedisServer.RedisServer, clients: ReadonlyArray<number>) =>
  Effect.map(clientsOf(server), (now) => clients.filter((id) => !now.includes(id)))

const ping = (port: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = Net.connect({ host: "127.0.0.1", port }, () => socket.write("PING\r\n"))
    socket.on("data", () => {
      resume(Effect.succeed(true))
      socket.destroy()
    })
    socket.on("error", () => resume(Effect.succeed(false)))
    socket.on("close", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: "300 millis", orElse: () => Effect.succeed(false) }))

/** Keeps this process busy. */
const spin = (millis: number): void => {
  const end = performance.now() + millis
  while (performance.now() < end);
}

/** A script that keeps Redis busy. */
function spins(millis: number): string {
  return `local function now() local t = redis.call("TIME") return t[1] * 1000 + t[2] / 1000 end
local till = now() + ${millis} while now() < till do end return 1`
}
