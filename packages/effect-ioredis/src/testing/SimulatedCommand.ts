/**
 * A command that the simulated Redis does not know by itself, given by a test.
 *
 * **Details**
 *
 * It is written like a script's counterpart, out of the commands that the simulation has, and may
 * keep what else it needs in its own closure. Strings hold bytes: one character is one byte.
 *
 * **Example** (A command made of others)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisCommand } from "effect-ioredis"
 * import { SimulatedCommand, SimulatedRedis } from "effect-ioredis/testing"
 *
 * const layer = SimulatedRedis.layer({
 *   commands: [
 *     SimulatedCommand.make("RENAME", ([from = "", to = ""], call) => {
 *       const value = call("GETDEL", from)
 *       if (typeof value !== "string") return SimulatedCommand.fail("ERR no such key")
 *       return call("SET", to, value)
 *     })
 *   ]
 * })
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   yield* redis.set("old", "ada")
 *   yield* redis.run(RedisCommand.make("RENAME", ["old", "new"])) // => "OK"
 *   yield* redis.get("new") // => Option.some("ada")
 * })
 *
 * Effect.runPromise(Effect.provide(program, Layer.provide(RedisClient.layer(), layer)))
 * ```
 *
 * @since 0.1.0
 */
import type { Call, Value } from "./SimulatedScript.ts"
import * as SimulatedScript from "./SimulatedScript.ts"

/**
 * Answers one command: `args` are its arguments, `call` executes a command of the simulation.
 *
 * @category models
 * @since 0.1.0
 */
export type Run = (args: ReadonlyArray<string>, call: Call) => Value

/**
 * A command and what it does.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedCommand {
  /** The name, in upper case. */
  readonly name: string
  /** Says what the server does when the command comes. */
  readonly run: Run
}

/**
 * Makes a command. One that has the name of a command of the simulation takes its place.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, run: Run): SimulatedCommand => ({ name: name.toUpperCase(), run })

/**
 * Answers with an error reply: `fail("ERR no such key")`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail: (message: string) => never = SimulatedScript.fail
