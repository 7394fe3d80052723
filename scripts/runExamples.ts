/**
 * Runs the examples that say what comes of them, as `examples.ts` has written them, and compares:
 *
 * - `expression // => value`, on a line of its own: what the expression gives equals the value, which is written with
 *   literals and the modules of Effect. A promise is waited for.
 * - `console.log(…) // => text`: the text is printed, in the order of these lines.
 *
 * All run in this process, each as soon as it is loaded. When nothing of them is left to do, a result that was not
 * reached is missing.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { format, inspect, isDeepStrictEqual } from "node:util"
import * as Modules from "effect"

interface Line {
  readonly indent: string
  readonly code: string
  /** What the example says comes of it, as it is written there. */
  readonly said: string
}

/** A running example: the lines that say a result, and what came of them so far. */
interface Example {
  readonly source: string
  readonly values: ReadonlyArray<Line>
  readonly logs: ReadonlyArray<Line>
  readonly given: Map<number, unknown>
  readonly logged: Array<string>
}

const written = "node_modules/.cache/examples"
const target = join(written, "run")
const examples = new Map<string, Example>()

const lineOf = (text: string): Line | undefined => {
  const [, indent = "", code = "", said = ""] = /^(\s*)(\S.*?)\s+\/\/ => (.+)$/.exec(text) ?? []
  return said === "" ? undefined : { indent, code, said }
}

const isLog = (line: Line): boolean => line.code.includes("console.log")

/** Writes the example anew, so that each of its results is told to `report`. */
const prepare = (name: string): string | undefined => {
  const lines = readFileSync(join(written, name), "utf8").split("\n")
  const results = lines.flatMap((line) => lineOf(line) ?? [])
  if (results.length === 0) return undefined
  const values = results.filter((line) => !isLog(line))
  const logs = results.filter(isLog)
  const source = lines[0]?.slice("// ".length) ?? name
  examples.set(name, { source, values, logs, given: new Map(), logged: [] })
  let count = 0
  const reporting = lines.map((text) => {
    const line = lineOf(text)
    return line === undefined || isLog(line) ? text : `${line.indent}yields(${count++}, ${line.code})`
  })
  const file = join(target, name)
  writeFileSync(file, [`const { console, yields } = reporterOf("${name}")`, ...reporting].join("\n"))
  return file
}

// Only the files that `prepare` has written ask, each by its own name.
const reporterOf = (name: string) => {
  const { given, logged } = examples.get(name) as Example
  return {
    console: { ...console, log: (...values: ReadonlyArray<unknown>) => logged.push(format(...values)) },
    yields: async (index: number, value: unknown) => {
      given.set(index, await Promise.resolve(value).catch((error: unknown) => error))
    }
  }
}

const evaluate = (said: string): unknown =>
  new Function(...Object.keys(Modules), `return (${said})`)(...Object.values(Modules))

const isSame = (given: unknown, said: unknown): boolean =>
  isDeepStrictEqual(given, said) || Modules.Equal.equals(given, said)

/** Says what differs from what the example says, if anything does. */
const mistakesOf = ({ given, logged, logs, source, values }: Example): ReadonlyArray<string> => {
  const differs = ({ code, said }: Line, came: string) => `${source}: ${code}\n  says  ${said}\n  gives ${came}`
  return [
    ...values.flatMap((line, index) => {
      if (!given.has(index)) return [differs(line, "nothing: it was not reached")]
      return isSame(given.get(index), evaluate(line.said))
        ? []
        : [differs(line, inspect(given.get(index), { breakLength: Number.POSITIVE_INFINITY }))]
    }),
    ...logs.flatMap((line, index) => (logged[index] === line.said ? [] : [differs(line, logged[index] ?? "nothing")])),
    ...logged.slice(logs.length).map((text) => `${source}: it prints more than it says: ${text}`)
  ]
}

mkdirSync(target, { recursive: true })
const files = readdirSync(written)
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) => prepare(file) ?? [])

process.on("exit", (code) => {
  // An example has thrown, which Node says. The others did not get far.
  if (code !== 0) return
  const mistakes = [...examples.values()].flatMap(mistakesOf)
  for (const mistake of mistakes) console.error(mistake)
  if (mistakes.length > 0) process.exitCode = 1
  else console.log(`${examples.size} examples give what they say`)
})

Object.assign(globalThis, { reporterOf })
// One after the other, so that loading them does not keep those that run waiting beyond their time limits.
for (const file of files) await import(pathToFileURL(resolve(file)).href)
