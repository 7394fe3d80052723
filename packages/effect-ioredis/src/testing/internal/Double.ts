import * as Wire from "./Wire.ts"

/** The numbers of 64 bits that sorted sets score with, as C reads and prints them. */

/** Reads a number that nothing stands around, or refuses it. */
export const parse = (bytes: Buffer, refusal = "ERR value is not a valid float"): number => {
  const text = bytes.toString("latin1")
  const number = numberOf(text)
  const isLost = number === 0 ? /[1-9a-f]/i.test(digitsOf(text)) : !Number.isFinite(number) && !isInfinity.test(text)
  return Number.isNaN(number) || isLost ? Wire.fail(refusal) : number
}

/**
 * Reads a number of any size: what no double is near enough to is infinite, or the one that is
 * nearest to 0.
 */
export const parseAnySize = (bytes: Buffer, refusal: string): number => {
  const text = bytes.toString("latin1")
  const number = numberOf(text)
  if (Number.isNaN(number)) return Wire.fail(refusal)
  if (number !== 0 || !/[1-9a-f]/i.test(digitsOf(text))) return number
  return text.startsWith("-") ? -Number.MIN_VALUE : Number.MIN_VALUE
}

/** Reads a number up to the first zero byte, behind what blanks there are. Nothing at all is 0. */
export const parseLoosely = (text: string): number => {
  const [upToZero = ""] = text.split("\0", 1)
  return upToZero === "" ? 0 : numberOf(upToZero.replace(/^[ \t-\r]+/, ""))
}

/** Shows 17 digits at most: what `%.17g` prints. */
export const show = (number: number): string => {
  if (!Number.isFinite(number)) return number < 0 ? "-inf" : "inf"
  const [digits, exponent] = rounded(Math.abs(number))
  const sign = number < 0 || Object.is(number, -0) ? "-" : ""
  if (exponent < -4 || exponent >= 17) {
    const power = String(Math.abs(exponent)).padStart(2, "0")
    return `${sign}${withPoint(digits, 1)}e${exponent < 0 ? "-" : "+"}${power}`
  }
  return sign + (exponent < 0 ? withPoint("0".repeat(-exponent) + digits, 1) : withPoint(digits, exponent + 1))
}

const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i
const hexadecimal = /^([-+]?)0x(?=\.?[\da-f])([\da-f]*)\.?([\da-f]*)(?:p([-+]?\d+))?$/i
const isInfinity = /^[-+]?inf(?:inity)?$/i

const numberOf = (text: string): number => {
  if (decimal.test(text)) return Number(text)
  if (isInfinity.test(text)) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  const [whole, sign, integer = "", fraction = "", power = "0"] = hexadecimal.exec(text) ?? []
  if (whole === undefined) return Number.NaN
  const number = Number(BigInt(`0x${integer}${fraction}`)) * 2 ** (Number(power) - 4 * fraction.length)
  return sign === "-" ? -number : number
}

// The digits before the exponent: one that is not 0 says that a number is not 0 either.
const digitsOf = (text: string): string =>
  text.split(/^[-+]?0x/i.test(text) ? /p/i : /e/i, 1)[0]?.replace(/0x/i, "") ?? ""

// Just between two numbers of 17 digits C takes the even one, and JavaScript the larger.
const rounded = (number: number): readonly [digits: string, exponent: number] => {
  const [exact = "", ...rest] = number.toExponential(100).replace(".", "").split("e")
  const isTie = /^[02468]50*$/.test(exact.slice(16))
  const [digits = "", exponent] = isTie
    ? [exact.slice(0, 17), ...rest]
    : number.toExponential(16).replace(".", "").split("e")
  return [digits, Number(exponent)]
}

const withPoint = (digits: string, place: number): string =>
  `${digits.slice(0, place)}.${digits.slice(place)}`.replace(/\.?0*$/, "")
