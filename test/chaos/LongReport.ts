import type { Observed, Sample } from "./LongProtocol.ts"
import * as Page from "./Page.ts"
import * as Svg from "./Svg.ts"

/** What a long outage did to the heap of a process that goes on writing. */

export interface Long {
  readonly how: "SIGSTOP" | "SIGKILL"
  readonly rate: number
  readonly keys: number
  readonly resetTimeoutMillis: number
  /** Monotonic milliseconds. */
  readonly struck: number
  readonly healed: number
  readonly observed: Observed
}

const mebibyte = 1024 * 1024

/** The library's own bounds: what it may hold more of than before the outage, and what an entry takes in the heap beside its bytes. */
const bounds = {
  journalBytes: 16 * mebibyte,
  journalEntries: 10_000,
  memoryEntries: 1000,
  perEntry: 512,
  perValue: 1024
}

const allowedGrowth =
  bounds.journalBytes + bounds.journalEntries * bounds.perEntry + bounds.memoryEntries * bounds.perValue

export const figures = ({ healed, how, keys, observed, rate, struck }: Long) => {
  const during = observed.samples.filter(({ at }) => at >= struck && at < healed)
  const collected = (samples: ReadonlyArray<Sample>) => samples.flatMap(({ heapAfterGc }) => heapAfterGc ?? [])
  const before = collected(observed.samples.filter(({ at }) => at < struck)).at(-1) ?? 0
  const peak = Math.max(0, ...collected(during))
  const secondHalf = during.filter(({ at }) => at >= (struck + healed) / 2)
  const outageSeconds = (healed - struck) / 1000
  const first = during[0]
  const last = during.at(-1)
  const written = first === undefined || last === undefined ? 0 : last.written - first.written
  const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000
  return {
    how,
    keys,
    askedRate: rate,
    outageSeconds: Math.round(outageSeconds),
    writesPerSecond: seconds === 0 ? 0 : Math.round(written / seconds),
    writes: observed.asked,
    unanswered: observed.asked - observed.written,
    failed: observed.failed,
    checkedReads: observed.reads,
    contradicted: observed.contradicted,
    heapBefore: before,
    heapPeak: peak,
    heapGrowth: peak - before,
    allowedGrowth,
    /** Over the second half of the outage, when every bound has long been reached. */
    growthPerMinute: Math.round(slope(secondHalf)),
    journalMax: Math.max(0, ...observed.samples.map(({ journal }) => journal)),
    journalLeft: observed.journalLeft,
    redisHolds: observed.inRedis?.held ?? 0,
    redisHoldsOlder: observed.inRedis?.older ?? 0,
    backMillis: observed.backAt === null ? null : Math.round(observed.backAt - healed)
  }
}

type Figures = ReturnType<typeof figures>

export const broken = (one: Figures, long: Long): ReadonlyArray<string> => {
  const says = (isBroken: boolean, what: string) => (isBroken ? [what] : [])
  const backAllowed = long.resetTimeoutMillis + 1000
  return [
    ...says(
      one.writesPerSecond < 0.9 * one.askedRate,
      `Only ${count(one.writesPerSecond)} writes a second were made, so this proves nothing about ${count(one.askedRate)}.`
    ),
    ...says(
      one.contradicted > 0,
      `${count(one.contradicted)} of ${count(one.checkedReads)} checked reads returned an older value than had been acknowledged.`
    ),
    ...says(one.unanswered > 0 || one.failed > 0, `${count(one.unanswered)} writes were not answered.`),
    ...says(
      one.heapGrowth > one.allowedGrowth,
      `The heap grew by ${size(one.heapGrowth)}; the bounds of journal and memory allow ${size(one.allowedGrowth)}.`
    ),
    ...says(
      one.growthPerMinute > mebibyte && one.outageSeconds >= 120,
      `In the second half of the outage the heap still grew by ${size(one.growthPerMinute)} a minute.`
    ),
    ...says(
      one.backMillis === null || one.backMillis > backAllowed,
      one.backMillis === null
        ? "Redis was not in use again."
        : `Redis was in use again only ${count(one.backMillis)} ms after it answered; ${count(backAllowed)} ms are allowed.`
    ),
    ...says(one.journalLeft > 0, `${count(one.journalLeft)} intents were still in the journal in the end.`),
    ...says(
      one.redisHoldsOlder > 0,
      `In the end Redis still held an older value than was acknowledged for ${count(one.redisHoldsOlder)} of ${count(one.redisHolds)} keys.`
    )
  ]
}

export const text = (one: Figures): ReadonlyArray<string> =>
  rows(one).map(([name, value]) => `${name.padEnd(52)}${value}`)

