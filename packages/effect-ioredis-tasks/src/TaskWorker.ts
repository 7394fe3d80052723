/**
 * Workers: what takes tasks from a queue and runs their handlers.
 *
 * @since 0.1.0
 */
import { Deferred, Duration, Effect, Fiber, Layer, Result, type Scope } from "effect"
import type { RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import * as Handling from "./internal/Handling.ts"
import type { Beginning } from "./internal/InHand.ts"
import * as Shifts from "./internal/Shifts.ts"
import * as Leases from "./internal/Leases.ts"
import * as Metrics from "./internal/Metrics.ts"
import { boundProblem, dieOf, timeProblem } from "./internal/problems.ts"
import type { QueueWatch, WatchedWorker } from "./internal/QueueWatch.ts"
import type { Taken } from "./internal/scripts/work.ts"
import * as StoredTask from "./internal/StoredTask.ts"
import * as Wakeup from "./internal/Wakeup.ts"
import * as WorkerMetrics from "./internal/WorkerMetrics.ts"
import type { Task } from "./Task.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as Monotonic from "./internal/Monotonic.ts"

/**
 * What runs the tasks of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler<in out R = never> {
  /** Names the kind of task. */
  readonly name: string
  /** Gives the version of its payload. */
  readonly version: number
  /** Runs one task. */
  readonly run: (content: StoredTask.Content, begun: Handling.Begun) => Effect.Effect<Handling.Ending, never, R>
}

/**
 * Says what runs the tasks of one kind.
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = <Payload, Success, Error, Progress, R = never>(
  task: Task<Payload, Success, Error, Progress>,
  handle: Handling.Handle<Payload, Success, Error, Progress, R>
): Handler<R> => ({ name: task.name, version: task.version, run: Handling.make(task, handle) })

/**
 * Sets up a worker.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Bounds how many tasks it runs at once. Default: 10. */
  readonly concurrency?: number | undefined
  /**
   * Sets for how long a task is the worker's own without a word from it, from 1 second on. Default:
   * 30 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /** Sets how long handlers may go on when the worker is told to end. Default: 10 seconds. */
  readonly drain?: Duration.Input | undefined
  /**
   * Bounds how many tasks all workers of the queue begin in a time. Default: as many as there are.
   */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
  /** Bounds how often in a row Redis may not answer before the worker ends. Default: for ever. */
  readonly connectAttempts?: number | undefined
}

