/**
 * Calls somebody's callback so that what it throws harms nobody else.
 *
 * This is the one `try` above the adapter: a callback that throws would otherwise leave the other
 * callers of its tick unanswered, or end the process.
 */
export const tell = <A>(callback: (value: A) => void, value: A, onDefect: (defect: unknown) => void): void => {
  try {
    callback(value)
  } catch (defect) {
    onDefect(defect)
  }
}
