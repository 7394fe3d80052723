import { brotliDecompressSync } from "node:zlib"
import { Result, Schema } from "effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import { Compression } from "effect-ioredis-cache"
import { compressor, decompress, type Failure } from "../../packages/effect-ioredis-cache/src/internal/brotli.ts"
import * as BinaryCodec from "../../packages/effect-ioredis-cache/src/internal/BinaryCodec.ts"
import type * as CacheCodec from "../../packages/effect-ioredis-cache/src/internal/CacheCodec.ts"
import * as JsonCodec from "../../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import * as StoredValue from "../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"

export interface Settings {
  readonly count: number
  readonly seed: number
}

/** How long reads took, as ratios of processor time, so that what else the machine does is not counted. */
export interface Speed {
  readonly schema: string
  readonly reads: number
  /** A read of the format and of the payload, in nanoseconds. */
  readonly nanos: number
  /** The same ÷ 2 µs and 20 ns a byte. */
  readonly ofBudget: number
  /** The same ÷ what JSON.parse and the schema take by themselves, who throw at what they cannot read. */
  readonly ofSchemaAlone: number
}

/** What came of a run. `format` is the time of reading header and check ÷ 2 µs and 20 ns a byte. */
export interface Report {
  readonly count: number
  readonly values: number
  readonly failures: ReadonlyArray<string>
  readonly format: number
  readonly speeds: ReadonlyArray<Speed>
}

const Job = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  score: Schema.Finite,
  posted: Schema.Date,
  skills: Schema.Array(Schema.String)
})

const Bytes = Schema.Struct({ type: Schema.String, data: Schema.Uint8Array })

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree, unknown> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend(() => Tree))
})

const tree = (depth: number): Tree => ({
  name: `node ${depth}`,
  children: depth === 0 ? [] : [tree(depth - 1), { name: "leaf", children: [] }]
})

/** What reads the values of one schema. */
interface Reader {
  readonly schema: string
  readonly decode: CacheCodec.CacheCodec<unknown>["decode"]
  /** Reads a payload by what a program would use without a cache, such as JSON.parse and the schema. */
  readonly alone: (payload: Buffer) => unknown
}

/** A stored value, what reads its payload, and the key that it is stored under. */
class Sample {
  readonly key: string
  readonly stored: Buffer
  readonly reader: Reader

  constructor(key: string, stored: Buffer, reader: Reader) {
    this.key = key
    this.stored = stored
    this.reader = reader
  }
}

const readers = new Map<string, Reader>()

// What is longer when it is decompressed is not read.
const maxBytes = 1024 * 1024

const compress = compressor(Compression.brotli({ from: 0 }))

const decoded = (
  { form, payloadOffset, stored }: StoredValue.Value,
  { decode }: Reader
): CacheCodec.Decoded<unknown> | Failure => {
  if (form === StoredValue.plainJson) return decode(stored, payloadOffset)
  const packed = stored.subarray(payloadOffset)
  const payload = form.compression === "brotli" ? decompress(packed, maxBytes) : packed
  return typeof payload === "string" ? payload : decode(payload, 0, form.codec)
}

/** Makes samples. The names of their regions say whether they are compressed, and whether they are binary. */
const sample = <A>(schema: Schema.Codec<A, unknown>, key: string, value: A, kind: StoredValue.Kind = "set"): Sample => {
  const name = key.split(":")[1] ?? ""
  const isPacked = name.includes("packed")
  const isBinary = name.includes("binary")
  const codec = isBinary ? BinaryCodec.make(schema, { maxBytes }) : JsonCodec.make(schema, { maxBytes })
  const ofJson = Schema.decodeUnknownSync(Schema.toCodecJson(schema))
  const ofFrame = Schema.decodeUnknownSync(SchemaBinary.toCodec(schema, { fingerprint: true }))
  const reader = readers.get(name) ?? {
    schema: name,
    decode: codec.decode,
    alone: (payload) => {
      const bytes = isPacked ? brotliDecompressSync(payload, { maxOutputLength: maxBytes }) : payload
      return isBinary ? ofFrame(new Uint8Array(bytes)) : ofJson(JSON.parse(bytes.toString()))
    }
  }
  readers.set(name, reader)
  const encoded = Result.getOrThrow(codec.encode(value)).payload
  const payload = isPacked ? compress(encoded) : encoded
  const fields = { kind, stamp: "Ada0_z----0K", writtenAt: 1.79e12, life: 3e5, staleLife: 3.6e6, lookupTime: 120 }
  return new Sample(key, Buffer.from(StoredValue.encode(key, fields, payload)), reader)
}