export const html = (long: Long): string => {
  const one = figures(long)
  const sentences = broken(one, long)
  const start = long.observed.samples[0]?.at ?? 0
  const samples = everySecond(long.observed.samples)
  const frame = (height: number): Svg.Frame => ({
    width: 1000,
    height,
    points: Math.max(1, samples.length),
    stepMillis: 1000,
    zeroMillis: long.struck - start,
    shaded: [long.struck - start, long.healed - start]
  })
  let known = 0
  const afterGc = samples.map(({ heap, heapAfterGc }) => {
    known = heapAfterGc ?? (known === 0 ? heap : known)
    return known / mebibyte
  })
  const heap = samples.map((sample) => sample.heap / mebibyte)
  const limit = (one.heapBefore + one.allowedGrowth) / mebibyte
  const written = samples.map(({ written }, index) => written - (samples[index - 1]?.written ?? written))
  return Page.make(
    "Chaos: a long outage",
    [
      "<h1>Chaos: a long outage</h1>",
      `<p class="dim">One process goes on with ${count(long.rate)} writes a second to ${count(long.keys)} keys while Redis is away for ${count(one.outageSeconds)} s (${long.how}). 0 s is when it went away, and the outage is shaded.</p>`,
      sentences.length === 0
        ? "<p><b>✔ Every promise was kept.</b></p>"
        : `<p><b>✘ Broken promises</b></p><ul>${sentences.map((sentence) => `<li>${Page.escaped(sentence)}</li>`).join("")}</ul>`,
      `<h3>Heap, in MiB <span>${Page.key("heap", "as it is")}${Page.key("gc", "after a forced collection, every 5 s")}</span></h3>`,
      Svg.lines(
        frame(260),
        Svg.linear(Math.max(limit, ...heap) * 1.05),
        [
          { colour: "heap", values: heap },
          { colour: "gc", values: afterGc }
        ],
        { value: limit, label: "before the outage, plus the bounds of journal and memory" }
      ),
      `<h3>Write journal <span>${Page.key("journal", "entries, the most within each second")}</span></h3>`,
      Svg.lines(frame(120), Svg.linear(Math.max(10, one.journalMax)), [
        { colour: "journal", values: samples.map(({ journal }) => journal) }
      ]),
      `<h3>Writes answered a second</h3>`,
      Svg.lines(frame(120), Svg.linear(Math.max(10, ...written)), [{ colour: "p99", values: written }]),
      "<h2>Figures</h2>",
      `<table><tbody>${rows(one)
        .map(([name, value]) => `<tr><td>${name}</td><td>${value}</td></tr>`)
        .join("")}</tbody></table>`,
      `<p class="dim">Allowed growth: the journal's ${size(bounds.journalBytes)}, ${bounds.perEntry} bytes of heap for each of its ${count(bounds.journalEntries)} entries, and ${count(bounds.perValue)} for each of the ${count(bounds.memoryEntries)} values in memory.</p>`
    ].join("\n")
  )
}

const rows = (one: Figures): ReadonlyArray<readonly [string, string]> => [
  ["outage", `${count(one.outageSeconds)} s, ${one.how}`],
  ["writes a second during it", `${count(one.writesPerSecond)} (asked for: ${count(one.askedRate)})`],
  ["writes in all, not answered", `${count(one.writes)}, ${count(one.unanswered)}`],
  ["checked reads, contradicted", `${count(one.checkedReads)}, ${count(one.contradicted)}`],
  ["heap after collection: before, at most during", `${size(one.heapBefore)}, ${size(one.heapPeak)}`],
  ["its growth, and what the bounds allow", `${size(one.heapGrowth)}, ${size(one.allowedGrowth)}`],
  ["its growth a minute in the second half", size(one.growthPerMinute)],
  ["journal: at most, in the end", `${count(one.journalMax)}, ${count(one.journalLeft)}`],
  ["keys in Redis in the end, older than acknowledged", `${count(one.redisHolds)}, ${count(one.redisHoldsOlder)}`],
  ["back on Redis after", one.backMillis === null ? "never" : `${count(one.backMillis)} ms`]
]

/** The samples at whole seconds: a late event loop skips some. */
const everySecond = (samples: ReadonlyArray<Sample>): ReadonlyArray<Sample> => {
  const start = samples[0]?.at ?? 0
  const seconds = Math.ceil(((samples.at(-1)?.at ?? 0) - start) / 1000)
  return Array.from({ length: seconds }, (_, second) =>
    samples.findLast(({ at }) => at <= start + (second + 0.5) * 1000)
  ).filter((sample) => sample !== undefined)
}

/** Bytes a minute, by least squares over the samples after a collection. */
const slope = (samples: ReadonlyArray<Sample>): number => {
  const points = samples.flatMap(({ at, heapAfterGc }) =>
    heapAfterGc === null ? [] : [[at / 60_000, heapAfterGc] as const]
  )
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / Math.max(1, points.length)
  const [x, y] = [mean(([at]) => at), mean(([, heap]) => heap)]
  const spread = mean(([at]) => (at - x) ** 2)
  return spread === 0 ? 0 : mean(([at, heap]) => (at - x) * (heap - y)) / spread
}

const size = (bytes: number): string => `${(bytes / mebibyte).toFixed(1)} MiB`

const count = (n: number): string => n.toLocaleString("en-US")
