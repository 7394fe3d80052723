import type { Contender, Round } from "./Contender.ts"
import * as Job from "./Job.ts"
import * as Mixed from "./Mixed.ts"
import * as Workload from "./Workload.ts"

/** A cache whose methods return promises, or values at once. */
export interface PromiseStore {
  readonly get: (key: string) => Awaitable<Job.Job | null | undefined>
  /** True where the contender can say that it was written. */
  readonly set: (key: string, job: Job.Job) => Awaitable<boolean>
  readonly getMany?: (keys: ReadonlyArray<string>) => Awaitable<ReadonlyArray<Job.Job | null | undefined>>
  readonly getOrSet?: (key: string, lookup: () => Promise<Job.Job>) => Awaitable<Job.Job | null | undefined>
  readonly close?: () => Promise<unknown>
}

type Awaitable<A> = A | Promise<A>

export const contender = (store: PromiseStore, tasks?: Contender["tasks"]): Contender => ({
  prepare: async (workload) => {
    const { inFlight, operation, size, zipf } = workload
    const keys = Workload.stored(workload)
    if (["get", "getOrSet", "getMany"].includes(operation)) {
      await seed(store, keys, Job.all(keys, size))
      // What memory may answer, it has read by then.
      if (zipf !== undefined) await inLoops(32, async (n) => void (await store.get(keys[n] as string)))(keys.length)
    }
    if (operation.startsWith("mixed")) return mixed(store, workload)
    return inLoops(inFlight, operations(store, workload))
  },
  call: async (operation, key) => {
    if (operation === "set") return (await store.set(key, Job.make(key, "200 B"))) ? "applied" : "not applied"
    return outcomeOf(await store.get(key), key)
  },
  ...(tasks !== undefined && { tasks }),
  close: async () => {
    await store.close?.()
  }
})

const seed = async (store: PromiseStore, keys: ReadonlyArray<string>, jobs: ReadonlyArray<Job.Job>) => {
  const set = inLoops(32, async (n) => {
    const job = jobs[n] as Job.Job
    await store.set(keys[n] as string, job)
  })
  await set(keys.length)
}

const operations = (store: PromiseStore, workload: Workload.Workload): ((n: number) => Promise<void>) => {
  const { operation, size } = workload
  const keys = Workload.asked(workload)
  const jobs = Job.all(keys, size)
  const { length } = Job.make(keys[0] ?? "", size).description
  const count = keys.length
  const check = (job: Job.Job | null | undefined, key: string) => {
    if (!Job.isRight(job, key, length)) throw new Error(`asked for ${key}, got ${JSON.stringify(job)?.slice(0, 100)}`)
  }
  switch (operation) {
    case "get":
      return async (n) => {
        const key = keys[n % count] as string
        check(await store.get(key), key)
      }
    case "miss": {
      const missing = Workload.keys("200 B", "none-")
      return async (n) => {
        const job = await store.get(missing[n % missing.length] as string)
        if (job !== undefined && job !== null) throw new Error("found what was never set")
      }
    }
    case "set":
      return async (n) => {
        const applied = await store.set(keys[n % count] as string, jobs[n % count] as Job.Job)
        if (!applied) throw new Error("a write was not applied")
      }
    case "getOrSet":
      return async (n) => {
        const key = keys[n % count] as string
        check(await (store.getOrSet?.(key, never) ?? getOrSet(store, key)), key)
      }
    case "getMany": {
      const batches = Array.from({ length: Math.floor(count / Workload.batch) }, (_, n) =>
        keys.slice(n * Workload.batch, (n + 1) * Workload.batch)
      )
      const { getMany } = store
      if (getMany === undefined) throw new Error("no getMany")
      return async (n) => {
        const asked = batches[n % batches.length] as ReadonlyArray<string>
        const got = await getMany(asked)
        for (let index = 0; index < asked.length; index++) check(got[index], asked[index] as string)
      }
    }
    default:
      throw new Error(`unknown operation ${operation}`)
  }
}

const outcomeOf = (job: Job.Job | null | undefined, key: string): string => {
  if (job === undefined || job === null) return "miss"
  return job.id === key ? "hit" : "wrong"
}

const mixed = async (store: PromiseStore, { inFlight, operation }: Workload.Workload): Promise<Round> => {
  const mix = Mixed.make(operation)
  await inLoops(32, async (n) => {
    const job = mix.jobs[n] as Job.Job
    await store.set(job.id, job)
  })(mix.jobs.length)
  return inLoops(inFlight, async (n) => {
    const { isRead, job } = mix.at(n)
    const start = performance.now()
    const result = isRead ? await store.get(job.id) : await store.set(job.id, job)
    mix.record(job, isRead, performance.now() - start)
    if (isRead ? outcomeOf(result as Job.Job | undefined, job.id) !== "hit" : result !== true)
      throw new Error(`${job.id} is wrong`)
  })
}

const never = (): Promise<Job.Job> => Promise.reject(new Error("the lookup of a key that is there was run"))

// For clients without one of their own.
const getOrSet = async (store: PromiseStore, key: string): Promise<Job.Job> => {
  const found = await store.get(key)
  if (found !== undefined && found !== null) return found
  const made = await never()
  await store.set(key, made)
  return made
}

/** So many async loops share one counter of operations to do. */
export const inLoops = (inFlight: number, operation: (n: number) => Promise<void>): Round => {
  let next = 0
  return async (operations) => {
    const end = next + operations
    const loop = async () => {
      while (next < end) await operation(next++)
    }
    try {
      await Promise.all(Array.from({ length: inFlight }, loop))
    } catch (error) {
      // The other loops stop too, so that they do not work on into somebody else's turn.
      next = end
      throw error
    }
  }
}
