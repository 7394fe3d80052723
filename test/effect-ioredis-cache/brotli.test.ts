import { brotliCompressSync, constants } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Compression } from "effect-ioredis-cache"
import { compressor, decompress } from "../../packages/effect-ioredis-cache/src/internal/brotli.ts"
import { Packed, type Payload } from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { bytesOf } from "../support/Stored.ts"

const compress = compressor(Compression.brotli())
const always = compressor(Compression.brotli({ from: 0 }))

const isCompressed = (payload: Payload): boolean => typeof payload !== "string" && payload.form.compression === "brotli"

const jobs = (count: number): string =>
  JSON.stringify(
    Array.from({ length: count }, (_, id) => ({
      id: `job-${(id * 7919) % 9973}`,
      title: ["Senior Engineer", "Platform Engineer", "Designer"][id % 3],
      score: id / 3,
      remote: id % 2 === 0
    }))
  )

/** Bytes that no compression makes smaller. */
const noise = (length: number): Buffer => {
  let state = 1
  return Buffer.from(
    Array.from({ length }, () => {
      state = Math.imul(state, 1664525) + 1013904223
      return state >>> 24
    })
  )
}

const unpacked = (payload: Payload): Buffer =>
  isCompressed(payload) ? bytesOf(decompress(bytesOf(payload), 1e9)) : bytesOf(payload)

describe("brotli", () => {
  it("makes JSON of like objects smaller from 1 KiB on, and less than half as long", () => {
    for (const count of [14, 30, 100, 1000, 10_000]) {
      const text = jobs(count)
      const payload = compress(text)
      assert.isTrue(isCompressed(payload), `${text.length}`)
      assert.isBelow(payload.length, text.length / 2, `${text.length}`)
      assert.strictEqual(unpacked(payload).toString(), text)
    }
  })

  it.prop("never makes a payload longer, and gives it back", { text: Schema.String }, ({ text }) => {
    for (const one of [text, text.repeat(20)]) {
      const payload = always(one)
      assert.isAtMost(payload.length, Buffer.byteLength(one))
      if (!isCompressed(payload)) assert.strictEqual(payload, one)
      assert.strictEqual(unpacked(payload).toString("utf8"), Buffer.from(one).toString("utf8"))
    }
  })

  it("reads what may be longer than any buffer", () => {
    const text = "text".repeat(20)
    assert.deepStrictEqual(decompress(bytesOf(always(text)), Number.MAX_SAFE_INTEGER), Buffer.from(text))
  })

  it("stores as it is what does not become smaller", () => {
    const packed = Packed.binary(noise(4096))
    assert.strictEqual(compress(packed), packed)
    const text = noise(4096).toString("base64url").slice(0, 20)
    assert.strictEqual(always(text), text)
  })

  it("counts bytes, from the first to the last length", () => {
    const bounded = compressor(Compression.brotli({ from: 100, upTo: 200 }))
    const rows: ReadonlyArray<readonly [text: string, is: boolean]> = [
      ["a".repeat(99), false],
      ["a".repeat(100), true],
      ["a".repeat(200), true],
      ["a".repeat(201), false],
      ["€".repeat(33), false],
      ["€".repeat(34), true],
      ["€".repeat(66), true],
      ["€".repeat(67), false]
    ]
    for (const [text, is] of rows) {
      assert.strictEqual(isCompressed(bounded(text)), is, `${text.length}`)
      assert.strictEqual(isCompressed(bounded(Packed.binary(Buffer.from(text)))), is, `${text.length} bytes`)
    }
    assert.isFalse(isCompressed(compress("a".repeat(1023))))
    assert.isTrue(isCompressed(compress("a".repeat(1024))))
    assert.isTrue(isCompressed(compress("a".repeat(2 ** 20))))
    assert.isFalse(isCompressed(compress("a".repeat(2 ** 20 + 1))))
  })

  it("tells what it made of what, and how long that was", () => {
    const ofText = always("€".repeat(100))
    const ofBytes = always(Packed.binary(Buffer.alloc(100)))
    assert.deepInclude(ofText, { encodedLength: 300 })
    assert.deepInclude(ofBytes, { encodedLength: 100 })
    assert.deepStrictEqual(
      [ofText, ofBytes].map((payload) => typeof payload !== "string" && payload.form.codec),
      ["json", "binary"]
    )
  })

  it("decompresses up to the bound, and not a byte more", () => {
    const packed = bytesOf(always("a".repeat(100_000)))
    assert.isBelow(packed.length, 100)
    assert.strictEqual(bytesOf(decompress(packed, 100_000)).length, 100_000)
    assert.strictEqual(decompress(packed, 99_999), "TooLong")
  })

  it("a bomb takes no more memory than the bound", () => {
    const bomb = brotliCompressSync(Buffer.alloc(300 * 1024 * 1024), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 18 }
    })
    const before = process.resourceUsage().maxRSS
    for (let times = 0; times < 10; times++) assert.strictEqual(decompress(bomb, 1024 * 1024), "TooLong")
    assert.isBelow(process.resourceUsage().maxRSS - before, 32 * 1024)
  })

  it("what asks for a larger window than ours is not read", { tags: ["long"] }, () => {
    for (const [bits, is] of [
      [10, true],
      [16, true],
      [17, true],
      [18, true],
      [19, false],
      [22, false],
      [24, false]
    ] as const) {
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: bits }
      const found = decompress(brotliCompressSync(noise(2 ** 20), { params }), 2 ** 20)
      assert.strictEqual(found !== "Broken", is, `${bits}`)
    }
    const params = { [constants.BROTLI_PARAM_LGWIN]: 30, [constants.BROTLI_PARAM_LARGE_WINDOW]: 1 }
    assert.strictEqual(decompress(brotliCompressSync(noise(1000), { params }), 2 ** 20), "Broken")
  })

  it("every truncation and what is no Brotli are broken", () => {
    const packed = bytesOf(always(jobs(10)))
    for (let end = 0; end < packed.length; end++) assert.strictEqual(decompress(packed.subarray(0, end), 1e6), "Broken")
    assert.strictEqual(decompress(noise(1000), 1e6), "Broken")
    assert.strictEqual(decompress(Buffer.from("{}"), 1e6), "Broken")
  })
})
