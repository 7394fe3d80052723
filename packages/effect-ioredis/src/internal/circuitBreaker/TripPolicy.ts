import { countProblem, isCount, shown } from "../settingProblem.ts"

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
 * A policy is made by `consecutive`, `rate` or `never`, and a program's bundle has only those that
 * it makes.
 *
 * @category models
 * @since 0.1.0
 */
export type TripPolicy = Consecutive | Rate | Never

/**
 * Opens the circuit after `failures` failures in a row, in the order in which calls end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const consecutive = (failures: number): TripPolicy => new Consecutive(failures)

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
  return new Rate(threshold, options.minimumCalls ?? Math.min(20, window), window)
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

/** Judges by what a circuit has seen. */
interface Policy {
  /** Says what is wrong with a policy that could not do what it says. */
  readonly mistake: () => string | undefined
  /** Gives the health of which nothing is known yet. */
  readonly unknown: () => Health
  /** Gives the health after one more call. */
  readonly observe: (health: Health, failed: boolean) => Health
  /** Says whether it opens a circuit of this health. */
  readonly opens: (health: Health) => boolean
}

// Looks at no more than the failures in a row.
abstract class InARow {
  unknown(): Health {
    return noneKnown
  }

  observe(health: Health, failed: boolean): Health {
    return failuresInRow(health, failed)
  }
}

class Consecutive extends InARow implements Policy {
  readonly _tag = "Consecutive"
  /** Says how many failures in a row open the circuit. */
  readonly failures: number

  constructor(failures: number) {
    super()
    this.failures = failures
  }

  mistake(): string | undefined {
    return countProblem("the number of failures in a row", this.failures)
  }

  opens({ failures }: Health): boolean {
    return failures >= this.failures
  }
}

class Rate implements Policy {
  readonly _tag = "Rate"
  /** Says which share of failures opens the circuit. */
  readonly threshold: number
  /** Says how many calls must be known. */
  readonly minimumCalls: number
  /** Says how many of the last calls count. */
  readonly window: number

  constructor(threshold: number, minimumCalls: number, window: number) {
    this.threshold = threshold
    this.minimumCalls = minimumCalls
    this.window = window
  }

  mistake(): string | undefined {
    const { minimumCalls, threshold, window } = this
    if (!isCount(window)) return countProblem("the rate's window", window)
    if (!(threshold > 0 && threshold <= 1)) {
      return `the rate's threshold is ${threshold}. Make it more than 0 and at most 1`
    }
    return isCount(minimumCalls) && minimumCalls <= window
      ? undefined
      : `the rate's minimumCalls is ${minimumCalls}. Make it a whole number from 1 to its window, ${window}`
  }

  unknown(): Health {
    return { failures: 0, window: { results: new Uint8Array(this.window), next: 0, size: 0, failed: 0 } }
  }

  observe(health: Health, failed: boolean): Health {
    return { ...failuresInRow(health, failed), window: health.window && push(health.window, failed) }
  }

  opens({ window }: Health): boolean {
    return window !== undefined && window.size >= this.minimumCalls && window.failed / window.size >= this.threshold
  }
}

class Never extends InARow implements Policy {
  readonly _tag = "Never"

  mistake(): undefined {
    return undefined
  }

  opens(): boolean {
    return false
  }
}

/**
 * Opens the circuit for no failure and no `trip`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const never: TripPolicy = /* @__PURE__ */ new Never()

/** Says what is wrong with a policy. Fields alone, such as stats show them, are none. */
export const mistakeIn = (policy: TripPolicy): string | undefined =>
  typeof policy.mistake === "function"
    ? policy.mistake()
    : `tripPolicy is ${shown(policy)}. Make it by CircuitBreaker.consecutive, rate or never`

/** The health as another policy judges it. A rate begins anew where its window is another one. */
export const adopt = (policy: TripPolicy, health: Health): Health => {
  const { window } = policy.unknown()
  return window?.results.length === health.window?.results.length ? health : { failures: health.failures, window }
}

const noneKnown: Health = { failures: 0, window: undefined }

const failuresInRow = ({ failures }: Health, failed: boolean): Health => ({
  failures: failed ? failures + 1 : 0,
  window: undefined
})

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
