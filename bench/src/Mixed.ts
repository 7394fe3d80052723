import * as Job from "./Job.ts"
import * as Figure from "./Figure.ts"
import * as Zipf from "./Zipf.ts"

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
  const random = Zipf.seeded(42)
  const sequence = Array.from(Zipf.draw(count, turns, random), (rank) => ({
    job: jobs[rank] as Job.Job,
    isRead: random() < 0.9
  }))
  return {
    jobs,
    at: (n) => sequence[n % turns] as Turn,
    record: (job, isRead, millis) => {
      if (isRead && job.description.length < 1000) latencies.push(millis)
    }
  }
}

/** The small reads since the last time this was asked, in milliseconds. */
export const drain = () => {
  const all = latencies
  latencies = []
  return { reads: all.length, p50: Figure.percentile(all, 0.5), p99: Figure.percentile(all, 0.99) }
}
