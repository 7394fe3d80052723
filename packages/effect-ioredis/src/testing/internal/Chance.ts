/** What commands draw by chance, which the same seed draws again. */

/** So many that differ, or all of them where there are fewer. */
export const some = <A>(items: Iterable<A>, amount: number, random: () => number): ReadonlyArray<A> => {
  const left = Array.from(items)
  return Array.from({ length: Math.min(amount, left.length) }).flatMap(() =>
    left.splice(Math.floor(random() * left.length), 1)
  )
}

/** So many, each of which is drawn from all of them; none where there are none. */
export const anyOf = <A>(items: Iterable<A>, amount: number, random: () => number): ReadonlyArray<A> => {
  const all = Array.from(items)
  // The index is below the length.
  return all.length === 0 ? [] : Array.from({ length: amount }, () => all[Math.floor(random() * all.length)] as A)
}

/** As the counts of RANDMEMBER and its like say: negative ones allow that some come twice. */
export const draw = <A>(items: Iterable<A>, amount: number, random: () => number): ReadonlyArray<A> =>
  amount < 0 ? anyOf(items, -amount, random) : some(items, amount, random)