const job = (index: number) => ({
  id: `job-${index}`,
  title: `Ingénieur${"e".repeat(index * 40)} 🚀`,
  score: index / 3,
  posted: new Date(1.7e12 + index),
  skills: ["redis", "effect", 'a "quoted" one']
})

const samples: ReadonlyArray<Sample> = [
  ...[0, 1, 2, 5, 20].map((index) => sample(Job, `cache:jobs:v1:=job-${index}`, job(index))),
  ...[2, 20, 50].map((index) => sample(Job, `cache:packed-jobs:v1:=job-${index}`, job(index))),
  sample(Tree, "cache:packed-trees:v1:=a", tree(60)),
  ...[0, 2, 20].map((index) => sample(Job, `cache:binary-jobs:v1:=job-${index}`, job(index))),
  sample(Tree, "cache:binary-trees:v1:=a", tree(60)),
  sample(Schema.Unknown, "cache:binary-json:v1:=a", { a: [1, { b: null }], ["__proto__"]: "x" }),
  sample(Bytes, "cache:binary-bytes:v1:=a", { type: "image/png", data: new Uint8Array(500).fill(137) }),
  sample(Schema.Array(Job), "cache:packed-binary-jobs:v1:=a", [1, 2, 3].map(job)),
  sample(Tree, "cache:trees:v1:#höher", tree(60), "filled"),
  sample(Schema.String, "cache:texts:v1:=a", "€".repeat(50)),
  sample(Schema.Undefined, "cache:none:v1:=a", undefined),
  sample(Schema.Json, "cache:json:v1:=a", { a: [1, { b: null }], c: "x" }),
  sample(Schema.Finite, "cache:removed:v1:=a", 0, "removed")
]

/** A generator of its own, so that a seed says everything: mulberry32. */
const randomOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Random = ReturnType<typeof randomOf>

const spliced = (bytes: Buffer, at: number, drop: number, insert: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)])

const mutations: ReadonlyArray<(bytes: Buffer, random: Random) => Buffer> = [
  // A bit, a byte, and a character of JSON or of the digits.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    const at = random(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << random(8))
    return copy
  },
  (bytes, random) => spliced(bytes, random(bytes.length), 1, Buffer.of(random(256))),
  (bytes, random) => spliced(bytes, random(bytes.length), random(2), Buffer.from('{}[]",:\\-0zE1'.charAt(random(13)))),
  // Shorter, longer, and with a part that is missing, repeated or moved.
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => Buffer.concat([bytes, bytes.subarray(random(bytes.length))]),
  (bytes, random) => spliced(bytes, random(bytes.length), random(20), new Uint8Array()),
  (bytes, random) => spliced(bytes, random(bytes.length), 0, bytes.subarray(0, random(64))),
  // Deep.
  (bytes, random) => spliced(bytes, 44, random(3), Buffer.from("[".repeat(random(2000)))),
  // The head of one value and the rest of another.
  (bytes, random) => {
    const other = samples[random(samples.length)]?.stored ?? bytes
    const at = random(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)])
  },
  // Several of a kind.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let times = random(8); times >= 0; times--) copy[random(copy.length)] = random(256)
    return copy
  }
]

const batchSize = 500

// The first batches are compiled as they run.
const warmUp = 10 * batchSize

