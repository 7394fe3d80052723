/**
 * Queues of background tasks in Redis.
 *
 * @since 0.1.0
 */
import { Clock, Context, DateTime, Duration, Effect, Layer, Option, Result, Schema, type Scope, Stream } from "effect"
import { RedisClient, RedisCommand, type RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import * as DeferredOffers from "./internal/DeferredOffers.ts"
import { isOutage } from "./internal/isOutage.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as OfferMetrics from "./internal/OfferMetrics.ts"
import * as Outcome from "./internal/Outcome.ts"
import {
  boundProblem,
  countProblem,
  dieOf,
  longerProblem,
  momentProblem,
  nameProblem,
  timeProblem
} from "./internal/problems.ts"
import * as QueueStore from "./internal/QueueStore.ts"
import * as QueueWatch from "./internal/QueueWatch.ts"
import type { Letter } from "./internal/scripts/letters.ts"
import type { Look } from "./internal/scripts/look.ts"
import * as Spans from "./internal/Spans.ts"
import * as storageWarning from "./internal/storageWarning.ts"
import * as StoredTask from "./internal/StoredTask.ts"
import * as Watchers from "./internal/Watchers.ts"
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
    TaskQueueFullError | RedisError.RedisCommandError | Schema.SchemaError
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
  /** Tells how far a task is, whenever its handler says so, until it has ended. */
  readonly progress: <Payload, Success, Error, Progress>(
    task: Task<Payload, Success, Error, Progress>,
    id: string
  ) => Stream.Stream<Progress, RedisError.RedisCommandError>
  /** Tells where a task is. */
  readonly state: (task: { readonly name: string }, id: string) => Effect.Effect<State, RedisError.RedisCommandError>
  /**
   * Cancels a task. What a worker has is interrupted there, with the next renewal of its lease.
   * What this process keeps for Redis is forgotten at once, also where Redis cannot be asked.
   * `"Cancelled"` is also said of one that was cancelled before, and `"Over"` of any other that is
   * over, for as long as its id is remembered.
   */
  readonly cancel: (
    task: { readonly name: string },
    id: string
  ) => Effect.Effect<"Cancelled" | "Cancelling" | "Over" | "Unknown", RedisError.RedisCommandError>
  /** Counts its tasks. */
  readonly inspect: Effect.Effect<Counts, RedisError.RedisCommandError>
  /**
   * Looks at tasks that nobody will try again, the latest first. A bound that makes no sense is a
   * mistake in the program, and so a defect: a `RangeError`.
   */
  readonly deadLetters: (options?: {
    /** Sets how many of the latest are left out. Default: 0. */
    readonly offset?: number | undefined
    /** Bounds how many there are. Default: 100. */
    readonly limit?: number | undefined
  }) => Effect.Effect<ReadonlyArray<DeadLetter>, RedisError.RedisCommandError>
  /**
   * Lets dead letters be tried anew, as if they had just been offered, and counts them. They do not
   * expire any more.
   */
  readonly replay: (
    letters: ReadonlyArray<Pick<DeadLetter, "task" | "id">>
  ) => Effect.Effect<number, RedisError.RedisCommandError>
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
 * Sets when a task is begun. A time that makes no sense, such as `NaN`, is a mistake in the
 * program, and so a defect: a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OfferOptions {
  /** Sets in how long it may be begun at the earliest. Default: at once, as with less than 0. */
  readonly delay?: Duration.Input | undefined
  /**
   * Sets what goes first: a task of a higher priority is begun before all others. Default:
   * `"normal"`.
   */
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
 * Says where a task is. `"Over"` is one that is done, cancelled or expired, for as long as its id
 * is remembered.
 *
 * @category models
 * @since 0.1.0
 */
export type State = Look["state"]

/**
 * A task that nobody will try again.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter {
  /** Names the kind of task. */
  readonly task: string
  /** Gives the version of its payload. */
  readonly version: number
  /** Is the id that its payload gave. */
  readonly id: string
  /** Is its payload as it is stored: JSON. */
  readonly payload: unknown
  /** Says how often it was begun. */
  readonly attempts: number
  /** Says when it was given up, by the server's clock. */
  readonly diedAt: DateTime.Utc
  /** Says why: `"Failed"` is the error of the task. */
  readonly reason: Outcome.Outcome["_tag"]
  /** Says what happened. */
  readonly message: string
  /** Is the error of the task as it is stored: JSON. */
  readonly error: unknown
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
        /** Bounds how long each is kept: at most half of `remember`. Default: 1 hour. */
        readonly longest?: Duration.Input | undefined
      }
    | undefined
  /**
   * Sets for how long the id of a task that is over is remembered, so that it is not run again.
   * Default: 1 day.
   */
  readonly remember?: Duration.Input | undefined
  /**
   * Sets for how long a result can be asked for: at most `remember`. Default: 1 hour. A success of
   * `Schema.Void`, and that a task was cancelled or has expired, is known for as long as its id.
   */
  readonly keepResults?: Duration.Input | undefined
}

