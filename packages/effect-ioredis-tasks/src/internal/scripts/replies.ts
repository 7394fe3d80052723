import type { RedisCommand } from "effect-ioredis"
import { Result } from "effect"

/** Decodes a number as one of some words. */
export const oneOf =
  <const Words extends ReadonlyArray<string>>(words: Words): RedisCommand.Decoder<Words[number]> =>
  (reply) => {
    const word = typeof reply === "number" ? words[reply] : undefined
    return word === undefined ? Result.fail(`a number below ${words.length}`) : Result.succeed(word)
  }
