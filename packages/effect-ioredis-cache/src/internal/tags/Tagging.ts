import { Effect, Result } from "effect"
import type { WriteOptions, WriteOutcome } from "../../Cache.ts"
import { idOf, mostTags, type TagId, type Tags } from "./Tag.ts"
import type { Tokens } from "./Tokens.ts"

/** Gives the writes of one region their tags. */
export interface Tagging<out E> {
  /** Tells whether a write has tags: its own, or that of the region. */
  readonly isNeeded: (options: WriteOptions | undefined) => boolean
  /**
   * The tags of a write with their tokens, which are made where they are missing. The tokens may
   * take `timeLeft` milliseconds.
   */
  readonly tagsOf: (options: WriteOptions | undefined, timeLeft: number | undefined) => Effect.Effect<Tags, E>
  /** Makes every value of the region a miss, where all have one tag. */
  readonly invalidateOwn: Effect.Effect<WriteOutcome, E> | undefined
}

/** Makes the tagging of one region. `ofRegion` is the tag that all its values have, if any. */
export const make = <E>(tokens: Tokens<E>, ofRegion: TagId | undefined): Tagging<E> => {
  const own = ofRegion === undefined ? [] : [ofRegion]

  const idsOf = (names: ReadonlyArray<string>): Result.Result<ReadonlyArray<TagId>, string> => {
    const problem = names.map(problemOf).find((problem) => problem !== undefined)
    if (problem !== undefined) return Result.fail(problem)
    const ids = Array.from(new Set([...own, ...names.map(idOf)]))
    const named = ids.length - own.length
    return named > mostNamed ? Result.fail(tooMany(named)) : Result.succeed(ids)
  }

  const isNeeded: Tagging<E>["isNeeded"] = (options) => ofRegion !== undefined || options?.tags !== undefined

  const tagsOf: Tagging<E>["tagsOf"] = (options, timeLeft) =>
    Effect.suspend((): Effect.Effect<Tags, E> => {
      const ids = idsOf(options?.tags ?? [])
      return Result.isFailure(ids)
        ? Effect.succeed(Result.fail(ids.failure))
        : Effect.map(tokens.obtain(ids.success, timeLeft), Result.succeed)
    })

  return {
    isNeeded,
    tagsOf,
    invalidateOwn: ofRegion === undefined ? undefined : tokens.replace(ofRegion)
  }
}

/** Says what is wrong with the name of a tag, if anything. */
export const problemOf = (name: string): string | undefined =>
  typeof name === "string" && name !== "" ? undefined : 'a tag is a text of at least one character, such as "user:42"'

// The region's own tag has room beside them.
const mostNamed = mostTags - 1

const tooMany = (count: number): string =>
  `${count} tags are more than the ${mostNamed} that a value can have. Give it fewer, or group them`
