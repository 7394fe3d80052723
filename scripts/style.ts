/**
 * Counts two things in the sources that may not become more: functions beyond 100 lines without a comment that says
 * why, and comment lines beyond 100 columns. `scripts/style.json` has the numbers that were reached.
 *
 * The sources are formatted, so a function ends on the first line that closes something at the indentation on which the
 * function began. A function is allowed to be long by a comment directly above it with the words "long because".
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

interface Finding {
  readonly rule: keyof typeof baseline
  readonly place: string
  readonly size: number
}

const baseline = JSON.parse(readFileSync("scripts/style.json", "utf8")) as {
  readonly longFunctions: number
  readonly wideComments: number
}

const longest = 100
const widest = 100

const sourcesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(directory, file))

const indentOf = (line: string): number => line.length - line.trimStart().length

const isComment = (line: string): boolean => /^\s*(\/\/|\/\*|\*)/.test(line)

// The head of a function, or the last line of one that takes several.
const opensFunction = (line: string): boolean =>
  !isComment(line) &&
  (/(=>|\bfunction\b).*[({[]$/.test(line) || /=>$/.test(line) || /^\s*\).*\{$/.test(line) || isMethod(line))

const isMethod = (line: string): boolean =>
  /^\s+(?:(?:static|override|get|set) )*#?\w+(?:<.*>)?\(.*\)(?:: .*)? \{$/.test(line) &&
  !/^\s+(?:if|for|while|switch|catch)\b/.test(line)

const lastLineOf = (lines: ReadonlyArray<string>, first: number): number => {
  const indent = indentOf(lines[first] ?? "")
  const closes = (line: string): boolean => line !== "" && indentOf(line) <= indent
  const end = lines.findIndex((line, index) => index > first && closes(line))
  return end === -1 ? lines.length - 1 : end
}

// Where a head takes several lines, the comment stands above the first.
const saysWhy = (lines: ReadonlyArray<string>, first: number): boolean => {
  const indent = indentOf(lines[first] ?? "")
  let head = first
  while (head > 0 && (indentOf(lines[head] ?? "") > indent || /^\s*\)/.test(lines[head] ?? ""))) head--
  let above = head - 1
  const comment: Array<string> = []
  while (above >= 0 && isComment(lines[above] ?? "")) comment.unshift(lines[above--] ?? "")
  return /long because/.test(comment.join(" "))
}

const longFunctions = (file: string, lines: ReadonlyArray<string>): ReadonlyArray<Finding> =>
  lines.flatMap((line, first) => {
    if (!opensFunction(line)) return []
    const size = lastLineOf(lines, first) - first + 1
    return size > longest && !saysWhy(lines, first)
      ? [{ rule: "longFunctions", place: `${file}:${first + 1}`, size }]
      : []
  })

const wideComments = (file: string, lines: ReadonlyArray<string>): ReadonlyArray<Finding> =>
  lines.flatMap((line, index) =>
    isComment(line) && line.length > widest
      ? [{ rule: "wideComments", place: `${file}:${index + 1}`, size: line.length }]
      : []
  )

const findings = [
  "packages/effect-ioredis/src",
  "packages/effect-ioredis-cache/src",
  "packages/effect-ioredis-tasks/src",
  "packages/effect-ioredis-cli/src"
]
  .flatMap(sourcesIn)
  .flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n")
    return [...longFunctions(file, lines), ...wideComments(file, lines)]
  })

const what = {
  longFunctions: `functions beyond ${longest} lines without a comment that says why`,
  wideComments: `comment lines beyond ${widest} columns`
}

for (const rule of ["longFunctions", "wideComments"] as const) {
  const found = findings.filter((finding) => finding.rule === rule)
  const allowed = baseline[rule]
  if (found.length < allowed) console.log(`Only ${found.length} ${what[rule]}: lower the number in scripts/style.json.`)
  if (found.length <= allowed) continue
  process.exitCode = 1
  console.error(`There are ${found.length} ${what[rule]}, and there may be ${allowed}:`)
  for (const { place, size } of found) console.error(`  ${place} (${size})`)
}
