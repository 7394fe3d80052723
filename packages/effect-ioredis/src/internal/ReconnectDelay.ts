/**
 * How long to wait before connecting again: 20 ms, doubling, at most 500 ms, each ±25 %. `attempt` counts from 1, `random` is in [0, 1).
 *
 * A cap of 10 s, as is common, would delay recovery by as much; one connection attempt every half second harms nobody.
 */
export const millis = (attempt: number, random: number): number =>
  Math.min(2 ** Math.min(attempt, 6) * 10, 500) * (0.75 + random / 2)
