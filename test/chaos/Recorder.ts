import { Clock, Effect, Exit, Schedule, Stream } from "effect"
import { RedisClient } from "effect-ioredis"
import type { Cache } from "effect-ioredis-cache"
import * as Journal from "./Journal.ts"
import * as LoopDelay from "./LoopDelay.ts"
import {
  type Bucket,
  type BreakerState,
  bucketMillis,
  type Contradiction,
  type Latency,
  type Marks
} from "./Protocol.ts"

/** One call, in monotonic milliseconds; `lookup` is the part of it that was spent in a lookup. */
interface Call {
  readonly operation: string
  readonly start: number
  readonly end: number
  readonly lookup: number
  /** A read that began and ended with the circuit open, and open without a break. */
  readonly openRead: boolean
}

/** What was the case at one moment. The counts are of the time since the cache was made. */
interface Sample {
  readonly at: number
  readonly redis: number
  readonly memory: number
  readonly misses: number
  readonly lookups: number
  readonly journal: number
  readonly loopDelay: number
  readonly breaker: BreakerState
}

export interface Kind {
  readonly operation: string
  readonly isRead: boolean
}

/** Writes down every call and, fifty times a second, the state of the caches in this process. */
export const make = Effect.fnUntraced(function* (caches: ReadonlyArray<Cache.Cache>) {
  const clock = yield* Clock.Clock
  const { breaker } = yield* RedisClient.RedisClient
  const stats = Effect.map(
    Effect.forEach(caches, (cache) => cache.stats),
    (all) => {
      const sum = (of: (one: Cache.Stats) => number) => all.reduce((total, one) => total + of(one), 0)
      return {
        redisHits: sum((one) => one.redisHits),
        memoryHits: sum((one) => one.memoryHits),
        misses: sum((one) => one.misses),
        lookups: sum((one) => one.lookups)
      }
    }
  )
  const journal = yield* Journal.size
  const loopDelay = yield* LoopDelay.make
  const state: { tag: BreakerState; transitions: number } = { tag: "Closed", transitions: 0 }
  let calls: Array<Call> = []
  let samples: Array<Sample> = []
  let contradictions: Array<Contradiction> = []
  let failures: Array<{ readonly start: number }> = []
  const running = new Set<{ readonly start: number }>()

  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

  yield* breaker.changes.pipe(
    Stream.runForEach(({ _tag }) =>
      Effect.sync(() => {
        // There is one node, whose circuit is never open in part.
        if (_tag !== "Partial") state.tag = _tag
        state.transitions++
      })
    ),
    Effect.forkScoped
  )
  yield* Effect.map(stats, ({ lookups, memoryHits, misses, redisHits }) => {
    samples.push({
      at: now(),
      redis: redisHits,
      memory: memoryHits,
      misses,
      lookups,
      journal: journal(),
      loopDelay: loopDelay(),
      breaker: state.tag
    })
  }).pipe(Effect.repeat(Schedule.fixed("20 millis")), Effect.forkScoped)

  /** Runs a call and remembers how it went. `lookupTime` says how much of an interval a lookup of its key took. */
  const call = <A>(
    { isRead, operation }: Kind,
    effect: Effect.Effect<A>,
    lookupTime: (start: number, end: number) => number = () => 0
  ): Effect.Effect<A> =>
    Effect.suspend(() => {
      const entry = { start: now() }
      const wasOpen = state.tag === "Open"
      const { transitions } = state
      running.add(entry)
      return Effect.onExit(effect, (exit) =>
        Effect.sync(() => {
          running.delete(entry)
          if (Exit.isFailure(exit)) return void failures.push(entry)
          const end = now()
          calls.push({
            operation,
            start: entry.start,
            end,
            lookup: lookupTime(entry.start, end),
            openRead: isRead && wasOpen && state.transitions === transitions
          })
        })
      )
    })

  return {
    now,
    call,
    running: () => running.size,
    journal,
    contradiction: (found: Contradiction) => void contradictions.push(found),
    /** All that was seen from `start` to `end`; what is older is forgotten. */
    take: (marks: Marks) => {
      const isWithin = ({ start }: { readonly start: number }) => start >= marks.start && start < marks.end
      const within = calls.filter(isWithin)
      const unanswered = failures.filter(isWithin).length + Array.from(running).filter(isWithin).length
      const seen = {
        calls: within.length + unanswered,
        answered: within.length,
        ...latencies(within, samples),
        ...timeline(within, samples, marks),
        contradictions
      }
      calls = calls.filter((one) => one.start >= marks.end)
      samples = samples.slice(-1)
      contradictions = []
      failures = []
      return seen
    }
  }
})

