import { Effect, type ManagedRuntime, Metric, Option } from "effect"
import type { Cache } from "effect-ioredis-cache"
import * as EffectStore from "./EffectStore.ts"
import * as Figure from "./Figure.ts"
import * as Job from "./Job.ts"
import * as Zipf from "./Zipf.ts"

/** The keys from 0 up. */
export interface Keys {
  readonly count: number
}

export interface Reads extends Keys {
  readonly millis: number
  readonly inFlight: number
}

/** What came of reads under way for a while. */
export interface Answered {
  readonly reads: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
  readonly loopDelay: number
  /** Of a second of this process, how much was its processor's. */
  readonly cpu: number
  /** Keys that the server told of meanwhile. */
  readonly told: number
}

const batch = 50

/** What is asked of a near region beside rounds. */
export const make = (
  runtime: ManagedRuntime.ManagedRuntime<Cache.Cache, unknown>,
  jobs: Cache.Region<string, Job.Job>
) => {
  const run = (effect: Effect.Effect<void, unknown>) => runtime.runPromise(effect)
  const set = (n: number) => jobs.set(keyOf(n), Job.make(keyOf(n), "200 B"))
  const isWritten = (outcome: Cache.WriteOutcome) => {
    if (outcome !== "Applied") throw new Error(`a write was ${outcome}`)
  }
  const getMany = (n: number) => jobs.getMany(Array.from({ length: batch }, (_, index) => keyOf(n * batch + index)))
  const areFound = (found: ReadonlyArray<Option.Option<Job.Job>>) => {
    if (!found.every(Option.isSome)) throw new Error("a key that is there was not found")
  }
  return {
    store: async ({ count }: Keys) => EffectStore.inFibers(run, 64, () => ({ body: set, step: isWritten }))(count),
    read: async ({ count }: Keys) =>
      EffectStore.inFibers(run, 8, () => ({ body: getMany, step: areFound }))(Math.ceil(count / batch)),
    /** In MB, after the garbage collector ran, and at most since the start of the process. */
    resident: async () => {
      globalThis.gc?.()
      globalThis.gc?.()
      return { now: process.memoryUsage.rss() / megabyte, peak: process.resourceUsage().maxRSS / 1024 }
    },
    answer: (reads: Reads) => runtime.runPromise(answer(jobs, reads))
  }
}

const megabyte = 1024 * 1024

const keyOf = (n: number) => `job-${n}`

/** So many fibers read, a millisecond after their last answer, and each read is timed. */
const answer = ({ get }: Cache.Region<string, Job.Job>, { count, inFlight, millis }: Reads) =>
  Effect.gen(function* () {
    const ranks = Zipf.draw(count, 2 ** 16)
    const took: Array<number> = []
    let loopDelay = 0
    let next = 0
    const until = performance.now() + millis
    const one = Effect.gen(function* () {
      const paused = performance.now()
      yield* Effect.sleep("1 millis")
      const start = performance.now()
      loopDelay = Math.max(loopDelay, start - paused - 1)
      const key = keyOf(ranks[next++ % ranks.length] as number)
      const found = yield* get(key)
      took.push(performance.now() - start)
      if (Option.getOrUndefined(found)?.id !== key) throw new Error(`${key} is wrong`)
    })
    const loop = Effect.whileLoop({ while: () => performance.now() < until, body: () => one, step: () => {} })
    const before = yield* told
    const cpu = process.cpuUsage()
    yield* Effect.all(
      Array.from({ length: inFlight }, () => loop),
      { concurrency: "unbounded", discard: true }
    )
    const { system, user } = process.cpuUsage(cpu)
    const answered: Answered = {
      reads: took.length,
      p50: Figure.percentile(took, 0.5),
      p99: Figure.percentile(took, 0.99),
      longest: took.reduce((longest, millis) => Math.max(longest, millis), 0),
      loopDelay,
      cpu: (user + system) / 1000 / millis,
      told: (yield* told) - before
    }
    return answered
  })

const told = Effect.map(Metric.snapshot, (metrics) =>
  metrics
    .filter(({ id }) => id === "cache.near.notices")
    .reduce((sum, { state }) => sum + ("count" in state ? Number(state.count) : 0), 0)
)
