import { Result, Schema } from "effect"

/** What is stored of a task behind its times and its priority. */
const Content = Schema.Struct({
  /** Names the kind of task, and its version. */
  name: Schema.String,
  version: Schema.Int,
  /** The offer that brought it: a second one of the same is known by it. */
  offer: Schema.String,
  /** The span that it was offered in, as W3C's `traceparent`. */
  trace: Schema.optionalKey(Schema.String),
  payload: Schema.Unknown
})

export type Content = typeof Content.Type

/** A task as a worker finds it. */
export interface StoredTask {
  /** Since when it may be begun, in milliseconds of the server's clock. */
  readonly due: number
  readonly content: Content
}

const check = Schema.decodeUnknownResult(Content)

// JSON is not decoded by a schema of its own, which would take twice as long as the rest.
const decode = (text: string) =>
  Result.flatMap(
    Result.try((): unknown => JSON.parse(text)),
    check
  )

/** The content of a task, as text. */
export const write = (content: Content): string => JSON.stringify(content)

/** Reads what the script has stored: when it is due, when it expires, its priority, its content. */
export const read = (stored: string): Result.Result<StoredTask, string> =>
  Result.mapBoth(decode(stored.slice(stored.indexOf("{"))), {
    onSuccess: (content) => ({ due: Number.parseInt(stored, 10), content }),
    onFailure: () => "it is not of this library"
  })
