import type { Value } from "../../SimulatedScript.ts"

/** Makes texts of a list of values: what is no text is "". */
export const texts = (value: Value): ReadonlyArray<string> =>
  Array.isArray(value) ? value.map((item) => (typeof item === "string" ? item : "")) : []

/** Reads a number as Lua's `tonumber` does, and nothing as a number of its own. */
export const numberOr = (otherwise: number, value: Value | undefined): number =>
  value === null || value === undefined ? otherwise : Number(value)
