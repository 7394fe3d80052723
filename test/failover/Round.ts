import { Effect, Fiber, Metric, type Scope } from "effect"
import * as LoopDelay from "../chaos/LoopDelay.ts"
import * as CacheLoad from "./CacheLoad.ts"
import * as Figures from "./Figures.ts"
import * as Ledger from "./Ledger.ts"
import type { Mark, Row, Stage } from "./Row.ts"
import type { Subject } from "./Subject.ts"
import type { Target } from "./Target.ts"

export interface Settings {
  /** Calls of the client, and of the raw writer, a second. */
  readonly rate: number
  /** Keys of the cache that are written before the fault, and again from its begin on. */
  readonly cacheKeys: number
  readonly subject: (target: Target) => Effect.Effect<Subject, Error, Scope.Scope>
}

/** Plays a row: a calm, the fault, a while after it; then looks at what the servers hold. */
export const play = (row: Row, settings: Settings): Effect.Effect<Figures.Figures, Error> =>
  Effect.gen(function* () {
    const { play, servers } = yield* row.start
    const { cache, incr } = yield* settings.subject(servers.target)
    const caching = cache === undefined ? undefined : yield* CacheLoad.start(cache, settings.cacheKeys)
    if (caching !== undefined) yield* caching.writeAll(1)

    const loading = { rate: settings.rate, crowded: row.crowded }
    const lateness = yield* LoopDelay.make
    const load = yield* Ledger.start({ name: "library", ...loading }, incr)
    const raw = yield* Ledger.start({ name: "raw", ...loading }, servers.raw.incr)
    const { noted, stage, writing } = yield* makeStage(caching)
    yield* Effect.sleep("2 seconds")
    yield* play(stage)
    yield* Effect.sleep("4 seconds")
    yield* Effect.all([load.stop, raw.stop], { concurrency: "unbounded", discard: true })
    const lateMillis = lateness()

    yield* writing
    const ofCache = caching === undefined ? undefined : yield* caching.stop
    const journal = caching === undefined ? undefined : yield* caching.judge((keys) => Effect.orDie(servers.held(keys)))
    const keys = [...load.entries, ...raw.entries].map(({ key }) => key)
    const values = yield* servers.held(keys)
    return Figures.make({
      entries: load.entries,
      raw: raw.entries,
      held: new Map(keys.map((key, index) => [key, values[index] ?? null])),
      fault: noted.fault,
      concerns: noted.concerns,
      marks: noted.marks,
      redirects: servers.raw.redirects(),
      cache: ofCache,
      journal,
      lateMillis
    })
    // The size of the journal is a metric, and rows are not to see each other's.
  }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))

interface Noted {
  fault: number
  concerns: (slot: number) => boolean
  readonly marks: Map<Mark, number>
}

// The cache's second version is written from the begin of the fault on.
const makeStage = (caching: CacheLoad.CacheLoad | undefined) =>
  Effect.map(Effect.scope, (scope) => {
    const noted: Noted = { fault: Number.NaN, concerns: () => true, marks: new Map() }
    let writer: Fiber.Fiber<void> | undefined
    const stage: Stage = {
      fault: (concerns) =>
        Effect.gen(function* () {
          if (concerns !== undefined) noted.concerns = concerns
          if (caching !== undefined) writer = yield* Effect.forkIn(caching.writeAll(2), scope)
          // The first of them are under way, so that some are in doubt where a server dies.
          yield* nextTurn
          noted.fault = performance.now()
        }),
      mark: (mark) => Effect.sync(() => void noted.marks.set(mark, performance.now()))
    }
    const writing = Effect.suspend(() => (writer === undefined ? Effect.void : Fiber.join(writer)))
    return { noted, stage, writing }
  })

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
