/**
 * What a tier keeps in the place of a value, in another form or with more beside it. A tier hands
 * values on and looks into none, so that most of them cost nothing more.
 */
export abstract class Wrapped<out Value> {
  /** The value alone, or wrapped once more. */
  abstract readonly value: Value
}

/** The value alone, of what a tier keeps. Whoever gives a value to a caller unwraps it first. */
export const unwrap = <Value>(value: Value): Value =>
  // What wraps a value stands where the value does, and so under its type.
  value instanceof Wrapped ? unwrap(value.value as Value) : value
