import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Layer, Result, type Scope } from "effect"
import { RedisCommand, RedisConnection, type RedisConnector } from "effect-ioredis"

/** What a test of pushes can do to a server, whatever kind of server it is. Each test gets a fresh one. */
export interface Harness {
  readonly connector: RedisConnector.RedisConnector["Service"]
  readonly address: RedisConnector.RedisAddress
  /** Runs a command on a connection of its own, past every fault. */
  readonly execute: (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) => Effect.Effect<unknown>
  /** The server that it can follow. */
  readonly master: {
    readonly address: RedisConnector.RedisAddress
    readonly execute: Harness["execute"]
  }
  /** What the default user may do. */
  readonly allow: (rules: { readonly channels?: string; readonly denied?: string }) => Effect.Effect<void>
  /** Loads the data anew from a dump, in place. */
  readonly reload: Effect.Effect<void>
  /** Memory is short, and this key, which is the only one, must go. */
  readonly evict: (key: string) => Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** What befalls the connection that was opened last, and no other one. */
  readonly last: {
    readonly cut: Effect.Effect<void>
    readonly freeze: Effect.Effect<void>
    readonly thaw: Effect.Effect<void>
    readonly mute: Effect.Effect<void>
  }
  /** How many clients the server has now. */
  readonly clients: Effect.Effect<number>
  /** Lets time go by until this holds. */
  readonly waitFor: (condition: (() => boolean) | Effect.Effect<boolean>) => Effect.Effect<void>
  /** Time enough for a push, if there were one. */
  readonly pause: Effect.Effect<void>
}

export const Harness: Context.Service<Harness, Harness> = Context.Service<Harness>("test/PushHarness")

