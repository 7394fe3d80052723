/** Counts what the operations of one client came to, for its `stats`. */
export class Counts {
  operations = 0
  retries = 0
  readonly failures = new Map<string, number>()

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
