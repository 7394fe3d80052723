/**
 * Marks the errors of this library, so that whoever wants to know one needs none of their classes:
 * a program that uses a part of the library has only the errors that this part fails with.
 */
import { Predicate } from "effect"
import type { RedisError } from "../../RedisError.ts"

/** Names the mark. Under it an error says what it tells a circuit breaker. */
export const TypeId = "~effect-ioredis/RedisError"

/**
 * Tells whether a value is an error of this library: to tell it from the errors of a lookup, say.
 *
 * **Example** (Telling the errors of Redis from those of a lookup)
 *
 * ```ts
 * import { RedisError } from "effect-ioredis"
 *
 * const describe = (error: unknown) =>
 *   RedisError.isRedisError(error) ? `Redis: ${error.message}` : "something else"
 *
 * const lost = RedisError.connectionError("GET", "Reset", "unknown")
 * describe(lost) // => "Redis: GET may or may not have been executed: the connection was lost"
 * describe(new Error("no such user")) // => "something else"
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isRedisError = (u: unknown): u is RedisError => Predicate.hasProperty(u, TypeId)
