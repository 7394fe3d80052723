import { Duration, Option } from "effect"
import type { Reply } from "../RedisCommand.ts"

/** Reads the replies of the common commands. */

export const optionalText = (reply: Reply): Option.Option<string> =>
  reply === null ? Option.none() : Option.some(String(reply))

/** One for each of so many keys, whatever the server says. */
export const optionalTexts = (reply: Reply, count: number): ReadonlyArray<Option.Option<string>> => {
  const texts = items(reply)
  return Array.from({ length: count }, (_, index) => optionalText(texts[index] ?? null))
}

export const integer = (reply: Reply): number => Number(reply)

/** PTTL answers -2 for a key that does not exist and -1 for one that does not expire. */
export const timeToLive = (reply: Reply): Option.Option<Duration.Duration> => {
  const millis = integer(reply)
  if (millis === -2) return Option.none()
  return Option.some(millis === -1 ? Duration.infinity : Duration.millis(millis))
}

export const info = (reply: Reply): Readonly<Record<string, string>> =>
  Object.fromEntries(
    String(reply)
      .split("\r\n")
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)])
  )

export const scanPage = (reply: Reply): { readonly next: string; readonly keys: ReadonlyArray<string> } => {
  const [next, keys] = items(reply)
  return { next: String(next), keys: items(keys ?? null).map(String) }
}

const items = (reply: Reply): ReadonlyArray<Reply> => (Array.isArray(reply) ? reply : [])
