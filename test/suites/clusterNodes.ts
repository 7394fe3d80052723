import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Layer, Result, type Scope } from "effect"
import { RedisCommand, RedisConnection, type RedisConnector, type RedisError, RedisScript } from "effect-ioredis"

/**
 * Two masters and their replicas, whatever kind of servers they are: `one` owns the slots up to 8191, `other` those
 * after it; `replica` follows `one`, and `another` follows `other`.
 */
export interface Nodes {
  readonly connector: RedisConnector.RedisConnector["Service"]
  readonly one: RedisConnector.RedisAddress
  readonly other: RedisConnector.RedisAddress
  readonly replica: RedisConnector.RedisAddress
  readonly another: RedisConnector.RedisAddress
  /** What CLUSTER MYID answers at each of them. */
  readonly ids: Readonly<Record<NodeName, string>>
  /** Opens a slot of `one` for `other`, moves some of its keys, and gives it to `other` with the rest. */
  readonly open: (slot: number) => Effect.Effect<void>
  readonly moveKeys: (...keys: ReadonlyArray<string>) => Effect.Effect<void>
  readonly finish: (slot: number) => Effect.Effect<void>
  /** Makes a replica of one of both a master in the place of the other, while nothing fails. */
  readonly failOver: (to: "one" | "replica") => Effect.Effect<void>
  /** Takes a slot from everybody. */
  readonly uncover: (slot: number) => Effect.Effect<void>
  /** Ends the process of `one` and starts it anew. */
  readonly restart: Effect.Effect<void>
  /** Lets time go by until this holds. */
  readonly waitFor: (condition: Effect.Effect<boolean>) => Effect.Effect<void>
  /** Waits until `replica` has a key of the slot. */
  readonly replicated: (slot: number) => Effect.Effect<void>
}

export type NodeName = "one" | "other" | "replica" | "another"

/** What is asked of whom, and what it answers: addresses and ids by the names of their nodes, errors as their text. */
type Line = readonly [node: NodeName, line: string, expected: RedisCommand.Reply]

export const Nodes: Context.Service<Nodes, Nodes> = Context.Service<Nodes>("test/Nodes")

/**
 * What nodes of a cluster answer, asked of one kind of them. `fullCoverage` says whether a slot that nobody has takes
 * down the others too.
 */
