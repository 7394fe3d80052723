import type { Found, Replaced } from "../CacheTier.ts"
import { Wrapped } from "../Wrapped.ts"
import type { Tag, TagId, Token } from "./Tag.ts"

/** A value together with the tags that stand beside it in Redis. */
export class Tagged<out Value> extends Wrapped<Value> {
  readonly value: Value
  readonly tags: ReadonlyArray<Tag>
  /** Describes the stored value, which a fill replaces where a token has changed. */
  readonly replaces: Replaced | undefined

  constructor(value: Value, tags: ReadonlyArray<Tag>, replaces?: Replaced) {
    super()
    this.value = value
    this.tags = tags
    this.replaces = replaces
  }
}

/** The token of each tag, `undefined` where there is none. */
type TokenOf = (id: TagId) => Token | undefined

/**
 * Judges what was found: a value with tags is a hit while each of them has the token that it
 * carries. In a region whose values all have one tag, a value without that is none.
 */
export const judge = <Value>(found: Found<Value>, ofRegion: TagId | undefined, tokenOf: TokenOf): Found<Value> => {
  const { hit, source } = found
  const tagged = taggedIn(hit)
  if (hit === undefined || tagged === undefined) return found
  const isOfRegion = ofRegion === undefined || tagged.tags.some(({ id }) => id === ofRegion)
  return isOfRegion && tagged.tags.every(({ id, token }) => tokenOf(id) === token)
    ? found
    : { hit: undefined, source, replaces: tagged.replaces }
}

/** The value with tags of a hit, if it has any. */
export const taggedIn = (hit: { readonly value: unknown } | undefined): Tagged<unknown> | undefined =>
  hit !== undefined && hit.value instanceof Tagged ? hit.value : undefined

/** The value with tags, in the place of the value. */
export const withTags = <Value>(value: Value, tags: ReadonlyArray<Tag>, replaces?: Replaced): Value =>
  new Tagged(value, tags, replaces) as Value
