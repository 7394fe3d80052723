import * as Double from "./Double.ts"
import * as Wire from "./Wire.ts"

/** The times that blocking commands wait, in milliseconds: infinitely long by a time of 0. */

/** Reads a time in seconds, which may have a fraction. A part of a millisecond counts as one. */
export const ofSeconds = (bytes: Buffer): number => {
  const seconds = Double.parseAnySize(bytes, "ERR timeout is not a float or out of range")
  // What binary fractions add to a whole number of milliseconds is no part of one.
  const millis = Math.ceil(Number((seconds * 1000).toFixed(6)))
  // Redis counts in 64 bits, beyond which a time is negative.
  if (millis >= 2 ** 63) return Wire.fail(negative)
  return checked(seconds > 0 ? Math.max(1, millis) : millis)
}

/** Reads a time in whole milliseconds. */
export const ofMillis = (bytes: Buffer): number =>
  Wire.isInteger(bytes) ? checked(Wire.integer(bytes)) : Wire.fail("ERR timeout is not an integer or out of range")

const negative = "ERR timeout is negative"

// What no timer can hold is for ever.
const checked = (millis: number): number => {
  if (millis < 0) return Wire.fail(negative)
  return millis === 0 || millis >= 2 ** 31 ? Number.POSITIVE_INFINITY : millis
}
