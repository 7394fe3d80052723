import { BigDecimal, Option } from "effect"
import * as Wire from "./Wire.ts"

/**
 * The numbers that INCRBYFLOAT and HINCRBYFLOAT count in: they have 64 bits of mantissa, and 17
 * decimals where they are shown.
 */

/** Describes such a number. */
export type LongDouble = BigDecimal.BigDecimal | "infinite"

/** Reads a number as C does, or refuses it with an error of this text. */
export const parse = (bytes: Buffer, otherwise = "ERR value is not a valid float"): LongDouble => {
  const text = bytes.toString("latin1")
  if (/^[-+]?inf(?:inity)?$/i.test(text)) return "infinite"
  const isNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?$/i.test(text)
  const number = isNumber ? BigDecimal.fromString(text) : hexadecimal(text)
  return round(Option.getOrElse(number, () => Wire.fail(otherwise)))
}

// Its exponent is one of 2.
const hexadecimal = (text: string): Option.Option<BigDecimal.BigDecimal> => {
  const parts = /^([-+]?)0x(?=\.?[0-9a-f])([0-9a-f]*)\.?([0-9a-f]*)(?:p([-+]?\d{1,3}))?$/i.exec(text)
  if (parts === null) return Option.none()
  const [, sign, whole = "", fraction = "", exponent = "0"] = parts
  const digits = BigInt(`0x${whole}${fraction}`)
  return Option.some(timesPowerOfTwo(sign === "-" ? -digits : digits, Number(exponent) - 4 * fraction.length))
}

/** Adds two numbers, and refuses a sum that is infinite. */
export const sum = (one: LongDouble, other: LongDouble): BigDecimal.BigDecimal =>
  one === "infinite" || other === "infinite"
    ? Wire.fail("ERR increment would produce NaN or Infinity")
    : round(BigDecimal.sum(one, other))

/** Shows a number without an exponent, whatever its size. */
export const show = (number: BigDecimal.BigDecimal): string => {
  const { scale, value } = BigDecimal.normalize(BigDecimal.round(number, { scale: 17 }))
  if (scale <= 0) return String(value * 10n ** BigInt(-scale))
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

// The nearest number that a mantissa of 64 bits can hold.
const round = (number: BigDecimal.BigDecimal): BigDecimal.BigDecimal => {
  const { scale, value } = BigDecimal.normalize(number)
  if (value === 0n) return number
  const digits = value < 0n ? -value : value
  const [over, under] = scale <= 0 ? [digits * 10n ** BigInt(-scale), 1n] : [digits, 10n ** BigInt(scale)]
  let shift = over.toString(2).length - under.toString(2).length - 64
  const mantissaOf = (shift: number) =>
    shift < 0 ? nearest(over << BigInt(-shift), under) : nearest(over, under << BigInt(shift))
  if (mantissaOf(shift) >= 2n ** 64n) shift++
  const mantissa = value < 0n ? -mantissaOf(shift) : mantissaOf(shift)
  return timesPowerOfTwo(mantissa, shift)
}

const timesPowerOfTwo = (number: bigint, exponent: number): BigDecimal.BigDecimal =>
  exponent < 0
    ? BigDecimal.make(number * 5n ** BigInt(-exponent), -exponent)
    : BigDecimal.make(number << BigInt(exponent), 0)

// A half goes to the even one.
const nearest = (over: bigint, under: bigint): bigint => {
  const [quotient, rest] = [over / under, over % under]
  if (rest * 2n === under) return quotient + (quotient % 2n)
  return rest * 2n > under ? quotient + 1n : quotient
}
