import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, type Layer, Result, Scope } from "effect"
import { RedisCommand, RedisConnection, type RedisError, RedisScript } from "effect-ioredis"
import { conversation } from "./conversation.ts"

/** What a test of the port can do to the server, whatever kind of server it is. Each test gets a fresh one. */
export interface Harness {
  readonly connect: (options?: {
    readonly maxInFlight?: number
    /** The backstop against silence is twice this. */
    readonly commandTimeout?: "100 millis"
  }) => Effect.Effect<RedisConnection.RedisConnection, never, Scope.Scope>
  /** Connections are lost and new ones refused, until `start`. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** The next command is executed, and its connection cut before the reply. */
  readonly cutNextReply: Effect.Effect<void>
  /** Lets time go by until this holds. */
  readonly waitFor: (condition: () => boolean) => Effect.Effect<void>
  /** Time enough for an answer, if there were one. */
  readonly pause: Effect.Effect<void>
}

export const Harness: Context.Service<Harness, Harness> = Context.Service<Harness>("test/Harness")

/** What `RedisConnection` promises, asked of one implementation through nothing but the port. */
export const redisConnectionSuite = <E>(name: string, layer: Layer.Layer<Harness, E>): void => {
  const test = <A, E2>(title: string, body: (harness: Harness) => Effect.Effect<A, E2, Scope.Scope | Harness>) =>
    it.effect(title, () => Effect.scoped(Effect.flatMap(Harness, body)).pipe(Effect.provide(layer)))

  describe(`RedisConnection: ${name}`, () => {
    test("answers as Redis does", () =>
      Effect.gen(function* () {
        const connection = yield* ready()
        for (const [line, expected] of conversation) {
          const [name = "", ...args] = line
          const result = yield* Effect.result(send(connection, name, ...args))
          assert.deepStrictEqual(
            Result.isSuccess(result) ? result.success : messageOf(result.failure),
            expected,
            line.join(" ")
          )
        }
      }))

    test("keeps bytes as they are", () =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const bytes = Uint8Array.from([0, 255, 128, 13, 10, 36, 42, 195, 40])
        yield* send(connection, "SET", bytes, bytes)
        const reply = yield* sendCommand(connection, RedisCommand.make("GET", [bytes], { reply: "bytes" }))
        assert.deepStrictEqual(reply instanceof Uint8Array && Array.from(reply), Array.from(bytes))
        const text = "é😀\r\n"
        yield* send(connection, "SET", "text", text)
        assert.strictEqual(yield* send(connection, "GET", "text"), text)
        yield* send(connection, "SET", "numbers", 2n ** 62n)
        assert.strictEqual(yield* send(connection, "GET", "numbers"), "4611686018427387904")
      }))

    test("removes a key only if it holds what is said", () =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const { lua, sha } = RedisScript.deleteIfEqual
        const missing = yield* Effect.flip(send(connection, "EVALSHA", sha, 1, "a", "1"))
        assert.strictEqual(missing._tag === "RedisOperationError" && missing.code, "NOSCRIPT")
        yield* send(connection, "SET", "a", "é1")
        assert.strictEqual(yield* send(connection, "EVAL", lua, 1, "a", "2"), 0)
        assert.strictEqual(yield* send(connection, "EVALSHA", sha, 1, "a", "é1"), 1)
        assert.strictEqual(yield* send(connection, "EVALSHA", sha, 1, "a", "é1"), 0)
        assert.strictEqual(yield* send(connection, "EXISTS", "a"), 0)
      }))

    test("forgets a key when its time is over", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        yield* send(connection, "SET", "a", "1", "PX", 60)
        const left = yield* send(connection, "PTTL", "a")
        assert.isTrue(typeof left === "number" && left > 0 && left <= 60, `PTTL was ${left}`)
        const gone = poll(connection, RedisCommand.make("EXISTS", ["a"]), 0)
        yield* harness.waitFor(gone)
        assert.isNull(yield* send(connection, "GET", "a"))
        assert.strictEqual(yield* send(connection, "PTTL", "a"), -2)
      }))

    test("scans every key once", () =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const keys = Array.from({ length: 57 }, (_, index) => `user:${index}`)
        for (const key of keys) yield* send(connection, "SET", key, "1")
        yield* send(connection, "SET", "other", "1")
        const found: Array<string> = []
        let cursor = "0"
        do {
          const reply = yield* send(connection, "SCAN", cursor, "MATCH", "user:*", "COUNT", 10)
          // What SCAN answers, as the assertion below would show if it did not.
          const [next, page] = reply as readonly [string, ReadonlyArray<string>]
          found.push(...page)
          cursor = next
        } while (cursor !== "0")
        assert.deepStrictEqual(found.sort(), keys.sort())
      }))

    test("answers 200 interleaved commands in their order, none of them before send returns", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const answered: Array<number> = []
        const replies: Array<RedisCommand.Reply> = []
        let returned = true
        for (let index = 0; index < 200; index++) {
          const line = [
            ["SET", `k${index}`, index],
            ["GET", `k${index - 1}`],
            ["INCR", "n"],
            ["LPUSH", "k0", "x"]
          ] as const
          const [name, ...args] = line[index % 4] ?? line[0]
          returned = false
          connection.send(RedisCommand.make(name, args), (result) => {
            assert.isTrue(returned)
            answered.push(index)
            replies[index] = Result.isSuccess(result) ? result.success : messageOf(result.failure)
          })
          returned = true
        }
        assert.strictEqual(connection.inFlight(), 200)
        yield* harness.waitFor(() => answered.length === 200)
        assert.deepStrictEqual(answered, Array.from(answered.keys()))
        assert.strictEqual(connection.inFlight(), 0)
        for (let index = 0; index < 200; index++) {
          const expected = ["OK", String(index - 1), (index + 2) / 4, wrongType][index % 4]
          assert.strictEqual(replies[index], expected)
        }
      }))

    test("a lost connection cuts everything in flight with one cause", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        yield* harness.freeze
        const outcomes = sendMany(connection, 100)
        yield* harness.kill
        yield* harness.waitFor(() => outcomes.length === 100)
        assert.strictEqual(connection.inFlight(), 0)
        const errors = outcomes.map(connectionErrorOf)
        assert.deepStrictEqual(new Set(errors.map(({ sent }) => sent)), new Set(["unknown"]))
        assert.deepStrictEqual(new Set(errors.map(({ reason }) => reason)), new Set(["Reset"]))
        assert.strictEqual(new Set(errors.map(({ cause }) => cause)).size, 1)
        assert.instanceOf(errors[0]?.cause, Error)
      }))

    test("two losses have two causes", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const causes: Array<unknown> = []
        for (let round = 0; round < 2; round++) {
          yield* harness.cutNextReply
          const error = yield* Effect.flip(send(connection, "INCR", "n"))
          causes.push(error.cause)
          yield* awaitReady(harness, connection)
        }
        assert.notStrictEqual(causes[0], causes[1])
      }))

    test("what was executed and then cut is not sent again", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        yield* harness.cutNextReply
        const error = connectionErrorOf(Result.fail(yield* Effect.flip(send(connection, "INCR", "n"))))
        assert.strictEqual(error.sent, "unknown")
        assert.strictEqual(error.command, "INCR")
        yield* awaitReady(harness, connection)
        yield* harness.pause
        assert.strictEqual(yield* send(connection, "GET", "n"), "1")
      }))

    test("not ready: never sent, and why", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        yield* harness.kill
        yield* harness.waitFor(() => connection.lastError()?.reason === "Refused")
        assert.strictEqual(connection.status(), "Reconnecting")
        const error = connectionErrorOf(Result.fail(yield* Effect.flip(send(connection, "GET", "a"))))
        assert.strictEqual(error.sent, "never")
        assert.strictEqual(error.reason, "Refused")
        assert.strictEqual(connection.inFlight(), 0)
      }))

    test("never there: connecting until it is", (harness) =>
      Effect.gen(function* () {
        yield* harness.kill
        const connection = yield* harness.connect()
        const tags = listen(connection)
        assert.strictEqual(connection.status(), "Connecting")
        yield* harness.waitFor(() => tags.length > 1)
        assert.deepStrictEqual(new Set(tags), new Set(["Failed"]))
        assert.strictEqual(connection.status(), "Connecting")
        yield* harness.start
        yield* awaitReady(harness, connection)
        assert.strictEqual(yield* send(connection, "PING"), "PONG")
      }))

    test("comes back by itself and says so", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const tags = listen(connection)
        const deaf: Array<string> = []
        connection.listen(({ _tag }) => deaf.push(_tag))()
        yield* harness.kill
        yield* harness.waitFor(() => tags.includes("Failed"))
        yield* harness.start
        yield* harness.waitFor(() => tags.includes("Ready"))
        assert.strictEqual(tags[0], "Lost")
        assert.deepStrictEqual(tags.slice(1, -1), tags.slice(1, -1).fill("Failed"))
        assert.strictEqual(tags.at(-1), "Ready")
        assert.strictEqual(connection.status(), "Ready")
        assert.isUndefined(connection.lastError())
        assert.strictEqual(yield* send(connection, "SET", "a", "1"), "OK")
        assert.deepStrictEqual(deaf, [])
      }))

    test("frozen: nothing is answered, and after it everything, to whom it belongs", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        for (let index = 0; index < 20; index++) yield* send(connection, "SET", `k${index}`, index)
        yield* harness.freeze
        const before = connection.activity()
        const outcomes = sendMany(connection, 20)
        yield* harness.pause
        assert.strictEqual(outcomes.length, 0)
        assert.strictEqual(connection.activity(), before)
        assert.strictEqual(connection.status(), "Ready")
        yield* harness.thaw
        yield* harness.waitFor(() => outcomes.length === 20)
        assert.deepStrictEqual(
          outcomes,
          Array.from({ length: 20 }, (_, index) => Result.succeed(String(index)))
        )
        assert.isAbove(connection.activity(), before)
      }))

    test("silence for twice the command timeout ends the connection", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready({ commandTimeout: "100 millis" })
        yield* harness.freeze
        const outcomes = sendMany(connection, 3)
        yield* harness.waitFor(() => outcomes.length === 3)
        const errors = outcomes.map(connectionErrorOf)
        assert.deepStrictEqual(
          new Set(errors.map(({ reason, sent }) => `${reason} ${sent}`)),
          new Set(["Timeout unknown"])
        )
        assert.strictEqual(new Set(errors.map(({ cause }) => cause)).size, 1)
      }))

    test("reconnect fails what is in flight and makes a new connection", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        const id = yield* send(connection, "CLIENT", "ID")
        const tags = listen(connection)
        yield* harness.freeze
        const outcomes = sendMany(connection, 5)
        connection.reconnect()
        const atOnce = connectionErrorOf(Result.fail(yield* Effect.flip(send(connection, "GET", "a"))))
        assert.strictEqual(`${atOnce.reason} ${atOnce.sent}`, "NotReady never")
        yield* harness.waitFor(() => outcomes.length === 5)
        const errors = outcomes.map(connectionErrorOf)
        assert.deepStrictEqual(new Set(errors.map(({ sent }) => sent)), new Set(["unknown"]))
        assert.strictEqual(new Set(errors.map(({ cause }) => cause)).size, 1)
        assert.isDefined(errors[0]?.cause)
        yield* harness.pause
        assert.deepStrictEqual(tags, ["Lost"])
        const early = connectionErrorOf(Result.fail(yield* Effect.flip(send(connection, "GET", "a"))))
        assert.strictEqual(early.sent, "never")
        yield* harness.thaw
        yield* harness.waitFor(() => connection.status() === "Ready")
        assert.notStrictEqual(yield* send(connection, "CLIENT", "ID"), id)
      }))

    test("what a frozen server was sent on a connection since replaced is executed before what comes on the next", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready()
        yield* harness.freeze
        connection.send(RedisCommand.make("SET", ["a", "late"]), () => {})
        // Until it is in the server's socket buffer.
        yield* harness.pause
        connection.reconnect()
        yield* harness.waitFor(() => connection.status() !== "Ready")
        yield* harness.pause
        yield* harness.thaw
        yield* harness.waitFor(() => connection.status() === "Ready")
        assert.strictEqual(yield* send(connection, "GET", "a"), "late")
      }))

    test("a client that another one kills is lost, and comes back", (harness) =>
      Effect.gen(function* () {
        const [victim, killer] = [yield* ready(), yield* ready()]
        const tags = listen(victim)
        const id = yield* send(victim, "CLIENT", "ID")
        assert.strictEqual(yield* send(killer, "CLIENT", "KILL", "ID", Number(id)), 1)
        assert.strictEqual(yield* send(killer, "CLIENT", "KILL", "ID", Number(id)), 0)
        yield* harness.waitFor(() => tags.includes("Ready"))
        assert.deepStrictEqual(tags, ["Lost", "Ready"])
      }))

    test("too many in flight: never sent", (harness) =>
      Effect.gen(function* () {
        const connection = yield* ready({ maxInFlight: 3 })
        yield* harness.freeze
        const outcomes = sendMany(connection, 4)
        yield* harness.waitFor(() => outcomes.length === 1)
        const error = connectionErrorOf(outcomes[0])
        assert.strictEqual(`${error.reason} ${error.sent}`, "Saturated never")
        assert.strictEqual(connection.inFlight(), 3)
        yield* harness.thaw
        yield* harness.waitFor(() => outcomes.length === 4)
      }))

    test("closing fails what is in flight, and everything after it", (harness) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const connection = yield* ready().pipe(Scope.provide(scope))
        const tags = listen(connection)
        yield* harness.freeze
        const outcomes = sendMany(connection, 3)
        yield* Scope.close(scope, Exit.void)
        yield* harness.waitFor(() => outcomes.length === 3)
        for (const outcome of outcomes) {
          const error = connectionErrorOf(outcome)
          assert.strictEqual(`${error.reason} ${error.sent}`, "Closed unknown")
        }
        assert.strictEqual(connection.status(), "Closed")
        assert.deepStrictEqual(tags, ["Closed"])
        const after = connectionErrorOf(Result.fail(yield* Effect.flip(send(connection, "GET", "a"))))
        assert.strictEqual(`${after.reason} ${after.sent}`, "Closed never")
        yield* harness.thaw
        yield* harness.pause
        assert.strictEqual(outcomes.length, 3)
        assert.strictEqual(connection.status(), "Closed")
      }))

    test("closes while the server is away", (harness) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const connection = yield* ready().pipe(Scope.provide(scope))
        yield* harness.kill
        yield* harness.waitFor(() => connection.lastError()?.reason === "Refused")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(connection.status(), "Closed")
        yield* harness.start
        yield* harness.pause
        assert.strictEqual(connection.status(), "Closed")
      }))
  })
}

