import type { Argument } from "../RedisCommand.ts"

/** A key as Redis sees it: its text, or its bytes, which need not be UTF-8. */
export type Key = string | Uint8Array

/** The key that an argument is. */
export const keyFrom = (argument: Argument): Key => (argument instanceof Uint8Array ? argument : String(argument))

/** The text that a key is known by. Bytes have one too, which need not be readable. */
export const keyText = (key: Argument): string =>
  key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key)
