/**
 * The live `RedisConnector`: one ioredis client for each login, on one socket, set so that it does
 * nothing by itself.
 *
 * **Details**
 *
 * ioredis' queues, retries, reconnecting, timeouts and handshake are all off. What remains is its
 * protocol. The login is sent by this library, for the driver prints some failed logins to the
 * console and goes on with database 0 where the server does not have the one that was asked for.
 *
 * A byte that is no RESP2, a reply that nobody asked for and a reply beyond `maxReplyBytes` end the
 * connection: none of them can throw, or reach the caller of another command.
 *
 * **Gotchas**
 *
 * A password for a user that has none is a failed login. The driver alone would go on.
 *
 * **Example** (Redis put together from its parts)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { IoredisConnector, RedisClient, RedisHealth, RedisTopology } from "effect-ioredis"
 *
 * const layer = RedisHealth.layer({ interval: "10 seconds" }).pipe(
 *   Layer.provideMerge(
 *     RedisClient.layer({ topology: RedisTopology.server({ host: "redis.example", port: 6379 }) })
 *   ),
 *   Layer.provide(IoredisConnector.layer({ keepAlive: "30 seconds" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { constants } from "node:buffer"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { Clock, Context, Duration, Effect, Layer, Result } from "effect"
import { AbstractConnector, Redis, type RedisOptions } from "ioredis"
import { authCommand } from "./internal/authCommand.ts"
import { DriverConnection } from "./internal/DriverConnection.ts"
import * as DriverError from "./internal/DriverError.ts"
import { hangUp } from "./internal/tlsAdvice.ts"
import * as TlsFiles from "./internal/TlsFiles.ts"
import * as RedisCommand from "./RedisCommand.ts"
import type { ReplyResult } from "./RedisConnection.ts"
import { type RedisAddress, RedisConnector, type RedisLogin } from "./RedisConnector.ts"
import * as RedisError from "./RedisError.ts"

/**
 * Sets how sockets are used.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Sets how long a connection is idle before the kernel asks whether the other side is there.
   * Default: 60 seconds.
   */
  readonly keepAlive?: Duration.Input | undefined
  /**
   * The largest reply that is taken, in bytes; a larger one ends the connection. An item of an
   * array counts 16 bytes beside its own. Default: 536,870,888, which is the longest string that
   * there is. Redis' own limit for a value, `proto-max-bulk-len`, is 24 bytes above it.
   */
  readonly maxReplyBytes?: number | undefined
  /**
   * Sets whether errors show what a script raises as it is, which may hold data. For development.
   * Default: false, which shows the code and the line.
   */
  readonly showScriptErrors?: boolean | undefined
}

