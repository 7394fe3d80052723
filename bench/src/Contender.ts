import type { Workload } from "./Workload.ts"

/** Does so many operations and checks each of them; what is wrong is thrown. */
export type Round = (operations: number) => Promise<void> | void

/** One way to do the work, alone in its process. */
export interface Contender {
  /** Makes ready for a workload, such as storing the values that it will read. */
  readonly prepare: (workload: Workload) => Promise<Round>
  /** One call, and what came of it: `hit`, `miss`, `applied`, or what the contender calls it. */
  readonly call?: (operation: "get" | "set", key: string) => Promise<string>
  /** What cannot be said as rounds: called by name, with an argument that JSON can carry. */
  readonly tasks?: Readonly<Record<string, (argument: never) => Promise<unknown>>>
  readonly close?: () => Promise<void>
}

/** What a contender is told by its parent. */
export interface Environment {
  readonly port: number
  readonly url: string
  /** How many entries memory holds, where there is one. Default: 1,000. */
  readonly maxEntries?: number
  /** For how long a task is its worker's own, in seconds. Default: as each has it by default. */
  readonly lease?: `${number} seconds`
  /** The part after the colon of a contender's name. */
  readonly variant: string | undefined
}

export type Make = (environment: Environment) => Promise<Contender>
