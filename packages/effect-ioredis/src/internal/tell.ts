/**
 * Calls a callback that belongs to somebody else. What it throws goes to `onDefect` and no further,
 * so that whoever is told next is told.
 */
export const tell = <A>(callback: (value: A) => void, value: A, onDefect: (defect: unknown) => void): void => {
  // A callback is no Effect, for the sake of speed, so this one place catches.
  try {
    callback(value)
  } catch (defect) {
    onDefect(defect)
  }
}
