import { Duration, Option, Result } from "effect"
import type { Decoder, RedisCommand, Reply } from "../RedisCommand.ts"
import { RedisOperationError } from "../RedisError.ts"

/** Decoders of the common commands. They throw at no reply. */

/** Says what the answer to a command means. */
export const decode = <A>({ decode, name }: RedisCommand<A>, reply: Reply): Result.Result<A, RedisOperationError> => {
  const decoded = decode(reply)
  return Result.isSuccess(decoded) ? Result.succeed(decoded.success) : Result.fail(unexpected(name, decoded.failure))
}

// The reply itself may be anybody's data, and is not shown.
const unexpected = (command: string, expected: string): RedisOperationError =>
  new RedisOperationError({
    command,
    code: "REPLY",
    message: `${command} was executed, and answered with something else than ${expected}. Check what kind of value the key holds, and the command's decoder`
  })

/** Of commands without a decoder of their own. */
export const asItCame: Decoder<Reply> = (reply) => Result.succeed(reply)

export const ignored: Decoder<void> = () => Result.void

export const optionalText: Decoder<Option.Option<string>> = (reply) => {
  if (reply === null) return none
  return typeof reply === "string" ? Result.succeed(Option.some(reply)) : expected("text or nil")
}

/** One for each of so many keys. */
export const optionalTexts =
  (count: number): Decoder<ReadonlyArray<Option.Option<string>>> =>
  (reply) =>
    Array.isArray(reply) && reply.length === count
      ? Result.all(reply.map(optionalText))
      : expected("a text or nil for each key")

/** Takes an integer that a number holds exactly. A larger one would be another one, unseen. */
export const integer: Decoder<number> = (reply) => {
  if (typeof reply === "number") return Result.succeed(reply)
  if (typeof reply !== "bigint") return expected("an integer")
  return reply >= -largest && reply <= largest
    ? Result.succeed(Number(reply))
    : expected("an integer up to 2^53. RedisCommand.make without a decoder gives a bigint")
}

const largest = 2n ** 53n

/** Whether it was done: 1, where 0 says that it was not. */
export const one: Decoder<boolean> = (reply) => Result.map(integer(reply), (count) => count === 1)

/** Whether SET was done: OK, where nil says that its condition was not met. */
export const ok: Decoder<boolean> = (reply) =>
  reply === "OK" || reply === null ? Result.succeed(reply === "OK") : expected("OK or nil")

/** PTTL answers -2 for a key that does not exist and -1 for one that does not expire. */
export const timeToLive: Decoder<Option.Option<Duration.Duration>> = (reply) =>
  Result.map(integer(reply), (millis) => {
    if (millis === -2) return Option.none()
    return Option.some(millis === -1 ? Duration.infinity : Duration.millis(millis))
  })

export const info: Decoder<Readonly<Record<string, string>>> = (reply) =>
  typeof reply === "string"
    ? Result.succeed(
        Object.fromEntries(
          reply
            .split("\r\n")
            .filter((line) => line.includes(":"))
            .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)])
        )
      )
    : expected("text")

export const scanPage: Decoder<{ readonly next: string; readonly keys: ReadonlyArray<string> }> = (reply) => {
  const [next, keys] = Array.isArray(reply) ? reply : []
  return typeof next === "string" && Array.isArray(keys)
    ? Result.succeed({ next, keys: keys.map(String) })
    : expected("a cursor and a list of keys")
}

const none = Result.succeed(Option.none<string>())

/** Says what was expected in the place of the reply. */
export const expected = (what: string): Result.Result<never, string> => Result.fail(what)
