import type { Cell, Row } from "./Result.ts"

/** A cell as lines of text. */
export const format = ({ baseline, name, rows, unit }: Cell): string => {
  const base = rows.find(({ contender }) => contender === baseline)?.figure
  const lines = rows.map(({ contender, detail = {}, figure }: Row) => {
    const more = Object.entries(detail).map(
      ([key, value]) => `${key} ${typeof value === "number" ? number(value) : value}`
    )
    if (typeof figure === "string") return [`  ${contender.padEnd(width)}  ${figure}`, ...more].join("  ")
    const ratio = base === undefined || typeof base === "string" ? "" : `${(figure.median / base.median).toFixed(2)} x`
    const range = `${number(figure.min)} – ${number(figure.max)}`
    const columns = [contender.padEnd(width), number(figure.median).padStart(11), range.padStart(23), ratio.padStart(9)]
    return `  ${[...columns, ...more].join("  ")}`
  })
  const head = `  ${"".padEnd(width)}  ${unit.padStart(11)}  ${"min – max".padStart(23)}  ${(base === undefined ? "" : `to ${baseline}`).padStart(9)}`
  return [name, head, ...lines].join("\n")
}

const width = 28

const number = (value: number): string =>
  value >= 1000
    ? Math.round(value).toLocaleString("en")
    : value.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })
