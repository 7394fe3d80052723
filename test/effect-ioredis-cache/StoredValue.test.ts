import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as BinaryCodec from "../../packages/effect-ioredis-cache/src/internal/BinaryCodec.ts"
import * as StoredValue from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { bytesOf } from "../support/Stored.ts"
import * as Mutations from "../fuzz/Mutations.ts"

const key = "cache:jobs:v1:=job-42"

const fields: StoredValue.Fields = {
  kind: "set",
  stamp: "Ada0_zNumber",
  writtenAt: 1_790_000_000_000,
  life: 300_000,
  staleLife: 3_600_000,
  lookupTime: 0
}

const payload = Buffer.from('{"n":1}')

const encode = (key: string, fields: StoredValue.Fields, payload: Buffer): Buffer =>
  Buffer.from(StoredValue.encodeText(key, fields, payload.toString()))

const readValue = (redisKey: string, stored: Uint8Array): StoredValue.Value => {
  const read = StoredValue.read(redisKey, stored)
  if (read._tag !== "Value") throw new Error(`${read._tag} in the place of a value`)
  return read
}

/** The stored bytes with others in the place of those from `at` on. */
const patched = (at: number, text: string, stored = encode(key, fields, payload)): Buffer => {
  const copy = Buffer.from(stored)
  copy.write(text, at, "latin1")
  return copy
}

const foreign = (reason: StoredValue.Foreign["reason"]) => ({ _tag: "Foreign", reason }) as const

describe("StoredValue", () => {
  it("is a header of 44 characters and the payload", () => {
    const stored = encode(key, fields, payload)
    assert.strictEqual(stored.subarray(0, 6).toString(), "E1j-s-")
    assert.strictEqual(stored.toString().slice(10), 'Ada0_zNumberP23J5k---08EV--Ciu---:{"n":1}')
  })

  it.prop(
    "what is encoded is read",
    {
      key: Schema.String,
      payload: Schema.String,
      kind: Schema.Literals(["set", "filled"]),
      writtenAt: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 ** 7 - 1 })),
      life: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: StoredValue.longestLife })),
      staleLife: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: StoredValue.longestLife }))
    },
    ({ key, payload, ...given }) => {
      const stored = encode(key, { ...fields, ...given }, Buffer.from(payload))
      const { header, payloadOffset } = readValue(key, stored)
      assert.deepStrictEqual(
        { kind: header.kind, writtenAt: header.writtenAt, life: header.life, staleLife: header.staleLife },
        given
      )
      assert.strictEqual(header.stamp, fields.stamp)
      assert.strictEqual(header.keyCheck, StoredValue.keyCheck(key))
      assert.strictEqual(header.extensionUnits, 0)
      assert.isTrue(stored.subarray(payloadOffset).equals(Buffer.from(payload)))
    }
  )

  it("a payload of another form says so in its letters", () => {
    const bytes = Buffer.from([0, 255, 10])
    const json = StoredValue.Packed.brotli("text", 100, bytes)
    const binary = StoredValue.Packed.binary(bytes)
    const rows = [
      ["jb", { codec: "json", compression: "brotli" }, json],
      ["b-", { codec: "binary", compression: "none" }, binary],
      ["bb", { codec: "binary", compression: "brotli" }, StoredValue.Packed.brotli(binary, 100, bytes)]
    ] as const
    for (const [letters, form, packed] of rows) {
      const stored = bytesOf(StoredValue.encode(key, fields, packed))
      assert.strictEqual(
        stored.toString("latin1"),
        `E1${letters}s-${encode(key, fields, bytes).toString("latin1", 6, 44)}\x00\xff\n`
      )
      const read = readValue(key, stored)
      assert.include(read.form, form)
      assert.isTrue(stored.subarray(read.payloadOffset).equals(bytes))
    }
    assert.strictEqual(readValue(key, encode(key, fields, payload)).form, StoredValue.plainJson)
    for (const letters of ["jz", "z-", "jj", "-j", "b:"]) {
      assert.deepStrictEqual(StoredValue.read(key, patched(2, letters)), foreign("UnknownLetter"))
    }
  })

  it("a life is infinite, or at most 2.17 years", () => {
    const lifeOf = (life: number) => readValue(key, encode(key, { ...fields, life }, payload)).header.life
    assert.strictEqual(lifeOf(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
    assert.strictEqual(lifeOf(1e15), StoredValue.longestLife)
    assert.strictEqual(lifeOf(StoredValue.longestLife + 1), StoredValue.longestLife)
    assert.strictEqual(lifeOf(12.9), 12)
    assert.strictEqual(lifeOf(-1), 0)
    assert.strictEqual(lifeOf(Number.NaN), 0)
    assert.approximately(StoredValue.longestLife / (365.25 * 86_400_000), 2.17, 0.01)
  })

  it("the written-at reaches to the year 2109", () => {
    assert.strictEqual(new Date(64 ** 7 - 1).getUTCFullYear(), 2109)
  })

  it("a lookup's time is kept to 0.3 %", () => {
    for (const lookupTime of [0, 1, 7, 250, 30_000, 86_400_000]) {
      const { header } = readValue(key, encode(key, { ...fields, lookupTime }, payload))
      assert.approximately(header.lookupTime, lookupTime, lookupTime * 0.003 + 0.01)
    }
  })

  it("digits compare as text", () => {
    const numbers = [0, 1, 9, 10, 63, 64, 4095, 4096, 64 ** 6 - 1]
    const texts = numbers.map((number) => StoredValue.digitsOf(number, 6))
    assert.deepStrictEqual(texts.toSorted(), texts)
    assert.strictEqual(texts.at(-1), StoredValue.forever)
    assert.strictEqual([...StoredValue.alphabet].toSorted().join(""), StoredValue.alphabet)
  })

  it("the key check is FNV-1a over UTF-8", () => {
    // Published vectors of FNV-1a (32 bits), without their lowest byte.
    assert.strictEqual(StoredValue.keyCheck(""), 0x811c9d)
    assert.strictEqual(StoredValue.keyCheck("a"), 0xe40c29)
    assert.strictEqual(StoredValue.keyCheck("foobar"), 0xbf9cf9)
    assert.notStrictEqual(StoredValue.keyCheck("ä"), StoredValue.keyCheck("\u00e4b"))
  })

  it("the key check is the same where the beginning of the keys was hashed before", () => {
    for (const keyspace of ["", "cache:jobs:v1:", "cäche:jobs:v1:"]) {
      const keyCheck = StoredValue.keyCheckAfter(keyspace)
      for (const rest of ["", "=job-1", "=jöb", "#\u{1f680}"]) {
        assert.strictEqual(keyCheck(keyspace + rest), StoredValue.keyCheck(keyspace + rest), keyspace + rest)
      }
    }
  })

  it("a mark of a removal has no payload", () => {
    const read = StoredValue.read(key, encode(key, { ...fields, kind: "removed" }, Buffer.alloc(0)))
    assert.strictEqual(read._tag, "Removed")
    assert.strictEqual(read._tag === "Removed" ? read.header.kind : undefined, "removed")
  })

  it("extension units that nobody knows are skipped", () => {
    const stored = Buffer.concat([
      patched(5, "1").subarray(0, StoredValue.headerLength),
      Buffer.from("tag=blue".repeat(2)),
      payload
    ])
    const { header, payloadOffset } = readValue(key, stored)
    assert.strictEqual(header.extensionUnits, 2)
    assert.strictEqual(stored.subarray(payloadOffset).toString(), payload.toString())
  })

  it("what is not ours, or of another format, is foreign", () => {
    for (const text of ["", "E", "E1", "hello", '{"a":1}', "300000:1", "E2j-s-", "\u0000\uffff"]) {
      assert.deepStrictEqual(StoredValue.read(key, Buffer.from(text)), foreign("NotOurs"), text)
    }
  })

  it("what was written under another key is foreign, whatever follows", () => {
    const stored = encode(key, fields, payload)
    assert.deepStrictEqual(StoredValue.read(`${key}3`, stored), foreign("OtherKey"))
    assert.deepStrictEqual(StoredValue.read(`${key}3`, stored.subarray(0, 20)), foreign("OtherKey"))
  })

  it("an unknown letter is foreign", () => {
    for (const [at, letter] of [
      [2, "m"],
      [3, "z"],
      [4, "t"]
    ] as const) {
      assert.deepStrictEqual(StoredValue.read(key, patched(at, letter)), foreign("UnknownLetter"))
    }
  })

  it("what begins as ours with this key's check is broken where its places are wrong", () => {
    assert.strictEqual(StoredValue.read(key, patched(5, "!"))._tag, "Broken")
    for (let at = 10; at < StoredValue.headerLength; at++) {
      assert.strictEqual(StoredValue.read(key, patched(at, "\u00e9"))._tag, "Broken", `${at}`)
    }
    assert.strictEqual(StoredValue.read(key, patched(5, "2"))._tag, "Broken")
    const stored = encode(key, fields, payload)
    for (let end = 10; end < StoredValue.headerLength; end++) {
      assert.strictEqual(StoredValue.read(key, stored.subarray(0, end))._tag, "Broken", `${end}`)
    }
  })

  it("offsets are where the fields are", () => {
    const text = encode(key, fields, payload).toString("latin1")
    const at = (place: keyof typeof StoredValue.offsets) => text.slice(...StoredValue.offsets[place])
    assert.strictEqual(at("format") + at("codec") + at("compression") + at("kind") + at("extension"), "E1j-s-")
    assert.strictEqual(at("keyCheck"), StoredValue.digitsOf(StoredValue.keyCheck(key), 4))
    assert.strictEqual(at("stamp"), fields.stamp)
    assert.strictEqual(at("writer") + at("number"), fields.stamp)
    assert.strictEqual(at("writtenAt"), StoredValue.digitsOf(fields.writtenAt, 7))
    assert.strictEqual(at("life"), StoredValue.digitsOf(fields.life, 6))
    assert.strictEqual(at("staleLife"), StoredValue.digitsOf(fields.staleLife, 6))
    assert.strictEqual(at("lookupTime") + at("end"), "--:")
  })
})

