/**
 * Queues of background tasks in Redis.
 *
 * @since 0.1.0
 */
import { Clock, Context, Duration, Effect, Layer, Option, Result, Schedule, Schema, type Scope } from "effect"
import { RedisClient, RedisCommand, type RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import * as DeferredOffers from "./internal/DeferredOffers.ts"
import { isOutage } from "./internal/isOutage.ts"
import * as Outcome from "./internal/Outcome.ts"
import * as QueueStore from "./internal/QueueStore.ts"
import * as StoredTask from "./internal/StoredTask.ts"
import type { Task } from "./Task.ts"
import { type TaskFailedError, TaskQueueFullError } from "./TaskError.ts"

/**
 * A queue of tasks.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskQueue {
  /** Names it. */
  readonly name: string
  /**
   * Enqueues a task, and waits no longer than `patience` for Redis.
   *
   * **Details**
   *
   * - `"Enqueued"`: Redis has it.
   * - `"Duplicate"`: one of the same id is known, waiting, running, dead or over.
   * - `"Deferred"`: Redis does not answer. This process keeps it, and tells Redis when it is back.
   */
  readonly offer: <Payload, Success, Error, Progress>(
    task: Task<Payload, Success, Error, Progress>,
    payload: Payload,
    options?: OfferOptions
  ) => Effect.Effect<
    "Enqueued" | "Duplicate" | "Deferred",
    TaskQueueFullError | RedisError.RedisOperationError | Schema.SchemaError
  >
  /**
   * Waits for what a task ends with, whichever process works on it, for a time. It fails with the
   * error of the task where that is dead by it, and with a `TaskFailedError` where there is none.
   */
  readonly result: <Payload, Success, Error, Progress>(
    task: Task<Payload, Success, Error, Progress>,
    id: string,
    options: { readonly timeout: Duration.Input }
  ) => Effect.Effect<Option.Option<Success>, Error | TaskFailedError | RedisError.RedisCommandError>
  /** Cancels a task. What a worker has is interrupted there, with the next renewal of its lease. */
  readonly cancel: (
    task: { readonly name: string },
    id: string
  ) => Effect.Effect<"Cancelled" | "Cancelling" | "Over" | "Unknown", RedisError.RedisCommandError>
  /** Counts its tasks. */
  readonly inspect: Effect.Effect<Counts, RedisError.RedisCommandError>
  /** Hands nothing out any more, in no process, until `resume`. What runs goes on. */
  readonly pause: Effect.Effect<void, RedisError.RedisCommandError>
  /** Hands out tasks again. */
  readonly resume: Effect.Effect<void, RedisError.RedisCommandError>
  /** Tells of the offers that this process keeps for Redis. */
  readonly deferred: Effect.Effect<DeferredOffers.DeferredStats>
  /** Serves workers. */
  readonly [TypeId]: Internals
}

/**
 * Sets when a task is begun.
 *
 * @category models
 * @since 0.1.0
 */
export interface OfferOptions {
  /** Sets in how long it may be begun at the earliest. Default: at once. */
  readonly delay?: Duration.Input | undefined
  /** Sets what goes first: a task of a higher priority is begun before all others. Default: `"normal"`. */
  readonly priority?: "high" | "normal" | "low" | undefined
  /** Sets after what time it is not worth beginning any more. Default: it always is. */
  readonly expiresIn?: Duration.Input | undefined
}

/**
 * Counts the tasks of a queue, at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  /** Tasks that may be begun, by their priority. Cancelled ones are counted until they are met. */
  readonly waiting: { readonly high: number; readonly normal: number; readonly low: number }
  /** Tasks that may be begun later, for the first time or again. */
  readonly delayed: number
  /** Tasks that workers have. */
  readonly running: number
  /** Tasks that nobody will try again. */
  readonly dead: number
  /** Says whether nothing is handed out. */
  readonly paused: boolean
  /** For how long the oldest task waits that may be begun and never was. */
  readonly oldest: Duration.Duration
}

/**
 * Sets up a queue. Producers and workers should say the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names it: a part of its keys, and a label of its metrics. */
  readonly name: string
  /** Stands before all of its keys. Default: `"tasks"`. */
  readonly prefix?: string | undefined
  /** Bounds how long `offer` waits for Redis. Default: 1 second. */
  readonly patience?: Duration.Input | undefined
  /** Sets for how long what was offered while Redis was away is kept for it. */
  readonly deferred?:
    | {
        /** Bounds how many tasks are kept. Default: 10,000. */
        readonly limit?: number | undefined
        /** Bounds how long each is kept. It is less than `remember`. Default: 1 hour. */
        readonly longest?: Duration.Input | undefined
      }
    | undefined
  /**
   * Sets for how long the id of a task that is over is remembered, so that it is not run again.
   * Default: 1 day.
   */
  readonly remember?: Duration.Input | undefined
  /** Sets for how long a result can be asked for. Default: 1 hour. */
  readonly keepResults?: Duration.Input | undefined
}

