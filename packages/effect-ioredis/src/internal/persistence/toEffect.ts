import { RedisError } from "effect/persistence/Redis"
import type { RedisCommandError } from "../../RedisError.ts"

/**
 * Makes Effect's error, which holds nothing but a cause. Its modules look for NOSCRIPT in the text
 * of that.
 */
export const toEffect = (cause: RedisCommandError): RedisError => new RedisError({ cause })
