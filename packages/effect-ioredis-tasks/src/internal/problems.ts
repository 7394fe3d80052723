import { Duration, Effect, Option } from "effect"

/** Says what is wrong with a name that is to be a part of a key. */
export const nameProblem = (what: string, name: string): string | undefined =>
  /^[\w.-]+$/.test(name) ? undefined : `${what} is ${JSON.stringify(name)}. Use letters, digits, "_", "-" and "."`

/** Says what is wrong with a number that counts something. */
export const countProblem = (what: string, count: number): string | undefined =>
  count >= 1 && (Number.isSafeInteger(count) || count === Number.POSITIVE_INFINITY)
    ? undefined
    : `${what} is ${count}. Make it a whole number, 1 or more`

/** Says what is wrong with a time that has to be at least so long, and has to end. */
export const timeProblem = (what: string, time: Duration.Input, least: Duration.Input): string | undefined => {
  // NaN, which a missing number becomes, is no time at all as a Duration.
  const millis = Option.match(Duration.fromInput(time), { onNone: () => Number.NaN, onSome: Duration.toMillis })
  return millis >= Duration.toMillis(least) && Number.isFinite(millis)
    ? undefined
    : `${what} is ${String(time)}. Make it a time of ${Duration.format(Duration.fromInputUnsafe(least))} or more`
}

/** Dies of the first of these: a mistake in the program. */
export const dieOf = (what: string, problems: ReadonlyArray<string | undefined>): Effect.Effect<void> => {
  const problem = problems.find((problem) => problem !== undefined)
  return problem === undefined ? Effect.void : Effect.die(new RangeError(`${what}: ${problem}`))
}
