import type { Stamp } from "./Protocol.ts"

/** A read of a version that another process had replaced too long ago. Times are in milliseconds. */
export interface Stale {
  readonly key: string
  readonly version: number
  /** The earliest later version that Redis had confirmed, and how long before the read began. */
  readonly replacedBy: number
  readonly age: number
}

/** What Redis has confirmed: of each key versions that only rise, and when. */
export interface Register {
  readonly acknowledge: (stamp: Stamp) => void
  /** How long before that read the version was replaced; 0 where it was not. */
  readonly ageOf: (read: Stamp) => { readonly age: number; readonly replacedBy: number }
  /** Redis has older data: what it had confirmed until then says nothing any more. */
  readonly forget: () => void
}

export const make = (): Register => {
  const confirmed = new Map<string, Array<Stamp>>()
  return {
    acknowledge: (stamp) => {
      const known = confirmed.get(stamp.key)
      if (known === undefined) confirmed.set(stamp.key, [stamp])
      else known.push(stamp)
    },
    ageOf: ({ at, key, version }) => {
      let first: Stamp | undefined
      for (const stamp of confirmed.get(key) ?? []) {
        if (stamp.version > version && (first === undefined || stamp.at < first.at)) first = stamp
      }
      return first === undefined
        ? { age: 0, replacedBy: 0 }
        : { age: Math.max(0, at - first.at), replacedBy: first.version }
    },
    forget: () => confirmed.clear()
  }
}

/** Reads that the promise forbids. */
export const staleOf = (register: Register, seen: ReadonlyArray<Stamp>, maxStaleness: number): ReadonlyArray<Stale> =>
  seen.flatMap((read) => {
    const { age, replacedBy } = register.ageOf(read)
    return age < maxStaleness ? [] : [{ key: read.key, version: read.version, replacedBy, age: Math.round(age) }]
  })
