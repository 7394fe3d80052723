import { Effect } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import * as StoredValue from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"

const stamps = StoredValue.makeStampSource(Math.random)

/** What another process stores under a Redis key: JSON that was written at a time, for so many milliseconds (default: for ever). */
export const stored = (
  redisKey: string,
  json: string,
  {
    life = Number.POSITIVE_INFINITY,
    staleLife = life,
    writtenAt = 0
  }: { readonly life?: number; readonly staleLife?: number; readonly writtenAt?: number } = {}
): string =>
  StoredValue.encodeText(
    redisKey,
    { kind: "set", stamp: stamps.next(), writtenAt, life, staleLife, lookupTime: 0 },
    json
  )

/** What is stored, or a payload, as bytes. */
export const bytesOf = (stored: StoredValue.Payload | Uint8Array): Buffer =>
  Buffer.from(typeof stored === "string" || stored instanceof Uint8Array ? stored : stored.bytes)

/** The payload of what is stored, as text. */
export const payloadOf = (text: string): string => text.slice(StoredValue.headerLength)

/** Sends a command, and gives its reply as bytes. */
export const run = (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) =>
  Effect.flatMap(RedisClient.RedisClient, (redis) => redis.run(RedisCommand.make(name, args, { reply: "bytes" })))

/** What Redis holds of the keys of a region, and the letters by which it says its form. */
export const heldUnder = (keyOf: (key: string) => string) => {
  const held = Effect.fnUntraced(function* (key: string) {
    const reply = yield* run("GET", keyOf(key))
    return reply instanceof Uint8Array ? Buffer.from(reply) : undefined
  })
  return {
    held,
    letters: (key: string) => Effect.map(held(key), (stored) => stored?.toString("latin1", 2, 4))
  }
}