/**
 * Identifies what a queue keeps for workers.
 *
 * @category symbols
 * @since 0.1.0
 */
export const TypeId: unique symbol = Symbol.for("effect-ioredis-tasks/TaskQueue")

interface Internals {
  readonly client: RedisClient.RedisClient
  readonly store: QueueStore.QueueStore
}

/**
 * The queue of a program that has one.
 *
 * @category services
 * @since 0.1.0
 */
export const TaskQueue: Context.Service<TaskQueue, TaskQueue> = Context.Service<TaskQueue>(
  "effect-ioredis-tasks/TaskQueue"
)

/**
 * Makes a queue on the client of the context, for as long as the scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<TaskQueue, never, RedisClient.RedisClient | Scope.Scope> {
  const { deferred: bounds = {}, keepResults = "1 hour", name, patience = "1 second", prefix = "tasks" } = options
  const client = yield* RedisClient.RedisClient
  const dispatch = Dispatch.of(client)
  const remember = Duration.toMillis(options.remember ?? "1 day")
  const store = QueueStore.make(client, prefix, name, { remember, resultLife: Duration.toMillis(keepResults) })
  const { limit = 10_000, longest = "1 hour" } = bounds
  const deferred = yield* DeferredOffers.make(dispatch, name, store, { limit, longest: Duration.toMillis(longest) })
  const full = new TaskQueueFullError({
    queue: name,
    limit,
    message: `Redis does not answer, and ${limit} tasks of the queue ${name} wait for it already`
  })
  const setting = (command: RedisCommand.RedisCommand) => Effect.asVoid(client.run(command))
  return {
    name,
    offer: Effect.fnUntraced(function* (task, payload, { delay = 0, expiresIn, priority = "normal" } = {}) {
      const encoded = yield* Schema.encodeUnknownEffect(Schema.toCodecJson(task.payload))(payload)
      const offer = {
        id: idOf(task, task.id(payload)),
        content: StoredTask.write({ name: task.name, version: task.version, offer: nonce(), payload: encoded }),
        priority: priorities[priority],
        delay: Duration.toMillis(delay),
        life: expiresIn === undefined ? 0 : Math.max(1, Duration.toMillis(expiresIn))
      }
      if (deferred.has(offer.id)) return "Duplicate"
      const told = yield* Effect.result(store.offer(offer, { operationTimeout: patience }))
      if (Result.isSuccess(told)) return told.success
      const error = told.failure
      if (error._tag === "RedisOperationError" && !isOutage(error)) return yield* error
      return deferred.add(offer) ? "Deferred" : yield* full
    }),
    result: (task, id, { timeout }) => {
      const { decode } = Outcome.codecOf(task)
      const look = Effect.flatMap(
        store.result(idOf(task, id)),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (text) => Effect.map(Effect.fromResult(decode(text)), Option.some)
        })
      )
      return look.pipe(
        Effect.repeat({ until: Option.isSome, schedule: everySecond }),
        Effect.timeoutOption(timeout),
        Effect.map(Option.flatten),
        Effect.provideService(Clock.Clock, dispatch.clock)
      )
    },
    cancel: (task, id) => store.cancel(idOf(task, id)),
    inspect: Effect.map(store.inspect, ({ dead, delayed, high, low, normal, oldest, paused, running }) => ({
      waiting: { high, normal, low },
      delayed,
      running,
      dead,
      paused,
      oldest: Duration.millis(oldest)
    })),
    pause: setting(RedisCommand.make("SET", [store.keys.paused, 1])),
    resume: Effect.andThen(
      setting(RedisCommand.make("DEL", [store.keys.paused])),
      setting(RedisCommand.make("RPUSH", [store.keys.wake, 1]))
    ),
    deferred: Effect.sync(deferred.stats),
    [TypeId]: { client, store }
  }
})

/**
 * Provides a queue on the client of the context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<TaskQueue, never, RedisClient.RedisClient> =>
  Layer.effect(TaskQueue, make(options))

const priorities = { high: 0, normal: 1, low: 2 } as const

const everySecond = Schedule.spaced("1 second")

// Kinds of tasks do not share ids.
const idOf = (task: { readonly name: string }, id: string): string => `${task.name}:${id}`

// Tells two offers of one task apart.
const nonce = (): string => Math.random().toString(36).slice(2)
