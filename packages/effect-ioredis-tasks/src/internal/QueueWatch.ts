import { type Context, Effect, type Scope } from "effect"
import type { RedisError } from "effect-ioredis"
import { beginGauge, type Dispatch } from "effect-ioredis/dispatch"
import { inBackground } from "./inBackground.ts"
import type { Metrics } from "./Metrics.ts"
import type { QueueStore } from "./QueueStore.ts"
import type { Counts } from "./scripts/inspect.ts"
import * as Monotonic from "./Monotonic.ts"

/** A worker of this process, as others see it. */
export interface WatchedWorker {
  readonly concurrency: number
  /** How many handlers it runs. */
  readonly running: () => number
  /**
   * When it last took a task, or found none that may be begun, in milliseconds of the client's
   * clock.
   */
  movedAt: number
}

/** What this process knows of a queue beside what it does there. */
export interface QueueWatch {
  /** Counts its tasks, as they were at most 15 seconds ago. */
  readonly counts: Effect.Effect<Counts, RedisError.RedisCommandError>
  /** The workers of this process that have not ended. */
  readonly workers: Set<WatchedWorker>
}

const every = 15_000

/**
 * Watches a queue, and counts it every 15 seconds for as long as the scope is open. That is one
 * script, which looks at no more than the sixty first of what waits: each process asks for itself,
 * so that none has to be elected for it, and producers see as well that no worker is left.
 *
 * The gauges are there while what they say is known: a queue that cannot be asked has none.
 */
export const make = Effect.fnUntraced(function* (
  dispatch: Dispatch,
  store: QueueStore,
  metrics: Metrics
): Effect.fn.Return<QueueWatch, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const now = () => Monotonic.millis(dispatch.clock)
  let known: { readonly counts: Counts; readonly at: number } | undefined
  let hide: (() => void) | undefined

  const forget = () => {
    known = undefined
    hide?.()
    hide = undefined
  }
  const learn = (counts: Counts) => {
    known = { counts, at: now() }
    hide ??= show(metrics, context, () => known?.counts ?? counts)
  }
  const ask = store.inspect.pipe(
    inBackground(dispatch),
    Effect.tap((counts) => Effect.sync(() => learn(counts))),
    Effect.tapError(() => Effect.sync(forget))
  )
  yield* Effect.addFinalizer(() => Effect.sync(forget))
  const counting = Effect.forever(Effect.andThen(Effect.sleep(every), Effect.ignore(ask)))
  yield* Effect.forkScoped(inBackground(dispatch)(counting))

  return {
    counts: Effect.suspend(() =>
      known !== undefined && now() - known.at < every ? Effect.succeed(known.counts) : ask
    ),
    workers: new Set()
  }
})

// Several queues of one name in a process know the same.
const most = (values: ReadonlyArray<number>) => Math.max(...values)

const show = (metrics: Metrics, context: Context.Context<never>, counts: () => Counts): (() => void) => {
  const gauges = [
    beginGauge(metrics.size("waiting"), () => waitingIn(counts()), context, most),
    beginGauge(metrics.size("delayed"), () => counts().delayed, context, most),
    beginGauge(metrics.size("running"), () => counts().running, context, most),
    beginGauge(metrics.size("dead"), () => counts().dead, context, most),
    beginGauge(metrics.oldest, () => counts().oldest / 1000, context, most),
    beginGauge(metrics.paused, () => (counts().paused ? 1 : 0), context, most)
  ]
  return () => {
    for (const end of gauges) end()
  }
}

/** How many tasks may be begun, whatever their priority. */
export const waitingIn = ({ high, low, normal }: Counts): number => high + normal + low
