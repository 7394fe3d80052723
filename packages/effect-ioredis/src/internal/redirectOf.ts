import type { RedisOperationError } from "../RedisError.ts"

/** Where a MOVED or an ASK sends its client; the host is empty where it is the one that was asked. */
export const redirectOf = (text: string): RedisOperationError["redirect"] => {
  const found = /^(MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})$/.exec(text)
  if (found === null) return undefined
  const [, word, slot, host = "", port] = found
  return { slot: Number(slot), host, port: Number(port), ask: word === "ASK" }
}