type Outcome = Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>

const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

const ready = (options?: Parameters<Harness["connect"]>[0]) =>
  Effect.gen(function* () {
    const harness = yield* Harness
    const connection = yield* harness.connect(options)
    yield* awaitReady(harness, connection)
    return connection
  })

const awaitReady = (harness: Harness, connection: RedisConnection.RedisConnection) =>
  harness.waitFor(() => connection.status() === "Ready")

const sendCommand = RedisConnection.send

const send = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
) => sendCommand(connection, RedisCommand.make(name, args))

// GET k0, k1, …; the outcomes in the order in which they came.
const sendMany = (connection: RedisConnection.RedisConnection, count: number): ReadonlyArray<Outcome> => {
  const outcomes: Array<Outcome> = []
  for (let index = 0; index < count; index++) {
    connection.send(RedisCommand.make("GET", [`k${index}`]), (outcome) => outcomes.push(outcome))
  }
  return outcomes
}

// Asks again each time it is asked, and says whether the expected answer has come.
const poll = (connection: RedisConnection.RedisConnection, command: RedisCommand.RedisCommand, expected: unknown) => {
  let last: unknown
  return () => {
    connection.send(command, (outcome) => {
      last = Result.getOrUndefined(outcome)
    })
    return last === expected
  }
}

const listen = (connection: RedisConnection.RedisConnection): ReadonlyArray<string> => {
  const tags: Array<string> = []
  connection.listen(({ _tag }) => tags.push(_tag))
  return tags
}

const connectionErrorOf = (outcome: Outcome | undefined): RedisError.RedisConnectionError => {
  if (outcome !== undefined && Result.isFailure(outcome) && outcome.failure._tag === "RedisConnectionError") {
    return outcome.failure
  }
  return assert.fail(`not a connection error: ${JSON.stringify(outcome)}`)
}

const messageOf = (error: RedisError.RedisCommandError): string =>
  error.cause instanceof Error ? error.cause.message : error.message
