import type { Contender, Round } from "./Contender.ts"

export interface One {
  readonly operation: "get" | "set"
  readonly key: string
}

export const one = (contender: Contender, { key, operation }: One): Promise<string> => {
  if (contender.call === undefined) throw new Error("this contender takes no single calls")
  return contender.call(operation, key)
}

export interface Sequence extends One {
  readonly calls: number
  readonly withinMillis: number
}

export interface SequenceDone {
  readonly millis: ReadonlyArray<number>
  readonly outcomes: Readonly<Record<string, number>>
  /** The last call had no answer when the time was over. */
  readonly isPending: boolean
}

/** One call after the other, each of another key, for so long at most. */
export const sequence = async (
  contender: Contender,
  { calls, key, operation, withinMillis }: Sequence
): Promise<SequenceDone> => {
  const millis: Array<number> = []
  const outcomes: Record<string, number> = {}
  const until = performance.now() + withinMillis
  for (let n = 0; n < calls; n++) {
    const start = performance.now()
    const outcome = await Promise.race([
      one(contender, { operation, key: `${key}${n * 7}` }).catch(() => "error"),
      sleep(until - start)
    ])
    if (outcome === pending) return { millis, outcomes, isPending: true }
    millis.push(performance.now() - start)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (performance.now() > until) break
  }
  return { millis, outcomes, isPending: false }
}

export interface Pace {
  readonly operations: number
  readonly millis: number
}

/** So many operations, spread evenly over so long: what another process does meanwhile. */
export const paced = async (round: Round, { millis, operations }: Pace): Promise<void> => {
  const start = performance.now()
  for (let done = 0; done < operations; ) {
    const due = Math.min(operations, Math.ceil(((performance.now() - start) / millis) * operations))
    if (due > done) await round(due - done)
    done = Math.max(done, due)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const pending = "pending"

const sleep = (millis: number): Promise<string> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(pending), Math.max(0, millis)).unref()
  })

export interface Flood {
  readonly calls: number
  readonly settleMillis: number
}

/** So many sets that nobody waits for, and what the heap holds in the end that it did not before. */
export const flood = async (
  contender: Contender,
  { calls, settleMillis }: Flood
): Promise<{ readonly bytes: number }> => {
  const before = heap()
  for (let n = 0; n < calls; n++) {
    one(contender, { operation: "set", key: `job-${n}` }).catch(() => "error")
    // As requests come: not all in one tick.
    if (n % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await new Promise((resolve) => setTimeout(resolve, settleMillis))
  return { bytes: heap() - before }
}

/** What is reachable, in bytes, with what Buffers hold outside of the heap. */
export const heap = (): number => {
  if (globalThis.gc === undefined) throw new Error("start it with --expose-gc")
  globalThis.gc()
  globalThis.gc()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