export const clusterNodesSuite = <E>(
  name: string,
  nodes: (fullCoverage: boolean) => Layer.Layer<Nodes, E>,
  options?: { readonly timeout?: number }
): void => {
  const test = (
    title: string,
    fullCoverage: boolean,
    body: (say: Say, nodes: Nodes) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    it.effect(
      title,
      () =>
        Effect.gen(function* () {
          const nodes = yield* Nodes
          yield* body(yield* conversation(nodes), nodes)
        }).pipe(Effect.scoped, Effect.provide(nodes(fullCoverage))),
      options?.timeout
    )

  describe(`nodes of a cluster: ${name}`, () => {
    test("send clients to the owner, while slots move and when they have moved", true, (say, nodes) =>
      Effect.gen(function* () {
        yield* say(introduction)
        assert.deepStrictEqual(yield* shards(nodes), expectedShards)
        yield* say(redirections)
        yield* nodes.replicated(helloSlot)
        yield* say(ofReplica)

        yield* nodes.open(helloSlot)
        yield* say(opened)
        yield* nodes.moveKeys("hello")
        yield* say(moved)
        yield* nodes.finish(helloSlot)
        yield* say(finished)
        const { host, port } = nodes.other
        const redirect: RedisError.Redirect = { slot: helloSlot, host, port, ask: false }
        assert.deepStrictEqual(yield* redirects(nodes), { MOVED: redirect })
      })
    )

    test("close the slots that were leaving when they become replicas", true, (say, nodes) =>
      Effect.gen(function* () {
        yield* nodes.open(helloSlot)
        yield* say([["one", "GET hello", "ASK 866 other"]])
        yield* nodes.failOver("replica")
        yield* say([["replica", "GET hello", null]])
        yield* nodes.failOver("one")
        yield* say([["one", "GET hello", null]])
      })
    )

    test("tell whoever tracks keys of one that moves: where it was and where it comes", true, (say, nodes) =>
      Effect.gen(function* () {
        const leaving = yield* tracking(nodes, "one")
        const coming = yield* tracking(nodes, "other")
        yield* say([["one", "SET hello 1", "OK"]])
        yield* nodes.waitFor(Effect.sync(() => leaving.length === 1))
        yield* nodes.open(helloSlot)
        yield* nodes.moveKeys("hello")
        yield* nodes.waitFor(Effect.sync(() => leaving.length === 2 && coming.length === 1))
        assert.deepStrictEqual([leaving, coming], [["hello", "hello"], ["hello"]])
      })
    )

    test("tell whoever hears of a shard channel, and that its slot has moved", true, (say, nodes) =>
      Effect.gen(function* () {
        const [onMaster, onReplica] = [yield* shardChannel(nodes, "one"), yield* shardChannel(nodes, "replica")]
        yield* say(shardChannels)
        yield* nodes.waitFor(Effect.sync(() => onMaster.length === 1))
        yield* nodes.open(helloSlot)
        // No key is missing where a channel is named.
        yield* say([["one", "SPUBLISH {hello}1 b", 1]])
        yield* nodes.finish(helloSlot)
        yield* nodes.waitFor(Effect.sync(() => onMaster.length === 4 && onReplica.at(-1) === "sunsubscribe hello 0"))
        assert.deepStrictEqual(onMaster.slice(0, 2), ["smessage hello a", "smessage {hello}1 b"])
        assert.sameMembers(
          onMaster.slice(2).map((push) => push.replace(/ \d$/, "")),
          ["sunsubscribe hello", "sunsubscribe {hello}1"]
        )
        yield* say([["one", "SPUBLISH hello c", "MOVED 866 other"]])
      })
    )

    test("send whoever waits for a key to its new owner", true, (_say, nodes) =>
      Effect.gen(function* () {
        const connection = yield* nodes.connector.connect(nodes.one, {})
        const said: Array<RedisCommand.Reply> = []
        connection.submit(RedisCommand.make("BLPOP", ["hello", 60]), (result) => {
          said.push(Result.isSuccess(result) ? result.success : saidIn(result.failure.message))
        })
        // It waits by then; one that came later would be sent on as well.
        yield* nodes.waitFor(Effect.succeed(true))
        assert.deepStrictEqual(said, [])
        yield* nodes.open(helloSlot)
        yield* nodes.finish(helloSlot)
        yield* nodes.waitFor(Effect.sync(() => said.length === 1))
        assert.deepStrictEqual(
          said.map((reply) => named(nodes, reply)),
          ["MOVED 866 other"]
        )
      })
    )

    test("serve no slot just after their start", true, (_say, nodes) =>
      Effect.gen(function* () {
        const restarted = Effect.gen(function* () {
          yield* nodes.restart
          const connection = yield* nodes.connector.connect(nodes.one, {})
          return { connection, early: yield* answer(connection, "GET bar") }
        })
        // A machine that is busy enough may let it sleep through those two seconds.
        const { connection, early } = yield* Effect.repeat(restarted, {
          until: ({ early }) => early !== null,
          times: 5
        })
        assert.strictEqual(early, "CLUSTERDOWN The cluster is down")
        assert.strictEqual(named(nodes, yield* answer(connection, "CLUSTER MYID")), "id of one")
        yield* nodes.waitFor(Effect.map(answer(connection, "GET bar"), (reply) => reply === null))
      })
    )

    test("serve no slot while one is not served", true, (say, nodes) =>
      Effect.andThen(nodes.uncover(helloSlot), say(down))
    )

    test("serve the others if they are told to", false, (say, nodes) =>
      Effect.andThen(nodes.uncover(helloSlot), say(partlyDown))
    )
  })
}

// hello is in slot 866, {hello}1 and {hello}2 with it; bar is in 5061 and foo in 12182.
const helloSlot = 866

const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot"
const tryAgain = "TRYAGAIN Multiple keys request during rehashing of slot"
const readsHello = "return redis.call('GET', 'hello')"
const readsBar = "return redis.call('GET', 'bar')"

const introduction: ReadonlyArray<Line> = [
  [
    "one",
    "CLUSTER SLOTS",
    [
      [0, 8191, ["host", "port of one", "id of one", []], ["host", "port of replica", "id of replica", []]],
      [8192, 16383, ["host", "port of other", "id of other", []], ["host", "port of another", "id of another", []]]
    ]
  ],
  ["one", "CLUSTER MYID", "id of one"],
  ["replica", "CLUSTER MYID", "id of replica"],
  ["one", "CLUSTER KEYSLOT hello", 866],
  ["one", "CLUSTER KEYSLOT {hello}1", 866],
  ["one", "CLUSTER KEYSLOT {}", 15257],
  ["one", "SELECT 0", "OK"],
  ["one", "SELECT 1", "ERR SELECT is not allowed in cluster mode"],
  ["one", "SELECT 99", "ERR SELECT is not allowed in cluster mode"],
  ["one", "REPLICAOF NO ONE", "ERR REPLICAOF not allowed in cluster mode"],
  ["one", "CLUSTER KEYSLOT", "ERR wrong number of arguments for 'cluster|keyslot' command"]
]

const redirections: ReadonlyArray<Line> = [
  ["one", "SET hello 1", "OK"],
  ["one", "SET bar 1", "OK"],
  ["other", "SET foo 1", "OK"],
  ["one", "GET foo", "MOVED 12182 other"],
  ["one", "SET foo 1", "MOVED 12182 other"],
  ["other", "GET hello", "MOVED 866 one"],
  ["other", "EXISTS hello {hello}1", "MOVED 866 one"],
  ["one", "EXISTS hello {hello}1", 1],
  ["one", "MGET hello bar", crossSlot],
  ["other", "MGET hello bar", crossSlot],
  ["one", "EVAL|return 1|0", 1],
  ["one", `EVAL|${readsHello}|1|hello`, "1"],
  ["other", `EVAL|${readsHello}|1|hello`, "MOVED 866 one"],
  ["other", `EVAL|${readsHello}|1|foo`, "ERR Script attempted to access a non local key in a cluster node"],
  ["one", "DBSIZE", 2],
  ["one", "PING", "PONG"],
  ["one", "CLUSTER COUNTKEYSINSLOT 866", 1],
  ["one", "CLUSTER GETKEYSINSLOT 866 10", ["hello"]],
  ["one", "CLUSTER COUNTKEYSINSLOT 867", 0],
  // An arity that does not fit comes before where the key is.
  ["one", "GET foo foo", "ERR wrong number of arguments for 'get' command"]
]

const ofReplica: ReadonlyArray<Line> = [
  ["replica", "GET hello", "MOVED 866 one"],
  ["replica", "READONLY", "OK"],
  ["replica", "GET hello", "1"],
  ["replica", "SET hello 2", "MOVED 866 one"],
  ["replica", "GET foo", "MOVED 12182 other"],
  ["replica", `EVAL|${readsHello}|1|hello`, "1"],
  ["replica", "READWRITE", "OK"],
  ["replica", "GET hello", "MOVED 866 one"],
  ["other", "READONLY", "OK"],
  ["other", "GET hello", "MOVED 866 one"],
  ["other", "READWRITE", "OK"]
]

const shardChannels: ReadonlyArray<Line> = [
  ["one", "SPUBLISH hello a", 1],
  ["one", "SPUBLISH bar a", 0],
  ["other", "SPUBLISH hello a", "MOVED 866 one"],
  ["other", "SSUBSCRIBE hello", "MOVED 866 one"],
  ["other", "SSUBSCRIBE foo hello", crossSlot],
  ["one", "PUBSUB SHARDNUMSUB hello {hello}1 bar", ["hello", 1, "{hello}1", 1, "bar", 0]],
  ["one", "PUBSUB CHANNELS", []]
]

const opened: ReadonlyArray<Line> = [
  ["one", "GET hello", "1"],
  ["one", "SET hello 2", "OK"],
  ["one", "GET {hello}1", "ASK 866 other"],
  ["one", "SET {hello}1 1", "ASK 866 other"],
  ["one", "MGET {hello}1 {hello}2", "ASK 866 other"],
  ["one", "MGET hello {hello}1", tryAgain],
  ["one", "MGET hello hello", ["2", "2"]],
  ["one", "GET bar", "1"],
  ["other", "GET {hello}1", "MOVED 866 one"],
  ["other", "ASKING", "OK"],
  ["other", "GET {hello}1", null],
  ["other", "GET {hello}1", "MOVED 866 one"],
  ["other", "ASKING", "OK"],
  ["other", "PING", "PONG"],
  ["other", "GET {hello}1", "MOVED 866 one"],
  ["other", "ASKING", "OK"],
  ["other", "ASKING", "OK"],
  ["other", "SET {hello}1 1", "OK"],
  ["other", "ASKING", "OK"],
  ["other", "MGET {hello}1 {hello}2", tryAgain],
  ["other", "ASKING", "OK"],
  ["other", "MGET {hello}2 {hello}2", [null, null]],
  // It asks for nothing where nothing is coming.
  ["one", "ASKING", "OK"],
  ["one", "GET foo", "MOVED 12182 other"]
]

const moved: ReadonlyArray<Line> = [
  ["one", "GET hello", "ASK 866 other"],
  ["one", "EXISTS hello bar", crossSlot],
  ["other", "ASKING", "OK"],
  ["other", "MGET hello {hello}1", ["2", "1"]],
  ["one", "CLUSTER COUNTKEYSINSLOT 866", 0]
]

const finished: ReadonlyArray<Line> = [
  ["one", "GET hello", "MOVED 866 other"],
  ["other", "MGET hello {hello}1", ["2", "1"]]
]

const down: ReadonlyArray<Line> = [
  ["one", "GET hello", "CLUSTERDOWN Hash slot not served"],
  ["one", "GET bar", "CLUSTERDOWN The cluster is down"],
  ["one", "GET foo", "CLUSTERDOWN The cluster is down"],
  ["one", "MGET bar foo", crossSlot],
  ["one", "EVAL|return 1|0", 1],
  ["one", `EVAL|${readsBar}|0`, "ERR Script attempted to execute a command while the cluster is down"],
  ["other", "GET foo", "CLUSTERDOWN The cluster is down"],
  ["one", "PING", "PONG"]
]

const partlyDown: ReadonlyArray<Line> = [
  ["one", "GET hello", "CLUSTERDOWN Hash slot not served"],
  ["one", "GET bar", null],
  ["one", "GET foo", "MOVED 12182 other"],
  ["other", "GET foo", null]
]

type Say = (lines: ReadonlyArray<Line>) => Effect.Effect<void, unknown>

const conversation = Effect.fnUntraced(function* (nodes: Nodes): Effect.fn.Return<Say, unknown, Scope.Scope> {
  const connections = {
    one: yield* nodes.connector.connect(nodes.one, {}),
    other: yield* nodes.connector.connect(nodes.other, {}),
    replica: yield* nodes.connector.connect(nodes.replica, {}),
    another: yield* nodes.connector.connect(nodes.another, {})
  }
  return Effect.fnUntraced(function* (lines) {
    for (const [node, line, expected] of lines) {
      const reply = yield* answer(connections[node], line)
      assert.deepStrictEqual(named(nodes, reply), expected, `${node}: ${line}`)
    }
  })
})

/** The keys that a connection of its own is told of by a node. */
const tracking = Effect.fnUntraced(function* (nodes: Nodes, node: NodeName) {
  const connection = yield* nodes.connector.connect(nodes[node], {})
  const told: Array<string> = []
  connection.onPush(([, , keys]) => told.push(Array.isArray(keys) ? keys.map(String).join() : "all"))
  const id = yield* RedisConnection.send(connection, RedisCommand.make("CLIENT", ["ID"]))
  for (const line of [`CLIENT TRACKING ON REDIRECT ${id} BCAST`, "SUBSCRIBE __redis__:invalidate"]) {
    yield* answer(connection, line)
  }
  return told
})

/** What a connection of its own is pushed that has subscribed to shard channels of a node. */
const shardChannel = Effect.fnUntraced(function* (nodes: Nodes, node: NodeName) {
  const connection = yield* nodes.connector.connect(nodes[node], {})
  const told: Array<string> = []
  connection.onPush((push) => told.push(push.map(String).join(" ")))
  const names = node === "one" ? ["hello", "{hello}1"] : ["hello"]
  yield* RedisConnection.send(connection, RedisCommand.make("SSUBSCRIBE", names))
  return told
})

// What it says beside the reply is the library's.
const answer = (connection: RedisConnection.RedisConnection, line: string) => {
  const [name = "", ...args] = line.split(line.includes("|") ? "|" : " ")
  return Effect.map(Effect.result(RedisConnection.send(connection, RedisCommand.make(name, args))), (result) =>
    Result.isSuccess(result) ? result.success : saidIn(result.failure.message)
  )
}

// What Redis said, without what the library adds to it.
const saidIn = (message: string): string =>
  message
    .replace(/^\w+ was refused by Redis: /, "")
    .replace(/, at line \d+ of the script$/, "")
    .replace(/\. On a cluster, the keys of one command.*$/, "")

// A number that stands alone is no port: it may be a slot.
const named = (nodes: Nodes, reply: RedisCommand.Reply, isInList = false): RedisCommand.Reply => {
  if (Array.isArray(reply)) return reply.map((item) => named(nodes, item, true))
  for (const name of ["one", "other", "replica", "another"] as const) {
    const { host, port } = nodes[name]
    if (isInList && reply === port) return `port of ${name}`
    if (reply === host) return "host"
    if (reply === nodes.ids[name]) return `id of ${name}`
    if (typeof reply === "string") reply = reply.replace(`${host}:${port}`, name)
  }
  return reply
}

// In the order of their slots, and without the offset, which is the server's own affair.
const shards = (nodes: Nodes) =>
  Effect.gen(function* () {
    const connection = yield* nodes.connector.connect(nodes.one, {})
    const reply = yield* RedisConnection.send(connection, RedisCommand.make("CLUSTER", ["SHARDS"]))
    const withoutOffset = JSON.stringify(named(nodes, reply)).replace(/("replication-offset"),\d+/g, "$1,0")
    const shards: ReadonlyArray<RedisCommand.Reply> = JSON.parse(withoutOffset)
    return shards.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
  })

const shardsEntry = (name: NodeName) => [
  ...["id", `id of ${name}`, "port", `port of ${name}`, "ip", "host", "endpoint", "host"],
  ...["role", name === "one" || name === "other" ? "master" : "replica", "replication-offset", 0, "health", "online"]
]

const expectedShards: ReadonlyArray<RedisCommand.Reply> = [
  ["slots", [0, 8191], "nodes", [shardsEntry("one"), shardsEntry("replica")]],
  ["slots", [8192, 16383], "nodes", [shardsEntry("other"), shardsEntry("another")]]
]

const redirects = (nodes: Nodes) =>
  Effect.gen(function* () {
    const connection = yield* nodes.connector.connect(nodes.one, {})
    const error = yield* Effect.flip(RedisConnection.send(connection, RedisCommand.make("GET", ["hello"])))
    return error._tag === "RedisOperationError" ? { [error.code]: error.redirect } : error
  })

/** The scripts of the suite, for servers that do not run Lua. */
export const scripts = {
  one: RedisScript.make({ lua: "return 1" }),
  hello: RedisScript.make({ lua: readsHello }),
  bar: RedisScript.make({ lua: readsBar })
}
