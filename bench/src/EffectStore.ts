import { Effect, type ManagedRuntime } from "effect"
import type { Contender, Round } from "./Contender.ts"
import * as Job from "./Job.ts"
import * as Mixed from "./Mixed.ts"
import * as Workload from "./Workload.ts"

/** A cache whose methods return effects, and how to read their results: in the loop, not by one more effect for each of them. */
export interface EffectStore<Found, Written> {
  readonly get: (key: string) => Effect.Effect<Found, unknown>
  readonly set: (key: string, job: Job.Job) => Effect.Effect<Written, unknown>
  readonly getMany?: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Found>, unknown>
  readonly getOrSet?: (key: string, lookup: Effect.Effect<Job.Job>) => Effect.Effect<Job.Job, unknown>
  readonly jobOf: (found: Found) => Job.Job | undefined
  /** True where the contender can say that it was written. */
  readonly isApplied: (written: Written) => boolean
}

export const contender = <R, Found, Written>(
  runtime: ManagedRuntime.ManagedRuntime<R, unknown>,
  store: EffectStore<Found, Written>,
  tasks?: Contender["tasks"]
): Contender => {
  const run = (effect: Effect.Effect<void, unknown>) => runtime.runPromise(effect)
  return {
    prepare: async (workload) => {
      const { inFlight, operation, size, zipf } = workload
      const keys = Workload.stored(workload)
      if (["get", "getOrSet", "getMany"].includes(operation)) {
        const jobs = Job.all(keys, size)
        const set = (n: number) => store.set(keys[n] as string, jobs[n] as Job.Job)
        await inFibers(run, 32, () => ({ body: set, step: ignore }))(keys.length)
        // What memory may answer, it has read by then.
        const get = (n: number) => store.get(keys[n] as string)
        if (zipf !== undefined) await inFibers(run, 32, () => ({ body: get, step: ignore }))(keys.length)
      }
      if (operation.startsWith("mixed")) {
        const mix = Mixed.make(operation)
        const set = (n: number) => store.set((mix.jobs[n] as Job.Job).id, mix.jobs[n] as Job.Job)
        await inFibers(run, 32, () => ({ body: set, step: ignore }))(mix.jobs.length)
        return inFibers(run, inFlight, mixed(store, mix))
      }
      return inFibers(run, inFlight, operations(store, workload))
    },
    call: (operation, key) => {
      const outcomeOf = (job: Job.Job | undefined) => (job === undefined ? "miss" : job.id === key ? "hit" : "wrong")
      return runtime.runPromise(
        operation === "set"
          ? Effect.map(store.set(key, Job.make(key, "200 B")), (written) =>
              store.isApplied(written) ? "applied" : String(written)
            )
          : Effect.map(store.get(key), (found) => outcomeOf(store.jobOf(found)))
      )
    },
    ...(tasks !== undefined && { tasks }),
    close: () => runtime.dispose()
  }
}

const ignore = () => {}

/** One fiber's operation, and the check of its result. */
interface Operation<A> {
  readonly body: (n: number) => Effect.Effect<A, unknown>
  readonly step: (result: A) => void
}

// `any`: each operation checks its own kind of result.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyOperation = Operation<any>

const operations = <Found, Written>(
  store: EffectStore<Found, Written>,
  workload: Workload.Workload
): (() => AnyOperation) => {
  const { operation, size } = workload
  const keys = Workload.asked(workload)
  const jobs = Job.all(keys, size)
  const { length } = Job.make(keys[0] ?? "", size).description
  const count = keys.length
  const check = (job: Job.Job | undefined, key: string) => {
    if (!Job.isRight(job, key, length)) throw new Error(`asked for ${key}, got ${JSON.stringify(job)?.slice(0, 100)}`)
  }
  // Each fiber remembers what it asked for last, which spares an effect per operation.
  const checked =
    <A>(body: (key: string) => Effect.Effect<A, unknown>, jobOf: (result: A) => Job.Job | undefined) =>
    (): Operation<A> => {
      let key = ""
      return {
        body: (n) => {
          key = keys[n % count] as string
          return body(key)
        },
        step: (result) => check(jobOf(result), key)
      }
    }
  switch (operation) {
    case "get":
      return checked(store.get, store.jobOf)
    case "getOrSet": {
      const { getOrSet } = store
      if (getOrSet === undefined) throw new Error("no getOrSet")
      const lookup = Effect.die(new Error("the lookup of a key that is there was run"))
      return checked(
        (key) => getOrSet(key, lookup),
        (job) => job
      )
    }
    case "miss": {
      const missing = Workload.keys("200 B", "none-")
      return () => ({
        body: (n) => store.get(missing[n % missing.length] as string),
        step: (found: Found) => {
          if (store.jobOf(found) !== undefined) throw new Error("found what was never set")
        }
      })
    }
    case "set":
      return () => ({
        body: (n) => store.set(keys[n % count] as string, jobs[n % count] as Job.Job),
        step: (written: Written) => {
          if (!store.isApplied(written)) throw new Error("a write was not applied")
        }
      })
    case "getMany": {
      const { getMany } = store
      if (getMany === undefined) throw new Error("no getMany")
      const batches = Array.from({ length: Math.floor(count / Workload.batch) }, (_, n) =>
        keys.slice(n * Workload.batch, (n + 1) * Workload.batch)
      )
      return () => {
        let asked: ReadonlyArray<string> = []
        return {
          body: (n) => {
            asked = batches[n % batches.length] as ReadonlyArray<string>
            return getMany(asked)
          },
          step: (got: ReadonlyArray<Found>) => {
            if (got.length !== asked.length) throw new Error("not as many answers as keys")
            for (let index = 0; index < asked.length; index++)
              check(store.jobOf(got[index] as Found), asked[index] as string)
          }
        }
      }
    }
    default:
      throw new Error(`unknown operation ${operation}`)
  }
}

const mixed =
  <Found, Written>(store: EffectStore<Found, Written>, mix: Mixed.Mixed) =>
  (): AnyOperation => {
    let turn = mix.at(0)
    let start = 0
    return {
      body: (n): Effect.Effect<Found | Written, unknown> => {
        turn = mix.at(n)
        start = performance.now()
        return turn.isRead ? store.get(turn.job.id) : store.set(turn.job.id, turn.job)
      },
      step: (result: Found & Written) => {
        mix.record(turn.job, turn.isRead, performance.now() - start)
        const isRight = turn.isRead ? store.jobOf(result)?.id === turn.job.id : store.isApplied(result)
        if (!isRight) throw new Error(`${turn.job.id} is wrong`)
      }
    }
  }

/** So many fibers, each an `Effect.whileLoop`, the cheapest loop there is, share one counter of operations to do. */
export const inFibers = (
  run: (effect: Effect.Effect<void, unknown>) => Promise<void>,
  inFlight: number,
  operation: () => AnyOperation
): Round => {
  let next = 0
  return (operations) => {
    const end = next + operations
    const loop = Effect.suspend(() => {
      const { body, step } = operation()
      return Effect.whileLoop({ while: () => next < end, body: () => body(next++), step })
    })
    const loops = Array.from({ length: inFlight }, () => loop)
    return run(inFlight === 1 ? loop : Effect.all(loops, { concurrency: "unbounded", discard: true }))
  }
}
