import { Wrapped } from "./Wrapped.ts"

/**
 * A value that is kept as its JSON until somebody reads it.
 *
 * **Details**
 *
 * Most of what is written is never read from memory. The object that a schema's compiled encoder
 * makes comes from the same place in its code as the ones that it decodes. V8 takes all of them for
 * long-lived as soon as memory holds enough of those that were written: a `get` took a fifth more.
 */
export class Unparsed<out Value> extends Wrapped<Value> {
  private json: string | undefined
  private parsed: Value | undefined = undefined

  constructor(json: string) {
    super()
    this.json = json
  }

  get value(): Value {
    if (this.json !== undefined) {
      // Only what JSON is of a schema without transformations is kept like this.
      this.parsed = JSON.parse(this.json) as Value
      this.json = undefined
    }
    return this.parsed as Value
  }
}

/** The JSON of a value, in the place of the value. */
export const unparsed = <Value>(json: string): Value => new Unparsed<Value>(json) as Value
