import type { Figures } from "./Figures.ts"
import type { Row } from "./Row.ts"
import { millis } from "./millis.ts"
import type { Finding } from "./Verdict.ts"

/** A row that has been played. Without figures it could not be. */
export interface Played {
  readonly row: Row
  readonly figures: Figures | undefined
  readonly findings: ReadonlyArray<Finding>
}

export const holds = ({ figures, findings }: Played): boolean =>
  figures !== undefined && findings.every(({ holds }) => holds)

/** What a row is held to beside what was measured, and what its failures were. */
export const details = (findings: ReadonlyArray<Finding>, figures: Figures): ReadonlyArray<string> => {
  const { library, redirects } = figures
  return [
    ...findings.map(
      ({ asked, holds, measured, what }) =>
        `  ${holds ? "✔" : "✘"} ${what.padEnd(32)} ${measured.padEnd(60)} asked: ${asked}`
    ),
    `    ${library.failed} of ${library.count} calls failed; the raw writer met ${redirects.moved} MOVED and ${redirects.ask} ASK`,
    ...library.errors.slice(0, 4).map(([message, count]) => `    ${String(count).padStart(5)} × ${message}`)
  ]
}

/** A line for each row: "back" and "undisturbed" count from the fault, and "lost" has the raw writer's beside it. */
export const table = (played: ReadonlyArray<Played>): ReadonlyArray<string> => {
  const lines = [heading, ...played.map(cells)]
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

const heading = ["row", "holds", "back", "undisturbed", "longest", "others", "lost/raw", "twice", "cache", "journal"]

const cells = (played: Played): ReadonlyArray<string> => {
  const { figures, row } = played
  if (figures === undefined) return [row.name, "✘", "could not be played"]
  const { cache, journal, library, raw } = figures
  return [
    row.name,
    holds(played) ? "✔" : "✘",
    millis(library.first),
    millis(library.steady),
    millis(library.longest),
    String(row.limits.failed === "none" ? library.failed : library.othersFailed),
    `${library.lost}/${raw.lost}`,
    String(library.twice),
    cache === undefined ? "-" : `${cache.calls - cache.failed}/${cache.calls}`,
    journal === undefined ? "-" : `${journal.left} left, ${journal.olderInRedis + journal.olderRead} older`
  ]
}
