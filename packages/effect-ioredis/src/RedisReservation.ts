/**
 * Connections that nobody else uses, for commands that wait on the server, for WATCH and for
 * transactions.
 *
 * **Example** (A number that nobody else changes meanwhile)
 *
 * ```ts
 * import { Effect, Layer, Option } from "effect"
 * import { RedisClient, RedisCommand, RedisReservation } from "effect-ioredis"
 * import { Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const double = Effect.gen(function* () {
 *   const reserved = yield* RedisReservation.reserve({ key: "n" })
 *   yield* reserved.run(RedisCommand.make("WATCH", ["n"]))
 *   const before = yield* reserved.run(Strings.get("n"))
 *   const doubled = Number(Option.getOrElse(before, () => "1")) * 2
 *   return yield* reserved.transaction([Strings.set("n", doubled)])
 * }).pipe(Effect.scoped)
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.set("n", 21)
 *   Option.isSome(yield* double) // => true
 *   yield* redis.get("n") // => Option.some("42")
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { type Clock, Duration, Effect, type Option, type Result, type Scope } from "effect"
import * as Dispatch from "./dispatch.ts"
import { batchName } from "./internal/batchName.ts"
import type { RecordOperation } from "./internal/Dispatcher.ts"
import { errorTypeOf } from "./internal/errorType.ts"
import { type Insides, once } from "./internal/Insides.ts"
import { keyFrom } from "./internal/keyText.ts"
import * as Monotonic from "./internal/Monotonic.ts"
import * as Reservations from "./internal/Reservations.ts"
import * as Transaction from "./internal/Transaction.ts"
import { RedisClient } from "./RedisClient.ts"
import type * as RedisCommand from "./RedisCommand.ts"
import type * as RedisError from "./RedisError.ts"

/**
 * Commands on a connection of one's own.
 *
 * **Details**
 *
 * Nothing is sent twice, and the connection is never made again: once it is lost, every command
 * fails with a `RedisConnectionError`. It is lost where a command has no reply in the client's
 * `commandTimeout` and the time that it may wait on the server, and where one is interrupted that
 * has no reply. Commands and transactions are sent one after another, whoever runs them.
 *
 * The circuit of the server lets a reservation through or refuses it. On a connection that is
 * reserved nothing is refused, so that what was begun can be ended. A lost connection and a reply
 * that does not come count as failures of that circuit; a command that waits on the server for as
 * long as it said does not.
 *
 * **Gotchas**
 *
 * A command that waits for ever (BLPOP with a time of 0) is refused with the code `"ARGUMENT"`, for
 * nobody could tell it from a server that hangs: give it a time, and run it again. Commands that
 * subscribe are refused with `"UNSUPPORTED"`: `RedisPubSub` does that.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisReservation {
  /** Runs any command but one that subscribes. */
  readonly run: <A>(command: RedisCommand.RedisCommand<A>) => Effect.Effect<A, RedisError.RedisCommandError>
  /**
   * Runs commands in one transaction (MULTI and EXEC) and gives a `Result` for each; `None` says
   * that a watched key was changed, and that nothing was executed. It fails where one of the
   * commands may not be queued: then nothing was executed either.
   */
  readonly transaction: <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
    commands: Commands
  ) => Effect.Effect<Option.Option<TransactionResults<Commands>>, RedisError.RedisCommandError>
}

/**
 * The results of a transaction: one for each command, in their order. One that fails does not keep
 * the others from being executed.
 *
 * @category utility types
 * @since 0.1.0
 */
export type TransactionResults<Commands extends ReadonlyArray<RedisCommand.RedisCommand>> = {
  readonly [Index in keyof Commands]: Result.Result<
    RedisCommand.Success<Commands[Index]>,
    RedisError.RedisOperationError
  >
}

