import * as Job from "./Job.ts"
import * as Figure from "./Figure.ts"

/** Nine reads to one write, keys as popular as Zipf has them, one value in a hundred of 1 MB unless the operation is `mixedSmall`. */
export interface Mixed {
  readonly jobs: ReadonlyArray<Job.Job>
  readonly at: (n: number) => Turn
  readonly record: (job: Job.Job, isRead: boolean, millis: number) => void
}

export interface Turn {
  readonly job: Job.Job
  readonly isRead: boolean
}

const count = 2000
const turns = 1 << 16

let latencies: Array<number> = []

export const make = (operation: string): Mixed => {
  const isLarge = (rank: number) => operation === "mixed" && rank % 100 === 50
  const jobs = Array.from({ length: count }, (_, rank) => Job.make(`job-${rank}`, isLarge(rank) ? "1 MB" : "200 B"))
  const sequence = draw()
  return {
    jobs,
    at: (n) => sequence[n % turns] as Turn,
    record: (job, isRead, millis) => {
      if (isRead && job.description.length < 1000) latencies.push(millis)
    }
  }

  function draw(): ReadonlyArray<Turn> {
    const random = seeded(42)
    const weights = jobs.map((_, rank) => 1 / (rank + 1))
    let sum = 0
    const cumulated = weights.map((weight) => (sum += weight))
    return Array.from({ length: turns }, () => {
      const wanted = random() * sum
      const job = jobs[cumulated.findIndex((upTo) => upTo >= wanted)] as Job.Job
      return { job, isRead: random() < 0.9 }
    })
  }
}

/** The small reads since the last time this was asked, in milliseconds. */
export const drain = () => {
  const all = latencies
  latencies = []
  return { reads: all.length, p50: Figure.percentile(all, 0.5), p99: Figure.percentile(all, 0.99) }
}

// The same draws in every process: mulberry32.
const seeded = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
