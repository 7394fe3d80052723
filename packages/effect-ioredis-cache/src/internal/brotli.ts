/**
 * Compresses payloads by Brotli, and decompresses them within a bound.
 *
 * Both are done at once, on the program's thread. To hand over 2 KiB to Node's thread pool takes
 * that thread longer than compressing it, and a write would no longer be the newest intent from the
 * moment it runs (docs/decisions/compression.md).
 */
import { constants as buffers } from "node:buffer"
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib"
import type { Compression } from "../Compression.ts"
import { contain } from "./schemaFailure.ts"
import { Packed, type Payload } from "./StoredValue.ts"

/** Gives the function that compresses payloads as a policy says, where that makes them smaller. */
export const compressor =
  ({ from, upTo }: Compression) =>
  (payload: Payload): Payload => {
    // Of a text the bytes are counted only if they may be enough: a UTF-16 code unit takes at most
    // three.
    if (payload.length > upTo || payload.length * 3 < from) return payload
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload.bytes
    if (bytes.length < from || bytes.length > upTo) return payload
    const compressed = brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 1,
        [constants.BROTLI_PARAM_LGWIN]: windowBits,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length
      }
    })
    return compressed.length < bytes.length ? Packed.brotli(payload, bytes.length, compressed) : payload
  }

/** Says why compressed bytes could not be read: they are broken, or would be too long. */
export type Failure = "Broken" | "TooLong"

/**
 * Decompresses at most `maxBytes`. It does not throw, and takes no more memory than that and a
 * window.
 */
export const decompress = (bytes: Uint8Array, maxBytes: number): Uint8Array | Failure => {
  if (!hasOwnWindow(bytes)) return "Broken"
  return contain<Uint8Array, Uint8Array | Failure>(
    (bytes) => brotliDecompressSync(bytes, { maxOutputLength: Math.min(maxBytes, buffers.MAX_LENGTH) }),
    bytes,
    failureOf
  )
}

const failureOf = (thrown: unknown): Failure =>
  thrown instanceof RangeError && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE" ? "TooLong" : "Broken"

const windowBits = 18

// The first bits of a stream say how large a window its reader has to make room for, up to 16 MiB
// (RFC 7932, 9.1). Only what asks for no more than ours is read: a 0 is 16 bits, a 1 and three bits
// that are `n` are 17 + n, or, where `n` is 0, less than 18.
const hasOwnWindow = ([first = 0xff]: Uint8Array): boolean => (first & 1) === 0 || 17 + ((first >> 1) & 7) <= windowBits