/**
 * Says where a connection is reserved, and how long that may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Reserves one on the server that owns this key. Default: on some server. */
  readonly key?: string | undefined
  /**
   * The most that it may take altogether: waiting, the login, and of a transaction the commands as
   * well. Default: the client's.
   */
  readonly operationTimeout?: Duration.Input | undefined
  /**
   * Sets how long it may wait for the server to be there, or for the circuit to close, within
   * `operationTimeout`. Default: 0.
   */
  readonly waitToSend?: Duration.Input | undefined
}

/**
 * Reserves a connection that nobody else uses until the scope closes, for commands that wait on the
 * server and for WATCH.
 *
 * **Details**
 *
 * It is closed with the scope, unless it is as it was when it was made: then it is kept for a
 * while, for the next to reserve one. It takes no longer than `operationTimeout`: where
 * `maxReserved` of the client are in use until then it fails with the reason `"Saturated"`, and
 * where the connection is not made by then with `"Timeout"`. An open circuit refuses it at once, or
 * after `waitToSend`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reserve = (
  options: Options = {}
): Effect.Effect<RedisReservation, RedisError.RedisCommandError, RedisClient | Scope.Scope> =>
  Effect.flatMap(RedisClient, (client) => once(Dispatch.of(client), reservingOn).reserve(options))

/**
 * Runs commands in one transaction (MULTI and EXEC), on a connection that is reserved for it, and
 * gives a `Result` for each.
 *
 * **Details**
 *
 * It fails where Redis executes none of them, or where it is not known whether it did; nothing is
 * sent twice. It takes no longer than `operationTimeout`, with the reservation. On a cluster all
 * keys must be of one slot. Where a key that is watched decides, {@link reserve} a connection.
 *
 * **Example** (Two accounts at once)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisReservation } from "effect-ioredis"
 * import { Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const [from, to] = yield* RedisReservation.transaction([
 *     Strings.decr("{bank}:ada"),
 *     Strings.incr("{bank}:ben")
 *   ])
 *   from // => Result.succeed(-1)
 *   to // => Result.succeed(1)
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const transaction = <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
  commands: Commands,
  options: Omit<Options, "key"> = {}
): Effect.Effect<TransactionResults<Commands>, RedisError.RedisCommandError, RedisClient> =>
  Effect.flatMap(RedisClient, (client) => once(Dispatch.of(client), reservingOn).transaction(commands, options))

// A client that nobody reserves a connection of has none of this.
const reservingOn = (insides: Insides) => {
  const { clock, record, settings, topology } = insides
  const reservations = Reservations.make(insides)
  const now = () => Monotonic.millis(clock)
  const reserve = (times: Reservations.Times, key: string | undefined) =>
    reservations.reserve(() => topology.nodeFor(key === undefined ? undefined : keyFrom(key)), times)
  return {
    reserve: (options: Options) =>
      Effect.suspend(() => reserve(timesOf(options, settings.operationTimeout, now()), options.key)),
    transaction: <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
      commands: Commands,
      options: Options
    ) => {
      const executing = Effect.suspend(() => {
        const times = timesOf(options, settings.operationTimeout, now())
        return Transaction.run(commands, {
          reserve: (key) => reserve(times, key),
          refresh: topology.refresh,
          ...times,
          now
        })
      })
      return recorded(clock, record, batchName("MULTI", commands), executing)
    }
  }
}

// An operation that no call makes.
const recorded = <A extends ReadonlyArray<Result.Result<unknown, RedisError.RedisCommandError>>>(
  clock: Clock.Clock,
  record: RecordOperation,
  operation: string,
  effect: Effect.Effect<A, RedisError.RedisCommandError>
): Effect.Effect<A, RedisError.RedisCommandError> =>
  Effect.suspend(() => {
    const startedAt = Monotonic.millis(clock)
    return Effect.onExit(effect, (exit) =>
      Effect.sync(() => record(operation, errorTypeOf(exit), Monotonic.millis(clock) - startedAt))
    )
  })

const timesOf = ({ operationTimeout, waitToSend = 0 }: Options, longest: number, now: number): Reservations.Times => ({
  until: now + (operationTimeout === undefined ? longest : Duration.toMillis(operationTimeout)),
  waitUntil: now + Duration.toMillis(waitToSend)
})