/**
 * Reads mutations of real values as a cache would: nothing may throw, and what was stored under one key may not be read
 * under another.
 */
export const run = ({ count, seed }: Settings): Report => {
  const random = randomOf(seed)
  const failures: Array<string> = []
  const times = new Map(Array.from(readers.values(), (reader) => [reader, new Times()]))
  const format = new Times()
  let values = 0
  let done = 0
  while (done < count) {
    const batch = Array.from({ length: Math.min(batchSize, count - done) }, () => {
      const of = samples[random(samples.length)] as Sample // there are samples, and the index is below their number
      const mutate = mutations[random(mutations.length)] ?? ((bytes: Buffer) => bytes)
      return new Sample(of.key, mutate(of.stored, random), of.reader)
    })
    const found = Result.try(() => batch.filter(readAsCache).length)
    if (Result.isFailure(found)) failures.push(`seed ${seed}, before ${done}: threw ${String(found.failure)}`)
    else values += found.success
    for (const { key, stored } of batch) failures.push(...readUnderOthers(key, stored))
    if (done >= warmUp && Result.isSuccess(found)) {
      format.add(batch, nanosOf(batch, readFormat), 0)
      for (const [reader, its] of times) {
        const own = batch.filter((one) => one.reader === reader && readFormat(one) !== undefined)
        its.add(own, nanosOf(own, readAsCache), nanosOf(own, readAlone))
      }
    }
    done += batch.length
  }
  const speeds = Array.from(times, ([{ schema }, { alone, budget, reads, taken }]) => ({
    schema,
    reads,
    nanos: taken / reads,
    ofBudget: taken / budget,
    ofSchemaAlone: taken / alone
  }))
  return {
    count: done,
    values,
    failures,
    format: format.taken / format.budget,
    // Of few reads the time is chance.
    speeds: speeds.filter(({ reads }) => reads >= 1000)
  }
}

/** Sums of processor time, in nanoseconds. */
class Times {
  reads = 0
  taken = 0
  alone = 0
  budget = 0

  add(batch: ReadonlyArray<Sample>, taken: number, alone: number): void {
    this.reads += batch.length
    this.taken += taken
    this.alone += alone
    for (const { stored } of batch) this.budget += 2000 + stored.length * 20
  }
}

const nanosOf = (batch: ReadonlyArray<Sample>, read: (sample: Sample) => unknown): number => {
  const before = process.cpuUsage()
  for (const one of batch) read(one)
  const { system, user } = process.cpuUsage(before)
  return (user + system) * 1000
}

/** What was read, when all fields that a cache asks for were. */
const readFormat = ({ key, stored }: Sample): StoredValue.Value | undefined => {
  const read = StoredValue.read(key, stored)
  if (read._tag !== "Value") return undefined
  const { life, staleLife, stamp, writtenAt } = read.header
  return writtenAt + life >= 0 && staleLife >= 0 && stamp.length === 12 ? read : undefined
}

const readAsCache = (sample: Sample): boolean => {
  const read = readFormat(sample)
  const found = read === undefined ? "Broken" : decoded(read, sample.reader)
  return typeof found !== "string" && found._tag === "Value"
}

const readAlone = ({ reader, stored }: Sample): unknown => {
  try {
    return reader.alone(stored.subarray(StoredValue.headerLength))
  } catch {
    return undefined
  }
}

// A value that begins with the check of its key is read under no other key of the samples.
const readUnderOthers = (key: string, stored: Buffer): ReadonlyArray<string> => {
  if (stored.toString("latin1", 6, 10) !== StoredValue.digitsOf(StoredValue.keyCheck(key), 4)) return []
  return samples.flatMap((other) => {
    const isOther =
      other.key !== key && ["Value", "Removed", "Broken"].includes(StoredValue.read(other.key, stored)._tag)
    return isOther ? [`${stored.toString("latin1", 0, 44)} of ${key} is read under ${other.key}`] : []
  })
}
