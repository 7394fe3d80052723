import { Effect, Result } from "effect"
import type { WriteOptions, WriteOutcome } from "../../Cache.ts"
import { type RegionParts, whileAllHeld } from "../RegionParts.ts"
import type { Tags } from "./Tag.ts"

/** Stores entries with tags, and answers in their order. */
export type SetTagged<in Key, in Value, out E> = (
  operation: string,
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  options: WriteOptions | undefined
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/** Stores entries whose tags have their tokens, within so many milliseconds. */
export type Store<in Key, in Value, out E> = (
  operation: string,
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  options: WriteOptions | undefined,
  tags: Tags,
  timeLeft: number | undefined
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/**
 * Makes the writes of values with tags. The tokens are read first, and what they leave of the
 * patience is for the values. A key that something newer was written to meanwhile is left to that.
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
        () => distinct.map(sequences.intend),
        (all) =>
          Effect.flatMap(tagging.tagsOf(write, patience), (tags) => {
            const intents = new Map(distinct.map((key, index) => [key, all[index]]))
            const isNewest = rendered.map((key) => key === undefined || intents.get(key)?.isCurrent() === true)
            const timeLeft = patience && Math.max(0, patience - (recorder.now() - startedAt))
            const current = entries.filter((_, index) => isNewest[index])
            return Effect.map(store(operation, current, write, tags, timeLeft), (outcomes) => {
              const rest = outcomes[Symbol.iterator]()
              return isNewest.map((is): WriteOutcome => (is ? (rest.next().value ?? "Deferred") : "Deferred"))
            })
          })
      )
    })
