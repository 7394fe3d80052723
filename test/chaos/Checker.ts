/**
 * Remembers every acknowledged write of keys that one process alone writes, and says which reads contradict them.
 *
 * A write takes the key's next version when it is asked for. A read may return any version from the last one that was acknowledged before it
 * began, or nothing: what it may not return is an older one.
 */
export interface Checker {
  /** The version of the write that is asked for now. */
  readonly write: (key: number) => number
  readonly acknowledge: (key: number, version: number) => void
  /** Of a write that names no key. */
  readonly acknowledgeClear: (key: number, version: number) => void
  /** What a lookup that begins now finds: the last version asked for. */
  readonly latest: (key: number) => number
  /** The oldest version that a read which begins now may return. */
  readonly floor: (key: number) => number
  /** The same by the writes that name the key alone. */
  readonly namedFloor: (key: number) => number
}

// Flat arrays: the memory they take does not grow with the writes, which one of the measurements is about.
export const make = (keys: number): Checker => {
  const asked = new Int32Array(keys)
  const acknowledged = new Int32Array(keys)
  const named = new Int32Array(keys)
  const raise = (versions: Int32Array, key: number, version: number) => {
    versions[key] = Math.max(at(versions, key), version)
  }
  return {
    write: (key) => {
      const version = at(asked, key) + 1
      asked[key] = version
      return version
    },
    acknowledge: (key, version) => {
      raise(acknowledged, key, version)
      raise(named, key, version)
    },
    acknowledgeClear: (key, version) => raise(acknowledged, key, version),
    latest: (key) => at(asked, key),
    floor: (key) => at(acknowledged, key),
    namedFloor: (key) => at(named, key)
  }
}

const at = (versions: Int32Array, key: number): number => versions[key] ?? 0

/** Whether a read that began at that floor may return this. */
export const contradicts = (floor: number, key: number, returned: { readonly key: number; readonly version: number }) =>
  returned.key !== key || returned.version < floor
