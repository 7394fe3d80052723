/** Counts what the operations of one client came to, for its `stats`. */
export class Counts {
  operations = 0
  retries = 0
  /** Counts the operations that have begun and not ended. */
  inFlight = 0
  /** Counts those that the load rule has cut short and that would still be in flight. */
  cut = 0
  /** Counts the connections that are reserved. */
  reserved = 0
  readonly failures = new Map<string, number>()

  /** Tells how many operations would be in flight if the load rule did nothing. */
  demand(): number {
    return this.inFlight + this.cut
  }

  /** Takes in an operation, by its error type, which is empty where it succeeded. */
  add(errorType: string): void {
    this.operations++
    if (errorType === "") return
    // A script may make up any code.
    const counted = this.failures.has(errorType) || this.failures.size < mostErrorTypes ? errorType : "other"
    this.failures.set(counted, (this.failures.get(counted) ?? 0) + 1)
  }
}

const mostErrorTypes = 100
