import type { Workload } from "../Workload.ts"

/** One thing to measure: who of the worker's contenders does what. */
export interface Cell {
  readonly name: string
  /** What the command line may ask for instead of the name. */
  readonly group: string
  readonly contender: string
  readonly workload: Workload
}

const cell = (group: string, name: string, contender: string, operation: string, inFlight: number): Cell => ({
  name,
  group,
  contender: `against:${contender}`,
  workload: { operation, inFlight, size: "200 B" }
})

/** All of them, in the order of the table. */
export const cells: ReadonlyArray<Cell> = [
  cell("get", "get", "region", "get", 64),
  cell("get", "client-get", "client", "get", 64),
  cell("set", "set", "region", "set", 64),
  cell("set", "client-set", "client", "set", 64),
  cell("reads", "miss", "region", "miss", 64),
  cell("reads", "getOrSet", "region", "getOrSet", 64),
  cell("reads", "getMany", "region", "getMany", 16),
  cell("mixed", "mixed", "region", "mixedSmall", 64),
  cell("memory", "memory", "memory", "get", 1),
  cell("open", "open", "open", "get", 1),
  cell("open", "open-set", "openSet", "set", 1),
  cell("breaker", "breaker", "breaker", "execute", 1)
]

/** Those of these names or groups, or all where none is named. */
export const named = (names: ReadonlyArray<string>): ReadonlyArray<Cell> =>
  names.length === 0 ? cells : cells.filter(({ group, name }) => names.includes(name) || names.includes(group))

export const unknown = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.filter((name) => !cells.some((cell) => cell.name === name || cell.group === name))
