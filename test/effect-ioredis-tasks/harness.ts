import { it, type TestOptions } from "@effect/vitest"
import { Clock, Context, type Duration, Effect, Exit, Layer, Logger, Result, Schema, Scope } from "effect"
import { RedisClient } from "effect-ioredis"
import { Task, TaskError, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { scripts } from "effect-ioredis-tasks/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as VirtualTime from "../model/VirtualTime.ts"

// A queue on a simulated Redis in virtual time, and workers that begin and end when a test says so. TestClock moves on
// when a sleeper has run, this clock when nothing can run: so each time is exact, however many hops there are.

const client = (closeTimeout: Duration.Input) => RedisClient.layer({ closeTimeout, requireReady: false })

/** A queue, its client and its server. Tests that are not about logs print none. */
export const layer = (options: Partial<TaskQueue.Options> = {}, closeTimeout: Duration.Input = 0) =>
  TaskQueue.layer({ name: "work", ...options }).pipe(
    Layer.provideMerge(client(closeTimeout)),
    Layer.provideMerge(SimulatedRedis.layer({ scripts })),
    Layer.provideMerge(Logger.layer([]))
  )

type Services = TaskQueue.TaskQueue | SimulatedRedis.SimulatedRedis | RedisClient.RedisClient | Scope.Scope

const testWith =
  (testOptions: TestOptions) =>
  <E>(
    title: string,
    body: () => Effect.Effect<void, E, Services>,
    options?: Partial<TaskQueue.Options>,
    closeTimeout?: Duration.Input
  ) =>
    it.live(
      title,
      () => Effect.provide(Effect.scoped(body()), Layer.provideMerge(layer(options, closeTimeout), VirtualTime.layer)),
      testOptions
    )

/** A test in virtual time. */
export const test = testWith({})

/** One that the quick loop leaves out. */
export const longTest = testWith({ tags: ["long"] })

/** Lets so many seconds pass. */
export const pass = (seconds: number) => VirtualTime.pass(seconds * 1000)

/** What a task ended with, or has ended with within a second. */
export const resultOf = <S, E>(task: Task.Task<{ readonly n: number }, S, E, number>, id: string) =>
  Effect.flatMap(TaskQueue.TaskQueue, (queue) =>
    VirtualTime.passUntilDone(Effect.result(queue.result(task, id, { timeout: "1 second" })))
  )

/** Why there is no result. */
export const reasonOf = (result: Effect.Success<ReturnType<typeof resultOf>>): string =>
  Result.isFailure(result) && result.failure instanceof TaskError.TaskFailedError
    ? result.failure.reason
    : String(result)

/** The queue of another process, on the same server. */
export const otherProcess = Effect.map(
  Layer.build(
    Layer.fresh(
      TaskQueue.layer({ name: "work" }).pipe(Layer.provide(client(0)), Layer.provide(SimulatedRedis.layerConnector))
    )
  ),
  Context.get(TaskQueue.TaskQueue)
)

/** A worker that ends when `stop` is run. */
export const startWorker = Effect.fnUntraced(function* <R = never>(
  handlers: ReadonlyArray<TaskWorker.Handler<R>>,
  options: TaskWorker.Options = {}
) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  yield* Layer.buildWithScope(TaskWorker.layer(handlers, { drain: 0, ...options }), scope)
  return { stop: Scope.close(scope, Exit.void) }
})

/** Fails, and may help to be tried again. */
export class Failed extends Schema.TaggedError<Failed>()("Failed", { code: Schema.Int }) {}

/** A kind of task that is known by a number. */
export const kind = (
  options: Partial<Pick<Task.Options<{ readonly n: number }, number, Failed, number>, "retry">> = {}
) =>
  Task.make<{ readonly n: number }, number, Failed, number>({
    name: "count",
    version: 1,
    payload: Schema.Struct({ n: Schema.Int }),
    success: Schema.Int,
    error: Failed,
    progress: Schema.Int,
    id: ({ n }) => String(n),
    ...options
  })

/** Notes when something happens, in milliseconds since the test began. */
export const journal = <A = number>() => {
  const entries: Array<readonly [at: number, what: A]> = []
  const note = (what: A) =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      entries.push([at, what])
    })
  return { entries, note, times: () => entries.map(([at]) => at), whats: () => entries.map(([, what]) => what) }
}
