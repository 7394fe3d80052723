/**
 * Commands on keys of every type, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * SCAN is `RedisClient.scan`, which begins anew where a cursor means nothing any more.
 *
 * **Example** (How long keys live)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Keys, Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Strings.set("session", "ada"))
 *   yield* run(Keys.expiretime("session")) // => Option.some("never")
 *   yield* run(Keys.expire("session", { timeToLive: "1 hour" })) // => true
 *   yield* run(Keys.expire("session", { timeToLive: 1 }, { condition: "ifLater" })) // => false
 *   yield* run(Keys.persist("session")) // => true
 *   yield* run(Keys.pttl("session")) // => Option.some(Duration.infinity)
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (What is there, and under which name)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Keys, Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Strings.set("job", "engineer"))
 *   yield* run(Keys.type("job")) // => Option.some("string")
 *   yield* run(Keys.rename("job", "work")) // => undefined
 *   yield* run(Keys.copy("work", "copy")) // => true
 *   yield* run(Keys.renamenx("copy", "work")) // => false
 *   yield* run(Keys.del(["copy", "job"])) // => 1
 *   yield* run(Keys.keys("w*")) // => ["work"]
 *   yield* run(Keys.randomkey) // => Option.some("work")
 *   yield* run(Keys.touch(["work"])) // => 1
 *   yield* run(Keys.unlink(["work"])) // => 1
 *   yield* run(Keys.exists(["work"])) // => 0
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { DateTime, type Duration, Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { millisOf } from "../internal/expiryWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Says how long a key lives: from now on, or until a moment of the server's clock.
 *
 * @category models
 * @since 0.1.0
 */
export type Expiry =
  | {
      /** Sets how long it lives from now on; an infinite one is for ever. Default: for ever. */
      readonly timeToLive?: Duration.Input | undefined
      readonly expiresAt?: never
    }
  | {
      readonly timeToLive?: never
      /** Sets when it is gone. */
      readonly expiresAt: DateTime.DateTime
    }

/**
 * Says when {@link expire} may change the time that a key has to live: `"ifNone"` where it lives
 * for ever, `"ifAny"` where it does not, `"ifLater"` and `"ifEarlier"` where it would end later, or
 * earlier, than it does. A key that lives for ever ends later than any other.
 *
 * @category models
 * @since 0.1.0
 */
export type ExpiryCondition = "ifNone" | "ifAny" | "ifLater" | "ifEarlier"

/**
 * COPY: copies a value to another key, and says whether it did.
 *
 * @category keys
 * @since 0.1.0
 */