/**
 * Identifies what a queue keeps for workers.
 *
 * **Example** (Telling a queue from something else)
 *
 * ```ts
 * import { TaskQueue } from "effect-ioredis-tasks"
 *
 * const isQueue = (value: object): value is TaskQueue.TaskQueue => TaskQueue.TypeId in value
 *
 * isQueue({ name: "mails" }) // => false
 * ```
 *
 * @category symbols
 * @since 0.1.0
 */
export const TypeId: unique symbol = Symbol.for("effect-ioredis-tasks/TaskQueue")

interface Internals {
  readonly client: RedisClient.RedisClient
  readonly store: QueueStore.QueueStore
  readonly metrics: Metrics.Metrics
  readonly spans: Spans.Spans
  readonly watch: QueueWatch.QueueWatch
  /** Offers a task by an id that its payload does not give. */
  readonly offerAs: <Payload, Success, Error, Progress>(
    id: string,
    task: Task<Payload, Success, Error, Progress>,
    payload: Payload,
    options?: OfferOptions
  ) => ReturnType<TaskQueue["offer"]>
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
 * **Details**
 *
 * When it can ask the server of its keys, it warns once where that evicts, or keeps nothing on
 * disk.
 *
 * **Example** (A program with two queues)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TaskQueue } from "effect-ioredis-tasks"
 *
 * const program = Effect.gen(function* () {
 *   const mails = yield* TaskQueue.make({ name: "mails" })
 *   const reports = yield* TaskQueue.make({ name: "reports", patience: "200 millis" })
 *   return yield* Effect.all([mails.inspect, reports.inspect])
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<TaskQueue, never, RedisClient.RedisClient | Scope.Scope> {
  const { keepResults = "1 hour", name, prefix = "tasks", remember = "1 day" } = options
  yield* dieOf("TaskQueue", problemsOf(options))
  const client = yield* RedisClient.RedisClient
  const store = QueueStore.make(client, prefix, name, {
    remember: Duration.toMillis(remember),
    resultLife: Duration.toMillis(keepResults)
  })
  const dispatch = Dispatch.of(client)
  const metrics = Metrics.make(client.name, name, yield* Effect.context<never>())
  const spans = Spans.make(client.name, name)
  const watch = yield* QueueWatch.make(dispatch, store, metrics)
  const { deferred, offerAs } = yield* offering(client, store, metrics, spans, options)
  yield* Effect.forkScoped(storageWarning.warn(dispatch, { name: client.name, queue: name }, store.keys.tasks))
  const asking = yield* askingOf(client, store)
  const setting = (command: RedisCommand.RedisCommand) => Effect.asVoid(client.run(command))
  return {
    name,
    offer: (task, payload, options) =>
      Effect.suspend(() => offerAs(idOf(task, task.id(payload)), task, payload, options)),
    ...asking,
    cancel: (task, id) =>
      Effect.suspend(() => {
        const stored = idOf(task, id)
        // Redis may have it as well, or be told of it at this moment: it is asked after that.
        const isDropped = deferred.drop(stored)
        return Effect.map(store.cancel(stored), (told) => (told === "Unknown" && isDropped ? "Cancelled" : told))
      }),
    inspect: Effect.map(store.inspect, ({ high, low, normal, oldest, ...counts }) => ({
      ...counts,
      waiting: { high, normal, low },
      oldest: Duration.millis(oldest)
    })),
    deadLetters: ({ limit = 100, offset = 0 } = {}) =>
      dieOf("TaskQueue.deadLetters", [boundProblem("limit", limit, 0), countProblem("offset", offset, 0)]).pipe(
        // To Redis a range without end, and one that ends before it begins, would be the same.
        Effect.andThen(limit === 0 ? Effect.succeed([]) : store.letters({ limit: Math.min(limit, most), offset })),
        Effect.map((letters) => letters.map(letterOf))
      ),
    replay: (letters) => store.replay(letters.map(({ id, task }) => idOf({ name: task }, id))),
    pause: setting(RedisCommand.make("SET", [store.keys.paused, 1])),
    resume: Effect.andThen(
      setting(RedisCommand.make("DEL", [store.keys.paused])),
      setting(RedisCommand.make("RPUSH", [store.keys.wake, 1]))
    ),
    deferred: Effect.sync(deferred.stats),
    [TypeId]: { client, store, metrics, spans, watch, offerAs }
  }
})

const problemsOf = ({ deferred: { limit = 1, longest = "1 hour" } = {}, ...options }: Options) => [
  nameProblem("name", options.name),
  nameProblem("prefix", options.prefix ?? "tasks"),
  countProblem("deferred.limit", limit),
  timeProblem("deferred.longest", longest, "1 second"),
  timeProblem("patience", options.patience ?? "1 second", "1 millis"),
  // What was deferred may be told twice, and is known by its id then.
  timeProblem(
    "remember, which is at least twice deferred.longest,",
    options.remember ?? "1 day",
    Duration.times(Duration.fromInputUnsafe(longest), 2)
  ),
  timeProblem("keepResults", options.keepResults ?? "1 hour", 0),
  // A result is found by the id of what is over.
  longerProblem("keepResults", options.keepResults ?? 0, "remember", options.remember ?? "1 day")
]

const offering = Effect.fnUntraced(function* (
  client: RedisClient.RedisClient,
  store: QueueStore.QueueStore,
  metrics: Metrics.Metrics,
  spans: Spans.Spans,
  { deferred: bounds = {}, name, patience = "1 second" }: Options
) {
  const { limit = 10_000, longest = "1 hour" } = bounds
  const dispatch = Dispatch.of(client)
  const deferred = yield* DeferredOffers.make(dispatch, name, store, metrics, {
    limit,
    longest: Duration.toMillis(longest)
  })
  const message = `Redis does not answer, and ${limit} tasks of the queue ${name} wait for it already`
  const full = new TaskQueueFullError({ queue: name, limit, message })
  const offerOnce = Effect.fnUntraced(function* <P, S, E, G>(
    id: string,
    task: Task<P, S, E, G>,
    payload: P,
    { delay = 0, expiresIn = Duration.infinity, priority = "normal" }: OfferOptions,
    trace: string | undefined
  ) {
    yield* dieOf("TaskQueue.offer", [momentProblem("delay", delay), momentProblem("expiresIn", expiresIn, true)])
    const encoded = yield* Schema.encodeUnknownEffect(Schema.toCodecJson(task.payload))(payload)
    const offer = {
      id,
      content: StoredTask.write({
        name: task.name,
        version: task.version,
        offer: nonce(),
        ...(trace !== undefined && { trace }),
        payload: encoded
      }),
      priority: priorities[priority],
      delay: Math.max(0, Duration.toMillis(delay)),
      life: lifeOf(Duration.toMillis(expiresIn))
    }
    if (deferred.has(id)) return "Duplicate" as const
    const since = deferred.now()
    const told = yield* Effect.result(store.offer(offer, { operationTimeout: patience }))
    if (Result.isSuccess(told)) return told.success
    const error = told.failure
    if (!isOutage(error) || deferred.isClosed()) return yield* error
    return deferred.add(offer, since) ? ("Deferred" as const) : yield* full
  })
  const counted = OfferMetrics.make(metrics, dispatch)
  const offerAs: Internals["offerAs"] = (id, task, payload, options = {}) =>
    spans.sending(task.name, (trace) => counted(task.name, offerOnce(id, task, payload, options, trace)))
  return { deferred, offerAs }
})

const askingOf = Effect.fnUntraced(function* (client: RedisClient.RedisClient, store: QueueStore.QueueStore) {
  const watchers = yield* Watchers.make(client, store.keys.told)
  const { clock } = Dispatch.of(client)
  // Whoever waits for a task waits for Redis as well.
  const look = (id: string) =>
    Effect.catchIf(store.look(id), isOutage, () => Effect.succeed<Look>({ state: "Unknown", ...nothing }))

  const result: TaskQueue["result"] = (task, id, { timeout }) => {
    const { decode } = Outcome.codecOf(task)
    const ended = ({ outcome, state }: Look) => {
      return state === "Over" || outcome !== undefined ? Effect.asSome(decode(outcome)) : Effect.succeedNone
    }
    const stored = idOf(task, id)
    return watchers
      .until(stored, Effect.flatMap(look(stored), ended))
      .pipe(Effect.timeoutOption(timeout), Effect.provideService(Clock.Clock, clock))
  }

  const progress: TaskQueue["progress"] = (task, id) => {
    const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(task.progress)))
    const stored = idOf(task, id)
    const next = (told: string | undefined) =>
      Effect.map(look(stored), ({ progress, state }) => {
        if (progress !== undefined && progress !== told) return Option.some(progress)
        return state === "Over" || state === "Dead" ? Option.some(undefined) : Option.none()
      })
    return Stream.paginate(
      undefined as string | undefined,
      Effect.fnUntraced(function* (told) {
        const progress = yield* watchers.until(stored, next(told))
        if (progress === undefined) return [[], Option.none<string | undefined>()]
        return [Option.toArray(yield* Effect.option(decode(progress))), Option.some<string | undefined>(progress)]
      })
    ).pipe(Stream.provideService(Clock.Clock, clock))
  }

  const state: TaskQueue["state"] = (task, id) => Effect.map(store.look(idOf(task, id)), ({ state }) => state)
  return { result, progress, state }
})

