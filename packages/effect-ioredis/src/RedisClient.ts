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
import * as Attempts from "./internal/Attempts.ts"
import * as Deadlines from "./internal/Deadlines.ts"
import * as Joins from "./internal/Joins.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Pipeline from "./internal/Pipeline.ts"
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

/**
 * What came of a pipeline: a result for each command, in their order.
 *
 * @category models
 * @since 0.1.0
 */
export type PipelineResults = ReadonlyArray<Result.Result<RedisCommand.Reply, RedisError.RedisOperationError>>

/**
 * Is told once what came of a call.
 *
 * @category models
 * @since 0.1.0
 */
export type Done<A> = (result: Result.Result<A, RedisError.RedisCommandError>) => void

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
 * `getUnsafe`, `sendUnsafe` and `pipelineUnsafe` are for caches, which cannot afford a fiber's bookkeeping for each call: they tell `done` once what came
 * of it, and give back what to call when nobody waits any more. The gets of one tick are sent together as MGET, so that a key of another
 * type is nil to them, and values are bytes; `bytes` is about how long the value will be, and keeps long ones from holding up many others. Their
 * commands are not checked for what a shared connection refuses.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisClient {
  readonly send: (command: RedisCommand.RedisCommand, options?: CallOptions) => Call<RedisCommand.Reply>
  readonly pipeline: (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options?: CallOptions
  ) => Call<PipelineResults>
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
  readonly getUnsafe: (
    key: string,
    read: { readonly bytes: number; readonly operationTimeout?: number | undefined },
    done: Done<RedisCommand.Reply>
  ) => () => void
  readonly sendUnsafe: (
    command: RedisCommand.RedisCommand,
    options: CallOptions,
    done: Done<RedisCommand.Reply>
  ) => () => void
  readonly pipelineUnsafe: (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options: CallOptions,
    done: Done<PipelineResults>
  ) => () => void
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
  const commandTimeout = Duration.toMillis(options.commandTimeout ?? "2 seconds")
  const operationTimeout = Duration.toMillis(options.operationTimeout ?? "5 seconds")
  const breaker = yield* CircuitBreaker.make({
    name: "redis",
    ...(options.circuitBreaker === false ? { failureThreshold: Number.POSITIVE_INFINITY } : options.circuitBreaker)
  })
  const attempts = Attempts.make({ breaker, clock, commandTimeout, context, deadlines, policy })

  const timeoutOf = ({ operationTimeout: given = operationTimeout }: CallOptions): number =>
    typeof given === "number" ? given : Duration.toMillis(given)

  // The retries of a call run in the context `of` whoever waits for it.
  const start = (
    command: RedisCommand.RedisCommand,
    options: CallOptions,
    of: Context.Context<never>,
    done: Done<RedisCommand.Reply>
  ): (() => void) => {
    const carrier = options.on ?? RedisConnection.memberFor(connection, command)
    const dispatch: Attempts.Dispatch<RedisCommand.Reply> = (done) =>
      Pipeline.dispatchOne(carrier, command, 0, options, done)
    const { kind, name } = command
    return attempts.start(
      new Attempts.Operation(name, kind, carrier, dispatch, timeoutOf(options), options.retry !== false, of),
      done
    )
  }

  const startAll = (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options: CallOptions,
    of: Context.Context<never>,
    done: Done<PipelineResults>
  ): (() => void) => {
    const [first] = commands
    const name = commands.length === 1 && first !== undefined ? first.name : "PIPELINE"
    const kind = Pipeline.riskiest(commands)
    const carrier = options.on ?? RedisConnection.memberFor(connection, first)
    const dispatch = Pipeline.dispatchAll(connection, commands, options)
    return attempts.start(
      new Attempts.Operation(name, kind, carrier, dispatch, timeoutOf(options), options.retry !== false, of),
      done
    )
  }

  const joins = Joins.make(
    (key) => RedisConnection.memberOfKey(connection, key),
    (command, options, done) => start(command, options, context, done)
  )

  const send: RedisClient["send"] = (command, options = {}) => {
    const refused = RedisCommand.refusal(command)
    if (refused !== undefined) return Effect.fail(refused)
    return traced(command.name, (of, done) => {
      joins.flush()
      return start(command, options, of, done)
    })
  }

  const pipeline: RedisClient["pipeline"] = (commands, options = {}) => {
    const refused = commands.map(RedisCommand.refusal).find((refusal) => refusal !== undefined)
    if (refused !== undefined) return Effect.fail(refused)
    if (commands.length === 0) return Effect.succeed([])
    return traced(commands.length === 1 ? (commands[0]?.name ?? "") : "PIPELINE", (of, done) => {
      joins.flush()
      return startAll(commands, options, of, done)
    })
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
  yield* Metrics.showCommandsInFlight(connection.inFlight)

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
    getUnsafe: (key, read, done) =>
      joins.get(key, { bytes: read.bytes, operationTimeout: read.operationTimeout ?? operationTimeout }, done),
    sendUnsafe: (command, options, done) => {
      joins.flush()
      return start(command, options, context, done)
    },
    pipelineUnsafe: (commands, options, done) => {
      joins.flush()
      return startAll(commands, options, context, done)
    },
    reconnect: Effect.sync(connection.reconnect),
    stats: Effect.map(breaker.state, (state) => ({
      connection: connection.status(),
      inFlight: connection.inFlight(),
      breaker: state,
      lastFailure: attempts.lastFailure()
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

// A span costs more than the rest of a call, so it is made only where a tracer is installed.
const traced = <A>(name: string, start: (of: Context.Context<never>, done: Done<A>) => () => void): Call<A> =>
  Effect.withFiber((fiber) => {
    const call = Effect.callback<A, RedisError.RedisCommandError>((resume) => {
      const cancel = start(fiber.context, (result) =>
        resume(Result.isSuccess(result) ? Exit.succeed(result.success) : Exit.fail(result.failure))
      )
      return Effect.sync(cancel)
    })
    return fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? call
      : Effect.withSpan(call, name, {
          kind: "client",
          attributes: { "db.system.name": "redis", "db.operation.name": name }
        })
  })
