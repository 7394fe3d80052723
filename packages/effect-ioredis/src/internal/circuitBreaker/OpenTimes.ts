import { type Context, Duration, Option, Predicate, Schedule } from "effect"
import { shown } from "../settingProblem.ts"

/** Sets how long a circuit stays open where nobody has said it. */
export const defaultOpenTime: Duration.Duration = Duration.seconds(30)

/**
 * Tells how long each opening in a row lasts, in milliseconds.
 */
export interface OpenTimes {
  /** Tells how long the circuit stays open if it opens now. */
  readonly current: () => number
  /** Takes the next delay: the circuit has opened. */
  readonly advance: () => void
  /** Begins anew: the circuit has closed. */
  readonly restart: () => void
}

/**
 * Gives each opening in a row a time of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResetSchedule {
  /** Begins with the first opening. */
  readonly openTimes: (context: Context.Context<never>) => OpenTimes
}

/** Says how long a circuit stays open. */
export type ResetTimeout = Duration.Input | ResetSchedule

/** Tells whether each opening in a row has a time of its own. */
export const isResetSchedule = (resetTimeout: ResetTimeout): resetTimeout is ResetSchedule =>
  Predicate.hasProperty(resetTimeout, "openTimes")

export const make = (resetTimeout: ResetTimeout, context: Context.Context<never>): OpenTimes => {
  if (isResetSchedule(resetTimeout)) return resetTimeout.openTimes(context)
  const millis = Duration.toMillis(resetTimeout)
  return { current: () => millis, advance: ignore, restart: ignore }
}

const ignore = () => {}

/** Says what is wrong with an open time, and `undefined` of one that is good. */
export const mistakeIn = (resetTimeout: ResetTimeout): string | undefined =>
  isResetSchedule(resetTimeout) || isTime(resetTimeout)
    ? undefined
    : `resetTimeout is ${shown(resetTimeout)}. Make it a time of 0 or more, or a CircuitBreaker.schedule`

// A circuit may stay open for no time at all, but not for less, nor for NaN. A Schedule by itself,
// which a `Duration` takes for no time, is none.
const isTime = (time: Duration.Input): boolean =>
  !Number.isNaN(time) && !Schedule.isSchedule(time) && Option.exists(Duration.fromInput(time), isZeroOrMore)

const isZeroOrMore = (time: Duration.Duration): boolean => !Duration.isNegative(time)
