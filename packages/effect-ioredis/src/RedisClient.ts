/**
 * Redis for Effect programs: every command is asked for at the circuit breaker, sent once, bounded by a deadline, and sent again only where
 * that is safe.
 *
 * **Details**
 *
 * `retry(breaker(deadline(connection.send)))`. An attempt may take `commandTimeout` (default 2 seconds), a call with its retries and sleeps
 * `operationTimeout` (default 5 seconds). A command that runs into its deadline while not one byte has come since it was sent has met a
 * stalled connection: the circuit opens at once and the connection is replaced.
 *
 * The layer never fails to build because Redis is down: it waits up to `connectTimeout` (default 2 seconds) for the connection, then starts
 * degraded while the connection goes on trying. With `requireReady: true` that is a `RedisConnectionError` instead.
 *
 * **Gotchas**
 *
 * Interrupting a call stops the waiting, not the command. The connection is shared: blocking commands, MULTI and SELECT are refused.
 *
 * **Example** (Counting visits)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Redis, RedisClient } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const redis = yield* RedisClient.RedisClient
 *   return yield* redis.incr("visits")
 * }).pipe(Effect.provide(Redis.layerConfig))
 * ```
 *
 * @since 0.1.0
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Result, type Scope, Stream, Tracer } from "effect"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import * as Deadlines from "./internal/Deadlines.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Monotonic from "./internal/Monotonic.ts"
import * as Replies from "./internal/Replies.ts"
import * as RedisCommand from "./RedisCommand.ts"
import * as RedisConnection from "./RedisConnection.ts"
import * as RedisError from "./RedisError.ts"
import type { RedisScript } from "./RedisScript.ts"
import * as RetryPolicy from "./RetryPolicy.ts"

/**
 * What a call may say for itself.
 *
 * **Details**
 *
 * `operationTimeout` bounds this call. `isCurrent` is asked before each attempt, of each command of a pipeline by its index: one that says no
 * would overwrite something newer; it is not sent and fails with a `RedisOperationError` of code `"SUPERSEDED"`. `retry: false` makes one attempt only. `on` names the member of a pool to send on.
 *
 * `onAttempt` is told of each command that is about to be sent (by its index in a pipeline) and of the session it is sent in, and gives back
 * what is to be told of its end: the result, or `undefined` when the caller gave up waiting. A result may still come after that.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions {
  readonly operationTimeout?: Duration.Input | undefined
  readonly isCurrent?: ((index: number) => boolean) | undefined
  readonly retry?: boolean | undefined
  readonly on?: RedisConnection.RedisConnection | undefined
  readonly onAttempt?:
    | ((index: number, session: RedisConnection.Session | undefined) => (result: AttemptResult | undefined) => void)
    | undefined
}

/**
 * What came of one attempt of one command.
 *
 * @category models
 * @since 0.1.0
 */
export type AttemptResult = Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>

