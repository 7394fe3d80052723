import { Result, Schema } from "effect"
import * as CacheCodec from "../../packages/effect-ioredis-cache/src/CacheCodec.ts"
import * as StoredValue from "../../packages/effect-ioredis-cache/src/StoredValue.ts"

export interface Settings {
  readonly count: number
  readonly seed: number
}

/** What came of a run. `slowestRatio` is the time of the median batch ÷ 2 µs and 20 ns a byte: below 1 is quick enough. */
export interface Report {
  readonly count: number
  readonly values: number
  readonly failures: ReadonlyArray<string>
  readonly slowestRatio: number
}

const Job = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  score: Schema.Finite,
  posted: Schema.Date,
  skills: Schema.Array(Schema.String)
})

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

/** A stored value, what reads its payload, and the key that it is stored under. */
class Sample {
  readonly key: string
  readonly stored: Buffer
  readonly decode: (stored: Uint8Array, offset?: number) => CacheCodec.Decoded<unknown>

  constructor(key: string, stored: Buffer, decode: Sample["decode"]) {
    this.key = key
    this.stored = stored
    this.decode = decode
  }
}

const sample = <A>(schema: Schema.Codec<A, unknown>, key: string, value: A, kind: StoredValue.Kind = "set"): Sample => {
  const codec = CacheCodec.make(schema)
  const { payload } = Result.getOrThrow(codec.encode(value))
  const fields = { kind, stamp: "Ada0_z----0K", writtenAt: 1.79e12, life: 3e5, staleLife: 3.6e6, lookupTime: 120 }
  return new Sample(key, StoredValue.encode(key, fields, Buffer.from(payload)), codec.decode)
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

/**
 * Reads mutations of real values as a cache would: nothing may throw, what was stored under one key may not be read under another, and a
 * read may take 2 µs and 20 ns a byte. Time is the processor's, of the median batch, so that what else the machine does is not counted.
 */
export const run = ({ count, seed }: Settings): Report => {
  const random = randomOf(seed)
  const failures: Array<string> = []
  const ratios: Array<number> = []
  let values = 0
  let done = 0
  while (done < count) {
    const batch = Array.from({ length: Math.min(batchSize, count - done) }, () => {
      const of = samples[random(samples.length)] as Sample // there are samples, and the index is below their number
      const mutate = mutations[random(mutations.length)] ?? ((bytes: Buffer) => bytes)
      return new Sample(of.key, mutate(of.stored, random), of.decode)
    })
    const bytes = batch.reduce((sum, { stored }) => sum + stored.length, 0)
    const before = process.cpuUsage()
    const found = Result.try(() => batch.map(readAsCache))
    const { system, user } = process.cpuUsage(before)
    // The first batches are compiled as they run.
    if (done >= 10 * batchSize) ratios.push(((user + system) * 1000) / (batch.length * 2000 + bytes * 20))
    done += batch.length
    if (Result.isFailure(found)) failures.push(`seed ${seed}, before ${done}: threw ${String(found.failure)}`)
    else values += found.success.filter((isValue) => isValue).length
    for (const { key, stored } of batch) failures.push(...readUnderOthers(key, stored))
  }
  ratios.sort((a, b) => a - b)
  return { count: done, values, failures, slowestRatio: ratios[ratios.length >> 1] ?? 0 }
}

const readAsCache = ({ decode, key, stored }: Sample): boolean => {
  const read = StoredValue.read(key, stored)
  if (read._tag !== "Value") return false
  const { life, staleLife, stamp, writtenAt } = read.header
  if (!(writtenAt + life >= 0 && staleLife >= 0 && stamp.length === 12)) return false
  return decode(stored, read.payloadOffset)._tag === "Value"
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
