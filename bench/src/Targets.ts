import { doesNotCount, find, type Result } from "./Result.ts"

/** What we promise ourselves: a ratio of two medians of one run, or, where there is no `to`, a median. */
interface Target {
  readonly cell: string
  readonly of: string
  /** One contender, or the one of several that does the most per second. */
  readonly to?: string | ReadonlyArray<string>
  readonly atLeast?: number
  readonly atMost?: number
}

const raw = "ioredis:autoPipelining"
const get = "get, 200 B, 256 in flight"
const clusterDriver = ["cluster:ioredis", "cluster:autoPipelining"]

// In operations per second ours is the dividend, in nanoseconds the divisor, so that "at least" always means "as good as".
const targets: ReadonlyArray<Target> = [
  { cell: get, of: "ours", to: raw, atLeast: 2 },
  { cell: get, of: "ours", to: "persistence", atLeast: 4 },
  { cell: get, of: "ours", to: "bentocache:redisOnly", atLeast: 2 },
  { cell: get, of: "ours", to: "cacheable:redisOnly", atLeast: 2 },
  { cell: "get, 200 B, 1 in flight", of: "ours", to: "ioredis", atLeast: 0.9 },
  { cell: "set, 200 B, 256 in flight", of: "ours", to: raw, atLeast: 1.5 },
  { cell: "get, 2 KB, 256 in flight", of: "ours", to: raw, atLeast: 1.2 },
  { cell: "set, 2 KB, 256 in flight", of: "ours", to: raw, atLeast: 1.2 },
  { cell: "cluster: get, 200 B, 256 in flight", of: "cluster:client", to: clusterDriver, atLeast: 1.5 },
  { cell: "cluster: set, 200 B, 256 in flight", of: "cluster:client", to: clusterDriver, atLeast: 1.5 },
  { cell: "cluster: get, 200 B, 256 in flight", of: "cluster:region", to: clusterDriver, atLeast: 1.5 },
  { cell: "memory hit", of: "effect-memory:effect", to: "effect-memory:ours", atLeast: 1 },
  { cell: "memory hit", of: "memory:bentocache", to: "effect-memory:ours", atLeast: 10 },
  { cell: "memory hit", of: "memory:cacheable", to: "effect-memory:ours", atLeast: 10 },
  { cell: "breaker closed", of: "breaker:effect", to: "breaker:ours", atLeast: 30 },
  { cell: "breaker closed", of: "breaker:ours", to: "breaker:cockatiel", atMost: 2 },
  { cell: "breaker refusing", of: "breaker:cockatiel", to: "breaker:ours", atLeast: 10 },
  { cell: "breaker refusing", of: "breaker:opossum", to: "breaker:ours", atLeast: 10 },
  {
    cell: "circuit open, read from memory",
    of: "effect-memory:open",
    to: "effect-memory:ours",
    atMost: 3
  },
  { cell: "heap kept beyond memory and journal", of: "ours", atMost: 1 }
]

/** Those of the scenarios that ran, as lines of text. A target whose figures are missing does not count. */
export const format = (results: ReadonlyArray<Result>): string => {
  const lines = targets.flatMap((target) => {
    const { atLeast, atMost, cell, of, to } = target
    if (!results.some(({ cells }) => cells.some(({ name }) => name === cell))) return []
    const mine = find(results, cell, of)
    const others = to === undefined ? [] : [to].flat()
    const found = others.flatMap((other) => find(results, cell, other) ?? [])
    const theirs = to === undefined ? 1 : Math.max(...found)
    if (mine === undefined || !Number.isFinite(theirs))
      return [`  ${doesNotCount}: ${cell}, ${of} / ${others.join(" or ") || 1}`]
    const value = mine / theirs
    const isMet = value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY)
    const unit = to === undefined ? "MB" : "x"
    const bound = atLeast === undefined ? `at most ${atMost} ${unit}` : `at least ${atLeast} ${unit}`
    const what = to === undefined ? of : `${of} / ${others.join(" or ")}`
    const columns = [
      isMet ? "met    " : "NOT MET",
      cell.padEnd(36),
      what.padEnd(44),
      `${value.toFixed(2).padStart(7)} ${unit}`
    ]
    return [`  ${columns.join("  ")}  (${bound})`]
  })
  return lines.length === 0 ? "" : ["Targets: ratios of medians of this run", ...lines].join("\n")
}
