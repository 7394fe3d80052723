/**
 * Builds a metric once for each value of a label: building attributes costs ten times as much as
 * counting.
 *
 * A label has few values. Beyond `limit` of them, all others count as `other`: a program that makes
 * up ever new command names, or a server that makes up ever new error codes, costs no memory for
 * each.
 */
export const once = <A>(limit: number, build: (label: string) => A): ((label: string) => A) => {
  const built = new Map<string, A>()
  return (label) => {
    const found = built.get(label)
    if (found !== undefined) return found
    if (built.size >= limit) return overflow(built, build)
    const made = build(label)
    built.set(label, made)
    return made
  }
}

const other = "other"

const overflow = <A>(built: Map<string, A>, build: (label: string) => A): A => {
  const made = built.get(other) ?? build(other)
  built.set(other, made)
  return made
}
