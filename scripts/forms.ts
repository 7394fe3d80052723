/**
 * Measures what writing and reading a value takes in each form of its payload, in microseconds of processor time, and
 * how many bytes the payload has: the table "Forms of a payload" in `docs/performance.md`. Forms take turns, and each
 * figure is the median of nine rounds.
 */
import { Result, Schema } from "effect"
import { Compression } from "effect-ioredis-cache"
import * as BinaryCodec from "../packages/effect-ioredis-cache/src/internal/BinaryCodec.ts"
import { compressor, decompress } from "../packages/effect-ioredis-cache/src/internal/brotli.ts"
import * as JsonCodec from "../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import type { Payload } from "../packages/effect-ioredis-cache/src/internal/StoredValue.ts"

const Job = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  score: Schema.Finite,
  posted: Schema.Date,
  remote: Schema.Boolean,
  skills: Schema.Array(Schema.String)
})
const File = Schema.Struct({ type: Schema.String, data: Schema.Uint8Array })

const words =
  "senior platform engineer remote redis effect typescript berlin london paris data cache latency team lead".split(" ")

let state = 42
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}
const some = (count: number) => Array.from({ length: count }, () => words[random(words.length)] ?? "")

const job = () => ({
  id: random(2 ** 31).toString(36) + random(2 ** 31).toString(36),
  title: some(4).join(" "),
  score: random(100_000) / 1000,
  posted: new Date(1.7e12 + random(1e10)),
  remote: random(2) === 1,
  skills: some(3)
})

const file = (length: number) => ({ type: "image/png", data: new Uint8Array(length).map(() => random(256)) })

interface Form {
  readonly name: string
  readonly bytes: number
  readonly write: () => unknown
  readonly read: () => unknown
  readonly written: Array<number>
  readonly taken: Array<number>
}

const formsOf = <A>(schema: Schema.Codec<A, unknown>, value: A): ReadonlyArray<Form> => {
  const compress = compressor(Compression.brotli({ from: 0 }))
  const same = (payload: Payload): Payload => payload
  const rows = [
    { name: "JSON", codec: JsonCodec.make(schema), pack: same },
    { name: "JSON, Brotli", codec: JsonCodec.make(schema), pack: compress },
    { name: "binary", codec: BinaryCodec.make(schema, { maxBytes: 1e9 }), pack: same },
    { name: "binary, Brotli", codec: BinaryCodec.make(schema, { maxBytes: 1e9 }), pack: compress }
  ]
  return rows.map(({ codec, name, pack }) => {
    const write = () => pack(Result.getOrThrow(codec.encode(value)).payload)
    const payload = write()
    const stored = Buffer.from(typeof payload === "string" ? payload : payload.bytes)
    const [kind, compression] =
      typeof payload === "string" ? (["json", "none"] as const) : [payload.form.codec, payload.form.compression]
    const read = () => {
      const bytes = compression === "none" ? stored : decompress(stored, 1e9)
      if (typeof bytes === "string") throw new Error(bytes)
      const decoded = codec.decode(bytes, 0, kind)
      if (decoded._tag !== "Value") throw new Error(decoded._tag)
    }
    return { name, bytes: stored.length, write, read, written: [], taken: [] }
  })
}

const microsOf = (run: () => unknown, times: number): number => {
  const before = process.cpuUsage()
  for (let time = 0; time < times; time++) run()
  const { system, user } = process.cpuUsage(before)
  return (user + system) / times
}

const median = (figures: ReadonlyArray<number>): string => {
  const middle = figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0
  return middle < 10 ? middle.toFixed(1) : middle.toFixed(0)
}

const rounds = 9

const print = (what: string, forms: ReadonlyArray<Form>): void => {
  const times = Math.ceil(2e6 / ((forms[0]?.bytes ?? 0) + 200))
  for (let round = -1; round < rounds; round++) {
    for (const { read, taken, write, written } of forms) {
      const figures = [microsOf(write, times), microsOf(read, times)] as const
      // The first round is a warm-up.
      if (round < 0) continue
      written.push(figures[0])
      taken.push(figures[1])
    }
  }
  for (const { bytes, name, taken, written } of forms) {
    console.log(`| ${what} | ${name} | ${bytes.toLocaleString("en")} | ${median(written)} | ${median(taken)} |`)
  }
}

const jobs = (count: number) => Array.from({ length: count }, job)

print("a job", formsOf(Job, job()))
print("12 jobs", formsOf(Schema.Array(Job), jobs(12)))
print("400 jobs", formsOf(Schema.Array(Job), jobs(400)))
print("2 KB of bytes", formsOf(File, file(2000)))
print("64 KB of bytes", formsOf(File, file(64_000)))
