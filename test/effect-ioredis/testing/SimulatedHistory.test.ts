import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import * as RedisConnection from "effect-ioredis/RedisConnection"
import { Fault, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// What a server's data descend from, and how INFO shows what happened to them. The expected
// columns were measured on Redis 7.0.

interface Happening {
  readonly title: string
  readonly happen: (servers: Servers) => Effect.Effect<unknown, unknown>
  readonly runId: "same" | "new"
  readonly role: "master" | "slave"
  readonly replid: "same" | "new" | "the other's"
  readonly replid2: "zero" | "the other's" | "same"
  /** What the key holds that was set to "old", dumped, replicated, and then set to "new". */
  readonly data: "new" | "old" | undefined
  readonly open: boolean
}

interface Servers {
  readonly redis: SimulatedRedis.SimulatedRedis
  readonly other: SimulatedServer.SimulatedServer
}

const happenings: ReadonlyArray<Happening> = [
  {
    title: "nothing",
    happen: () => Effect.void,
    ...{ runId: "same", role: "master", replid: "same", replid2: "same", data: "new", open: true }
  },
  {
    title: "the first replica attaches",
    happen: ({ redis }) => redis.attachReplica,
    ...{ runId: "same", role: "master", replid: "new", replid2: "zero", data: "new", open: true }
  },
  {
    title: "an hour without replicas",
    happen: ({ redis }) =>
      Effect.gen(function* () {
        yield* redis.attachReplica
        yield* redis.detachReplica
        yield* TestClock.adjust("59 minutes")
        const before = (yield* historyOf(redis)).master_replid
        yield* TestClock.adjust("1 minute")
        assert.notStrictEqual((yield* historyOf(redis)).master_replid, before)
      }),
    ...{ runId: "same", role: "master", replid: "new", replid2: "zero", data: "new", open: true }
  },
  {
    title: "a planned switch to and fro",
    happen: ({ other, redis }) =>
      Effect.gen(function* () {
        yield* other.replicaOf(redis)
        yield* other.promote
        yield* redis.replicaOf(other)
        yield* redis.promote
        yield* other.replicaOf(redis)
      }),
    ...{ runId: "same", role: "master", replid: "new", replid2: "the other's", data: "new", open: true }
  },
  {
    title: "a restart with its append-only file",
    happen: ({ redis }) => redis.restart({ data: "kept" }),
    ...{ runId: "new", role: "master", replid: "new", replid2: "zero", data: "new", open: false }
  },
  {
    title: "a restart from a dump",
    happen: ({ redis }) => redis.restart({ data: "dump" }),
    ...{ runId: "new", role: "master", replid: "new", replid2: "zero", data: "old", open: false }
  },
  {
    title: "a restart without anything",
    happen: ({ redis }) => redis.restart({ data: "lost" }),
    ...{ runId: "new", role: "master", replid: "new", replid2: "zero", data: undefined, open: false }
  },
  {
    title: "demoted: resynchronised in place",
    happen: ({ other, redis }) => redis.replicaOf(other),
    ...{ runId: "same", role: "slave", replid: "the other's", replid2: "zero", data: "old", open: true }
  },
  {
    title: "demoted, resynchronised and promoted",
    happen: ({ other, redis }) => Effect.andThen(redis.replicaOf(other), redis.promote),
    ...{ runId: "same", role: "master", replid: "new", replid2: "the other's", data: "old", open: true }
  },
  {
    title: "a dump loaded in place",
    happen: ({ redis }) => redis.reload,
    ...{ runId: "same", role: "master", replid: "same", replid2: "same", data: "old", open: true }
  },
  {
    title: "FLUSHALL",
    happen: ({ redis }) => redis.execute(RedisCommand.make("FLUSHALL")),
    ...{ runId: "same", role: "master", replid: "same", replid2: "same", data: undefined, open: true }
  }
]

describe("the history of a simulated server", () => {
  for (const happening of happenings) {
    it.effect(happening.title, () =>
      Effect.gen(function* () {
        const { connection, other, redis } = yield* start
        const before = yield* historyOf(redis)
        yield* happening.happen({ other, redis })
        const [after, others] = [yield* historyOf(redis), yield* historyOf(other)]
        assert.strictEqual(after.run_id === before.run_id ? "same" : "new", happening.runId)
        assert.strictEqual(after.role, happening.role)
        const replids = [after.master_replid, after.master_replid2]
        const expected = (which: string, now: string | undefined, then: string | undefined) =>
          which === "same" ? now === then : which === "zero" ? now === zero : now !== then && now !== zero
        assert.isTrue(expected(happening.replid, after.master_replid, before.master_replid), `replid ${replids}`)
        assert.isTrue(expected(happening.replid2, after.master_replid2, before.master_replid2), `replid2 ${replids}`)
        assert.notStrictEqual(after.master_replid2, before.master_replid)
        if (happening.replid2 === "the other's") {
          assert.include([others.master_replid, others.master_replid2], after.master_replid2)
        }
        if (happening.replid === "the other's") assert.strictEqual(after.master_replid, others.master_replid)
        assert.strictEqual(yield* redis.peek("key"), happening.data)
        assert.strictEqual(connection.isOpen(), happening.open)
        assert.strictEqual(
          after.connected_slaves,
          String(happening.title.includes("replica attaches") || happening.title.includes("to and fro") ? 1 : 0)
        )
      })
    )
  }

  it.effect("a second replica changes nothing", () =>
    Effect.gen(function* () {
      const { other, redis } = yield* start
      yield* other.replicaOf(redis)
      const before = yield* historyOf(redis)
      yield* redis.attachReplica
      const after = yield* historyOf(redis)
      assert.deepStrictEqual(after, { ...before, connected_slaves: "2" })
    })
  )

  it.effect("a switch back and forth names the other's history, and a write that the other never saw costs it", () =>
    Effect.gen(function* () {
      const { connection, other, redis } = yield* start
      yield* other.replicaOf(redis)
      yield* other.cutReplication
      yield* send(connection, "SET", "lost", "1")
      yield* other.promote
      yield* redis.replicaOf(other)
      // It is ahead of what the other one took over, so that everything is copied.
      assert.isUndefined(yield* redis.peek("lost"))
      const { master_replid, master_replid2 } = yield* historyOf(redis)
      assert.strictEqual(master_replid, (yield* historyOf(other)).master_replid)
      assert.strictEqual(master_replid2, zero)
    })
  )
})

describe("replication", () => {
  it.effect("a replica follows each write, whatever writes, until it is cut off or promoted", () =>
    Effect.gen(function* () {
      const { connection, other, redis } = yield* start
      yield* other.replicaOf(redis)
      assert.strictEqual(yield* other.peek("key"), "new")
      yield* send(connection, "SET", "a", "1", "PX", 1000)
      yield* send(connection, "RPUSH", "l", "1", "2")
      yield* send(connection, "LPOP", "l")
      yield* send(connection, "HSET", "h", "f", "1")
      yield* send(connection, "HDEL", "h", "f")
      yield* send(connection, "SELECT", 3)
      yield* send(connection, "SET", "in another database", "1")
      assert.deepStrictEqual(yield* other.entries, yield* redis.entries)
      assert.include(String(yield* other.execute(RedisCommand.make("INFO", ["keyspace"]))), "db3:keys=1,")
      const [one, two] = [yield* historyOf(redis), yield* historyOf(other)]
      assert.isAbove(Number(one.master_repl_offset), 0)
      assert.strictEqual(one.master_repl_offset, two.master_repl_offset)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(yield* other.peek("a"))
      yield* other.cutReplication
      yield* send(connection, "SELECT", 0)
      yield* send(connection, "SET", "key", "newer")
      assert.strictEqual(yield* other.peek("key"), "new")
      assert.strictEqual((yield* historyOf(other)).master_link_status, "down")
      yield* other.replicaOf(redis)
      assert.strictEqual(yield* other.peek("key"), "newer")
      yield* other.promote
      yield* send(connection, "SET", "key", "newest")
      assert.strictEqual(yield* other.peek("key"), "newer")
    })
  )

  it.effect("a replica refuses to write, and says who it is", () =>
    Effect.gen(function* () {
      const { other, redis } = yield* start
      yield* other.replicaOf(redis)
      const connection = yield* redis.connector.connect(other.address, {})
      const error = yield* Effect.flip(send(connection, "SET", "a", "1"))
      assert.strictEqual(error._tag === "RedisOperationError" && error.code, "READONLY")
      assert.strictEqual(yield* send(connection, "GET", "key"), "new")
      assert.deepStrictEqual(yield* send(connection, "ROLE"), ["slave", "simulated-redis", 6379, "connected", 0])
      const hello = yield* send(connection, "HELLO")
      assert.deepStrictEqual(hello, [
        ...["server", "redis", "version", "7.0.15", "proto", 2, "id", 1],
        ...["mode", "standalone", "role", "replica", "modules", []]
      ])
      yield* send(connection, "REPLICAOF", "NO", "ONE")
      assert.deepStrictEqual(yield* send(connection, "ROLE"), ["master", 0, []])
      assert.strictEqual(yield* send(connection, "SET", "a", "1"), "OK")
      yield* send(connection, "REPLICAOF", redis.address.host, redis.address.port)
      assert.isUndefined(yield* other.peek("a"))
    })
  )

  it.effect("a master that comes back without its data takes its replicas with it", () =>
    Effect.gen(function* () {
      const { other, redis } = yield* start
      yield* other.replicaOf(redis)
      yield* redis.restart({ data: "lost" })
      assert.isUndefined(yield* other.peek("key"))
      assert.strictEqual((yield* historyOf(other)).master_replid, (yield* historyOf(redis)).master_replid)
    })
  )

  it.effect("a replica of a replica follows too, and stays with it when it is promoted", () =>
    Effect.gen(function* () {
      const { connection, other, redis } = yield* start
      const third = yield* redis.server({ host: "third", port: 6379 })
      yield* other.replicaOf(redis)
      yield* third.replicaOf(other)
      yield* send(connection, "SET", "a", "1")
      assert.strictEqual(yield* third.peek("a"), "1")
      yield* other.promote
      yield* send(connection, "SET", "a", "2")
      assert.deepStrictEqual([yield* other.peek("a"), yield* third.peek("a")], ["1", "1"])
      assert.strictEqual((yield* historyOf(third)).master_replid, (yield* historyOf(other)).master_replid)
    })
  )
})

describe("a restart", () => {
  it.effect("forgets scripts and empties nothing else that is kept", () =>
    Effect.gen(function* () {
      const { connection, redis } = yield* start
      // It may be loaded without a counterpart, but not run.
      const sha = String(yield* send(connection, "SCRIPT", "LOAD", "return 1"))
      assert.deepStrictEqual(yield* send(connection, "SCRIPT", "EXISTS", sha), [1])
      const error = yield* Effect.flip(send(connection, "EVALSHA", sha, "0"))
      assert.include(error.message, "NOSIMULATEDSCRIPT")
      yield* send(connection, "SET", "a", "1", "PX", 1000)
      yield* redis.save
      yield* TestClock.adjust("1 second")
      yield* redis.restart({ data: "dump" })
      assert.deepStrictEqual(yield* redis.execute(RedisCommand.make("SCRIPT", ["EXISTS", sha])), [0])
      // It ended while the dump lay on the disk.
      assert.isFalse((yield* redis.entries).has("a"))
      assert.isTrue((yield* redis.entries).has("key"))
    })
  )

  it.effect("a cursor of SCAN goes on somewhere else on the new process, and misses keys", () =>
    Effect.gen(function* () {
      const { redis } = yield* start
      for (let index = 0; index < 1000; index++) yield* redis.execute(RedisCommand.make("SET", [`k${index}`, index]))
      const scan = (restarts: boolean) =>
        Effect.gen(function* () {
          const found = new Set<string>()
          let cursor = "0"
          let pages = 0
          do {
            const reply = yield* redis.execute(RedisCommand.make("SCAN", [cursor, "COUNT", 100]))
            // What SCAN answers.
            const [next, keys] = reply as readonly [string, ReadonlyArray<string>]
            for (const key of keys) found.add(key)
            cursor = next
            if (++pages === 5 && restarts) yield* redis.restart({ data: "kept" })
          } while (cursor !== "0")
          return found.size
        })
      assert.strictEqual(yield* scan(false), 1001)
      const found = yield* scan(true)
      assert.isTrue(found > 600 && found < 900, `${found} found`)
    })
  )

  it.effect("a key that is there all along is found although others come and go", () =>
    Effect.gen(function* () {
      const { redis } = yield* start
      const run = (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) =>
        redis.execute(RedisCommand.make(name, args))
      for (let index = 0; index < 300; index++) yield* run("SET", `k${index}`, index)
      const found: Array<string> = []
      let cursor = "0"
      do {
        const [next, keys] = (yield* run("SCAN", cursor, "COUNT", 7)) as readonly [string, ReadonlyArray<string>]
        found.push(...keys)
        cursor = next
        yield* run("SET", `new${cursor}`, 1)
        for (const key of keys) if (key.endsWith("1")) yield* run("DEL", key)
      } while (cursor !== "0")
      const expected = Array.from({ length: 300 }, (_, index) => `k${index}`)
      assert.deepStrictEqual(found.filter((key) => /^k\d/.test(key)).sort(), expected.sort())
    })
  )

  it.effect("a fault does not keep a replica from following", () =>
    Effect.gen(function* () {
      const { other, redis } = yield* start
      yield* other.replicaOf(redis)
      yield* other.inject(Fault.refuse)
      yield* redis.execute(RedisCommand.make("SET", ["key", "newest"]))
      assert.strictEqual(yield* other.peek("key"), "newest")
    })
  )
})

const zero = "0".repeat(40)

// A master whose key was set to "old" when the other one copied it and it was dumped, and to "new" then.
const start = Effect.gen(function* () {
  const redis = yield* SimulatedRedis.make({ seed: 3 })
  const other = yield* redis.server({ host: "other", port: 6379 })
  const connection = yield* redis.connector.connect(redis.address, {})
  yield* send(connection, "SET", "key", "old")
  yield* other.execute(RedisCommand.make("SET", ["key", "old"]))
  yield* redis.save
  yield* send(connection, "SET", "key", "new")
  return { connection, other, redis }
})

const historyOf = (server: SimulatedServer.SimulatedServer) =>
  Effect.map(server.execute(RedisCommand.make("INFO", ["server", "replication"])), (info) => {
    const { uptime_in_seconds: _, ...fields }: Readonly<Record<string, string>> = Object.fromEntries(
      String(info)
        .split("\r\n")
        .filter((line) => line.includes(":"))
        .map((line) => line.split(":"))
    )
    return fields
  })

const send = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
) => RedisConnection.send(connection, RedisCommand.make(name, args))
