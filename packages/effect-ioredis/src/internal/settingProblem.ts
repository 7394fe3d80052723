/** Words what is wrong with a setting, wherever it comes from, without showing a password. */
import { Duration, Option } from "effect"

/** Tells whether a number can count something. */
export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1

/** Says what is wrong with a number that counts something, and `undefined` of every other. */
export const countProblem = (name: string, count: number): string | undefined =>
  isCount(count) ? undefined : `${name} is ${shown(count)}. Make it a whole number, 1 or more`

/** Says what is wrong with a time that has to pass, and `undefined` of every other. */
export const timeProblem = (name: string, time: Duration.Input): string | undefined =>
  // NaN, which a missing number becomes, is no time at all as a Duration.
  Option.exists(Duration.fromInput(time), Duration.isPositive)
    ? undefined
    : `${name} is ${shown(time)}. Make it a time above 0`

/**
 * Shows what was given for a setting. Something with a login in it, put where it does not belong,
 * is as secret as where it does.
 */
export const shown = (value: unknown): string => {
  if (value === undefined) return "missing"
  if (typeof value === "string") {
    return /@|:\/\//.test(value) ? "not shown, for it may hold a password" : JSON.stringify(value)
  }
  if (Duration.isDuration(value)) return Duration.format(value)
  if (typeof value === "function") return "a function"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}
