import * as Wire from "./Wire.ts"

/** The words that give a key's end (`EX 10`, `PXAT 1700000000000`), and what they are worth. */

const units: Readonly<Record<string, { readonly scale: number; readonly absolute: boolean }>> = {
  EX: { scale: 1000, absolute: false },
  PX: { scale: 1, absolute: false },
  EXAT: { scale: 1000, absolute: true },
  PXAT: { scale: 1, absolute: true }
}

export const isUnit = (word: string): boolean => Object.hasOwn(units, word)

/** When a key ends, as wall-clock milliseconds; `command` is named in the error for a time that cannot be. */
export const at = (unit: string, amount: Buffer | undefined, now: number, command: string): number => {
  const time = Wire.integer(amount)
  const { absolute, scale } = units[unit] ?? Wire.syntaxError()
  const expiresAt = time * scale + (absolute ? 0 : now)
  return time <= 0 || expiresAt > Number.MAX_SAFE_INTEGER
    ? Wire.fail(`ERR invalid expire time in '${command}' command`)
    : expiresAt
}