export type Recorder = Effect.Success<ReturnType<typeof make>>

const latencies = (calls: ReadonlyArray<Call>, samples: ReadonlyArray<Sample>) => {
  const delayed = makeDelay(samples)
  const timed = calls.map((call) => {
    const raw = call.end - call.start - call.lookup
    return { operation: call.operation, raw, lessDelay: Math.max(0, raw - delayed(call)), openRead: call.openRead }
  })
  const open = timed.filter(({ openRead }) => openRead)
  const p99: Latency = {
    raw: percentile(
      open.map(({ raw }) => raw),
      0.99
    ),
    lessDelay: percentile(
      open.map(({ lessDelay }) => lessDelay),
      0.99
    )
  }
  const slowest = (by: (one: Latency) => number) => {
    const { lessDelay, operation, raw } = timed.reduce((worst, one) => (by(one) > by(worst) ? one : worst), {
      operation: "none",
      raw: 0,
      lessDelay: 0,
      openRead: false
    })
    return { operation, raw, lessDelay }
  }
  return {
    slowest: slowest(({ raw }) => raw),
    slowestLessDelay: slowest(({ lessDelay }) => lessDelay),
    openReads: { count: open.length, p99 }
  }
}

/** The longest delay of the event loop while a call ran: one of them, not their sum, so that no more is taken off than the loop surely took. */
const makeDelay = (samples: ReadonlyArray<Sample>) => (call: Call) => {
  let low = 0
  let high = samples.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((samples[middle]?.at ?? 0) < call.start) low = middle + 1
    else high = middle
  }
  let longest = 0
  // A sample speaks of the time up to it, so the first one after the call's end still covers that end; and where the two timers were late
  // together, the sample was taken before the delay was entered, which then is in the next one.
  let after = 0
  for (let index = low; index < samples.length && after < 2; index++) {
    const sample = samples[index]
    longest = Math.max(longest, sample?.loopDelay ?? 0)
    if (sample !== undefined && sample.at >= call.end) after++
  }
  return Math.min(longest, call.end - call.start)
}

const timeline = (calls: ReadonlyArray<Call>, samples: ReadonlyArray<Sample>, marks: Marks) => {
  const length = Math.max(1, Math.ceil((marks.end - marks.start) / bucketMillis))
  const bucketOf = (at: number) => Math.floor((at - marks.start) / bucketMillis)
  const took = Array.from({ length }, (): Array<number> => [])
  for (const call of calls)
    if (call.end <= marks.end) took[bucketOf(call.end)]?.push(call.end - call.start - call.lookup)
  const grouped = Array.from({ length }, (): Array<Sample> => [])
  for (const sample of samples) if (sample.at <= marks.end) grouped[bucketOf(sample.at)]?.push(sample)

  let before = samples.findLast(({ at }) => at < marks.start) ?? samples[0]
  const buckets = grouped.map((group, index): Bucket => {
    const last = group.at(-1) ?? before
    const since = (of: (sample: Sample) => number) =>
      last === undefined || before === undefined ? 0 : of(last) - of(before)
    const bucket: Bucket = {
      calls: took[index]?.length ?? 0,
      redis: since(({ redis }) => redis),
      memory: since(({ memory }) => memory),
      lookups: since(({ lookups }) => lookups),
      misses: since(({ misses }) => misses),
      p99: round(percentile(took[index] ?? [], 0.99)),
      max: round(largest(took[index] ?? [])),
      journal: largest(group.map(({ journal }) => journal)),
      loopDelay: round(largest(group.map(({ loopDelay }) => loopDelay))),
      breaker: last?.breaker ?? "Closed"
    }
    before = last
    return bucket
  })

  const within = samples.filter(({ at }) => at >= marks.start && at <= marks.end)
  const healed = samples.findLast(({ at }) => at < marks.healed)
  const back = within.find(
    ({ at, breaker, redis }) => at >= marks.healed && breaker === "Closed" && redis > (healed?.redis ?? 0)
  )
  return {
    buckets,
    backMillis: back === undefined ? null : back.at - marks.healed,
    journalMax: largest(within.map(({ journal }) => journal)),
    loopDelayMax: largest(within.map(({ loopDelay }) => loopDelay))
  }
}

export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

const largest = (values: ReadonlyArray<number>): number => values.reduce((max, value) => Math.max(max, value), 0)

const round = (millis: number): number => Math.round(millis * 100) / 100
