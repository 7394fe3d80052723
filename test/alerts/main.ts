import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Effect, Runtime } from "effect"
import * as Answers from "./Answers.ts"
import * as Expected from "./Expected.ts"
import * as Fault from "./Fault.ts"
import * as Fired from "./Fired.ts"
import * as Recording from "./Recording.ts"

/** Which alerts fire at which fault, of all or of those that are named, and how the questions of on-call are answered. */
const named = process.argv.slice(2)
const faults = Fault.all.filter(({ name }) => named.length === 0 || named.includes(name))

const program = Effect.gen(function* () {
  const recording = yield* Recording.make(faults, { healthy: 35, fault: 60, after: 40 })
  const fired = yield* Fired.all(recording)
  for (const line of Fired.table(faults, fired)) yield* Console.log(line)
  const control = yield* Fired.control(recording)
  const busy = control.length * Fired.step
  if (busy > 0) yield* Console.log(`The machine itself was busy for ${busy} s`)
  const asked = Expected.all.filter(({ fault }) => faults.some(({ name }) => name === fault))
  const answers = yield* Effect.forEach(asked, (expected) => Answers.problem(recording, expected))
  // Only all faults together have something to say to every query.
  const { asked: queries, problems: unanswered } =
    named.length === 0 ? yield* Answers.empty(recording) : { asked: 0, problems: [] }
  const problems = [
    ...Fired.problems(faults, fired, control),
    ...answers.filter((answer) => answer !== undefined),
    ...unanswered
  ]
  if (problems.length === 0) {
    const of = `${Answers.questions.length} questions, ${asked.length} expected answers, ${queries} queries that are not empty`
    return yield* Console.log(`✔ Each fault has its alerts, and no other fired. ${of}.`)
  }
  // Whatever it says then is said of the machine.
  if (busy > tooBusy) yield* Console.log("The machine had too much else to do: try again when it has not.")
  yield* Console.log(problems.map((problem) => `✘ ${problem}`).join("\n"))
  return yield* new NotAsToldError()
})

/** Seconds. */
const tooBusy = 20

class NotAsToldError extends Data.TaggedError("NotAsToldError") {
  // What is wrong has been said.
  override readonly [Runtime.errorReported] = false
}

NodeRuntime.runMain(Effect.scoped(program))
