/**
 * The live `RedisConnection`: one ioredis client, set so that it does nothing twice and hides nothing.
 *
 * **Details**
 *
 * ioredis' own queues, retries and resending are off; its timeouts are a backstop above the caller's deadlines. What remains is its
 * protocol, its handshake and its reconnecting, after 20 ms at first and every 500 ms (±25 %) at last, for as long as the scope is open.
 * Closing waits for outstanding replies, at most `closeTimeout`, and then ends the connection in whatever state it is.
 *
 * **Gotchas**
 *
 * The layer does not wait for the connection to be ready, and never fails. A database number that the server does not have is a failed
 * login here; ioredis alone would go on with database 0.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Latch, Layer, Redacted, Result, type Scope } from "effect"
import { Command, Redis, type RedisOptions } from "ioredis"
import type { ConnectionOptions as TlsOptions } from "node:tls"
import * as DriverError from "./internal/DriverError.ts"
import * as ReconnectDelay from "./internal/ReconnectDelay.ts"
import type { Argument, RedisCommand, Reply } from "./RedisCommand.ts"
import { type ConnectionEvent, RedisConnection, type Session, type Status } from "./RedisConnection.ts"
import * as RedisError from "./RedisError.ts"

/**
 * Where Redis is, how to log in, and how long to wait for it.
 *
 * **Details**
 *
 * Defaults: `host` localhost, `port` 6379, `db` 0, no login, no TLS, `connectTimeout` 2 seconds, `commandTimeout` 2 seconds (the driver's
 * backstop is twice that), `closeTimeout` 2 seconds, `keepAlive` 60 seconds, `maxInFlight` 10,000 commands. `showScriptErrors: true` shows
 * what scripts raise as it is, in errors, logs and spans: for development, for it may hold data (default false). `tls: true` trusts the
 * system's certificates; Node's own options may be given instead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly db?: number | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
  readonly tls?: boolean | TlsOptions | undefined
  readonly connectTimeout?: Duration.Input | undefined
  readonly commandTimeout?: Duration.Input | undefined
  readonly closeTimeout?: Duration.Input | undefined
  readonly keepAlive?: Duration.Input | undefined
  readonly maxInFlight?: number | undefined
  readonly showScriptErrors?: boolean | undefined
}

/**
 * Opens a connection that lives as long as the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<RedisConnection, never, Scope.Scope> {
  const closeTimeout = Duration.fromInputUnsafe(options.closeTimeout ?? "2 seconds")
  const connectTimeout = Duration.toMillis(options.connectTimeout ?? "2 seconds")
  const maxInFlight = options.maxInFlight ?? 10_000
  const listeners = new Set<(event: ConnectionEvent) => void>()
  let status: Status = "Connecting"
  // The last error that the connection itself reported: commands are told only "not writeable".
  let reported: unknown
  let lastError: RedisError.RedisConnectionError | undefined
  let session: OpenSession = {}
  let inFlight = 0
  let activity = 0
  const drained = Latch.makeUnsafe()

  const notify = (event: ConnectionEvent): void => {
    for (const listener of listeners) listener(event)
  }

  const redis = new Redis(driverOptions(options))

  redis.on("connect", () => {
    session = {}
    reported = undefined
    const { stream } = redis
    // The driver's own `connectTimeout` ends with the TCP handshake, which a frozen server still makes.
    stream.setTimeout(connectTimeout, () => {
      if (status === "Ready") return
      reported = DriverError.loginTimedOut()
      stream.destroy()
    })
    stream.on("data", (bytes: Uint8Array) => {
      activity++
      if (status !== "Ready") session.lastWords ??= DriverError.lastWords(bytes)
    })
  })
  redis.on("error", (error) => {
    // Silence during the login is no stall: the connection was never ready.
    const silent = status !== "Ready" && DriverError.reasonOf(error) === "Stalled"
    reported = session.lastWords ?? (silent ? DriverError.loginTimedOut() : error)
    if (isFailedSelect(error)) session.unusable = true
  })
  redis.on("ready", () => {
    if (session.unusable) return redis.disconnect(true)
    const introduced = session
    introduce(redis).then((identity) => {
      if (session !== introduced || status === "Closed" || redis.status !== "ready") return
      session.identity = identity
      redis.stream.setTimeout(0)
      status = "Ready"
      reported = undefined
      lastError = undefined
      notify({ _tag: "Ready" })
    })
  })
  redis.on("close", () => {
    if (status === "Closed") return
    const lost = status === "Ready"
    reported = session.lastWords ?? reported
    session.lastWords = undefined
    const reason = session.unusable ? "Auth" : (DriverError.reasonOf(reported) ?? "Reset")
    const error = RedisError.connectionError("CONNECT", reason, "never", DriverError.redact(reported))
    status = lost || status === "Reconnecting" ? "Reconnecting" : "Connecting"
    lastError = error
    notify({ _tag: lost ? "Lost" : "Failed", error })
  })

  // What is sent in one tick goes out as one string, in one system call: without it, half as many sets a second. Many go out before the tick
  // ends, so that Redis begins.
  let outgoing = ""
  let held = 0
  let scheduled = false
  const write = (command: Command): void => {
    redis.sendCommand(command, tick)
    held += command.args.length
    if (held >= heldAtOnce) flush()
    else if (!scheduled) {
      scheduled = true
      process.nextTick(flush)
    }
  }
  const flush = (): void => {
    scheduled = false
    held = 0
    const text = outgoing
    outgoing = ""
    if (text !== "") redis.stream.write(text)
  }
  // What the driver writes a pipeline to.
  const tick = {
    isPipeline: true as const,
    destination: { redis },
    write: (data: string | Buffer): void => {
      if (typeof data === "string") {
        outgoing += data
        return
      }
      flush()
      redis.stream.write(data)
    }
  }

  const refuses = (): RedisError.ConnectionFailure | undefined => {
    if (status === "Closed") return "Closed"
    if (status !== "Ready") return lastError?.reason ?? "NotReady"
    return inFlight >= maxInFlight ? "Saturated" : undefined
  }

  const send: RedisConnection["send"] = (command, done) => {
    const refusal = refuses()
    if (refusal !== undefined) {
      return done(Result.fail(RedisError.connectionError(command.name, refusal, "never", lastError?.cause)))
    }
    const sentIn = session
    inFlight++
    const settled = (result: Result.Result<Reply, RedisError.RedisCommandError>) => {
      inFlight--
      done(result)
      if (inFlight === 0 && status === "Closed") drained.openUnsafe()
    }
    const driverCommand = toDriver(command)
    write(driverCommand)
    driverCommand.promise.then(
      (reply: DriverReply) => settled(Result.succeed(fromDriver(reply, command.reply))),
      (error: unknown) => settled(Result.fail(classify(command.name, error, sentIn)))
    )
  }

  // Commands that one loss cut share its cause, so that the breaker can tell one event from many.
  const classify = (command: string, error: unknown, sentIn: OpenSession): RedisError.RedisCommandError => {
    const failure = DriverError.classify(error, {
      command,
      connectionError: reported,
      showScriptErrors: options.showScriptErrors
    })
    if (failure._tag !== "RedisConnectionError" || failure.sent === "never") return failure
    sentIn.loss ??= { reason: DriverError.reasonOf(reported) ?? failure.reason, cause: failure.cause }
    return RedisError.connectionError(command, sentIn.loss.reason, "unknown", sentIn.loss.cause)
  }

  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      status = "Closed"
      notify({ _tag: "Closed" })
      listeners.clear()
      if (inFlight > 0) yield* Effect.timeoutOption(drained.await, closeTimeout)
      yield* end(redis)
    })
  )
  // `connect` only ever says "closed"; the reason comes as an error event.
  redis.connect().catch(() => {})

  return {
    send,
    status: () => status,
    session: () => (status === "Ready" ? session.identity : undefined),
    inFlight: () => inFlight,
    activity: () => activity,
    lastError: () => lastError,
    // A graceful `disconnect(true)` waits for a server that may be frozen.
    reconnect: (reason) => {
      if (reason === "Stalled") reported = DriverError.stalled()
      redis.stream?.destroy()
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
})

/**
 * Provides the connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisConnection> => Layer.effect(RedisConnection, make(options))

// What is true of one connection, from its making to its loss.
interface OpenSession {
  identity?: Session
  unusable?: boolean
  // What the server said before it closed the connection.
  lastWords?: Error | undefined
  loss?: { readonly reason: RedisError.ConnectionFailure; readonly cause: unknown }
}

// ioredis retries, queues and sends again by default, so that 100 INCR with their replies lost made a counter of 200. All of that is off.
const driverOptions = (options: Options) => {
  return {
    host: options.host ?? "localhost",
    port: options.port ?? 6379,
    db: options.db ?? 0,
    ...(options.username !== undefined && { username: options.username }),
    ...(options.password !== undefined && { password: Redacted.value(options.password) }),
    ...(options.tls !== undefined && options.tls !== false && { tls: options.tls === true ? {} : options.tls }),
    connectionName: "effect-ioredis",
    disableClientInfo: true,
    // RESP3 is refused badly by some proxies.
    protocol: 2,
    // The driver's own numbers are wrong from 2^53 - 48 on (it adds the digit's ASCII code before it subtracts 48).
    stringNumbers: true,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: true,
    maxLoadingRetryTime: 500,
    connectTimeout: timerMillis(options.connectTimeout ?? "2 seconds"),
    // Twice the caller's deadline, so that two timers never race; it also bounds the handshake.
    socketTimeout: timerMillis(Duration.times(Duration.fromInputUnsafe(options.commandTimeout ?? "2 seconds"), 2)),
    disconnectTimeout: 1,
    keepAlive: Duration.toMillis(options.keepAlive ?? "60 seconds"),
    retryStrategy: (attempt) => ReconnectDelay.millis(attempt, Math.random())
  } satisfies RedisOptions
}

// Arguments, not commands: four MGETs of 64 keys, or 64 SETs.
const heldAtOnce = 256

// Node takes a longer timer for one of a millisecond.
const timerMillis = (duration: Duration.Input): number => Math.min(Duration.toMillis(duration), 2 ** 31 - 1)

// Who this connection is and whom it talks to. A user who may not ask goes without.
const introduce = (redis: Redis): Promise<Session> =>
  Promise.allSettled([redis.call("CLIENT", "ID"), redis.call("INFO", "server")]).then(([id, info]) => ({
    id: id.status === "fulfilled" ? Number(id.value) : undefined,
    runId: info.status === "fulfilled" ? /^run_id:(\w+)/m.exec(String(info.value))?.[1] : undefined
  }))

const toDriver = ({ args, name }: RedisCommand) => {
  // The driver writes numbers as text itself, and copies the list.
  const given = args.some((argument) => typeof argument !== "string" && typeof argument !== "number")
    ? args.map(toDriverArgument)
    : args
  return new Command(name, given as Array<string | Buffer | number>, driverReply)
}

const driverReply = { replyEncoding: null }

// With `stringNumbers` and no encoding, an integer comes as a string and everything else as bytes.
type DriverReply = null | string | Buffer | Error | ReadonlyArray<DriverReply>

const fromDriver = (reply: DriverReply, as: RedisCommand["reply"]): Reply => {
  if (reply instanceof Uint8Array) return as === "text" ? reply.toString() : reply
  if (typeof reply === "string") return Number.isSafeInteger(Number(reply)) ? Number(reply) : BigInt(reply)
  // An error reply that a script put into an array.
  if (reply instanceof Error) return reply.message
  return reply === null ? null : reply.map((item) => fromDriver(item, as))
}

const toDriverArgument = (argument: Argument): string | Buffer =>
  argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : String(argument)

const isFailedSelect = (error: unknown): boolean => {
  const command: unknown = error instanceof Error ? Reflect.get(error, "command") : undefined
  return typeof command === "object" && command !== null && Reflect.get(command, "name") === "select"
}

// `quit` hangs on a frozen server, and a client that is told to disconnect while reconnecting never ends: it must be connecting first.
const end = (redis: Redis): Effect.Effect<void> =>
  Effect.callback((resume) => {
    redis.removeAllListeners()
    redis.on("error", () => {})
    if (redis.status === "end") return resume(Effect.void)
    // The driver's own timer (`disconnectTimeout`) outlives a stream that was closed already: it is let run out.
    redis.once("end", () => setTimeout(() => resume(Effect.void), 2))
    redis.disconnect()
    if (redis.status === "reconnecting" || redis.status === "close") {
      redis.connect().catch(() => {})
      redis.disconnect()
    }
    redis.stream?.destroy()
  })
