import { doesNotCount, find, type Result } from "./Result.ts"

/** What we promise ourselves: a ratio of two medians of one run, or, where there is no `to`, a median. */
interface Target {
  readonly cell: string
  readonly of: string
  /** One contender, or the one of several that does the most per second. */
  readonly to?: string | ReadonlyArray<string>
  /** The detail that counts in the place of the figure, such as the processor time of a call. */
  readonly by?: string
  readonly atLeast?: number
  readonly atMost?: number
}

const raw = "ioredis:autoPipelining"
const get = "get, 200 B, 256 in flight"
const near96 = "near, 96 % from memory"
const near84 = "near, 84 % from memory"
const work = "tasks, concurrency 50"
const clusterDriver = ["cluster:ioredis", "cluster:autoPipelining"]

// In operations per second ours is the dividend, in nanoseconds the divisor, so that "at least" always means "as good as".
const targets: ReadonlyArray<Target> = [
  { cell: get, of: "ours", to: raw, atLeast: 1 },
  { cell: get, of: "ours", to: raw, atLeast: 2 },
  { cell: get, of: "ours", to: "persistence", atLeast: 4 },
  { cell: get, of: "ours", to: "bentocache:redisOnly", atLeast: 2 },
  { cell: get, of: "ours", to: "cacheable:redisOnly", atLeast: 2 },
  { cell: "get, 200 B, 1 in flight", of: "ours", to: "ioredis", atLeast: 0.9 },
  { cell: "get, 200 B, 1 in flight", of: raw, to: "ours", by: "cpu µs", atLeast: 0.9 },
  { cell: "miss, 200 B, 256 in flight", of: "ours", to: raw, atLeast: 1 },
  { cell: "getMany, 200 B, 16 in flight", of: "ours", to: raw, atLeast: 1 },
  { cell: "pipeline of 50 reads, 200 B, 16 in flight", of: "pipeline:typed", to: "pipeline:ioredis", atLeast: 1 },
  { cell: "pipeline of 50 reads, 200 B, 1 in flight", of: "pipeline:typed", to: "pipeline:ioredis", atLeast: 1 },
  { cell: "Redis first, held by memory, 2 KB", of: "ours", to: raw, atLeast: 1.7 },
  { cell: "Redis first, held by memory, 64 KB", of: "ours", to: raw, atLeast: 8 },
  { cell: near96, of: raw, to: "ours:near", by: "cpu µs", atLeast: 5 },
  { cell: near96, of: "bentocache:bus", to: "ours:near", by: "cpu µs", atLeast: 2 },
  { cell: near96, of: "cacheable:bus", to: "ours:near", by: "cpu µs", atLeast: 2 },
  { cell: near84, of: raw, to: "ours:near", by: "cpu µs", atLeast: 2.5 },
  { cell: near84, of: "bentocache:bus", to: "ours:near", by: "cpu µs", atLeast: 2 },
  { cell: near84, of: "cacheable:bus", to: "ours:near", by: "cpu µs", atLeast: 2 },
  { cell: near84, of: "ours:near", to: raw, by: "server µs", atMost: 0.25 },
  { cell: "storm, the longest read", of: "ours:near", atMost: 1000 },
  { cell: "near region of 10^6 keys, resident at most", of: "ours:near", atMost: 1024 },
  { cell: "set, 200 B, 256 in flight", of: "ours", to: raw, atLeast: 0.9 },
  { cell: "set, 2 KB, 256 in flight", of: "ours", to: raw, atLeast: 1 },
  { cell: "set, 200 B, 256 in flight", of: "ours", to: raw, atLeast: 1.5 },
  { cell: "get, 2 KB, 256 in flight", of: "ours", to: raw, atLeast: 1.2 },
  { cell: "set, 2 KB, 256 in flight", of: "ours", to: raw, atLeast: 1.2 },
  { cell: "cluster: get, 200 B, 256 in flight", of: "cluster:client", to: clusterDriver, atLeast: 1.5 },
  { cell: "cluster: set, 200 B, 256 in flight", of: "cluster:client", to: clusterDriver, atLeast: 1.5 },
  { cell: "cluster: get, 200 B, 256 in flight", of: "cluster:region", to: clusterDriver, atLeast: 1.5 },
  { cell: "memory hit", of: "effect-memory:effect", to: "effect-memory:ours", atLeast: 0.8 },
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
  { cell: work, of: "tasks", to: "bullmq", by: "cpu µs", atMost: 0.5 },
  { cell: work, of: "tasks", to: "bullmq", by: "server µs", atMost: 0.5 },
  { cell: work, of: "tasks", to: "bullmq", atLeast: 3 },
  { cell: "tasks, two processes of concurrency 50", of: "tasks", to: "bullmq", atLeast: 3 },
  { cell: "from offer to handler, idle queue", of: "tasks", atMost: 3 },
  { cell: "commands per second, idle worker", of: "tasks", atMost: 1 },
  { cell: "heap kept beyond memory and journal", of: "ours", atMost: 1 }
]

/** Those of the scenarios that ran, as lines of text. A target whose figures are missing does not count. */
export const format = (results: ReadonlyArray<Result>): string => {
  const cells = results.flatMap(({ cells }) => cells)
  const lines = targets.flatMap((target) => {
    const cell = cells.find(({ name }) => name === target.cell)
    return cell === undefined ? [] : [`  ${line(results, target, cell.unit)}`]
  })
  return lines.length === 0 ? "" : ["Targets: ratios of medians of this run", ...lines].join("\n")
}

const line = (results: ReadonlyArray<Result>, target: Target, cellUnit: string): string => {
  const { atLeast, atMost, by, cell, of, to } = target
  const value = ratioOf(results, target, by)
  const others = to === undefined ? [] : [to].flat()
  if (value === undefined) return `${doesNotCount}: ${cell}, ${of} / ${others.join(" or ") || 1}`
  const isMet = value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY)
  const unit = to === undefined ? cellUnit : "x"
  const bound = atLeast === undefined ? `at most ${atMost} ${unit}` : `at least ${atLeast} ${unit}`
  const what = to === undefined ? of : `${of} / ${others.join(" or ")}`
  // A busy machine changes it less than operations per second.
  const cpu = to === undefined || by !== undefined ? undefined : ratioOf(results, target, "cpu µs")
  return [
    isMet ? "met    " : "NOT MET",
    cell.padEnd(36),
    (by === undefined ? what : `${what}, ${by}`).padEnd(44),
    `${value.toFixed(2).padStart(7)} ${unit}`,
    cpu === undefined ? `(${bound})` : `(${bound}; by processor time ${(1 / cpu).toFixed(2)} x)`
  ].join("  ")
}

const ratioOf = (results: ReadonlyArray<Result>, target: Target, by: string | undefined): number | undefined => {
  const { cell, of, to } = target
  const mine = find(results, cell, of, by)
  if (mine === undefined || to === undefined) return mine
  const theirs = [to].flat().flatMap((other) => find(results, cell, other, by) ?? [])
  // The one of them that does the most: per second, or for its processor time.
  const best = by === undefined ? Math.max(...theirs) : Math.min(...theirs)
  return Number.isFinite(best) ? mine / best : undefined
}
