/** Ranks from 0 up, the one of rank n drawn as often as 1 / (n + 1) has it. The same in every process. */
export const draw = (count: number, draws: number, random: () => number = seeded(42)): Uint32Array => {
  const upTo = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    upTo[rank] = sum
  }
  return Uint32Array.from({ length: draws }, () => firstAtLeast(upTo, random() * sum))
}

const firstAtLeast = (ascending: Float64Array, wanted: number): number => {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] as number) >= wanted) high = middle
    else low = middle + 1
  }
  return low
}

/** Numbers from 0 to 1, the same ones for the same seed: mulberry32. */
export const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