describe("StampSource", () => {
  it("one writer, and numbers that grow", () => {
    const source = StoredValue.makeStampSource(Math.random)
    const stamps = Array.from({ length: 10_000 }, source.next)
    assert.strictEqual(new Set(stamps.map(StoredValue.writerOf)).size, 1)
    assert.deepStrictEqual(stamps.toSorted(), stamps)
    assert.strictEqual(new Set(stamps).size, stamps.length)
    assert.isTrue(stamps.every((stamp) => /^[-0-9A-Z_a-z]{12}$/.test(stamp)))
  })

  it("takes a new name when its numbers run out, and knows both", () => {
    const source = StoredValue.makeStampSource(Math.random, 64 ** 6 - 1)
    const [last, first] = [source.next(), source.next()]
    assert.strictEqual(last.slice(6), "zzzzzz")
    assert.strictEqual(first.slice(6), "------")
    assert.notStrictEqual(StoredValue.writerOf(last), StoredValue.writerOf(first))
    assert.isTrue(source.isOwn(last) && source.isOwn(first))
    assert.isFalse(source.isOwn(StoredValue.makeStampSource(Math.random).next()))
  })
})

describe("docs/stored_format.md", () => {
  it("its example is what is written", () => {
    const page = readFileSync(new URL("../../docs/stored_format.md", import.meta.url), "utf8")
    const example: StoredValue.Fields = {
      kind: "filled",
      stamp: "7bQ_x2----0K",
      writtenAt: Date.UTC(2026, 0, 1),
      life: 300_000,
      staleLife: 3_900_000,
      lookupTime: 120
    }
    const stored = StoredValue.encodeText(key, example, '{"id":42}')
    assert.include(page, `\n${stored}\n`)
    for (const place of ["keyCheck", "writer", "number", "writtenAt", "life", "staleLife", "lookupTime"] as const) {
      const [start, end] = StoredValue.offsets[place]
      assert.include(page, `| ${start}–${end - 1} | \`${stored.slice(start, end)}\` |`, place)
    }
  })
})

describe("docs/stored_format.md, the binary form", () => {
  it("its example is what is written", () => {
    const page = readFileSync(new URL("../../docs/stored_format.md", import.meta.url), "utf8")
    const codec = BinaryCodec.make(Schema.Struct({ id: Schema.Int }), { maxBytes: 100 })
    const frame = bytesOf(Result.getOrThrow(codec.encode({ id: 42 })).payload)
    assert.strictEqual(frame.length, 11)
    for (const [start, end] of [
      [0, 1],
      [1, 2],
      [2, 10],
      [10, 11]
    ]) {
      const hex = Array.from(frame.subarray(start, end), (byte) => byte.toString(16).padStart(2, "0"))
      assert.include(page, `| \`${hex.join(" ")}\` |`)
    }
  })
})

describe("mutations of stored values", () => {
  it("20,000: nothing throws, and no other key's value comes of them", { tags: ["long"] }, () => {
    const report = Mutations.run({ count: 20_000, seed: 7 })
    assert.deepStrictEqual(report.failures, [])
    assert.strictEqual(report.count, 20_000)
  })
})
