import type { Argument } from "../RedisCommand.ts"

/** The text that a key is placed by. Bytes have one too, which need not be readable. */
export const keyText = (key: Argument): string =>
  key instanceof Uint8Array ? Buffer.from(key).toString("latin1") : String(key)
