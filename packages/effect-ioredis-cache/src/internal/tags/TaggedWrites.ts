import { Array as Arr, Effect, Result } from "effect"
import type { WriteOptions, WriteOutcome } from "../../Cache.ts"
import { type RegionParts, whileAllHeld } from "../RegionParts.ts"
import type * as Sequences from "../Sequences.ts"
import type { Tags } from "./Tag.ts"

/** Stores entries with tags, and answers in their order. */
export type SetTagged<in Key, in Value, out E> = (
  operation: string,
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  options: WriteOptions | undefined
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/**
 * Stores entries whose tags have their tokens, in the places that their keys have claimed and
 * within so many milliseconds.
 */
export type Store<in Key, in Value, out E> = (
  operation: string,
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  options: WriteOptions | undefined,
  tags: Tags,
  timeLeft: number | undefined,
  claims: Claims
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/** Holds the places of writes in the order of their region, by their rendered keys. */
export type Claims = Map<string, Sequences.Claim>

/**
 * Makes the writes of values with tags. The tokens are read first, and what they leave of the
 * patience is for the values. Each key keeps the place in which it was asked for: it is left to
 * what is newer and was written meanwhile, and not to what may never be written.
 */
export const make =
  <Key, Value, E>(
    { encoding, recorder, sequences, tagging }: RegionParts<Key, Value, E>,
    options: { readonly patience: number | undefined },
    store: Store<Key, Value, E>
  ): SetTagged<Key, Value, E> =>
  (operation, entries, write) =>
    Effect.suspend(() => {
      const { patience } = options
      const startedAt = recorder.now()
      const rendered = entries.map(([key]) => Result.getOrUndefined(encoding.key(operation, key)))
      const distinct = Array.from(new Set(rendered.filter((key) => key !== undefined)))
      return whileAllHeld(
        () => distinct.map(sequences.claim),
        (all) =>
          Effect.flatMap(tagging.tagsOf(write, patience), (tags) => {
            const claims: Claims = new Map(Arr.zip(distinct, all))
            const timeLeft = patience && Math.max(0, patience - (recorder.now() - startedAt))
            return store(operation, entries, write, tags, timeLeft, claims)
          })
      )
    })
