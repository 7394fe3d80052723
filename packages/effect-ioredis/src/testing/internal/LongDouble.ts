import { BigDecimal, Option } from "effect"
import * as Wire from "./Wire.ts"

/**
 * The numbers that INCRBYFLOAT and HINCRBYFLOAT count in: they have 64 bits of mantissa, and 17
 * decimals where they are shown.
 */

/** Reads a number as C does, or refuses it with an error of this text. */
export const parse = (bytes: Buffer, otherwise = "ERR value is not a valid float"): BigDecimal.BigDecimal => {
  const text = bytes.toString("latin1")
  const isNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?$/i.test(text)
  const number = isNumber ? BigDecimal.fromString(text) : Option.none()
  return round(Option.getOrElse(number, () => Wire.fail(otherwise)))
}

/** Adds two numbers. */
export const sum = (one: BigDecimal.BigDecimal, other: BigDecimal.BigDecimal): BigDecimal.BigDecimal =>
  round(BigDecimal.sum(one, other))

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
  return shift < 0
    ? BigDecimal.make(mantissa * 5n ** BigInt(-shift), -shift)
    : BigDecimal.make(mantissa << BigInt(shift), 0)
}

// A half goes to the even one.
const nearest = (over: bigint, under: bigint): bigint => {
  const [quotient, rest] = [over / under, over % under]
  if (rest * 2n === under) return quotient + (quotient % 2n)
  return rest * 2n > under ? quotient + 1n : quotient
}