const nothing = { progress: undefined, outcome: undefined }

const letterOf = ({ at, attempts, cause, id, stored }: Letter): DeadLetter => {
  const content = Option.getOrUndefined(Result.getSuccess(StoredTask.read(stored)))?.content
  const { _tag: reason, ...rest } = Outcome.read(cause)
  const name = content?.name ?? id.split(":", 1).join("")
  return {
    task: name,
    version: content?.version ?? 0,
    id: id.slice(name.length + 1),
    payload: content?.payload,
    attempts,
    diedAt: DateTime.makeUnsafe(at),
    reason,
    message: "message" in rest ? rest.message : reason,
    error: "error" in rest ? rest.error : undefined
  }
}

/**
 * Provides a queue on the client of the context.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<TaskQueue, never, RedisClient.RedisClient> =>
  Layer.effect(TaskQueue, make(options))

const priorities = { high: 0, normal: 1, low: 2 } as const

// Redis counts to that at least.
const most = Number.MAX_SAFE_INTEGER

// What has no life is always worth beginning.
const lifeOf = (millis: number): number => (millis === Number.POSITIVE_INFINITY ? 0 : Math.max(1, millis))

// Kinds of tasks do not share ids.
const idOf = (task: { readonly name: string }, id: string): string => `${task.name}:${id}`

// Tells two offers of one task apart.
const nonce = (): string => Math.random().toString(36).slice(2)