/**
 * Works on the queue of the context until it is interrupted, or until Redis refuses.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = <R = never>(
  handlers: ReadonlyArray<Handler<R>>,
  options: Options = {}
): Effect.Effect<never, RedisError.RedisCommandError, TaskQueue.TaskQueue | R> =>
  Effect.scoped(Effect.flatMap(start(handlers, options), Deferred.await))

/**
 * Works on the queue of the context for as long as the layer is.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(
  handlers: ReadonlyArray<Handler<R>>,
  options: Options = {}
): Layer.Layer<never, never, TaskQueue.TaskQueue | R> =>
  Layer.effectDiscard(
    Effect.flatMap(start(handlers, options), (ended) =>
      Deferred.await(ended).pipe(
        Effect.tapCause((cause) => Effect.logError("A worker of a queue has ended", cause)),
        Effect.forkScoped
      )
    )
  )

const start = Effect.fnUntraced(function* <R>(
  handlers: ReadonlyArray<Handler<R>>,
  { concurrency = 10, connectAttempts = Number.POSITIVE_INFINITY, ...options }: Options
): Effect.fn.Return<
  Deferred.Deferred<never, RedisError.RedisCommandError>,
  never,
  TaskQueue.TaskQueue | Scope.Scope | R
> {
  yield* dieOf("TaskWorker", [handlersProblem(handlers), ...problemsOf({ concurrency, connectAttempts, ...options })])
  const lease = Duration.toMillis(options.lease ?? "30 seconds")
  const drain = Duration.toMillis(options.drain ?? "10 seconds")
  const { limit = 0, window = 0 } = options.rateLimit ?? {}
  const queue = yield* TaskQueue.TaskQueue
  const { client, metrics: ofQueue, spans, store, watch } = queue[TaskQueue.TypeId]
  const dispatch = Dispatch.of(client)
  const metrics = WorkerMetrics.make(ofQueue, dispatch, store.keys.tasks)
  for (const { name } of handlers) Metrics.beginAtZero(ofQueue, name)
  const byKind = new Map(handlers.map((handler) => [kindOf(handler), handler]))
  const now = () => Monotonic.millis(dispatch.clock)
  const unknown = new Set<string>()

  const tellUnknown = (kind: string) =>
    Effect.suspend(() => {
      if (unknown.has(kind) || unknown.size === mostUnknown) return Effect.void
      unknown.add(kind)
      return Effect.logWarning("This worker has no handler for a kind of task, which it leaves to others").pipe(
        Effect.annotateLogs({ queue: queue.name, task: kind })
      )
    })

  const begin = (taken: Taken, token: string): Beginning<R> => {
    const { attempt, id, stored, wasLost } = taken
    const read = StoredTask.read(stored)
    if (Result.isFailure(read)) {
      const ending = Handling.undecodable(read.failure)
      return { task: "unknown", run: Handling.told({ queue: queue.name, task: "unknown", attempt }, ending) }
    }
    const { content, due } = read.success
    const { name } = content
    const kind = kindOf(content)
    const handler = byKind.get(kind)
    // Another worker may have one, of another release of the program.
    if (handler === undefined) {
      return { task: name, run: Effect.as(tellUnknown(kind), Handling.unbegun(taken, unknownFor)) }
    }
    metrics.begun(name, attempt, due)
    const tell = (progress: string) => Effect.ignore(store.tell({ id, token, progress }))
    return {
      task: name,
      run: handler.run(content, { queue: queue.name, id: id.slice(name.length + 1), attempt, wasLost, tell, spans })
    }
  }

  const tellUnsettled = Effect.annotateLogs(
    Effect.logWarning("A worker has ended before Redis knew what became of its tasks"),
    { queue: queue.name }
  )

  const leases = Leases.make(store, dispatch, lease)
  const wakeup = Wakeup.make(client, dispatch, store.keys.wake, Wakeup.longestOf(lease), () => shifts.look())
  const shifts: Shifts.Shifts = Shifts.make(store, dispatch, yield* Effect.context<R>(), begin, {
    concurrency,
    lease,
    leases,
    metrics,
    attempts: connectAttempts,
    rate: { limit: limit === Number.POSITIVE_INFINITY ? 0 : limit, window: Duration.toMillis(window) },
    wakeup,
    moved: () => {
      watched.movedAt = now()
    }
  })
  const watched: WatchedWorker = { concurrency, running: shifts.running, movedAt: now() }

  yield* watchedIn(watch, ofQueue, watched)
  const ended = yield* Deferred.make<never, RedisError.RedisCommandError>()
  yield* Effect.forkScoped(leases.run)
  const waiting = yield* Effect.forkScoped(wakeup.run)
  yield* Effect.forkScoped(Effect.onExit(shifts.run, (exit) => Deferred.done(ended, exit)))
  yield* Effect.addFinalizer(() => {
    shifts.close()
    const isOver = Effect.raceFirst(shifts.settled, Effect.exit(Deferred.await(ended)))
    // It is woken no more, for others have to be: the last call wakes one of them in its place.
    return Fiber.interrupt(waiting).pipe(
      Effect.andThen(shifts.drain(drain)),
      Effect.tap(() => Effect.sync(shifts.look)),
      Effect.andThen(dispatch.closeWithin(isOver)),
      Effect.flatMap(() => (shifts.isOwing() ? tellUnsettled : Effect.void))
    )
  })
  return ended
})

// Shows a worker to whoever looks at its queue.
const watchedIn = Effect.fnUntraced(function* (watch: QueueWatch, metrics: Metrics.Metrics, worker: WatchedWorker) {
  yield* Effect.acquireRelease(
    Effect.sync(() => watch.workers.add(worker)),
    () => Effect.sync(() => watch.workers.delete(worker))
  )
  yield* Dispatch.showGauge(metrics.running, worker.running)
  yield* Dispatch.showGauge(metrics.concurrency, () => worker.concurrency)
})

const handlersProblem = <R>(handlers: ReadonlyArray<Handler<R>>): string | undefined => {
  // It would take every task and leave it to others.
  if (handlers.length === 0) return "there is no handler. Give one at least"
  const kinds = handlers.map(kindOf)
  const twice = handlers.find((handler, index) => kinds.indexOf(kindOf(handler)) < index)
  if (twice === undefined) return undefined
  return `two handlers are of ${twice.name}, version ${twice.version}. Give one for each kind and version`
}

const problemsOf = ({ concurrency = 1, connectAttempts = 1, drain = 0, lease = "1 second", rateLimit }: Options) => [
  boundProblem("concurrency", concurrency),
  boundProblem("connectAttempts", connectAttempts),
  timeProblem("drain", drain, 0),
  timeProblem("lease", lease, "1 second"),
  ...(rateLimit === undefined
    ? []
    : [boundProblem("rateLimit.limit", rateLimit.limit), timeProblem("rateLimit.window", rateLimit.window, "1 millis")])
]

// For how many milliseconds a task is left alone for which this worker has no handler.
const unknownFor = 30_000

// For how many kinds that is told: whoever writes to the queue decides how many there are.
const mostUnknown = 100

const kindOf = ({ name, version }: { readonly name: string; readonly version: number }): string => `${name}@${version}`