/** What a subscribed and a tracking connection is told, asked of one implementation through nothing but the port. */
export const pushesSuite = <E>(name: string, layer: Layer.Layer<Harness, E>): void => {
  const test = <E2>(title: string, body: (harness: Harness) => Effect.Effect<void, E2, Scope.Scope | Harness>) =>
    it.effect(title, () => Effect.scoped(Effect.flatMap(Harness, body)).pipe(Effect.provide(layer)))

  describe(`Subscriptions: ${name}`, () => {
    test("SUBSCRIBE and its like are one command each, and PING still works", (harness) =>
      Effect.gen(function* () {
        const { connection, say } = yield* listening
        assert.deepStrictEqual(yield* say("SUBSCRIBE", "a", "b", "a"), ["subscribe", "a", 2])
        assert.deepStrictEqual(yield* say("PSUBSCRIBE", "p*"), ["psubscribe", "p*", 3])
        assert.deepStrictEqual(yield* say("PING"), ["pong", ""])
        assert.deepStrictEqual(yield* say("PING", "hello"), ["pong", "hello"])
        assert.strictEqual(connection.inFlight(), 0)
        assert.strictEqual(
          yield* say("GET", "a"),
          "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )
        assert.deepStrictEqual(yield* say("UNSUBSCRIBE", "b", "none"), ["unsubscribe", "none", 2])
        assert.deepStrictEqual(yield* say("PUNSUBSCRIBE"), ["punsubscribe", "p*", 1])
        assert.deepStrictEqual(yield* say("UNSUBSCRIBE"), ["unsubscribe", "a", 0])
        assert.deepStrictEqual(yield* say("UNSUBSCRIBE"), ["unsubscribe", null, 0])
        assert.strictEqual(yield* say("PING"), "PONG")
        yield* say("RPUSH", "l", "message", "a", "b")
        assert.deepStrictEqual(yield* say("LRANGE", "l", 0, -1), ["message", "a", "b"])
        assert.isTrue(connection.isOpen())
        yield* harness.pause
      }))

    test("messages come with their channels as text and their payload as bytes", (harness) =>
      Effect.gen(function* () {
        const { connection, say, told } = yield* listening
        yield* say("SUBSCRIBE", "é")
        yield* say("PSUBSCRIBE", "n[a-c]*", "na*")
        const payload = Uint8Array.from([0, 255, 13, 10])
        assert.strictEqual(yield* harness.execute("PUBLISH", "é", payload), 1)
        assert.strictEqual(yield* harness.execute("PUBLISH", "nab", ""), 2)
        assert.strictEqual(yield* harness.execute("PUBLISH", "nobody", "x"), 0)
        yield* harness.waitFor(() => told.length === 3)
        const bytesOf = (reply: RedisCommand.Reply) => (reply instanceof Uint8Array ? Array.from(reply) : reply)
        // A message comes for each pattern, in an order of the server's own.
        const [message, ...byPattern] = told.map((push) => push.map(bytesOf))
        assert.deepStrictEqual(
          [message, ...byPattern.sort(([, one], [, other]) => (String(one) < String(other) ? -1 : 1))],
          [
            ["message", "é", Array.from(payload)],
            ["pmessage", "n[a-c]*", "nab", []],
            ["pmessage", "na*", "nab", []]
          ]
        )
        const before = connection.activity()
        yield* say("UNSUBSCRIBE")
        yield* say("PUNSUBSCRIBE")
        assert.isAbove(connection.activity(), before)
        assert.strictEqual(yield* harness.execute("PUBLISH", "é", "late"), 0)
        yield* harness.pause
        assert.strictEqual(told.length, 3)
      }))

    test("every listener hears until it ends, also the one that another one's throwing comes before", (harness) =>
      Effect.gen(function* () {
        const { connection, say, told } = yield* listening
        const first: Array<unknown> = []
        const endThrowing = connection.onPush(() => {
          throw new TypeError("no")
        })
        const end = connection.onPush((push) => first.push(push))
        const again: Array<unknown> = []
        connection.onPush((push) => again.push(push))
        yield* say("SUBSCRIBE", "a")
        yield* harness.execute("PUBLISH", "a", "1")
        yield* harness.waitFor(() => again.length === 1)
        end()
        endThrowing()
        yield* harness.execute("PUBLISH", "a", "2")
        yield* harness.waitFor(() => again.length === 2)
        assert.strictEqual(first.length, 1)
        assert.strictEqual(told.length, 2)
      }))

    test("after the loss nothing is told, and a lost connection can be listened to", (harness) =>
      Effect.gen(function* () {
        const { connection, say, told } = yield* listening
        yield* say("SUBSCRIBE", "a")
        yield* harness.last.cut
        yield* harness.waitFor(() => !connection.isOpen())
        connection.onPush((push) => told.push(push))()
        assert.strictEqual(yield* harness.execute("PUBLISH", "a", "1"), 0)
        yield* harness.pause
        assert.deepStrictEqual(told, [])
      }))

    test("a user who may not use the channel is refused, and the connection stays", (harness) =>
      Effect.gen(function* () {
        yield* harness.allow({ channels: "news.*" })
        const { say } = yield* listening
        assert.strictEqual(yield* say("SUBSCRIBE", "news.a", invalidate), noChannel)
        assert.strictEqual(yield* say("PSUBSCRIBE", "news.a*"), noChannel)
        assert.strictEqual(yield* say("PUBLISH", "gossip", "x"), noChannel)
        assert.strictEqual(yield* say("PING"), "PONG")
        assert.deepStrictEqual(yield* say("SUBSCRIBE", "news.a"), ["subscribe", "news.a", 1])
        assert.deepStrictEqual(yield* say("PSUBSCRIBE", "news.*"), ["psubscribe", "news.*", 2])
      }))
  })

  describe(`Client tracking: ${name}`, () => {
    test("is refused to whom it is not allowed", (harness) =>
      Effect.gen(function* () {
        yield* harness.allow({ denied: "CLIENT TRACKING" })
        const { say } = yield* listening
        const id = Number(yield* say("CLIENT", "ID"))
        assert.strictEqual(
          yield* say("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", "a"),
          "NOPERM this user has no permissions to run the 'client|tracking' command"
        )
      }))

    test("takes words that fit together", () =>
      Effect.gen(function* () {
        const { say } = yield* listening
        const id = Number(yield* say("CLIENT", "ID"))
        const track = (...words: ReadonlyArray<RedisCommand.Argument>) => say("CLIENT", "TRACKING", ...words)
        assert.strictEqual(yield* track("ON", "PREFIX", "a"), "ERR PREFIX option requires BCAST mode to be enabled")
        assert.strictEqual(
          yield* track("ON", "REDIRECT", 123_456_789, "BCAST"),
          "ERR The client ID you want redirect to does not exist"
        )
        assert.strictEqual(
          yield* track("ON", "REDIRECT", id, "BCAST", "REDIRECT", id),
          "ERR A client can only redirect to a single other client"
        )
        assert.strictEqual(yield* track("SOMETIMES"), "ERR syntax error")
        assert.strictEqual(yield* track("ON", "BCAST", "PREFIX"), "ERR syntax error")
        assert.strictEqual(yield* track("ON", "REDIRECT", id, "BCAST", "PREFIX", "a:", "PREFIX", "b:"), "OK")
        assert.strictEqual(
          yield* track("ON", "REDIRECT", id, "BCAST", "PREFIX", "a"),
          "ERR Prefix '…' overlaps with an existing prefix '…'. Prefixes for a single client must not overlap"
        )
        assert.strictEqual(yield* track("ON", "REDIRECT", id, "BCAST", "PREFIX", "c:"), "OK")
        assert.strictEqual(yield* track("OFF", "PREFIX", "a"), "OK")
        assert.strictEqual(yield* track("OFF"), "OK")
        assert.strictEqual(
          yield* track("ON", "REDIRECT", id, "BCAST", "PREFIX", "d", "PREFIX", "de"),
          "ERR Prefix '…' overlaps with another provided prefix '…'. Prefixes for a single client must not overlap"
        )
      }))

    const changes: ReadonlyArray<readonly [line: string, told: ReadonlyArray<string> | null]> = [
      ["SET k 1", ["k"]],
      ["SET k 1", ["k"]],
      ["GET k", []],
      ["SET k 1 NX", []],
      ["PEXPIRE k 100000", ["k"]],
      ["PEXPIRE none 100000", []],
      ["PERSIST k", ["k"]],
      ["UNLINK none", []],
      ["UNLINK k none", ["k"]],
      ["MSET k2 1 k1 1 other 1", ["k1", "k2"]],
      ["INCR k1", ["k1"]],
      ["APPEND k2 x", ["k2"]],
      ["DEL k1 k2", ["k1", "k2"]],
      ["HSET k f v", ["k"]],
      ["HDEL k f", ["k"]],
      ["LPUSH k v", ["k"]],
      ["SET other 1", []],
      ["FLUSHDB", null],
      ["FLUSHALL", null]
    ]
    test("tells of every change below its prefix, and of nothing else", (harness) =>
      Effect.gen(function* () {
        const { told } = yield* tracking("k")
        for (const [line, expected] of changes) {
          const [name = "", ...args] = line.split(" ")
          const before = told.length
          yield* harness.execute(name, ...args)
          if (expected === null || expected.length > 0) yield* harness.waitFor(() => keysIn(told.slice(before)) !== "")
          else yield* harness.pause
          assert.strictEqual(keysIn(told.slice(before)), expected === null ? "all" : expected.join(" "), line)
        }
      }))

    test("tells of other databases too, and of one prefix apart from the other", (harness) =>
      Effect.gen(function* () {
        const { told } = yield* tracking("a:", "b:")
        const writer = yield* connect
        yield* ask(writer, "SELECT", 3)
        yield* ask(writer, "MSET", "b:1", 1, "a:2", 1, "a:1", 1, "c:1", 1)
        yield* harness.waitFor(() => told.length === 2)
        assert.deepStrictEqual(told.map((push) => keysIn([push])).sort(), ["a:1 a:2", "b:1"])
        assert.deepStrictEqual(told[0]?.slice(0, 2), ["message", invalidate])
        yield* ask(writer, "FLUSHDB")
        yield* harness.waitFor(() => told.length === 3)
        assert.isNull(told[2]?.[2])
      }))

    test("is told on the connection that it is redirected to, as long as that is subscribed to anything", (harness) =>
      Effect.gen(function* () {
        const { say, told } = yield* listening
        const id = Number(yield* say("CLIENT", "ID"))
        const data = yield* connect
        yield* ask(data, "CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST")
        yield* ask(data, "SET", "early", 1)
        yield* say("SUBSCRIBE", "whatever")
        yield* ask(data, "SET", "a", 1)
        yield* harness.waitFor(() => told.length === 1)
        assert.strictEqual(keysIn(told), "a")
      }))

    test("a PONG comes before what was written in the same cycle", (harness) =>
      Effect.gen(function* () {
        const writer = yield* connect
        const { connection, events } = yield* tracking("k")
        yield* harness.freeze
        writer.submit(RedisCommand.make("SET", ["k", 1]), () => {})
        connection.submit(RedisCommand.make("PING"), () => events.push("pong"))
        yield* harness.pause
        yield* harness.thaw
        yield* harness.waitFor(() => events.length === 2)
        assert.deepStrictEqual(events, ["pong", "k"])
      }))

    test("the keys of one cycle come together, each once", (harness) =>
      Effect.gen(function* () {
        const { told } = yield* tracking("k")
        const writer = yield* connect
        yield* harness.freeze
        for (const key of ["k2", "k1", "k2", "k3"]) writer.submit(RedisCommand.make("INCR", [key]), () => {})
        yield* harness.pause
        yield* harness.thaw
        yield* harness.waitFor(() => told.length > 0)
        yield* harness.pause
        assert.deepStrictEqual(
          told.map((push) => keysIn([push])),
          ["k1 k2 k3"]
        )
      }))

    test("a key that expires is told, read or not", (harness) =>
      Effect.gen(function* () {
        yield* harness.execute("SET", "k:before", 1, "PX", 30)
        const { told } = yield* tracking("k")
        yield* harness.waitFor(() => keysIn(told) === "k:before")
        yield* harness.execute("SET", "k", 1, "PX", 30)
        yield* harness.waitFor(() => keysIn(told) === "k:before k k")
        yield* harness.execute("SET", "k", 1, "PX", 1)
        yield* harness.waitFor(Effect.map(harness.execute("GET", "k"), (value) => value === null))
        yield* harness.waitFor(() => keysIn(told) === "k:before k k k k")
      }))

    test("a key that is evicted is told", (harness) =>
      Effect.gen(function* () {
        const { told } = yield* tracking("k")
        yield* harness.execute("SET", "k", 1)
        yield* harness.waitFor(() => told.length === 1)
        yield* harness.evict("k")
        yield* harness.waitFor(() => told.length === 2)
        assert.strictEqual(keysIn(told), "k k")
      }))

    test("data that are loaded anew are everything", (harness) =>
      Effect.gen(function* () {
        const { told } = yield* tracking("k")
        yield* harness.reload
        yield* harness.waitFor(() => told.length === 1)
        assert.strictEqual(keysIn(told), "all")
      }))

    test("a full resynchronisation is everything, what the master writes is told, a promotion is not", (harness) =>
      Effect.gen(function* () {
        const { host, port } = harness.master.address
        yield* harness.master.execute("SET", "k", "of the master")
        const { connection, told } = yield* tracking("k")
        yield* harness.execute("REPLICAOF", host, port)
        yield* harness.waitFor(() => keysIn(told) === "all")
        yield* harness.waitFor(Effect.map(harness.execute("GET", "k"), (value) => value !== null))
        yield* harness.master.execute("SET", "k2", 1)
        yield* harness.waitFor(() => keysIn(told) === "all k2")
        yield* harness.master.execute("FLUSHALL")
        yield* harness.waitFor(() => keysIn(told) === "all k2 all")
        yield* harness.execute("REPLICAOF", "NO", "ONE")
        yield* harness.pause
        yield* harness.execute("SET", "k3", 1)
        yield* harness.waitFor(() => keysIn(told) === "all k2 all k3")
        assert.isTrue(connection.isOpen())
      }))

    test("what happens to the link happens to nobody else: cut, frozen, mute", (harness) =>
      Effect.gen(function* () {
        const data = yield* connect
        const cut = yield* tracking("k")
        yield* harness.last.cut
        yield* harness.waitFor(() => !cut.connection.isOpen())
        yield* ask(data, "SET", "k", 1)

        const frozen = yield* tracking("k")
        yield* harness.last.freeze
        frozen.connection.submit(RedisCommand.make("PING"), () => frozen.events.push("pong"))
        yield* ask(data, "SET", "k", 1)
        yield* harness.pause
        assert.deepStrictEqual(frozen.events, [])
        yield* harness.last.thaw
        yield* harness.waitFor(() => frozen.events.length === 2)
        assert.deepStrictEqual(frozen.events, ["k", "pong"])

        const mute = yield* tracking("k")
        yield* harness.last.mute
        mute.connection.submit(RedisCommand.make("PING"), () => mute.events.push("pong"))
        yield* ask(data, "SET", "k", 1)
        yield* harness.waitFor(() => frozen.events.length === 3)
        yield* harness.pause
        assert.deepStrictEqual(mute.events, [])
        assert.isTrue(mute.connection.isOpen())
        assert.isTrue(data.isOpen())
        assert.deepStrictEqual(cut.events, [])
      }))

    test("a link that takes nothing is dropped when too much has piled up for it", (harness) =>
      Effect.gen(function* () {
        const data = yield* connect
        const { connection } = yield* tracking("k")
        assert.strictEqual(yield* harness.clients, 2)
        yield* harness.last.freeze
        // The server keeps 32 megabytes for it, and what lies between holds some.
        const rest = Buffer.alloc(4 * 1024 * 1024, "x").toString()
        for (let index = 0; index < 14; index++) yield* ask(data, "SET", `k${index}${rest}`, 1)
        yield* harness.waitFor(Effect.map(harness.clients, (count) => count === 1))
        yield* harness.last.thaw
        yield* harness.waitFor(() => !connection.isOpen())
        assert.isTrue(data.isOpen())
      }))
  })
}

const invalidate = "__redis__:invalidate"
const noChannel = "NOPERM this user has no permissions to access one of the channels used as arguments"

const connect = Effect.flatMap(Harness, ({ address, connector }) => connector.connect(address, {}))

/** What is answered, an error as its text. */
const ask = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
): Effect.Effect<RedisCommand.Reply> =>
  Effect.map(Effect.result(RedisConnection.send(connection, RedisCommand.make(name, args))), (result) => {
    if (Result.isSuccess(result)) return result.success
    const { cause } = result.failure
    return cause instanceof Error ? cause.message : String(cause)
  })

/** A connection and what it is pushed. */
const listening = Effect.gen(function* () {
  const connection = yield* connect
  const told: Array<RedisConnection.Push> = []
  connection.onPush((push) => told.push(push))
  const say = (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) => ask(connection, name, ...args)
  return { connection, told, say }
})

/** A connection that is told of keys, and these keys beside what else a test notes. */
const tracking = Effect.fnUntraced(function* (...prefixes: ReadonlyArray<string>) {
  const { connection, say, told } = yield* listening
  const events: Array<string> = []
  connection.onPush((push) => events.push(keysIn([push])))
  const id = Number(yield* say("CLIENT", "ID"))
  const words = prefixes.flatMap((prefix) => ["PREFIX", prefix])
  assert.strictEqual(yield* say("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", ...words), "OK")
  assert.deepStrictEqual(yield* say("SUBSCRIBE", invalidate), ["subscribe", invalidate, 1])
  return { connection, told, events }
})

/** The keys that were told, in their order: "all" for everything. */
const keysIn = (pushes: ReadonlyArray<RedisConnection.Push>): string =>
  pushes
    .flatMap(([, , keys]) => (Array.isArray(keys) ? keys.map((key) => Buffer.from(key).toString()) : ["all"]))
    .join(" ")
