/**
 * Tells how long to wait before connecting again, in milliseconds: 20 at first, doubling, 500
 * to 750 at last, each at random. `attempt` counts from 1, and `random` is in [0, 1).
 *
 * A cap of 10 s, as is common, would delay recovery by as much. One login every half second harms
 * nobody, and a server that drops whoever has logged in never sees more than two in a second.
 */
export const millis = (attempt: number, random: number): number => {
  const base = Math.min(2 ** Math.min(attempt, 6) * 10, 500)
  return base === 500 ? 500 + random * 250 : base * (0.75 + random / 2)
}
