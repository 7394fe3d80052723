import { Duration, Effect, Option } from "effect"

/** Says what is wrong with a name that is to be a part of a key. */
export const nameProblem = (what: string, name: string): string | undefined =>
  /^[\w.-]+$/.test(name) ? undefined : `${what} is ${JSON.stringify(name)}. Use letters, digits, "_", "-" and "."`

/** Says what is wrong with a number that counts something. */
export const countProblem = (what: string, count: number, least = 1): string | undefined =>
  count >= least && Number.isSafeInteger(count)
    ? undefined
    : `${what} is ${count}. Make it a whole number, ${least} or more`

/** Says what is wrong with a number that bounds something, unless there is no bound. */
export const boundProblem = (what: string, bound: number, least = 1): string | undefined =>
  bound === Number.POSITIVE_INFINITY ? undefined : countProblem(what, bound, least)

/**
 * Says what is wrong with a time that has to be at least so long, and has to end unless `mayLast`.
 */
export const timeProblem = (
  what: string,
  time: Duration.Input,
  least: Duration.Input,
  mayLast = false
): string | undefined => {
  const millis = millisOf(time)
  return millis >= Duration.toMillis(least) && (mayLast || Number.isFinite(millis))
    ? undefined
    : `${what} is ${String(time)}. Make it a time of ${Duration.format(Duration.fromInputUnsafe(least))} or more`
}

/** Says what is wrong with a time that may be no longer than another. */
export const longerProblem = (
  what: string,
  time: Duration.Input,
  than: string,
  bound: Duration.Input
): string | undefined =>
  millisOf(time) > millisOf(bound)
    ? `${what} is ${String(time)}. Make it no longer than ${than}, which is ${String(bound)}`
    : undefined

/** Says what is wrong with a time that may be over already, and has to end unless `mayLast`. */
export const momentProblem = (what: string, time: Duration.Input, mayLast = false): string | undefined => {
  const millis = millisOf(time)
  return millis < Number.POSITIVE_INFINITY || (mayLast && !Number.isNaN(millis))
    ? undefined
    : `${what} is ${String(time)}. Make it a time${mayLast ? "" : " that ends"}`
}

// NaN, which a missing number becomes, would be no time at all as a Duration.
const millisOf = (time: Duration.Input): number =>
  Number.isNaN(time)
    ? Number.NaN
    : Option.match(Duration.fromInput(time), { onNone: () => Number.NaN, onSome: Duration.toMillis })

/** Dies of the first of these: a mistake in the program. */
export const dieOf = (what: string, problems: ReadonlyArray<string | undefined>): Effect.Effect<void> => {
  const problem = problems.find((problem) => problem !== undefined)
  return problem === undefined ? Effect.void : Effect.die(new RangeError(`${what}: ${problem}`))
}
