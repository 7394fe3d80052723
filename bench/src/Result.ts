import type { Figure } from "./Figure.ts"

/** One row of a table: what one contender did. A text stands where there is nothing to measure; `detail` is shown after it. */
export interface Row {
  readonly contender: string
  readonly figure: Figure | string
  readonly detail?: Readonly<Record<string, number | string>>
}

/** What was measured, of several contenders, in one unit. */
export interface Cell {
  readonly name: string
  readonly unit: "ops/s" | "ns" | "ms" | "MB" | "bytes"
  /** The contender that the ratios are to; none where a ratio would say nothing. */
  readonly baseline: string
  readonly rows: ReadonlyArray<Row>
}

export interface Result {
  readonly scenario: string
  readonly cells: ReadonlyArray<Cell>
}

export const find = (results: ReadonlyArray<Result>, cell: string, contender: string): number | undefined => {
  for (const result of results) {
    const rows = result.cells.find(({ name }) => name === cell)?.rows
    const figure = rows?.find((row) => row.contender === contender)?.figure
    if (figure !== undefined && typeof figure !== "string") return figure.median
  }
  return undefined
}
