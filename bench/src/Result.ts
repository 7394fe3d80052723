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

/** How the text begins that stands in the place of a figure where a call failed. */
export const doesNotCount = "does not count"

/** What a message says before its details and its stack. */
export const firstLine = (error: Error): string => error.message.split("\n", 1)[0] ?? ""

export interface Result {
  readonly scenario: string
  readonly cells: ReadonlyArray<Cell>
  /** Why the scenario ended early, if it did. */
  readonly failure?: string
}

/** The cells, and the contenders in them, that have no figure because a call failed; and the scenarios that ended early. */
export const withoutFigure = (results: ReadonlyArray<Result>): ReadonlyArray<string> =>
  results.flatMap(({ cells, failure, scenario }) => [
    ...cells.flatMap(({ name, rows }) =>
      rows
        .filter(({ figure }) => typeof figure === "string" && figure.startsWith(doesNotCount))
        .map(({ contender, figure }) => `${name}, ${contender} ${figure}`)
    ),
    ...(failure === undefined ? [] : [`the rest of ${scenario} ${doesNotCount}: ${failure}`])
  ])

/** The median of a contender in a cell, or what its `detail` of that name says. */
export const find = (
  results: ReadonlyArray<Result>,
  cell: string,
  contender: string,
  detail?: string
): number | undefined => {
  for (const result of results) {
    const rows = result.cells.find(({ name }) => name === cell)?.rows
    const row = rows?.find((row) => row.contender === contender)
    const value = detail === undefined ? row?.figure : row?.detail?.[detail]
    if (typeof value === "number") return value
    if (typeof value === "object") return value.median
  }
  return undefined
}
