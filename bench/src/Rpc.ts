/** From the parent: a method of the worker, or a task of its contender. */
export interface Request {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

export interface Response {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** What a round came to. */
export interface Measured {
  readonly operations: number
  readonly millis: number
  /** Processor time of the whole process, its compiler and garbage collector included. */
  readonly cpuMicros: number
}
