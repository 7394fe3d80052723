/**
 * The tags of a value: which groups of values it belongs to, and which token each group had when it
 * was written.
 *
 * **Details**
 *
 * A tag is known by 12 characters of the hash of its name. Two names that share them are
 * invalidated together, which costs misses and keeps nothing alive. They stand in the extension
 * units of a stored value, three units for each tag: those 12 characters, and the 12 of the token.
 */
import type { Result } from "effect"
import { sha256 } from "../sha256.ts"
import { alphabet, extensionUnitLength, headerLength } from "../StoredValue.ts"

/** Identifies a tag: 12 of the 64 digits of a stored value. */
export type TagId = string

/** Identifies one time of a tag, from one invalidation to the next: 12 random digits. */
export type Token = string

/** Says which token a tag has. */
export interface Tag {
  readonly id: TagId
  readonly token: Token
}

/** The tags of a write, or what is wrong with those that it was given. */
export type Tags = Result.Result<ReadonlyArray<Tag>, string>

/** The most tags that a value can have, that of its region included. */
export const mostTags = 21

/** The id of a tag of a name. */
export const idOf = (name: string): TagId => hashOf(`tag ${name}`)

/** The id of the tag that every value of a region with tags has. */
export const idOfRegion = (keyspace: string): TagId => hashOf(`region ${keyspace}`)

// Base64url has the very digits of a stored value.
const hashOf = (text: string): string => sha256(text).slice(0, idLength)

/** A new token. `random` gives a number from 0 up to but not including 1. */
export const makeToken = (random: () => number): Token => {
  let token = ""
  for (let digit = 0; digit < tokenLength; digit++) token += alphabet.charAt(Math.floor(random() * alphabet.length))
  return token
}

/** The extension units that say it. */
export const unitsOf = (tags: ReadonlyArray<Tag>): string => tags.map(({ id, token }) => id + token).join("")

/** Reads the extension units of a stored value whose payload begins at `payloadOffset`. */
export const read = (stored: Uint8Array, payloadOffset: number): ReadonlyArray<Tag> => {
  const tags: Array<Tag> = []
  for (let at = headerLength; at + tagLength <= payloadOffset; at += tagLength) {
    tags.push({ id: textAt(stored, at, idLength), token: textAt(stored, at + idLength, tokenLength) })
  }
  return tags
}

/** Counts the extension units of so many tags. */
const unitsPerTag = 3

const idLength = 12
const tokenLength = 12
const tagLength = unitsPerTag * extensionUnitLength

const textAt = (stored: Uint8Array, start: number, length: number): string =>
  Buffer.from(stored.buffer, stored.byteOffset + start, length).toString("latin1")
