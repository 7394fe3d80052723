/** Writes a report for a person. */
import type { Finding, Report, Severity } from "../Report.ts"

/** How a report is written. */
export interface Style {
  readonly canColor: boolean
  /** Sets where lines are broken. Default: nowhere, for whoever searches them. */
  readonly columns?: number | undefined
}

/** The report as lines of text. */
export const render = (report: Report, { canColor, columns }: Style): string => {
  const paint = painter(canColor)
  const blocks = report.findings.map((finding) => blockOf(finding, paint, columns))
  return [...blocks, summaryOf(report, paint)].join("\n\n")
}

type Paint = (color: keyof typeof colors, text: string) => string

const colors = { critical: "31;1", warning: "33;1", notice: "36;1", good: "32;1", bold: "1", dim: "2" }

const painter =
  (canColor: boolean): Paint =>
  (color, text) =>
    canColor ? `\u001b[${colors[color]}m${text}\u001b[0m` : text

const marks: Readonly<Record<Severity, string>> = { critical: "✖", warning: "▲", notice: "●" }

const blockOf = (
  { evidence, id, link, remedy, severity, title }: Finding,
  paint: Paint,
  columns: number | undefined
): string =>
  [
    `${paint(severity, `${marks[severity]} ${severity}`)}  ${paint("bold", title)}  ${paint("dim", `[${id}]`)}`,
    ...evidence.map((line) => broken(`  ${line}`, "  ", columns)),
    ...remedy.map((line) => broken(`  → ${line}`, "    ", columns)),
    paint("dim", `  ${link}`)
  ].join("\n")

// Words stay whole, so that what is to be typed can be copied.
const broken = (line: string, indent: string, columns: number | undefined): string => {
  if (columns === undefined) return line
  const [, start = "", text = ""] = /^(\s*)(.*)$/.exec(line) ?? []
  const lines: Array<string> = []
  let current = start
  for (const word of text.split(" ")) {
    const isFirst = current.trim() === ""
    if (!isFirst && current.length + 1 + word.length > columns) {
      lines.push(current)
      current = indent + word
    } else current += isFirst ? word : ` ${word}`
  }
  return [...lines, current].join("\n")
}

const summaryOf = ({ findings, healthy, servers, target, use }: Report, paint: Paint): string => {
  const [server] = servers
  const version = server?.version === undefined ? "" : `, Redis ${server.version}`
  const latency = server?.p50 === undefined ? "" : `, PING ${server.p50} ms`
  const about = `${target} as ${asWhat[use]}${version}${latency}`
  const notices = findings.filter(({ severity }) => severity === "notice").length
  const problems = findings.length - notices
  const beside = notices === 0 ? "" : ` and ${counted(notices, "notice")}`
  return healthy
    ? `${paint("good", "✔ healthy")}  ${about}${notices === 0 ? "" : ` (${counted(notices, "notice")})`}`
    : `${paint("bold", `${counted(problems, "problem")}${beside}`)}  ${about}`
}

const asWhat: Readonly<Record<Report["use"], string>> = {
  cache: "a cache",
  durable: "a store of durable data",
  both: "a cache and a store of durable data"
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`
