import { type Context, Effect, References } from "effect"
import type { OperationLines } from "../dispatch.ts"
import type { ErrorStats } from "../RedisClient.ts"
import type * as RedisError from "../RedisError.ts"
import { errorStats } from "./errorStats.ts"

/** What a line says besides its message. What is `undefined` does not apply and is left out. */
export interface Fields {
  /** Names the command, or the method of a cache. */
  readonly operation?: string | undefined
  /** The `_tag` of an error. */
  readonly error_type?: string | undefined
  readonly error_message?: string | undefined
  /** Counts the failed attempts of a call, or the failures in a row that a circuit has seen. */
  readonly error_count?: number | undefined
  readonly circuit_breaker_state?: string | undefined
  readonly [field: string]: unknown
}

/**
 * Writes a line at debug level for single operations of a client and of what stands on it.
 *
 * Whoever has something to say asks `isOn` first, and makes the fields only then.
 */
export class OperationLog implements OperationLines {
  /** Says whether lines are written. Whoever likes may change it at any time. */
  isOn: boolean
  readonly #name: string
  readonly #context: Context.Context<never>

  constructor(isOn: boolean, name: string, context: Context.Context<never>) {
    this.isOn = isOn
    this.#name = name
    this.#context = context
  }

  /** Writes a line, by the loggers of the client or of a context. */
  write(message: string, fields: Fields, context: Context.Context<never> = this.#context): void {
    if (!this.isOn) return
    const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    Effect.runForkWith(context)(
      Effect.logDebug(message).pipe(
        Effect.annotateLogs({ name: this.#name, ...said }),
        // The switch decides, so that one client can be looked at while the program runs.
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
    )
  }
}

/** Makes the lines of one client, or of something else of that name. */
export const makeOperationLines = (isOn: boolean, name: string, context: Context.Context<never>): OperationLines =>
  new OperationLog(isOn, name, context)

/** What the lines of an error say of it. */
export const errorFields = (error: RedisError.RedisCommandError): Pick<Fields, "error_type" | "error_message"> =>
  statsFields(errorStats(error))

/** The same of an error that was told of before. */
export const statsFields = ({ _tag, message }: ErrorStats): Pick<Fields, "error_type" | "error_message"> => ({
  error_type: _tag,
  error_message: message
})
