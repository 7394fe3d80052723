import { Effect } from "effect"

/** Those who wait for something to change, whatever it is. */
export interface Waiters {
  /** Ends when `wake` is called next. */
  readonly changed: Effect.Effect<void>
  readonly wake: () => void
}

/** Makes a place to wait at. */
export const make = (): Waiters => {
  const waiting = new Set<() => void>()
  return {
    changed: Effect.callback<void>((resume) => {
      const resumeNow = () => resume(Effect.yieldNow)
      waiting.add(resumeNow)
      return Effect.sync(() => waiting.delete(resumeNow))
    }),
    wake: () => {
      for (const resume of waiting) resume()
      waiting.clear()
    }
  }
}
