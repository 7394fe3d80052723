import { Effect, Layer, Option, Result, Stream } from "effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Keys from "../../commands/Keys.ts"
import * as Strings from "../../commands/Strings.ts"
import type { KeyValueStoreOptions } from "../../persistence.ts"
import * as RedisClient from "../../RedisClient.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import type * as RedisError from "../../RedisError.ts"
import * as Answers from "../Answers.ts"
import * as Replies from "../Replies.ts"
import { scanWithin } from "./scanWithin.ts"
import { withinTime } from "./withinTime.ts"

/** Effect's key-value store on a client. */
export const make = (
  client: RedisClient.RedisClient,
  { prefix, ...options }: KeyValueStoreOptions
): KeyValueStore.KeyValueStore => {
  const { run } = client
  const use = withinTime(options)
  const unlink = (keys: ReadonlyArray<string>) =>
    run(Keys.unlink(keys), { ...use, answer: "ignored" }).pipe(Effect.asVoid)
  const stored = (under: string) => scanWithin(client, { match: `${literal(prefix + under)}*`, count: pageSize }, use)
  const clear = (under: string) => stored(under).pipe(Stream.grouped(pageSize), Stream.runForEach(unlink))
  // A scan may give a key twice.
  const keys = Effect.map(Stream.runCollect(stored("")), (found) =>
    Array.from(new Set(found), (key) => key.slice(prefix.length))
  )
  return KeyValueStore.make({
    get: (key) =>
      run(Strings.get(prefix + key), use).pipe(Effect.map(Option.getOrUndefined), Effect.mapError(failure("get", key))),
    getUint8Array: (key) =>
      run(bytesOf(prefix + key), use).pipe(
        Effect.map(Option.getOrUndefined),
        Effect.mapError(failure("getUint8Array", key))
      ),
    set: (key, value) =>
      run(RedisCommand.make("SET", [prefix + key, value], { decode: Answers.done }), use).pipe(
        Effect.mapError(failure("set", key))
      ),
    remove: (key) => Effect.mapError(unlink([prefix + key]), failure("remove", key)),
    has: (key) =>
      run(Keys.exists([prefix + key]), use).pipe(
        Effect.map((count) => count > 0),
        Effect.mapError(failure("has", key))
      ),
    clear: Effect.mapError(clear(""), failure("clear")),
    clearPrefix: (under) => Effect.mapError(clear(under), failure("clearPrefix")),
    keys: Effect.mapError(keys, failure("keys")),
    size: Effect.mapBoth(keys, { onSuccess: ({ length }) => length, onFailure: failure("size") }),
    isEmpty: Effect.mapBoth(Stream.runHead(stored("")), { onSuccess: Option.isNone, onFailure: failure("isEmpty") })
  })
}

/** Provides it. */
export const layer = (
  options: KeyValueStoreOptions
): Layer.Layer<KeyValueStore.KeyValueStore, never, RedisClient.RedisClient> =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    options.prefix === ""
      ? Effect.die(new RangeError('layerKeyValueStore: prefix is "". Name one, for `clear` removes all that begins so'))
      : Effect.map(RedisClient.RedisClient, (client) => make(client, options))
  )

const failure = (method: string, key?: string) => (cause: RedisError.RedisCommandError) =>
  new KeyValueStore.KeyValueStoreError({
    method,
    ...(key === undefined ? {} : { key }),
    message: cause.message,
    cause
  })

const bytesOf = (key: string) =>
  RedisCommand.make("GET", [key], {
    reply: "bytes",
    decode: Answers.optional((reply) =>
      reply instanceof Uint8Array ? Result.succeed(reply) : Replies.expected("bytes or nil")
    )
  })

// What stands for itself in a pattern of Redis.
const literal = (text: string): string => text.replace(/[\\*?[\]]/g, "\\$&")

const pageSize = 500
