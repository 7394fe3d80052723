/**
 * Logs an open connection in anew before its password expires.
 *
 * A login that fails costs nothing yet: Redis leaves the connection as it is, and so does this. It
 * is tried again, ever more slowly, for as long as the connection lives. Each connection of a pool
 * does so for itself, at a moment of its own.
 */
import { Duration, Effect, Random, Schedule } from "effect"
import type { RedisAddress, RedisLogin } from "../../RedisConnector.ts"
import * as RedisConnection from "../../RedisConnection.ts"
import { connectionError, type RedisCommandError, type RedisConnectionError } from "../../RedisError.ts"
import { authCommand } from "../authCommand.ts"

/** Describes one connection and where its login comes from. */
export interface Options {
  /** Names the client in log lines. */
  readonly name: string
  readonly address: RedisAddress
  readonly connection: RedisConnection.RedisConnection
  /** The login that the connection was made with. */
  readonly login: RedisLogin
  /**
   * Says whether somebody makes another one in its place. It is ended where AUTH is refused, as by
   * a connection that is subscribed.
   */
  readonly isReplaceable: boolean
  /** Asks for the login anew. */
  readonly ask: Effect.Effect<RedisLogin, RedisConnectionError>
}

/** Keeps a connection logged in. It ends with a login that does not expire, or with its scope. */
export const keep = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<void> {
  let { expiresIn } = options.login
  while (expiresIn !== undefined && Duration.isFinite(Duration.fromInputUnsafe(expiresIn))) {
    yield* Effect.sleep(pause(expiresIn, yield* Random.next))
    expiresIn = yield* renew(options)
  }
})

// A pool that logs in within a moment is spread over an eighth of the time.
const pause = (expiresIn: Duration.Input, random: number): Duration.Duration =>
  Duration.max(Duration.times(Duration.fromInputUnsafe(expiresIn), 0.8 - random / 10), leastPause)

// A password that is good for no time at all is asked for again soon, and not in a loop.
const leastPause = Duration.millis(100)

const renew = (options: Options): Effect.Effect<RedisLogin["expiresIn"]> => {
  const { ask, connection, isReplaceable } = options
  const attempt = Effect.gen(function* () {
    const login = yield* ask
    const auth = authCommand(login)
    if (auth !== undefined) yield* RedisConnection.send(connection, auth)
    return login.expiresIn
  })
  return attempt.pipe(
    // A connection that was lost needs no login any more.
    Effect.tapError((error) => {
      if (!connection.isOpen()) return Effect.void
      if (!isReplaceable || error._tag !== "RedisOperationError") return warn(options, error)
      return Effect.sync(() => connection.destroy(connectionError("CONNECT", "Login", "unknown", error)))
    }),
    Effect.retry({ schedule: backoff, while: () => connection.isOpen() }),
    Effect.orElseSucceed(() => undefined)
  )
}

// 1 second at first, doubling, 30 seconds at last.
const backoff = Schedule.min([Schedule.jittered(Schedule.exponential("1 second")), Schedule.spaced("30 seconds")])

const warn = ({ address, name }: Options, error: RedisCommandError): Effect.Effect<void> =>
  Effect.logWarning(
    "Redis could not be logged in to anew before the password expires: the connection stays as it is, and it is tried again"
  ).pipe(
    Effect.annotateLogs({
      name,
      node: `${address.host}:${address.port}`,
      reason: reasonOf(error),
      error: error.message
    })
  )

const reasonOf = (error: RedisCommandError): string => {
  if (error._tag === "RedisOperationError") return error.code
  return error._tag === "RedisConnectionError" ? error.reason : error._tag
}
