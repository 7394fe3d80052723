/** Milliseconds as text; what is infinite never was. */
export const millis = (value: number): string => {
  if (!Number.isFinite(value)) return "never"
  return value < 995 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`
}