/**
 * What a client has to say about itself. `lastFailure` is the last error that counted as an outage of Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly connection: RedisConnection.Status
  readonly inFlight: number
  readonly breaker: CircuitBreaker.State
  readonly lastFailure: RedisError.RedisCommandError | undefined
}

type Call<A> = Effect.Effect<A, RedisError.RedisCommandError>

/**
 * Commands to one Redis.
 *
 * **Details**
 *
 * `send` sends any command; the common ones have typed methods. Values are text: for bytes, `send` a command made with `reply: "bytes"`.
 * `ttl` is `None` for a key that does not exist and infinite for one that does not expire. `incr` is exact up to 2^53; `send` gives a bigint
 * beyond. `set` is `false` only where `condition` was not
 * met. `pipeline` sends commands back to back and gives one result each; to the breaker, the deadline and the retries they are one.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisClient {
  readonly send: (command: RedisCommand.RedisCommand, options?: CallOptions) => Call<RedisCommand.Reply>
  readonly pipeline: (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options?: CallOptions
  ) => Call<ReadonlyArray<Result.Result<RedisCommand.Reply, RedisError.RedisOperationError>>>
  readonly get: (key: string) => Call<Option.Option<string>>
  readonly set: (
    key: string,
    value: RedisCommand.Argument,
    options?: {
      readonly timeToLive?: Duration.Input | undefined
      readonly condition?: "ifAbsent" | "ifPresent" | undefined
    }
  ) => Call<boolean>
  readonly mget: (keys: ReadonlyArray<string>) => Call<ReadonlyArray<Option.Option<string>>>
  readonly del: (...keys: ReadonlyArray<string>) => Call<number>
  readonly exists: (...keys: ReadonlyArray<string>) => Call<number>
  readonly ttl: (key: string) => Call<Option.Option<Duration.Duration>>
  readonly expire: (key: string, timeToLive: Duration.Input) => Call<boolean>
  readonly incr: (key: string, by?: number) => Call<number>
  readonly ping: Call<void>
  readonly info: (section?: string) => Call<Readonly<Record<string, string>>>
  readonly scan: (options?: {
    readonly match?: string | undefined
    readonly count?: number | undefined
  }) => Stream.Stream<string, RedisError.RedisCommandError>
  readonly eval: (
    script: RedisScript,
    keys: ReadonlyArray<string>,
    args?: ReadonlyArray<RedisCommand.Argument>,
    options?: CallOptions
  ) => Call<RedisCommand.Reply>
  readonly reconnect: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
  readonly breaker: CircuitBreaker.CircuitBreaker
  readonly connection: RedisConnection.RedisConnection
}

/**
 * Service tag for the client.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisClient: Context.Service<RedisClient, RedisClient> =
  Context.Service<RedisClient>("effect-ioredis/RedisClient")

/**
 * How a client behaves. The defaults stand at the top of this module and of `RetryPolicy` and `CircuitBreaker`.
 *
 * **Details**
 *
 * `circuitBreaker: false` never refuses a call. `probeOnReady` (default true) makes an open circuit due as soon as a connection is ready.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly retry?: RetryPolicy.RetryPolicy | undefined
  readonly circuitBreaker?: CircuitBreaker.Options | false | undefined
  readonly probeOnReady?: boolean | undefined
  readonly commandTimeout?: Duration.Input | undefined
  readonly operationTimeout?: Duration.Input | undefined
  readonly connectTimeout?: Duration.Input | undefined
  readonly requireReady?: boolean | undefined
}

/**
 * Makes a client on the `RedisConnection` of the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<RedisClient, RedisError.RedisConnectionError, Scope.Scope | RedisConnection.RedisConnection> {
  const connection = yield* RedisConnection.RedisConnection
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const deadlines = yield* Deadlines.make
  const policy = options.retry ?? RetryPolicy.make()
  const budget = RetryPolicy.makeBudget(policy.budget)
  const commandTimeout = Duration.toMillis(options.commandTimeout ?? "2 seconds")
  const operationTimeout = Duration.toMillis(options.operationTimeout ?? "5 seconds")
  const breaker = yield* CircuitBreaker.make({
    name: "redis",
    ...(options.circuitBreaker === false ? { failureThreshold: Number.POSITIVE_INFINITY } : options.circuitBreaker)
  })
  const suspects = new Set<RedisConnection.RedisConnection>()
  let replacedAt = Number.NEGATIVE_INFINITY
  let lastFailure: RedisError.RedisCommandError | undefined

  const now = () => Monotonic.millis(clock)

  // One attempt: admission, one sending, one deadline, one record.
  const attempt = <A>({ connection, dispatch, name }: Operation<A>, timeout: number): Call<A> =>
    Effect.callback<A, RedisError.RedisCommandError>((resume) => {
      const permit = breaker.acquireUnsafe()
      if (permit === undefined) return resume(Effect.fail(breaker.rejection(name)))
      const sentAt = now()
      const activity = connection.activity()
      let settled = false
      const settle = (
        exit: Exit.Exit<A, RedisError.RedisCommandError>,
        outcome: CircuitBreaker.Outcome,
        event?: unknown
      ) => {
        settled = true
        deadline.cancel()
        breaker.recordUnsafe(permit, outcome, event)
        Metrics.operationDuration(name, outcome).updateUnsafe((now() - sentAt) / 1000, context)
        Metrics.commandsInFlight.updateUnsafe(connection.inFlight(), context)
        resume(exit)
      }
      const fail = (error: RedisError.RedisCommandError, outcome: CircuitBreaker.Outcome) => {
        Metrics.errors(error._tag, codeOf(error)).updateUnsafe(1, context)
        if (outcome === "failure" || outcome === "fatal") lastFailure = error
        settle(Exit.fail(error), outcome, eventOf(error))
      }
      const deadline = deadlines.add(timeout, () => {
        giveUp()
        const stalled = connection.activity() === activity
        fail(RedisError.RedisTimeoutError.after(name, timeout), stalled ? "fatal" : "failure")
        if (stalled) replaceStalled(connection)
        else suspect(connection, timeout)
      })
      const giveUp = dispatch((result) => {
        if (settled) return
        if (Result.isSuccess(result)) return settle(Exit.succeed(result.success), "success")
        fail(result.failure, RedisError.outcome(result.failure))
        if (RedisError.needsReconnect(result.failure)) replace(connection)
      })
      return Effect.sync(() => {
        if (settled) return
        settled = true
        giveUp()
        deadline.cancel()
        breaker.recordUnsafe(permit, "ignored")
      })
    })

  const replaceStalled = (connection: RedisConnection.RedisConnection) => {
    Metrics.connectionEvents("stalled").updateUnsafe(1, context)
    connection.reconnect()
  }

  // The last bytes came after the command was sent, but may have been the last for good: nothing else might find that out, once the circuit
  // is open and nothing is sent.
  const suspect = (connection: RedisConnection.RedisConnection, timeout: number) => {
    if (suspects.has(connection)) return
    suspects.add(connection)
    const activity = connection.activity()
    deadlines.add(timeout, () => {
      suspects.delete(connection)
      if (connection.activity() !== activity || connection.inFlight() === 0) return
      Effect.runSyncWith(context)(breaker.trip)
      replaceStalled(connection)
    })
  }

  // At most once a second: a replica that stays one would otherwise cost every write a connection.
  const replace = (stale: RedisConnection.RedisConnection) => {
    if (stale.status() !== "Ready" || now() - replacedAt < 1000) return
    replacedAt = now()
    stale.reconnect()
  }

  const run = <A>(operation: Operation<A>, options: CallOptions = {}): Call<A> =>
    Effect.suspend(() => {
      budget.earn()
      const total =
        options.operationTimeout === undefined ? operationTimeout : Duration.toMillis(options.operationTimeout)
      const until = now() + total
      return Effect.catch(attempt(operation, Math.min(commandTimeout, total)), (error) =>
        options.retry !== false && mayRetry(error, operation.kind)
          ? retry(operation, error, { total, until })
          : Effect.fail(error)
      )
    })

  const mayRetry = (error: RedisError.RedisCommandError, kind: RedisCommand.CommandKind) =>
    RedisError.isRetryable(error, kind) && breaker.isClosedUnsafe()

  const retry = Effect.fnUntraced(function* <A>(
    operation: Operation<A>,
    first: RedisError.RedisCommandError,
    call: { readonly total: number; readonly until: number }
  ): Effect.fn.Return<A, RedisError.RedisCommandError> {
    const { kind, name } = operation
    const nextDelay = yield* RetryPolicy.start(policy, kind)
    let error = first
    while (mayRetry(error, kind)) {
      const delay = yield* nextDelay(error)
      if (delay === undefined || !budget.spend()) return yield* error
      const left = call.until - now()
      yield* Effect.sleep(Math.max(0, Math.min(delay, left)))
      if (delay >= left) return yield* RedisError.RedisTimeoutError.after(name, call.total, error)
      Metrics.retries(name).updateUnsafe(1, context)
      const result = yield* Effect.result(attempt(operation, Math.min(commandTimeout, call.until - now())))
      if (Result.isSuccess(result)) return result.success
      error = result.failure
    }
    return yield* error
  })

  const send: RedisClient["send"] = (command, options = {}) => {
    const refused = RedisCommand.refusal(command)
    if (refused !== undefined) return Effect.fail(refused)
    const { kind, name } = command
    const carrier = options.on ?? RedisConnection.memberFor(connection, command)
    const dispatch: Dispatch<RedisCommand.Reply> = (done) => dispatchOne(carrier, command, 0, options, done)
    return traced(name, run({ name, kind, connection: carrier, dispatch }, options))
  }

  const pipeline: RedisClient["pipeline"] = (commands, options = {}) => {
    const refused = commands.map(RedisCommand.refusal).find((refusal) => refusal !== undefined)
    if (refused !== undefined) return Effect.fail(refused)
    if (commands.length === 0) return Effect.succeed([])
    const carrier = options.on ?? RedisConnection.memberFor(connection, commands[0])
    const dispatch = dispatchAll(connection, commands, options)
    const name = commands.length === 1 ? (commands[0]?.name ?? "") : "PIPELINE"
    return traced(name, run({ name, kind: riskiest(commands), connection: carrier, dispatch }, options))
  }

  const readAs =
    <A>(decode: (reply: RedisCommand.Reply) => A) =>
    (name: string, ...args: ReadonlyArray<RedisCommand.Argument>): Call<A> =>
      Effect.map(send(RedisCommand.make(name, args)), decode)

  const stopListening = connection.listen((event) => {
    Metrics.connectionEvents(event._tag.toLowerCase()).updateUnsafe(1, context)
    Metrics.connectionState.updateUnsafe(event._tag === "Ready" ? 1 : 0, context)
    Metrics.connections.updateUnsafe(event._tag === "Ready" ? 1 : 0, context)
    if (event._tag === "Ready" && options.probeOnReady !== false) Effect.runSyncWith(context)(breaker.makeDue)
  })
  yield* Effect.addFinalizer(() => Effect.sync(stopListening))

  const client: RedisClient = {
    send,
    pipeline,
    get: (key) => readAs(Replies.optionalText)("GET", key),
    set: (key, value, { condition, timeToLive } = {}) =>
      readAs((reply) => reply === "OK")(
        "SET",
        key,
        value,
        ...(timeToLive === undefined ? [] : ["PX", Math.ceil(Duration.toMillis(timeToLive))]),
        ...(condition === undefined ? [] : [condition === "ifAbsent" ? "NX" : "XX"])
      ),
    mget: (keys) => (keys.length === 0 ? Effect.succeed([]) : readAs(Replies.optionalTexts)("MGET", ...keys)),
    del: (...keys) => (keys.length === 0 ? Effect.succeed(0) : readAs(Replies.integer)("DEL", ...keys)),
    exists: (...keys) => (keys.length === 0 ? Effect.succeed(0) : readAs(Replies.integer)("EXISTS", ...keys)),
    ttl: (key) => readAs(Replies.timeToLive)("PTTL", key),
    expire: (key, timeToLive) =>
      readAs((reply) => reply === 1)("PEXPIRE", key, Math.ceil(Duration.toMillis(timeToLive))),
    incr: (key, by = 1) => readAs(Replies.integer)("INCRBY", key, by),
    ping: readAs(() => undefined)("PING"),
    info: (section) => readAs(Replies.info)("INFO", ...(section === undefined ? [] : [section])),
    scan: ({ count = 100, match } = {}) =>
      Stream.paginate("0", (cursor) =>
        Effect.map(
          readAs(Replies.scanPage)("SCAN", cursor, "COUNT", count, ...(match === undefined ? [] : ["MATCH", match])),
          ({ keys, next }) => [keys, next === "0" ? Option.none<string>() : Option.some(next)]
        )
      ),
    eval: (script, keys, args = [], callOptions) => {
      const call = (name: string, source: string) =>
        send(RedisCommand.make(name, [source, keys.length, ...keys, ...args], { kind: script.kind }), callOptions)
      return Effect.catchIf(
        call("EVALSHA", script.sha),
        (error) => error._tag === "RedisOperationError" && error.code === "NOSCRIPT",
        () => call("EVAL", script.lua)
      )
    },
    reconnect: Effect.sync(connection.reconnect),
    stats: Effect.map(breaker.state, (state) => ({
      connection: connection.status(),
      inFlight: connection.inFlight(),
      breaker: state,
      lastFailure
    })),
    breaker,
    connection
  }

  const connectTimeout = options.connectTimeout ?? "2 seconds"
  const ready = yield* Effect.timeoutOption(RedisConnection.awaitReady(connection), connectTimeout)
  if (Option.isSome(ready)) return client
  const failure = connection.lastError() ?? RedisError.connectionError("CONNECT", "Timeout", "never")
  if (options.requireReady === true) return yield* failure
  yield* Effect.logWarning("Redis is not ready: starting without it and going on trying").pipe(
    Effect.annotateLogs({ reason: failure.reason, error: failure.message })
  )
  return client
})

/**
 * Provides the client on a `RedisConnection`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  (
    options: Options & { readonly requireReady: true }
  ): Layer.Layer<RedisClient, RedisError.RedisConnectionError, RedisConnection.RedisConnection>
  (
    options?: Options & { readonly requireReady?: false | undefined }
  ): Layer.Layer<RedisClient, never, RedisConnection.RedisConnection>
} = (options?: Options) =>
  // Without `requireReady` it cannot fail, which the overloads say and the implementation cannot.
  Layer.effect(RedisClient, make(options)) as Layer.Layer<RedisClient, never, RedisConnection.RedisConnection>

// What is to be done, and the connection whose silence would be a stall.
interface Operation<A> {
  readonly name: string
  readonly kind: RedisCommand.CommandKind
  readonly connection: RedisConnection.RedisConnection
  readonly dispatch: Dispatch<A>
}

// Sends what is to be sent, tells what came of it, and gives back what to call when nobody waits for that any more.
type Dispatch<A> = (done: (result: Result.Result<A, RedisError.RedisCommandError>) => void) => () => void

const dispatchOne = (
  carrier: RedisConnection.RedisConnection,
  command: RedisCommand.RedisCommand,
  index: number,
  { isCurrent, onAttempt }: CallOptions,
  done: (result: AttemptResult) => void
): (() => void) => {
  if (isCurrent?.(index) === false) {
    done(Result.fail(superseded(command.name)))
    return ignore
  }
  const settle = onAttempt?.(index, carrier.session())
  let replied = false
  carrier.send(command, (result) => {
    replied = true
    settle?.(result)
    done(result)
  })
  return () => {
    if (!replied) settle?.(undefined)
  }
}

const ignore = () => {}

const dispatchAll =
  (
    connection: RedisConnection.RedisConnection,
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options: CallOptions
  ): Dispatch<ReadonlyArray<Result.Result<RedisCommand.Reply, RedisError.RedisOperationError>>> =>
  (done) => {
    const results: Array<Result.Result<RedisCommand.Reply, RedisError.RedisOperationError>> = []
    const losses: Array<RedisError.RedisCommandError> = []
    let outstanding = commands.length
    const settle = (index: number, result: AttemptResult): void => {
      if (Result.isSuccess(result)) results[index] = Result.succeed(result.success)
      else if (result.failure._tag === "RedisOperationError") results[index] = Result.fail(result.failure)
      else losses.push(result.failure)
      outstanding--
      if (outstanding > 0) return
      const failure = lossOf(losses, commands) ?? failureOf(results)
      done(failure === undefined ? Result.succeed(results) : Result.fail(failure))
    }
    const giveUps = commands.map((command, index) => {
      const carrier = options.on ?? RedisConnection.memberFor(connection, command)
      return dispatchOne(carrier, command, index, options, (result) => settle(index, result))
    })
    return () => {
      for (const giveUp of giveUps) giveUp()
    }
  }

// A batch was never sent only if none of it was.
const lossOf = (
  losses: ReadonlyArray<RedisError.RedisCommandError>,
  commands: ReadonlyArray<RedisCommand.RedisCommand>
): RedisError.RedisCommandError | undefined => {
  const [first] = losses
  const unknown = losses.find((loss) => loss._tag !== "RedisConnectionError" || loss.sent === "unknown")
  if (unknown !== undefined || losses.length === commands.length) return unknown ?? first
  return first?._tag === "RedisConnectionError"
    ? RedisError.connectionError(first.command, first.reason, "unknown", first.cause)
    : first
}

// A batch fails as a whole where one reply says that Redis cannot serve, or all that it may do so later.
const failureOf = (
  results: ReadonlyArray<Result.Result<RedisCommand.Reply, RedisError.RedisOperationError>>
): RedisError.RedisOperationError | undefined => {
  const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
  const mayPass = failures.length === results.length && failures.every((error) => RedisError.isRetryable(error, "read"))
  return failures.find((error) => mayPass || RedisError.outcome(error) === "failure")
}

const superseded = (command: string): RedisError.RedisOperationError =>
  new RedisError.RedisOperationError({
    command,
    code: "SUPERSEDED",
    message: `${command} was not sent: something newer has taken its place`
  })

const riskiest = (commands: ReadonlyArray<RedisCommand.RedisCommand>): RedisCommand.CommandKind =>
  (["effectful", "write"] as const).find((kind) => commands.some((command) => command.kind === kind)) ?? "read"

// Calls that one loss cut share its cause.
const eventOf = (error: RedisError.RedisCommandError): unknown =>
  error._tag === "RedisConnectionError" && error.sent === "unknown" ? error.cause : undefined

const codeOf = (error: RedisError.RedisCommandError): string => {
  if (error._tag === "RedisOperationError") return error.code
  return error._tag === "RedisConnectionError" ? error.reason : ""
}

// A span costs more than the rest of a call, so it is made only where a tracer is installed.
const traced = <A>(name: string, call: Call<A>): Call<A> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? call
      : Effect.withSpan(call, name, {
          kind: "client",
          attributes: { "db.system.name": "redis", "db.operation.name": name }
        })
  )