/**
 * Makes a connector.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: Options = {}): Effect.fn.Return<RedisConnector["Service"]> {
  const services = yield* Effect.context<never>()
  const report = Effect.runForkWith(services)
  const onDefect = (defect: unknown) => void report(reportDefect(defect))
  return {
    connect: (address, login) =>
      Effect.gen(function* () {
        const tls = yield* tlsOf(login)
        const driver = yield* Effect.acquireRelease(dial(address, tls, options, onDefect), ({ connection }) =>
          Effect.sync(() => connection.destroy(closed()))
        )
        // The scope of the caller may live on after an interruption or a failure.
        yield* logIn(driver, login).pipe(
          Effect.mapError((error) => (hungUp(driver, tls, error) ? certificateRefused() : error)),
          Effect.onError(() => Effect.sync(() => driver.connection.destroy(closed())))
        )
        return driver.connection
      }),
    // The very clock of a program without another, so that both are seen to be the same.
    clock: Context.get(Context.empty(), Clock.Clock)
  }
})

/**
 * Provides the connector.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisConnector> => Layer.effect(RedisConnector, make(options))

const tlsOf = ({
  tls
}: RedisLogin): Effect.Effect<Tls.ConnectionOptions | undefined, RedisError.RedisConnectionError> =>
  typeof tls === "object" ? TlsFiles.read(tls) : Effect.succeed(tls === true ? {} : undefined)

interface Driver {
  readonly redis: Redis
  readonly connection: DriverConnection
}

// A port or a certificate that cannot be is thrown rather than told.
const dial = (
  address: RedisAddress,
  tls: Tls.ConnectionOptions | undefined,
  options: Options,
  onDefect: (defect: unknown) => void
): Effect.Effect<Driver, RedisError.RedisConnectionError> =>
  Effect.try({
    try: () => {
      const socket = openSocket(address, tls)
      const redis = new Redis({ ...driverOptions(options), Connector: connectorOf(socket), tls: tlsMark(tls) })
      const showScriptErrors = options.showScriptErrors === true
      const maxReplyBytes = options.maxReplyBytes ?? constants.MAX_STRING_LENGTH
      return { redis, connection: new DriverConnection({ redis, socket, maxReplyBytes, showScriptErrors, onDefect }) }
    },
    catch: (error) =>
      RedisError.connectionError(
        "CONNECT",
        DriverError.reasonOf(error) ?? (tls === undefined ? "Refused" : "Tls"),
        "never",
        DriverError.redact(error)
      )
  })

const openSocket = ({ host, port }: RedisAddress, tls: Tls.ConnectionOptions | undefined): Net.Socket => {
  if (tls === undefined) return Net.connect({ host, port })
  // Node sends no server name by itself, and servers behind one address need it.
  const named = Net.isIP(host) === 0 ? { servername: host } : {}
  return Tls.connect({ host, port, ...named, ...tls })
}

// The driver only asks whether there is one, to know which event says that the socket is connected.
const tlsMark = (tls: Tls.ConnectionOptions | undefined) => (tls === undefined ? undefined : {})

// The driver's own connector makes the socket a tick later, and ends it by a timer.
const connectorOf = (socket: Net.Socket) =>
  class extends AbstractConnector {
    constructor() {
      super(0)
    }
    override connect(): Promise<Net.Socket> {
      return Promise.resolve(socket)
    }
    override disconnect(): void {
      socket.destroy()
    }
  }

// ioredis retries, queues and sends again by default, so that 100 INCR with their replies lost made
// a counter of 200. All of that is off.
const driverOptions = (options: Options) =>
  ({
    disableClientInfo: true,
    // RESP3 is refused badly by some proxies.
    protocol: 2,
    // The driver's own numbers are wrong from 2^53 - 48 on (it adds the digit's ASCII code before
    // it subtracts 48).
    stringNumbers: true,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A user without INFO would be told of on the console at each login.
    enableReadyCheck: false,
    connectTimeout: 0,
    keepAlive: Duration.toMillis(options.keepAlive ?? "60 seconds"),
    retryStrategy: () => null
  }) satisfies RedisOptions

// The login is submitted in the very turn in which the socket is connected. What a server says in
// farewell ("max number of clients reached") is then the reply to its first command.
const logIn = ({ connection, redis }: Driver, login: RedisLogin) =>
  Effect.callback<void, RedisError.RedisConnectionError>((resume) => {
    const steps = stepsOf(login)
    const results: Array<ReplyResult> = []
    redis.once("ready", () => {
      connection.begin()
      for (const step of steps) {
        connection.submit(step, (result) => {
          results.push(result)
          if (results.length === steps.length) resume(outcomeOf(results))
        })
      }
    })
    connection.onLoss((error) => resume(Effect.fail(error)))
    // `connect` only ever says "closed"; the reason comes as an error event.
    redis.connect().catch(() => {})
  })

const stepsOf = (login: RedisLogin): ReadonlyArray<RedisCommand.RedisCommand> => {
  const { clientName, db } = login
  const auth = authCommand(login)
  return [
    ...(auth === undefined ? [] : [auth]),
    ...(db === undefined || db === 0 ? [] : [RedisCommand.make("SELECT", [db])]),
    RedisCommand.make("CLIENT", ["SETNAME", clientName ?? "effect-ioredis"])
  ]
}

const outcomeOf = (results: ReadonlyArray<ReplyResult>): Effect.Effect<void, RedisError.RedisConnectionError> => {
  for (const result of results) {
    const failure = Result.isFailure(result) ? loginFailure(result.failure) : undefined
    if (failure !== undefined) return Effect.fail(failure)
  }
  return Effect.void
}

const loginFailure = (error: RedisError.RedisCommandError): RedisError.RedisConnectionError | undefined => {
  if (error._tag === "RedisConnectionError") {
    return RedisError.connectionError("CONNECT", error.reason, "never", error.cause)
  }
  if (error._tag !== "RedisOperationError") return undefined
  const said = DriverError.reasonOf(error.cause) ?? "Auth"
  const isHarmless = error.code === "NOPERM" || (error.code === "ERR" && said !== "TooManyClients")
  // A connection does without a name, where the user may not give one or the server knows none.
  if (error.command === "CLIENT" && isHarmless) return undefined
  const reason = said === "NotReady" && error.code === "ERR" ? "Auth" : said
  return RedisError.connectionError("CONNECT", reason, "never", error.cause)
}

// With TLS 1.3 a client's certificate is looked at after the client has taken the handshake for
// done. Some servers then hang up instead of saying that they refuse it.
const hungUp = (
  { connection }: Driver,
  tls: Tls.ConnectionOptions | undefined,
  { reason }: RedisError.RedisConnectionError
): boolean => reason === "Reset" && connection.activity() === 0 && (tls?.cert !== undefined || tls?.pfx !== undefined)

const certificateRefused = () => RedisError.connectionError("CONNECT", "Tls", "never", hangUp())

const closed = () => RedisError.connectionError("CONNECT", "Closed", "never")

// What was thrown may quote what the callback was given: only its name and where it was thrown are
// shown.
const reportDefect = (defect: unknown): Effect.Effect<void> => {
  const { name, stack } = defect instanceof Error ? defect : { name: typeof defect, stack: "" }
  const frames = (stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line))
  return Effect.logError(`A callback of a Redis command threw ${name}. Others were served`).pipe(
    Effect.annotateLogs("at", frames.slice(0, 5).join("\n"))
  )
}
