import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, type Layer, Redacted, Result, Scope } from "effect"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import * as RedisConnection from "effect-ioredis/RedisConnection"
import type { RedisAddress, RedisConnector, RedisLogin } from "effect-ioredis/RedisConnector"
import * as RedisError from "effect-ioredis/RedisError"
import { conversation } from "./conversation.ts"

/**
 * What a test of the port can do to the server, whatever kind of server it is. Each test gets a fresh one.
 *
 * The default user of the server has the password of `login`, and there is a user `alice`, whose password is the same
 * and who may do everything.
 */
export interface Harness {
  readonly connector: RedisConnector["Service"]
  readonly address: RedisAddress
  readonly login: RedisLogin
  /** An address at which nobody listens. */
  readonly deaf: RedisAddress
  /** An address whose host has no entry in any directory. */
  readonly unknown: RedisAddress
  /** A server that speaks TLS with a certificate that nobody trusts, where the harness has one. */
  readonly encrypted: RedisAddress | undefined
  /** How many clients the server has now. It is asked of a server that runs. */
  readonly clients: Effect.Effect<number>
  /** Connections are lost and new ones refused, until `start`. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
  /** The next command is executed, and its connection cut before the reply. */
  readonly cutNextReply: Effect.Effect<void>
  /** Lets time go by until this holds. */
  readonly waitFor: (condition: (() => boolean) | Effect.Effect<boolean>) => Effect.Effect<void>
  /** Time enough for an answer, if there were one. */
  readonly pause: Effect.Effect<void>
}

export const Harness: Context.Service<Harness, Harness> = Context.Service<Harness>("test/Harness")

