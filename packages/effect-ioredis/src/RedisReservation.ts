/**
 * A connection that nobody else uses, for commands that wait on the server and for WATCH.
 *
 * **Example** (A number that nobody else changes meanwhile)
 *
 * ```ts
 * import { Effect, Layer, Option } from "effect"
 * import { RedisClient, RedisCommand } from "effect-ioredis"
 * import { Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const double = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const reserved = yield* redis.reserve({ key: "n" })
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
import type { Duration, Effect, Option, Result } from "effect"
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
