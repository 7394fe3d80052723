import { Array as Arr, Effect, Result } from "effect"
import type { WriteOptions, WriteOutcome } from "../../Cache.ts"
import type { RegionParts } from "../RegionParts.ts"
import type { Tag } from "./Tag.ts"

/** Stores entries with tags, and answers in their order. */
export type SetTagged<in Key, in Value, out E> = (
  operation: string,
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  options: WriteOptions | undefined
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/** Stores entries whose tags have their tokens, within so many milliseconds. */
export type Store<in Key, in Value, out E> = (
  entries: ReadonlyArray<readonly [key: Key, value: Value]>,
  tags: ReadonlyArray<Tag>,
  timeLeft: number | undefined
) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>

/**
 * Makes the writes of values with tags. The tokens are read first, and what they leave of the
 * patience is for the values. A key that something newer was written to meanwhile is left to that.
 */
export const make =
  <Key, Value, E>(
    { encoding, recorder, reject, sequences, tagging }: RegionParts<Key, Value, E>,
    patience: number | undefined
  ) =>
  (store: (operation: string, options: WriteOptions | undefined) => Store<Key, Value, E>): SetTagged<Key, Value, E> =>
  (operation, entries, options) =>
    Effect.suspend(() => {
      const startedAt = recorder.now()
      const intents = entries.map(([key]) => {
        const rendered = encoding.key(operation, key)
        return Result.isSuccess(rendered) ? sequences.intend(rendered.success) : undefined
      })
      const written = Effect.flatMap(tagging.tagsOf(options), (tags) => {
        if (Result.isFailure(tags)) {
          const refusal = encoding.refusal(operation, tags.failure)
          return Effect.as(reject(refusal), Arr.map(entries, rejected))
        }
        const isNewest = intents.map((intent) => intent?.isCurrent() !== false)
        const timeLeft = patience && Math.max(0, patience - (recorder.now() - startedAt))
        const current = entries.filter((_, index) => isNewest[index])
        return Effect.map(store(operation, options)(current, tags.success, timeLeft), (outcomes) => {
          const rest = outcomes[Symbol.iterator]()
          return Arr.map(isNewest, (is): WriteOutcome => (is ? (rest.next().value ?? "Deferred") : "Deferred"))
        })
      })
      return Effect.ensuring(
        written,
        Effect.sync(() => {
          for (const intent of intents) intent?.end()
        })
      )
    })

const rejected = (): WriteOutcome => "Rejected"
