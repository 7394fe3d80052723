import * as Wire from "./Wire.ts"

/** What a key holds. */
export type Value =
  | { readonly type: "string"; readonly bytes: Buffer }
  | { readonly type: "list"; readonly items: Array<Buffer> }
  | { readonly type: "hash"; readonly fields: Map<string, Buffer> }

/** A value and the wall-clock time, in milliseconds, at which it is gone. `serial` grows with each key created. */
export interface Entry {
  readonly value: Value
  readonly expiresAt: number | undefined
  readonly serial: number
}

/** The keys of one server. Keys and fields are binary: one character per byte. */
export interface RedisStore {
  readonly now: () => number
  readonly get: (key: Buffer) => Entry | undefined
  readonly set: (key: Buffer, value: Value, expiresAt?: number) => void
  readonly delete: (key: Buffer) => boolean
  readonly entries: () => ReadonlyArray<readonly [key: string, entry: Entry]>
  readonly clear: () => void
}

export const keyOf = (bytes: Buffer): string => bytes.toString("latin1")
export const bytesOf = (key: string): Buffer => Buffer.from(key, "latin1")

export const make = (now: () => number): RedisStore => {
  const keys = new Map<string, Entry>()
  let serial = 0

  const get = (key: Buffer): Entry | undefined => {
    const name = keyOf(key)
    const entry = keys.get(name)
    if (entry?.expiresAt === undefined || now() < entry.expiresAt) return entry
    keys.delete(name)
    return undefined
  }
  return {
    now,
    get,
    set: (key, value, expiresAt) => {
      keys.set(keyOf(key), { value, expiresAt, serial: get(key)?.serial ?? ++serial })
    },
    delete: (key) => get(key) !== undefined && keys.delete(keyOf(key)),
    entries: () => {
      const time = now()
      return Array.from(keys).filter(([, { expiresAt }]) => expiresAt === undefined || time < expiresAt)
    },
    clear: () => keys.clear()
  }
}

export const stringAt = (store: RedisStore, key: Buffer): Buffer | undefined => {
  const value = store.get(key)?.value
  if (value === undefined) return undefined
  return value.type === "string" ? value.bytes : Wire.wrongType()
}

export const listAt = (store: RedisStore, key: Buffer): Array<Buffer> | undefined => {
  const value = store.get(key)?.value
  if (value === undefined) return undefined
  return value.type === "list" ? value.items : Wire.wrongType()
}

export const hashAt = (store: RedisStore, key: Buffer): Map<string, Buffer> | undefined => {
  const value = store.get(key)?.value
  if (value === undefined) return undefined
  return value.type === "hash" ? value.fields : Wire.wrongType()
}

/** Stores a string; the key lives as long as it did before. */
export const replaceString = (store: RedisStore, key: Buffer, bytes: Buffer): void =>
  store.set(key, { type: "string", bytes }, store.get(key)?.expiresAt)
