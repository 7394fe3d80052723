import { Effect, Option, Schema } from "effect"
import type { Task } from "../Task.ts"
import { TaskFailedError } from "../TaskError.ts"

const Stored = Schema.Union([
  Schema.TaggedStruct("Success", { value: Schema.optionalKey(Schema.Unknown) }),
  Schema.TaggedStruct("Failed", { error: Schema.Unknown, message: Schema.String }),
  Schema.Struct({ _tag: Schema.Literals(["Died", "Lost", "Undecodable"]), message: Schema.String }),
  Schema.Struct({ _tag: Schema.Literals(["Expired", "Cancelled"]) })
])

/** What became of a task, as it is stored: its result, and why it is dead. */
export type Outcome = typeof Stored.Type

const decodeOutcome = Schema.decodeUnknownOption(Schema.fromJsonString(Stored))

/** How a handler's success and its error are encoded. */
export interface OutcomeCodec<in out Success, in out Error> {
  /** Gives no text for a success that says nothing: an id that is over and has no result. */
  readonly success: (value: Success) => Effect.Effect<string, string>
  readonly failed: (error: Error, message: string) => Effect.Effect<string, string>
  /** Decodes what is stored of a task that is over, if anything is. */
  readonly decode: (text: string | undefined) => Effect.Effect<Success, Error | TaskFailedError>
}

const messages = {
  Died: "its handler died",
  Lost: "the workers that had it were gone",
  Undecodable: "it does not fit the schema of whoever took it",
  Expired: "it was not worth beginning any more",
  Cancelled: "somebody cancelled it",
  Forgotten: "it is over, and its result was kept long enough"
}

/** The error of a task that has no result. */
export const failure = (task: { readonly name: string }, reason: TaskFailedError["reason"]): TaskFailedError =>
  new TaskFailedError({ task: task.name, reason, message: `The task ${task.name} has no result: ${messages[reason]}` })

/** Writes what became of a task whose success and error need no schema. */
export const write = (outcome: Exclude<Outcome, { readonly _tag: "Success" }>): string => JSON.stringify(outcome)

/** Reads what became of a task. */
export const read = (text: string): Outcome =>
  Option.getOrElse(decodeOutcome(text), () => ({ _tag: "Undecodable", message: "it is not of this library" }))

/** Encodes and decodes what a kind of task ends with. */
export const codecOf = <P, Success, Error, G>(task: Task<P, Success, Error, G>): OutcomeCodec<Success, Error> => {
  const success = Schema.toCodecJson(task.success)
  const error = Schema.toCodecJson(task.error)
  const encodeSuccess = Schema.encodeUnknownEffect(success)
  const encodeError = Schema.encodeUnknownEffect(error)
  const decodeSuccess = Schema.decodeUnknownEffect(success)
  const decodeError = Schema.decodeUnknownEffect(error)
  const undecodable = () => failure(task, "Undecodable")
  const isSilent = saysNothing(task.success)
  return {
    success: (value) =>
      Effect.mapBoth(encodeSuccess(value), {
        onSuccess: (value) => (isSilent ? "" : JSON.stringify({ _tag: "Success", value })),
        onFailure: String
      }),
    failed: (error, message) =>
      Effect.mapBoth(encodeError(error), {
        onSuccess: (error) => JSON.stringify({ _tag: "Failed", error, message }),
        onFailure: String
      }),
    decode: (text): Effect.Effect<Success, Error | TaskFailedError> => {
      if (text === undefined) {
        return isSilent ? Effect.mapError(decodeSuccess(null), undecodable) : Effect.fail(failure(task, "Forgotten"))
      }
      const outcome = read(text)
      if (outcome._tag === "Success") return Effect.mapError(decodeSuccess(outcome.value), undecodable)
      if (outcome._tag !== "Failed") return Effect.fail(failure(task, outcome._tag))
      return Effect.flatMap(Effect.mapError(decodeError(outcome.error), undecodable), Effect.fail)
    }
  }
}

// Whoever asks is told as much where nothing is stored, which costs Redis a key for each task.
const saysNothing = ({ ast }: Schema.Top): boolean =>
  ast.encoding === undefined && (ast._tag === "Void" || ast._tag === "Undefined" || ast._tag === "Null")
