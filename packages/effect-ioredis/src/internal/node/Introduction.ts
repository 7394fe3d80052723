import { Effect, Random, Result } from "effect"
import type { RedisHistory } from "../../dispatch.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import * as RedisConnection from "../../RedisConnection.ts"
import * as RedisError from "../../RedisError.ts"
import * as RedisScript from "../../RedisScript.ts"
import * as History from "./History.ts"
import type { RedisTime } from "./RedisTime.ts"

/** Describes who a connection is and whom it talks to, as far as the user may ask. */
export interface Introduction {
  readonly id: number | undefined
  readonly history: RedisHistory
  /**
   * Is given where the server cannot be shown to be the process that the last session was on: the
   * witness that the next session is to look for.
   */
  readonly witness?: RedisScript.RedisScript | undefined
  /** The server's time, where that was asked for. */
  readonly time?: RedisTime | undefined
}

/** Describes what an introduction needs to know of its node. */
export interface Asker {
  /** The time of the server that the last session was on. */
  readonly time: () => RedisTime
  readonly wallClock: () => number
  /**
   * A script that only this node loads, and loads once: a server that knows it is the one that the
   * last session was on, and has not been started anew since.
   */
  readonly witness: () => RedisScript.RedisScript
}

/** Says what a connection is for. */
export interface Expected {
  /** Says which role its server has to have. Default: any. */
  readonly role?: Role | undefined
  /** Says whether it asks for reads of what its server's master owns. Default: false. */
  readonly readOnly?: boolean | undefined
}

type Role = "master" | "replica"

/** Makes a script that no other client has. */
export const makeWitness = (random: number): RedisScript.RedisScript =>
  RedisScript.make({ lua: `return "effect-ioredis ${random.toString(36).slice(2)}"`, kind: "read" })

/**
 * Asks a new connection what it reaches, before anything else is sent on it.
 *
 * It fails where the server says that it cannot serve yet. What the user may not ask for is left
 * out: without INFO, a script of ours that the server has forgotten shows that it was started anew,
 * and without scripts every session is taken for a new server. A connection to a replica of a
 * cluster says that it will read there.
 */
export const introduce = Effect.fnUntraced(function* (
  connection: RedisConnection.RedisConnection,
  asker: Asker,
  expected: Expected = {}
): Effect.fn.Return<Introduction, RedisError.RedisConnectionError> {
  const introduction = yield* identify(connection, expected)
  // The clock of another server is not the one that was read before.
  const time = asker.time().renewed()
  for (let answers = 0; answers < 3; answers++) yield* askTime(connection, time, asker.wallClock)
  const witness = introduction.history.runId === undefined ? yield* renewed(connection, asker.witness()) : undefined
  // What was lost meanwhile has said nothing of the server.
  if (!connection.isOpen()) return yield* RedisError.connectionError("CONNECT", "Reset", "never")
  return { ...introduction, witness, time }
})

/**
 * Asks who a connection is and whom it talks to, and nothing that the node's sessions rely on: the
 * witness must be missing when the first of them reaches a server that was started anew.
 */
export const identify = Effect.fnUntraced(function* (
  connection: RedisConnection.RedisConnection,
  { readOnly: isReadOnly = false, role: expected }: Expected = {}
): Effect.fn.Return<Introduction, RedisError.RedisConnectionError> {
  const first = [ping, clientId, information].map((command) => ask(connection, command))
  const [pong, id, info] = yield* Effect.all(first, { concurrency: "unbounded" })
  if (pong !== undefined && Result.isFailure(pong) && RedisError.outcome(pong.failure) === "failure") {
    if (pong.failure._tag === "RedisConnectionError") return yield* pong.failure
    return yield* RedisError.connectionError("CONNECT", "NotReady", "never", pong.failure)
  }
  const told = info !== undefined && Result.isSuccess(info) ? History.parse(String(info.success)) : History.unknown
  const role = told.role ?? (told.runId === undefined ? yield* askRole(connection) : undefined)
  if (expected !== undefined && (role ?? expected) !== expected) return yield* wrongRole(expected)
  if (isReadOnly) {
    const reply = yield* ask(connection, readOnly)
    if (Result.isFailure(reply)) {
      return yield* RedisError.connectionError("CONNECT", "NotReady", "never", reply.failure)
    }
  }
  if (!connection.isOpen()) return yield* RedisError.connectionError("CONNECT", "Reset", "never")
  return {
    id: id !== undefined && Result.isSuccess(id) ? Number(id.success) : undefined,
    history: { ...told, role }
  }
})

/** Asks for the server's history once more. `undefined` where there is no answer. */
export const askHistory = (
  connection: RedisConnection.RedisConnection,
  known: RedisHistory
): Effect.Effect<RedisHistory | undefined> =>
  Effect.gen(function* () {
    if (known.runId === undefined) {
      const role = yield* askRole(connection)
      return role && { ...known, role }
    }
    const info = yield* ask(connection, replication)
    return Result.isSuccess(info) ? { ...History.parse(String(info.success)), runId: known.runId } : undefined
  })

/** Asks for the server's time once more. */
export const askTime = (
  connection: RedisConnection.RedisConnection,
  time: RedisTime,
  wallClock: () => number
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const askedAt = wallClock()
    return Effect.map(ask(connection, redisTime), (told) => {
      if (Result.isSuccess(told)) time.learn(told.success, askedAt, wallClock())
    })
  })

// Where the witness is missing another one is loaded, for the next session to find it. The old one
// stays missing: a login that comes to nothing after this has told nobody of the new server.
const renewed = Effect.fnUntraced(function* (
  connection: RedisConnection.RedisConnection,
  witness: RedisScript.RedisScript
) {
  const exists = yield* ask(connection, RedisCommand.make("SCRIPT", ["EXISTS", witness.sha]))
  if (Result.isSuccess(exists) && Array.isArray(exists.success) && exists.success[0] === 1) return undefined
  const next = makeWitness(yield* Random.next)
  yield* ask(connection, RedisCommand.make("SCRIPT", ["LOAD", next.lua]))
  return next
})

const wrongRole = (role: Role): RedisError.RedisConnectionError =>
  RedisError.connectionError("CONNECT", "NotReady", "never", new Error(`The server is no ${role} now.`))

const askRole = (connection: RedisConnection.RedisConnection) =>
  Effect.map(ask(connection, hello), (reply) =>
    Result.isSuccess(reply) ? History.roleInHello(reply.success) : undefined
  )

const ask = (connection: RedisConnection.RedisConnection, command: RedisCommand.RedisCommand) =>
  Effect.result(RedisConnection.send(connection, command))

const ping = RedisCommand.make("PING")
const clientId = RedisCommand.make("CLIENT", ["ID"])
const information = RedisCommand.make("INFO", ["server", "replication"])
const replication = RedisCommand.make("INFO", ["replication"])
const redisTime = RedisCommand.make("TIME")
const readOnly = RedisCommand.make("READONLY")
const hello = RedisCommand.make("HELLO")