/** What a `RedisConnector` and its connections promise, asked of one implementation through nothing but the port. */
export const redisConnectionSuite = <E>(name: string, layer: Layer.Layer<Harness, E>): void => {
  const test = <A, E2>(title: string, body: (harness: Harness) => Effect.Effect<A, E2, Scope.Scope | Harness>) =>
    it.effect(title, () => Effect.scoped(Effect.flatMap(Harness, body)).pipe(Effect.provide(layer)))

  describe(`RedisConnector: ${name}`, () => {
    test("connects and logs in, as whom it says and to the database that it says", (harness) =>
      Effect.gen(function* () {
        const plain = yield* connect()
        assert.strictEqual(yield* send(plain, "PING"), "PONG")
        const alice = yield* connect({ username: "alice", db: 3 })
        yield* send(alice, "SET", "a", "1")
        assert.strictEqual(yield* send(alice, "DBSIZE"), 1)
        assert.strictEqual(yield* send(plain, "DBSIZE"), 0)
        assert.strictEqual(yield* harness.clients, 2)
      }))

    test("a login that the server refuses fails with the reason and without the secret", (harness) =>
      Effect.gen(function* () {
        const logins: ReadonlyArray<Partial<RedisLogin>> = [
          { password: Redacted.make("not the password") },
          { password: undefined },
          { username: "nobody", password: Redacted.make("not the password") },
          { db: 4711 }
        ]
        for (const login of logins) {
          const error = yield* Effect.flip(connect(login))
          assert.strictEqual(`${error._tag} ${error.reason} ${error.sent}`, "RedisConnectionError Auth never")
          assert.instanceOf(error.cause, Error)
          assert.notInclude(`${error.message} ${String(error.cause)} ${JSON.stringify(error)}`, "not the password")
        }
        yield* harness.waitFor(Effect.map(harness.clients, (count) => count === 0))
      }))

    test("a server that cannot be reached fails with the reason", (harness) =>
      Effect.gen(function* () {
        const reasonAt = (address: RedisAddress, tls = false) =>
          harness.connector.connect(address, { ...harness.login, tls }).pipe(
            Effect.flip,
            Effect.map(({ cause, reason, sent }) => `${reason} ${sent} ${cause instanceof Error}`)
          )
        assert.strictEqual(yield* reasonAt(harness.deaf), "Refused never true")
        assert.strictEqual(yield* reasonAt(harness.unknown), "Dns never true")
        if (harness.encrypted !== undefined) {
          assert.strictEqual(yield* reasonAt(harness.encrypted, true), "Tls never true")
        }
        yield* harness.kill
        assert.strictEqual(yield* reasonAt(harness.address), "Refused never true")
        yield* harness.start
        yield* connect()
      }))

    test("interrupting connect leaves no socket, although its scope stays open", (harness) =>
      Effect.gen(function* () {
        yield* harness.freeze
        const connecting = yield* Effect.forkScoped(connect(), { startImmediately: true })
        yield* harness.pause
        assert.isUndefined(connecting.pollUnsafe())
        yield* Fiber.interrupt(connecting)
        yield* harness.thaw
        yield* harness.waitFor(Effect.map(harness.clients, (count) => count === 0))
        yield* Fiber.interrupt(yield* Effect.forkScoped(connect(), { startImmediately: true }))
        yield* harness.pause
        assert.strictEqual(yield* harness.clients, 0)
      }))

    test("the connection ends with its scope at once, and what is in flight with it", (harness) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const connection = yield* connect().pipe(Scope.provide(scope))
        const told = listen(connection)
        yield* harness.freeze
        const outcomes = sendMany(connection, 3)
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(connection.isOpen())
        assert.strictEqual(connection.inFlight(), 0)
        assert.deepStrictEqual(outcomes.map(describeError), Array(3).fill("GET Closed unknown"))
        assert.deepStrictEqual(
          told.map(({ reason }) => reason),
          ["Closed"]
        )
        const after = yield* Effect.flip(send(connection, "GET", "a"))
        assert.strictEqual(describeError(Result.fail(after)), "GET Closed never")
        yield* harness.thaw
        yield* harness.waitFor(Effect.map(harness.clients, (count) => count === 0))
        assert.strictEqual(outcomes.length, 3)
        assert.strictEqual(told.length, 1)
      }))
  })

  describe(`RedisConnection: ${name}`, () => {
    test("answers as Redis does", () =>
      Effect.gen(function* () {
        const connection = yield* connect()
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
        const connection = yield* connect()
        const bytes = Uint8Array.from([0, 255, 128, 13, 10, 36, 42, 195, 40])
        yield* send(connection, "SET", bytes, bytes)
        const reply = yield* sendCommand(connection, RedisCommand.make("GET", [bytes], { reply: "bytes" }))
        assert.deepStrictEqual(reply instanceof Uint8Array && Array.from(reply), Array.from(bytes))
        // A view into a larger buffer is that part of it only.
        yield* send(connection, "SET", "view", bytes.subarray(3, 5))
        assert.strictEqual(yield* send(connection, "GET", "view"), "\r\n")
        const text = "é😀\r\n"
        yield* send(connection, "SET", "text", text)
        assert.strictEqual(yield* send(connection, "GET", "text"), text)
        assert.deepStrictEqual(yield* send(connection, "MGET", "text", "none"), [text, null])
      }))

    test("keeps integers exact, also beyond 2^53", () =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const { MAX_SAFE_INTEGER: max } = Number
        const integers = [0, -1, max - 48, max, -max, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]
        for (const integer of integers) {
          yield* send(connection, "SET", "n", integer)
          assert.strictEqual(yield* send(connection, "INCRBY", "n", 0), integer)
          assert.strictEqual(yield* send(connection, "GET", "n"), String(integer))
        }
        // Text that looks like an integer stays text.
        yield* send(connection, "HSET", "hash", "field", "1")
        assert.deepStrictEqual(yield* send(connection, "HGETALL", "hash"), ["field", "1"])
      }))

    test("forgets a key when its time is over", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* send(connection, "SET", "b", "1", "PX", 60_000)
        const left = yield* send(connection, "PTTL", "b")
        assert.isTrue(typeof left === "number" && left > 0 && left <= 60_000, `PTTL was ${left}`)
        yield* send(connection, "SET", "a", "1", "PX", 60)
        yield* harness.waitFor(poll(connection, RedisCommand.make("EXISTS", ["a"]), 0))
        assert.isNull(yield* send(connection, "GET", "a"))
        assert.strictEqual(yield* send(connection, "PTTL", "a"), -2)
      }))

    test("scans every key once", () =>
      Effect.gen(function* () {
        const connection = yield* connect()
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

    test("answers 200 interleaved commands in their order, none of them before submit returns", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const before = connection.activity()
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
          connection.submit(RedisCommand.make(name, args), (result) => {
            assert.isTrue(returned)
            assert.isBelow(connection.inFlight(), 200 - answered.length)
            answered.push(index)
            replies[index] = Result.isSuccess(result) ? result.success : messageOf(result.failure)
          })
          returned = true
        }
        assert.strictEqual(connection.inFlight(), 200)
        yield* harness.waitFor(() => answered.length === 200)
        assert.deepStrictEqual(answered, Array.from(answered.keys()))
        assert.strictEqual(connection.inFlight(), 0)
        assert.isAbove(connection.activity(), before)
        for (let index = 0; index < 200; index++) {
          const expected = ["OK", String(index - 1), (index + 2) / 4, wrongType][index % 4]
          assert.strictEqual(replies[index], expected)
        }
      }))

    test("a lost connection cuts everything in flight with one cause, in order, and tells of the loss after that", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* harness.freeze
        const events: Array<string> = []
        const causes: Array<unknown> = []
        for (let index = 0; index < 100; index++) {
          connection.submit(RedisCommand.make("INCR", [`k${index}`]), (outcome) => {
            events.push(`${index} ${describeError(outcome)} ${connection.isOpen()}`)
            causes.push(connectionErrorOf(outcome).cause)
          })
        }
        connection.onLoss((error) => {
          events.push(`lost ${error.reason} ${connection.isOpen()}`)
          causes.push(error.cause)
        })
        yield* harness.kill
        yield* harness.waitFor(() => events.length === 101)
        assert.deepStrictEqual(events, [
          ...Array.from({ length: 100 }, (_, index) => `${index} INCR Reset unknown false`),
          "lost Reset false"
        ])
        assert.strictEqual(connection.inFlight(), 0)
        assert.strictEqual(new Set(causes).size, 1)
        assert.instanceOf(causes[0], Error)
      }))

    test("an idle connection that the server ends is lost too", (harness) =>
      Effect.gen(function* () {
        const [victim, killer] = [yield* connect(), yield* connect()]
        const told = listen(victim)
        const deaf: Array<unknown> = []
        victim.onLoss((error) => deaf.push(error))()
        const id = yield* send(victim, "CLIENT", "ID")
        assert.strictEqual(yield* send(killer, "CLIENT", "KILL", "ID", Number(id)), 1)
        assert.strictEqual(yield* send(killer, "CLIENT", "KILL", "ID", Number(id)), 0)
        yield* harness.waitFor(() => told.length > 0)
        assert.strictEqual(told[0]?.reason, "Reset")
        assert.isFalse(victim.isOpen())
        assert.isTrue(killer.isOpen())
        assert.deepStrictEqual(deaf, [])
      }))

    test("once lost it stays lost: never sent, not before submit returned, and listeners are told at once", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const told = listen(connection)
        yield* harness.kill
        yield* harness.waitFor(() => !connection.isOpen())
        yield* harness.start
        yield* harness.pause
        let returned = false
        const outcomes: Array<RedisConnection.ReplyResult> = []
        connection.submit(RedisCommand.make("GET", ["a"]), (outcome) => {
          assert.isTrue(returned)
          outcomes.push(outcome)
        })
        returned = true
        yield* harness.waitFor(() => outcomes.length === 1)
        assert.deepStrictEqual(outcomes.map(describeError), ["GET Reset never"])
        assert.strictEqual(connectionErrorOf(outcomes[0]).cause, told[0]?.cause)
        assert.strictEqual(connection.inFlight(), 0)
        assert.deepStrictEqual(listen(connection), told)
        assert.strictEqual(told.length, 1)
      }))

    test("a callback of a lost connection may submit to it: never sent", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* harness.freeze
        const outcomes: Array<RedisConnection.ReplyResult> = []
        connection.submit(RedisCommand.make("INCR", ["n"]), (outcome) => {
          outcomes.push(outcome)
          connection.submit(RedisCommand.make("INCR", ["n"]), (again) => outcomes.push(again))
        })
        connection.onLoss(() => {
          connection.submit(RedisCommand.make("DECR", ["n"]), (again) => outcomes.push(again))
        })
        yield* harness.kill
        yield* harness.waitFor(() => outcomes.length === 3)
        assert.deepStrictEqual(outcomes.map(describeError), [
          "INCR Reset unknown",
          "INCR Reset never",
          "DECR Reset never"
        ])
      }))

    test("two losses have two causes", (harness) =>
      Effect.gen(function* () {
        const causes: Array<unknown> = []
        for (let round = 0; round < 2; round++) {
          const connection = yield* connect()
          yield* harness.cutNextReply
          causes.push((yield* Effect.flip(send(connection, "INCR", "n"))).cause)
        }
        assert.notStrictEqual(causes[0], causes[1])
      }))

    test("what was executed and then cut is not sent again", (harness) =>
      Effect.gen(function* () {
        const first = yield* connect()
        yield* harness.cutNextReply
        const error = yield* Effect.flip(send(first, "INCR", "n"))
        assert.strictEqual(describeError(Result.fail(error)), "INCR Reset unknown")
        const second = yield* connect()
        yield* harness.pause
        assert.strictEqual(yield* send(second, "GET", "n"), "1")
      }))

    test("frozen: nothing is answered, and after it everything, to whom it belongs", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        for (let index = 0; index < 20; index++) yield* send(connection, "SET", `k${index}`, index)
        yield* harness.freeze
        const before = connection.activity()
        const outcomes = sendMany(connection, 20)
        yield* harness.pause
        assert.strictEqual(outcomes.length, 0)
        assert.strictEqual(connection.inFlight(), 20)
        assert.strictEqual(connection.activity(), before)
        assert.isTrue(connection.isOpen())
        yield* harness.thaw
        yield* harness.waitFor(() => outcomes.length === 20)
        assert.deepStrictEqual(
          outcomes,
          Array.from({ length: 20 }, (_, index) => Result.succeed(String(index)))
        )
        assert.isAbove(connection.activity(), before)
      }))

    test("destroy ends it at once with the reason and cause that it is given", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const told = listen(connection)
        yield* harness.freeze
        const outcomes = sendMany(connection, 5)
        const cause = new Error("it stalled")
        connection.destroy(RedisError.connectionError("CONNECT", "Timeout", "never", cause))
        connection.destroy(RedisError.connectionError("CONNECT", "Refused", "never", new Error("another")))
        assert.isFalse(connection.isOpen())
        yield* harness.waitFor(() => outcomes.length === 5)
        assert.deepStrictEqual(outcomes.map(describeError), Array(5).fill("GET Timeout unknown"))
        assert.deepStrictEqual(new Set(outcomes.map((outcome) => connectionErrorOf(outcome).cause)), new Set([cause]))
        yield* harness.waitFor(() => told.length > 0)
        assert.deepStrictEqual(
          told.map((error) => [error.reason, error.cause]),
          [["Timeout", cause]]
        )
        const after = yield* Effect.flip(send(connection, "GET", "a"))
        assert.strictEqual(describeError(Result.fail(after)), "GET Timeout never")
        yield* harness.thaw
        yield* harness.waitFor(Effect.map(harness.clients, (count) => count === 0))
        assert.strictEqual(outcomes.length, 5)
      }))

    test("destroy by a callback of a reply fails what was sent after it, and nothing gets another's reply", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const events: Array<string> = []
        for (let index = 0; index < 10; index++) {
          connection.submit(RedisCommand.make("ECHO", [index]), (outcome) => {
            events.push(Result.isSuccess(outcome) ? String(outcome.success) : describeError(outcome))
            if (index === 2) connection.destroy(RedisError.connectionError("CONNECT", "Timeout", "never"))
          })
        }
        yield* harness.waitFor(() => events.length === 10)
        yield* harness.pause
        assert.deepStrictEqual(events, ["0", "1", "2", ...Array(7).fill("ECHO Timeout unknown")])
      }))

    test("what a frozen server was sent on a connection since replaced is executed before what comes on the next", (harness) =>
      Effect.gen(function* () {
        const first = yield* connect()
        yield* harness.freeze
        first.submit(RedisCommand.make("SET", ["a", "late"]), () => {})
        // Until it is in the server's socket buffer.
        yield* harness.pause
        first.destroy(RedisError.connectionError("CONNECT", "Timeout", "never"))
        yield* harness.pause
        yield* harness.thaw
        const second = yield* connect()
        assert.strictEqual(yield* send(second, "GET", "a"), "late")
      }))

    test("a callback that throws harms nobody else", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        const replies: Array<unknown> = []
        for (let index = 0; index < 10; index++) {
          connection.submit(RedisCommand.make("ECHO", [index]), (outcome) => {
            replies.push(Result.getOrUndefined(outcome))
            if (index % 2 === 0) throw new Error("a defect of the caller")
          })
        }
        yield* harness.waitFor(() => replies.length === 10)
        assert.deepStrictEqual(
          replies,
          Array.from({ length: 10 }, (_, index) => String(index))
        )
        assert.isTrue(connection.isOpen())
        assert.strictEqual(yield* send(connection, "PING"), "PONG")
      }))

    test("a callback and a listener that throw at a loss harm nobody else", (harness) =>
      Effect.gen(function* () {
        const connection = yield* connect()
        yield* harness.freeze
        const told: Array<string> = []
        for (let index = 0; index < 3; index++) {
          connection.submit(RedisCommand.make("GET", ["a"]), () => {
            told.push(`reply ${index}`)
            throw new Error("a defect of the caller")
          })
          connection.onLoss(() => {
            told.push(`loss ${index}`)
            throw new Error("a defect of the listener")
          })
        }
        yield* harness.kill
        yield* harness.waitFor(() => told.length === 6)
        assert.deepStrictEqual(told, ["reply 0", "reply 1", "reply 2", "loss 0", "loss 1", "loss 2"])
        connection.onLoss(() => {
          throw new Error("a defect of a late listener")
        })
      }))
  })
}

