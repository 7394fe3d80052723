import type { Contender } from "./Contender.ts"
import * as Job from "./Job.ts"
import type { Measured } from "./Rpc.ts"

/** A queue of background tasks, and how it is worked on. */
export interface TaskRunner {
  /** Offers a task, whose id is the job's; what came of it. What is thrown says that it was refused. */
  readonly offer: (job: Job.Job) => Promise<string>
  /** Works on it until the returned function is called. */
  readonly work: (work: Work) => Promise<() => Promise<unknown>>
  /** Waits until Redis knows of the end of everything that was handled. */
  readonly settled: (handled: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface Work {
  readonly concurrency: number
  readonly handle: (job: Job.Job) => void | Promise<void>
}

export interface Count {
  readonly count: number
}

/** What a producer saw. */
export interface Produced {
  readonly outcomes: Readonly<Record<string, number>>
  /** Those of the tasks that were accepted. */
  readonly accepted: ReadonlyArray<string>
  /** How long each offer took. */
  readonly millis: ReadonlyArray<number>
  readonly pending: number
}

/** A handler that began, in milliseconds since 1970. */
export interface Begun {
  readonly id: string
  readonly at: number
}

const concurrency = 50
const inFlight = 50

/** The method of a worker process that measures a queue. */
export const contender = (runner: TaskRunner): Contender => {
  let offered = 0
  let stop: (() => Promise<unknown>) | undefined
  const begun: Array<Begun> = []
  const produced = {
    outcomes: {} as Record<string, number>,
    accepted: [] as Array<string>,
    millis: [] as Array<number>
  }
  let pending = 0
  let shared = 0
  let producing: NodeJS.Timeout | undefined

  const produce = async (id: string) => {
    const start = performance.now()
    pending++
    const outcome = await runner.offer(Job.make(id, "200 B")).catch(() => "error")
    pending--
    produced.millis.push(performance.now() - start)
    produced.outcomes[outcome] = (produced.outcomes[outcome] ?? 0) + 1
    if (outcome !== "error") produced.accepted.push(id)
  }

  return {
    prepare: async () => {
      throw new Error("a queue has no rounds")
    },
    close: async () => {
      await stop?.()
      await runner.close()
    },
    tasks: {
      /** Offers so many tasks. */
      fill: ({ count }: Count) => {
        const last = offered + count
        const one = async () => {
          while (offered < last) await runner.offer(Job.make(`task-${offered++}`, "200 B"))
        }
        return measured(count, () => Promise.all(Array.from({ length: inFlight }, one)))
      },
      /** Works until so many are done. */
      drain: ({ count }: Count) =>
        measured(count, async () => {
          let handled = 0
          let done = () => {}
          const isDone = new Promise<void>((resolve) => {
            done = resolve
          })
          const handle = (job: Job.Job) => {
            if (job.description.length < 40) throw new Error(`${job.id} is wrong`)
            if (++handled === count) done()
          }
          stop = await runner.work({ concurrency, handle })
          await isDone
          await runner.settled(count)
        }),
      /** Works, and counts what is done. */
      share: async () => {
        const handle = () => {
          shared++
        }
        stop = await runner.work({ concurrency, handle })
      },
      shared: async () => shared,
      /** Ends what `drain`, `share` or `begin` began. */
      end: async () => {
        await stop?.()
        stop = undefined
      },
      /** From an offer to its handler, on a queue that has nothing else to do. */
      wait: async ({ count }: Count) => {
        const millis: Array<number> = []
        let done = () => {}
        let start = 0
        const handle = () => {
          millis.push(performance.now() - start)
          done()
        }
        stop = await runner.work({ concurrency, handle })
        for (let n = 0; n < count; n++) {
          await sleep(20)
          const isDone = new Promise<void>((resolve) => {
            done = resolve
          })
          start = performance.now()
          await runner.offer(Job.make(`wait-${n}`, "200 B"))
          await isDone
        }
        return millis
      },
      /** Works, so long on each task, and says what began. A task whose id begins with `long` never ends. */
      begin: async ({ each }: { readonly each: number }) => {
        const handle = (job: Job.Job) => {
          begun.push({ id: job.id, at: Date.now() })
          return job.id.startsWith("long") ? new Promise<void>(() => {}) : sleep(each)
        }
        stop = await runner.work({ concurrency: 10, handle })
      },
      begun: async () => begun,
      /** Says what began, and is killed before any of it that began meanwhile can end. */
      die: async () => {
        setTimeout(() => process.kill(process.pid, "SIGKILL"), 5)
        return begun
      },
      offer: ({ id }: { readonly id: string }) => runner.offer(Job.make(id, "200 B")),
      /** Offers a task every so many milliseconds, whatever becomes of them. */
      produce: async ({ every }: { readonly every: number }) => {
        producing = setInterval(() => void produce(`task-${offered++}`), every)
      },
      halt: async () => clearInterval(producing),
      produced: async (): Promise<Produced> => ({ ...produced, pending })
    }
  }
}

const measured = async (operations: number, work: () => Promise<unknown>): Promise<Measured> => {
  const start = performance.now()
  const cpu = process.cpuUsage()
  await work()
  const { system, user } = process.cpuUsage(cpu)
  return { operations, millis: performance.now() - start, cpuMicros: user + system }
}

const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, millis)))
