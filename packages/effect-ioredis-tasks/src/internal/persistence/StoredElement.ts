import { Result, Schema } from "effect"

/** What is stored of an element behind its times and its priority. */
const Content = Schema.Struct({
  /** Says `false` where the id is not the caller's: nobody will offer it again. */
  isNamed: Schema.optionalKey(Schema.Boolean),
  element: Schema.optionalKey(Schema.Unknown)
})

/** An element as a taker finds it. */
export interface StoredElement {
  readonly isNamed: boolean
  readonly element: unknown
}

const check = Schema.decodeUnknownResult(Content)

const decode = (text: string) =>
  Result.flatMap(
    Result.try((): unknown => JSON.parse(text)),
    check
  )

/** The content of an element, as text. */
export const write = ({ element, isNamed }: StoredElement): string =>
  JSON.stringify(isNamed ? { element } : { isNamed, element })

/** Reads what the script has stored. */
export const read = (stored: string): Result.Result<StoredElement, string> =>
  Result.mapBoth(decode(stored.slice(stored.indexOf("{"))), {
    onSuccess: ({ element, isNamed = true }) => ({ isNamed, element }),
    onFailure: () => "it is not of this library"
  })
