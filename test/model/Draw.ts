/** Random draws that a seed decides: mulberry32. */
export interface Draw {
  readonly below: (n: number) => number
  readonly chance: (probability: number) => boolean
  readonly one: <A>(items: ReadonlyArray<A>) => A
  /** Each with the probability; never none. */
  readonly some: <A>(items: ReadonlyArray<A>, probability: number) => ReadonlyArray<A>
}

export const make = (seed: number): Draw => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  // The index is below the length of a list that is never empty.
  const one = <A>(items: ReadonlyArray<A>): A => items[below(items.length)] as A
  const chance = (probability: number) => next() < probability
  return {
    below,
    one,
    chance,
    some: (items, probability) => {
      const drawn = items.filter(() => chance(probability))
      return drawn.length === 0 ? [one(items)] : drawn
    }
  }
}
