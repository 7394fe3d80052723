import { isCount } from "../settingProblem.ts"

/**
 * Decides when a closed circuit opens by itself.
 *
 * **Details**
 *
 * - `Consecutive` opens it after `failures` failures in a row.
 * - `Rate` opens it when the share of failures among the last `window` calls reaches `threshold`,
 *   as soon as at least `minimumCalls` calls are known.
 * - `Never` does not open it: neither failures nor `trip` do. Only `isolate` does.
 *
 * @category models
 * @since 0.1.0
 */
export type TripPolicy =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | { readonly _tag: "Rate"; readonly threshold: number; readonly minimumCalls: number; readonly window: number }
  | { readonly _tag: "Never" }

/**
 * Opens the circuit after `failures` failures in a row, in the order in which calls end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const consecutive = (failures: number): TripPolicy => ({ _tag: "Consecutive", failures })

/**
 * Opens the circuit when too large a share of the last calls failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rate = (
  options: {
    /** Sets the share of failures that opens it, above 0 and at most 1. Default: 0.5. */
    readonly threshold?: number | undefined
    /**
     * Sets how many calls must be known, from 1 to `window`. Default: 20, or `window` where that is
     * less.
     */
    readonly minimumCalls?: number | undefined
    /** Sets how many of the last calls count. Default: 100. */
    readonly window?: number | undefined
  } = {}
): TripPolicy => {
  const { threshold = 0.5, window = 100 } = options
  return { _tag: "Rate", threshold, window, minimumCalls: options.minimumCalls ?? Math.min(20, window) }
}

/**
 * Opens the circuit for no failure and no `trip`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const never: TripPolicy = { _tag: "Never" }

/**
 * Says what is wrong with a policy that could not do what it says, and `undefined` of every other.
 */
export const mistakeIn = (policy: TripPolicy): string | undefined => {
  switch (policy._tag) {
    case "Consecutive":
      return isCount(policy.failures)
        ? undefined
        : `consecutive(${policy.failures}) needs a whole number of failures, 1 or more`
    case "Rate":
      if (!isCount(policy.window)) return `the rate's window is ${policy.window}. Make it a whole number, 1 or more`
      if (!(policy.threshold > 0 && policy.threshold <= 1)) {
        return `the rate's threshold is ${policy.threshold}. Make it more than 0 and at most 1`
      }
      return isCount(policy.minimumCalls) && policy.minimumCalls <= policy.window
        ? undefined
        : `the rate's minimumCalls is ${policy.minimumCalls}. Make it a whole number from 1 to its window, ${policy.window}`
    case "Never":
      return undefined
  }
}

/** Holds what a policy judges by. */
export interface Health {
  /** The failures since the last success. */
  readonly failures: number
  /** The last calls, where the policy looks at a rate. */
  readonly window: Window | undefined
}

/** A ring of the last results: 1 is a failure. */
interface Window {
  readonly results: Uint8Array
  readonly next: number
  readonly size: number
  readonly failed: number
}

/** The health of which nothing is known yet. */
export const unknown = (policy: TripPolicy): Health => ({
  failures: 0,
  window: policy._tag === "Rate" ? { results: new Uint8Array(policy.window), next: 0, size: 0, failed: 0 } : undefined
})

/** The health as another policy judges it. A rate begins anew where its window is another one. */
export const adopt = (policy: TripPolicy, health: Health): Health => {
  const { window } = unknown(policy)
  return window?.results.length === health.window?.results.length ? health : { failures: health.failures, window }
}

/** The health after one more call. */
export const observe = (health: Health, failed: boolean): Health => ({
  failures: failed ? health.failures + 1 : 0,
  window: health.window && push(health.window, failed)
})

/** Says whether the policy opens a circuit of this health. */
export const opens = (policy: TripPolicy, { failures, window }: Health): boolean => {
  switch (policy._tag) {
    case "Consecutive":
      return failures >= policy.failures
    case "Rate":
      return (
        window !== undefined && window.size >= policy.minimumCalls && window.failed / window.size >= policy.threshold
      )
    case "Never":
      return false
  }
}

const push = (window: Window, failed: boolean): Window => {
  const results = window.results.slice()
  const forgotten = results[window.next] ?? 0
  results[window.next] = failed ? 1 : 0
  return {
    results,
    next: (window.next + 1) % results.length,
    size: Math.min(window.size + 1, results.length),
    failed: window.failed - forgotten + (failed ? 1 : 0)
  }
}
