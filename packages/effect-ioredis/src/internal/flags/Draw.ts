/**
 * Draws one of several variants for a key, in shares given by weights: weighted rendezvous hashing.
 *
 * Each variant has a point between 0 and 1 for the key, which follows from the two names alone. The
 * variant with the smallest `-ln(point) / weight` is drawn: of such times the smallest is that of a
 * variant with just its share of all weights as the probability.
 *
 * So a draw needs no memory, and every process draws alike. A change of weights changes the order
 * of two variants only where their ratio changes: keys move to variants whose weight has risen
 * against that which the keys had, and never between two whose ratio stands.
 */
export interface Draw {
  /** Gives the index of the variant of a key. */
  readonly indexOf: (key: string) => number
}

/** Makes it of weights of which none is below 0 and at least one above. */
export const make = (flag: string, weights: ReadonlyArray<readonly [variant: string, weight: number]>): Draw => {
  const flagSeed = hashOf(flag, 0)
  const drawn = weights.flatMap(([variant, weight], index) => (weight > 0 ? [{ index, variant, weight }] : []))
  const [only] = drawn
  // Most flags stand at all or nothing most of the time.
  if (drawn.length === 1 && only !== undefined) return { indexOf: () => only.index }
  const indexes = Int32Array.from(drawn, ({ index }) => index)
  const seeds = Int32Array.from(drawn, ({ variant }) => hashOf(variant, flagSeed))
  const rates = Float64Array.from(drawn, ({ weight }) => -1 / weight)
  return {
    indexOf: (key) => {
      const hash = hashOf(key, flagSeed)
      let found = 0
      let earliest = Number.POSITIVE_INFINITY
      // The three are of one length.
      for (let at = 0; at < seeds.length; at++) {
        const time = Math.log(pointOf(hash ^ (seeds[at] as number))) * (rates[at] as number)
        if (time < earliest) {
          earliest = time
          found = at
        }
      }
      return indexes[found] as number
    }
  }
}

// MurmurHash3 of 32 bits, on the text's units in the place of blocks of four bytes.
const hashOf = (text: string, seed: number): number => {
  let hash = seed
  for (let at = 0; at < text.length; at++) {
    const unit = Math.imul(text.charCodeAt(at), 0xcc9e2d51)
    hash ^= Math.imul((unit << 15) | (unit >>> 17), 0x1b873593)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  return mixed(hash ^ text.length)
}

// Each bit that goes in changes half of those that come out.
const mixed = (bits: number): number => {
  let hash = bits ^ (bits >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

// Neither 0, which has no logarithm, nor 1, whose time no weight could change.
const pointOf = (bits: number): number => ((mixed(bits) >>> 0) + 0.5) / 2 ** 32
