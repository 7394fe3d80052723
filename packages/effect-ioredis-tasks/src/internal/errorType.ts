import { Cause, Option, Predicate } from "effect"

/** Names what something failed with in a word, as metrics and spans say it. */
export const errorTypeOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) return nameOf(error.value)
  return Cause.hasInterruptsOnly(cause) ? "Interrupted" : "Died"
}

// An error reply of Redis is known by its code.
const nameOf = (error: unknown): string => {
  if (Predicate.isTagged(error, "RedisOperationError") && "code" in error) return String(error.code)
  if (Predicate.hasProperty(error, "_tag")) return String(error._tag)
  return error instanceof Error ? error.name : "Failed"
}