export const copy = (
  from: string,
  to: string,
  options: {
    /** Takes the place of what `to` holds. Default: false, which leaves that alone. */
    readonly replace?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("COPY", [from, to, ...(options.replace === true ? ["REPLACE"] : [])], { decode: Replies.one })

/**
 * DEL: removes keys, and answers how many were there. {@link unlink} frees their memory later.
 *
 * @category keys
 * @since 0.1.0
 */
export const del = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("DEL", keys, { decode: Replies.integer })

/**
 * EXISTS: counts the keys that are there; one that is named twice counts twice.
 *
 * @category keys
 * @since 0.1.0
 */
export const exists = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("EXISTS", keys, { decode: Replies.integer })

/**
 * PEXPIRE and PEXPIREAT: sets how long a key lives, and says whether it did: not where there is no
 * such key, nor where the condition is not met.
 *
 * **Details**
 *
 * A time that is over removes the key. An infinite one is the longest that Redis knows, some 290
 * million years: {@link persist} lets a key live for ever.
 *
 * @category keys
 * @since 0.1.0
 */
export const expire = (
  key: string,
  expiry:
    | { readonly timeToLive: Duration.Input; readonly expiresAt?: never }
    | { readonly timeToLive?: never; readonly expiresAt: DateTime.DateTime },
  options: {
    /** Says when it may be changed. Default: always. */
    readonly condition?: ExpiryCondition | undefined
  } = {}
): RedisCommand.RedisCommand<boolean> => {
  const { condition } = options
  const words = condition === undefined ? [] : [conditionWords[condition]]
  return expiry.expiresAt === undefined
    ? RedisCommand.make("PEXPIRE", [key, Math.min(millisOf(expiry.timeToLive), longest), ...words], {
        decode: Replies.one
      })
    : RedisCommand.make("PEXPIREAT", [key, DateTime.toEpochMillis(expiry.expiresAt), ...words], {
        decode: Replies.one
      })
}

// An integer that is exact as a number.
const longest = Number.MAX_SAFE_INTEGER

const conditionWords: { readonly [condition in ExpiryCondition]: string } = {
  ifNone: "NX",
  ifAny: "XX",
  ifLater: "GT",
  ifEarlier: "LT"
}

/**
 * PEXPIRETIME: answers when a key is gone; `"never"` for one that lives for ever.
 *
 * @category keys
 * @since 0.1.0
 */
export const expiretime = (key: string): RedisCommand.RedisCommand<Option.Option<DateTime.Utc | "never">> =>
  RedisCommand.make("PEXPIRETIME", [key], { decode: expiryMoment })

// -2 for a key that is not there, and -1 for one that lives for ever.
const expiryMoment: RedisCommand.Decoder<Option.Option<DateTime.Utc | "never">> = (reply) =>
  Result.flatMap(Replies.integer(reply), (millis) => {
    if (millis === -2) return Result.succeed(Option.none())
    if (millis === -1) return Result.succeed(Option.some("never" as const))
    const moment = DateTime.make(millis)
    return Option.isSome(moment) ? Result.succeed(moment) : Replies.expected("a moment")
  })

/**
 * KEYS: answers all keys that match a pattern.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to look at every key: `RedisClient.scan` does not.
 *
 * @category keys
 * @since 0.1.0
 */
export const keys = (pattern: string): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("KEYS", [pattern], { decode: Answers.listOf(Answers.text) })

/**
 * PERSIST: lets a key live for ever, and says whether it had a time to live.
 *
 * @category keys
 * @since 0.1.0
 */
export const persist = (key: string): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("PERSIST", [key], { decode: Replies.one })

/**
 * PTTL: answers how long a key still lives: infinitely long, where it does not expire.
 *
 * @category keys
 * @since 0.1.0
 */
export const pttl = (key: string): RedisCommand.RedisCommand<Option.Option<Duration.Duration>> =>
  RedisCommand.make("PTTL", [key], { decode: Replies.timeToLive })

/**
 * RANDOMKEY: answers some key.
 *
 * @category keys
 * @since 0.1.0
 */
export const randomkey: RedisCommand.RedisCommand<Option.Option<string>> = RedisCommand.make("RANDOMKEY", [], {
  decode: Replies.optionalText
})

/**
 * RENAME: gives a value another key, in the place of what that held. It fails where there is none.
 *
 * @category keys
 * @since 0.1.0
 */
export const rename = (from: string, to: string): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("RENAME", [from, to], { decode: Answers.done })

/**
 * RENAMENX: gives a value another key if there is no such key yet, and says whether it did.
 *
 * @category keys
 * @since 0.1.0
 */
export const renamenx = (from: string, to: string): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("RENAMENX", [from, to], { decode: Replies.one })

/**
 * TOUCH: counts keys as used just now, and answers how many are there.
 *
 * @category keys
 * @since 0.1.0
 */
export const touch = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("TOUCH", keys, { decode: Replies.integer })

/**
 * TYPE: answers what kind of value a key holds, such as `"string"` or `"zset"`.
 *
 * @category keys
 * @since 0.1.0
 */
export const type = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("TYPE", [key], {
    decode: (reply) => (reply === "none" ? Result.succeedNone : Result.map(Answers.text(reply), Option.some))
  })

/**
 * UNLINK: removes keys, and answers how many were there. Their memory is freed in the background.
 *
 * @category keys
 * @since 0.1.0
 */
export const unlink = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("UNLINK", keys, { decode: Replies.integer })
