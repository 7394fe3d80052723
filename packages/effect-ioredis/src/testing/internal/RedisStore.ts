import type { Stream } from "./Stream.ts"
import * as Wire from "./Wire.ts"

/**
 * Holds the value of a key. A value is never changed in place, so that stores and dumps may share
 * it.
 */
export type Value =
  | { readonly type: "string"; readonly bytes: Buffer }
  | { readonly type: "list"; readonly items: ReadonlyArray<Buffer> }
  | { readonly type: "hash"; readonly fields: ReadonlyMap<string, Buffer> }
  | { readonly type: "set"; readonly members: ReadonlySet<string> }
  // The scores by member, in the order of the scores, and of the members' bytes where they tie.
  | { readonly type: "zset"; readonly scores: ReadonlyMap<string, number> }
  | Stream

/** A value and the wall-clock time, in milliseconds, at which it is gone. */
export interface Entry {
  readonly value: Value
  readonly expiresAt: number | undefined
}

/** Describes what was done to a store: a key was set or deleted, or everything is gone. */
export type Change =
  | { readonly _tag: "Set"; readonly key: string; readonly entry: Entry }
  | { readonly _tag: "Delete"; readonly key: string }
  | { readonly _tag: "Clear" }

/** The keys of one database. Keys, fields and members are binary: one character per byte. */
export interface RedisStore {
  readonly now: () => number
  readonly get: (key: Buffer) => Entry | undefined
  readonly set: (key: Buffer, value: Value, expiresAt?: number) => void
  readonly delete: (key: Buffer) => boolean
  readonly entries: () => ReadonlyArray<readonly [key: string, entry: Entry]>
  /**
   * About `count` keys in the order of their place, from a cursor on, and the cursor that goes on
   * behind them.
   */
  readonly page: (cursor: number, count: number) => Page
  /** Removes the keys whose time is over. */
  readonly expire: () => void
  /** When the next key is gone, or was, as wall-clock milliseconds; infinite where none ends. */
  readonly nextExpiry: () => number
  /** Does what was done to another store, and tells nobody. */
  readonly apply: (change: Change) => void
}

export interface Page {
  readonly next: number
  readonly entries: ReadonlyArray<readonly [key: string, entry: Entry]>
}

export const keyOf = (bytes: Buffer): string => bytes.toString("latin1")
export const bytesOf = (key: string): Buffer => Buffer.from(key, "latin1")

/**
 * Makes an empty store. `placeOf` says where SCAN meets a key: a number from 0 to 2³² − 1 that
 * differs from one server process to the next. `changed` hears of every change but those applied,
 * and of keys whose time is over when that is noticed.
 */
export const make = (
  now: () => number,
  placeOf: (key: string) => number,
  changed: (change: Change) => void
): RedisStore => {
  const keys = new Map<string, Entry>()
  // The keys in the order of their places, for as long as none is added.
  let order: ReadonlyArray<readonly [place: number, key: string]> | undefined

  const apply = (change: Change): void => {
    switch (change._tag) {
      case "Set":
        if (!keys.has(change.key)) order = undefined
        keys.set(change.key, change.entry)
        return
      case "Delete":
        keys.delete(change.key)
        return
      case "Clear":
        keys.clear()
        order = undefined
    }
  }
  const change = (what: Change): void => {
    apply(what)
    changed(what)
  }
  const live = (name: string): Entry | undefined => {
    const entry = keys.get(name)
    if (entry?.expiresAt === undefined || now() < entry.expiresAt) return entry
    change({ _tag: "Delete", key: name })
    return undefined
  }
  const nextExpiry = (): number => {
    let next = Number.POSITIVE_INFINITY
    for (const { expiresAt } of keys.values()) if (expiresAt !== undefined && expiresAt < next) next = expiresAt
    return next
  }
  const inOrder = () =>
    Array.from(keys.keys(), (key) => [placeOf(key), key] as const).sort(([one], [other]) => one - other)

  return {
    now,
    get: (key) => live(keyOf(key)),
    set: (key, value, expiresAt) => change({ _tag: "Set", key: keyOf(key), entry: { value, expiresAt } }),
    delete: (key) => {
      const name = keyOf(key)
      if (live(name) === undefined) return false
      change({ _tag: "Delete", key: name })
      return true
    },
    entries: () => {
      const time = now()
      return Array.from(keys).filter(([, { expiresAt }]) => expiresAt === undefined || time < expiresAt)
    },
    page: (cursor, count) => {
      order ??= inOrder()
      const entries: Array<readonly [string, Entry]> = []
      let last = -1
      for (let index = firstFrom(order, cursor); index < order.length; index++) {
        const [place, key] = order[index] ?? [0, ""]
        // Keys of one place come together, as those of one bucket do.
        if (entries.length >= count && place !== last) return { next: place, entries }
        const entry = live(key)
        if (entry !== undefined) entries.push([key, entry])
        last = place
      }
      return { next: 0, entries }
    },
    expire: () => {
      for (const key of Array.from(keys.keys())) live(key)
    },
    nextExpiry,
    apply
  }
}

const firstFrom = (order: ReadonlyArray<readonly [place: number, key: string]>, place: number): number => {
  let [low, high] = [0, order.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((order[middle]?.[0] ?? 0) < place) low = middle + 1
    else high = middle
  }
  return low
}

// What a key holds, if it is of this type.
const valueAt = <Type extends Value["type"]>(store: RedisStore, key: Buffer, type: Type): Of<Type> | undefined => {
  const value = store.get(key)?.value
  if (value === undefined) return undefined
  return isOf(value, type) ? value : Wire.wrongType()
}

type Of<Type extends Value["type"]> = Extract<Value, { readonly type: Type }>

const isOf = <Type extends Value["type"]>(value: Value, type: Type): value is Of<Type> => value.type === type

export const stringAt = (store: RedisStore, key: Buffer): Buffer | undefined => valueAt(store, key, "string")?.bytes

export const listAt = (store: RedisStore, key: Buffer): ReadonlyArray<Buffer> | undefined =>
  valueAt(store, key, "list")?.items

export const hashAt = (store: RedisStore, key: Buffer): ReadonlyMap<string, Buffer> | undefined =>
  valueAt(store, key, "hash")?.fields

export const setAt = (store: RedisStore, key: Buffer): ReadonlySet<string> | undefined =>
  valueAt(store, key, "set")?.members

export const scoresAt = (store: RedisStore, key: Buffer): ReadonlyMap<string, number> | undefined =>
  valueAt(store, key, "zset")?.scores

export const streamAt = (store: RedisStore, key: Buffer): Stream | undefined => valueAt(store, key, "stream")

/** Stores another value; the key lives as long as it did before. */
export const replace = (store: RedisStore, key: Buffer, value: Value): void =>
  store.set(key, value, store.get(key)?.expiresAt)