const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

// A connection to the harness' server by its own login, with something of it changed.
const connect = (login: Partial<RedisLogin> = {}) =>
  Effect.flatMap(Harness, (harness) => harness.connector.connect(harness.address, { ...harness.login, ...login }))

const sendCommand = RedisConnection.send

const send = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
) => sendCommand(connection, RedisCommand.make(name, args))

// GET k0, k1, …; the outcomes in the order in which they came.
const sendMany = (
  connection: RedisConnection.RedisConnection,
  count: number
): ReadonlyArray<RedisConnection.ReplyResult> => {
  const outcomes: Array<RedisConnection.ReplyResult> = []
  for (let index = 0; index < count; index++) {
    connection.submit(RedisCommand.make("GET", [`k${index}`]), (outcome) => outcomes.push(outcome))
  }
  return outcomes
}

// Asks again each time it is asked, and says whether the expected answer has come.
const poll = (connection: RedisConnection.RedisConnection, command: RedisCommand.RedisCommand, expected: unknown) => {
  let last: unknown
  return () => {
    connection.submit(command, (outcome) => {
      last = Result.getOrUndefined(outcome)
    })
    return last === expected
  }
}

const listen = (connection: RedisConnection.RedisConnection): ReadonlyArray<RedisError.RedisConnectionError> => {
  const told: Array<RedisError.RedisConnectionError> = []
  connection.onLoss((error) => told.push(error))
  return told
}

const connectionErrorOf = (outcome: RedisConnection.ReplyResult | undefined): RedisError.RedisConnectionError => {
  if (outcome !== undefined && Result.isFailure(outcome) && outcome.failure._tag === "RedisConnectionError") {
    return outcome.failure
  }
  return assert.fail(`not a connection error: ${JSON.stringify(outcome)}`)
}

const describeError = (outcome: RedisConnection.ReplyResult): string => {
  const { command, reason, sent } = connectionErrorOf(outcome)
  return `${command} ${reason} ${sent}`
}

const messageOf = (error: RedisError.RedisCommandError): string =>
  error.cause instanceof Error ? error.cause.message : error.message
