import { Queue, Worker } from "bullmq"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as TaskRunner from "../TaskRunner.ts"

/**
 * BullMQ as its documentation says, with ids, attempts and locks. What is completed is kept for a day, so that its id is known, as ours is.
 * Variant: `forgetting`, which keeps nothing.
 */
export const make: Make = async ({ lease = "30 seconds", port, variant }) => {
  const connection = { host: "127.0.0.1", port }
  const lockDuration = Number.parseInt(lease, 10) * 1000
  const options = {
    attempts: 4,
    backoff: { type: "exponential", delay: 60_000 },
    removeOnComplete: variant === "forgetting" ? true : { age: 86_400 }
  }
  const queue = new Queue<Job>("bench", { connection })
  // Otherwise it is an exception that nobody catches.
  queue.on("error", () => {})
  await queue.waitUntilReady()
  let completed = 0
  let onCompleted = () => {}
  return TaskRunner.contender({
    offer: async (job) => {
      await queue.add("work", job, { ...options, jobId: job.id })
      return "Enqueued"
    },
    work: async ({ concurrency, handle }) => {
      const worker = new Worker<Job>("bench", async (job) => handle(job.data), {
        connection: { ...connection, maxRetriesPerRequest: null },
        concurrency,
        lockDuration,
        stalledInterval: lockDuration
      })
      completed = 0
      worker.on("error", () => {})
      worker.on("completed", () => {
        completed++
        onCompleted()
      })
      await worker.waitUntilReady()
      return () => worker.close()
    },
    settled: (handled) =>
      new Promise((resolve) => {
        onCompleted = () => completed >= handled && resolve()
        onCompleted()
      }),
    close: () => queue.close()
  })
}
