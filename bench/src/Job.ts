import type { Size } from "./Workload.ts"

/** What is stored: a job that was matched, the size of which is mostly text, as in life. */
export interface Job {
  readonly id: string
  readonly title: string
  readonly score: number
  readonly salary: number
  readonly remote: boolean
  readonly skills: ReadonlyArray<string>
  readonly description: string
}

const bytes: Record<Size | "1 MB", number> = { "200 B": 200, "2 KB": 2048, "64 KB": 65_536, "1 MB": 1_048_576 }

const skills = ["redis", "effect", "typescript", "kubernetes", "postgres", "observability", "streams", "networking"]
const text = "We look for someone who keeps a service answering while the machines below it come and go. "

/** A job whose JSON has the size asked for; about a tenth of it is its list of skills. */
export const make = (id: string, size: Size | "1 MB"): Job => {
  const wanted = bytes[size]
  const job = {
    id,
    title: "Senior Engineer",
    score: 0.8125,
    salary: 98_500,
    remote: true,
    skills: Array.from({ length: Math.max(2, Math.round(wanted / 120)) }, (_, n) => skills[n % skills.length] ?? ""),
    description: ""
  }
  // As long for every id, so that a check need not know whose it is.
  const missing = Math.max(0, wanted - JSON.stringify({ ...job, id: "job-1234" }).length)
  return { ...job, description: text.repeat(Math.ceil(missing / text.length)).slice(0, missing) }
}

/** One for each key, the same one wherever a key comes again. */
export const all = (keys: ReadonlyArray<string>, size: Size): ReadonlyArray<Job> => {
  const made = new Map<string, Job>()
  return keys.map((key) => {
    const job = made.get(key) ?? make(key, size)
    made.set(key, job)
    return job
  })
}

/** Cheap enough for a hot loop; the length tells a truncated value. */
export const isRight = (job: Job | undefined | null, id: string, descriptionLength: number): boolean =>
  job !== undefined && job !== null && job.id === id && job.description.length === descriptionLength
