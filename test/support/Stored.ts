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
