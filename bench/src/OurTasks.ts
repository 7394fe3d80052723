import { Effect, Fiber, Layer, ManagedRuntime, Schedule } from "effect"
import { Redis } from "effect-ioredis"
import { Task, TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import type { Make } from "./Contender.ts"
import { JobSchema } from "./JobSchema.ts"
import * as TaskRunner from "./TaskRunner.ts"

const Work = Task.make({ name: "work", version: 1, payload: JobSchema, id: ({ id }) => id })

/** A queue with leases, ids, retries and results, all as by default. `lease` is for the outage. */
export const make: Make = async ({ lease = "30 seconds", url }) => {
  const runtime = ManagedRuntime.make(TaskQueue.layer({ name: "bench" }).pipe(Layer.provideMerge(Redis.layer({ url }))))
  const queue = await runtime.runPromise(TaskQueue.TaskQueue)
  const isEmpty = Effect.map(
    queue.inspect,
    ({ delayed, running, waiting }) => delayed + running + waiting.high + waiting.normal + waiting.low === 0
  )
  return TaskRunner.contender({
    offer: (job) => runtime.runPromise(queue.offer(Work, job)),
    work: async ({ concurrency, handle }) => {
      const handler = TaskWorker.handler(Work, (job) =>
        Effect.suspend(() => {
          const ending = handle(job)
          return ending === undefined ? Effect.void : Effect.promise(() => ending)
        })
      )
      const fiber = runtime.runFork(TaskWorker.run([handler], { concurrency, lease }))
      return () => runtime.runPromise(Fiber.interrupt(fiber))
    },
    settled: () =>
      runtime.runPromise(
        Effect.asVoid(Effect.repeat(isEmpty, { until: (empty) => empty, schedule: Schedule.spaced("2 millis") }))
      ),
    close: () => runtime.dispose()
  })
}
