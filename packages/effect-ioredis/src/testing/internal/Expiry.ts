import * as Wire from "./Wire.ts"

/** The words that give a key's end (`EX 10`, `PXAT 1700000000000`), and what they are worth. */

const units: Readonly<Record<string, { readonly scale: number; readonly absolute: boolean }>> = {
  EX: { scale: 1000, absolute: false },
  PX: { scale: 1, absolute: false },
  EXAT: { scale: 1000, absolute: true },
  PXAT: { scale: 1, absolute: true }
}

export const isUnit = (word: string): boolean => Object.hasOwn(units, word)

/**
 * Tells when a key ends, as wall-clock milliseconds; `command` is named in the error for a time
 * that cannot be.
 */
export const at = (unit: string, amount: Buffer | undefined, now: number, command: string): number => {
  const time = Wire.bigInteger(amount)
  const { absolute, scale } = units[unit] ?? Wire.syntaxError()
  return time <= 0n ? impossible(command) : later(time, scale, absolute ? 0 : now, command)
}

/**
 * `time` units of `scale` milliseconds after `base`. Redis counts them in 64 bits; beyond 2⁵³ they
 * are rounded here.
 */
export const later = (time: bigint, scale: number, base: number, command: string): number => {
  const millis = time * BigInt(scale)
  const end = millis + BigInt(Math.floor(base))
  return Wire.fitsInt64(millis) && Wire.fitsInt64(end) ? Number(end) : impossible(command)
}

const impossible = (command: string): never => Wire.fail(`ERR invalid expire time in '${command}' command`)
