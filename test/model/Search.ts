import { Effect } from "effect"
import * as Generate from "./Generate.ts"
import * as History from "./History.ts"
import type { Seams } from "./Process.ts"
import type * as Reference from "./Reference.ts"
import * as Runner from "./Runner.ts"
import { shrink } from "./Shrink.ts"

/** A history that broke a promise: as it was drawn, and the smallest that breaks the same one. */
export interface Failure {
  readonly original: History.History
  readonly smallest: History.History
  readonly violations: ReadonlyArray<Reference.Violation>
}

export interface Options {
  /** The first seed; each history has the next. */
  readonly seed: number
  readonly runs: number
  /** How many failures end the search. */
  readonly most?: number | undefined
  readonly range?: Generate.Range | undefined
  readonly seams?: Seams | undefined
  /** What counts as a failure; by default everything. */
  readonly rules?: ReadonlyArray<Reference.Rule> | undefined
  readonly shrinks?: boolean | undefined
  /** How many seconds of the processor it may take, however busy the machine is. More is a defect. */
  readonly cpuSeconds?: number | undefined
  /** Ends the search before that, when it says so. */
  readonly isTimeUp?: (() => boolean) | undefined
  /** Is told after each history how many there were. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Runs histories until enough of them fail. */
export const search = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<ReadonlyArray<Failure>> {
  const startedAt = process.cpuUsage()
  const {
    cpuSeconds = Number.POSITIVE_INFINITY,
    isTimeUp = () => false,
    most = 1,
    onProgress,
    runs,
    seams,
    seed,
    shrinks = true,
    range
  } = options
  const failures: Array<Failure> = []
  const counts = ({ rule }: Reference.Violation) => options.rules === undefined || options.rules.includes(rule)
  for (let index = 0; index < runs && failures.length < most && !isTimeUp(); index++) {
    const original = Generate.history(seed + index, range)
    const violation = (yield* Runner.run(original, seams)).find(counts)
    onProgress?.(index + 1)
    const { system, user } = process.cpuUsage(startedAt)
    if ((user + system) / 1_000_000 > cpuSeconds) {
      return yield* Effect.die(new Error(`${index + 1} histories took more than ${cpuSeconds} s of the processor`))
    }
    if (violation === undefined) continue
    const breaks = (history: History.History) =>
      Effect.map(Runner.run(history, seams), (violations) => violations.find(({ rule }) => rule === violation.rule))
    const smallest = shrinks ? yield* shrink(original, breaks) : original
    failures.push({ original, smallest, violations: yield* Runner.run(smallest, seams) })
  }
  return failures
})

/** What reached the server in the smallest history, a line for each command. */
export const commands = ({ smallest }: Failure, seams?: Seams): Effect.Effect<string> => {
  const lines: Array<string> = []
  const show = (word: string) => (word.length > 52 ? `${word.replace(/\s+/g, " ").slice(0, 52)}…` : word)
  return Effect.map(
    Runner.run(smallest, seams, (received) => {
      for (const { args, at, connection, name } of received) {
        lines.push(`${String(at).padStart(9)} ms  client ${connection}  ${[name, ...args.map(show)].join(" ")}`)
      }
    }),
    () => lines.join("\n")
  )
}

export const report = ({ original, smallest, violations }: Failure): string =>
  [
    `\`${original.near === undefined ? "" : "MODEL_NEAR=1 "}MODEL_WORLD=${original.world._tag} pnpm test:model 1 ${original.seed}\` fails; the smallest history found of its kind:`,
    History.print(smallest),
    ...violations.map(({ message, rule }) => `  ${rule}: ${message}`)
  ].join("\n")
