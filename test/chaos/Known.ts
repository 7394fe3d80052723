/**
 * Remembers which values a process has known of keys that others write too, and says which reads bring one back that an
 * acknowledged write had replaced.
 *
 * **Details**
 *
 * A value is known from when it was written or first read here. A write that is asked for puts an end to every value
 * known by then; once it is acknowledged, no read that begins later may return one of them.
 */
export interface Known {
  /** The value is written now, or was read. */
  readonly learn: (key: number, id: string) => void
  /** The mark of a write that is asked for now. Its own value is learnt afterwards. */
  readonly ask: () => number
  readonly acknowledge: (key: number, mark: number) => void
  /** What a read that begins now may not bring back: whatever was known up to this mark. */
  readonly floor: (key: number) => number
  readonly contradicts: (floor: number, key: number, id: string) => boolean
}

export const make = (): Known => {
  const known = new Map<string, number>()
  const floors = new Map<number, number>()
  let clock = 0
  const nameOf = (key: number, id: string) => `${key} ${id}`
  return {
    learn: (key, id) => {
      const name = nameOf(key, id)
      if (!known.has(name)) known.set(name, ++clock)
    },
    ask: () => clock,
    acknowledge: (key, mark) => void floors.set(key, Math.max(mark, floors.get(key) ?? 0)),
    floor: (key) => floors.get(key) ?? 0,
    contradicts: (floor, key, id) => (known.get(nameOf(key, id)) ?? Number.POSITIVE_INFINITY) <= floor
  }
}
