/**
 * Tells what is left to be done for one region as a whole, as a state machine without time or
 * network.
 *
 * `clearedAt` is a moment in Redis' time, and whatever was written at it or before it is a miss. So
 * a read needs nothing but this number, whether Redis has been emptied already or not, and emptying
 * unlinks only what was written by then.
 *
 * - `Clean`: nothing is left to be done.
 * - `Dirty`: Redis may still hold what was written by `clearedAt`.
 * - `Emptying`: the run with this number empties it now. A run that something overtook changes
 *   nothing.
 * - `Denied`: the user may not write. The region runs on memory, and every write raises
 *   `clearedAt`.
 */
export type RegionState =
  | { readonly _tag: "Clean"; readonly clearedAt: number }
  | { readonly _tag: "Dirty"; readonly clearedAt: number }
  | { readonly _tag: "Emptying"; readonly clearedAt: number; readonly run: number }
  | { readonly _tag: "Denied"; readonly clearedAt: number }

/**
 * Lists what may happen to a region.
 *
 * - `Marked`: it was cleared, or its intents were too many to be kept one by one.
 * - `Started`, `Emptied`, `Failed`: the run with this number began to empty it, has done so, or
 *   could not.
 * - `Held`: nothing of it is to be told to Redis for now.
 * - `ServerChanged`: a server that it is kept on has other data than before.
 * - `Missed`: a server got slots that were moved, unknown to this client, while it was emptied.
 * - `Refused`, `Permitted`: the user may not write, or may again.
 */
export type RegionEvent =
  | { readonly _tag: "Marked"; readonly at: number }
  | { readonly _tag: "Started"; readonly run: number }
  | { readonly _tag: "Emptied"; readonly run: number }
  | { readonly _tag: "Failed"; readonly run: number }
  | { readonly _tag: "Held" }
  | { readonly _tag: "ServerChanged" }
  | { readonly _tag: "Missed" }
  | { readonly _tag: "Refused"; readonly at: number }
  | { readonly _tag: "Permitted" }

/** A region that was never cleared. */
export const initial: RegionState = { _tag: "Clean", clearedAt: Number.NEGATIVE_INFINITY }

/** The state after an event. An event that means nothing in a state leaves it as it is. */
export const transition = (state: RegionState, event: RegionEvent): RegionState => {
  switch (event._tag) {
    case "Marked":
      return { _tag: state._tag === "Denied" ? "Denied" : "Dirty", clearedAt: Math.max(state.clearedAt, event.at) }
    case "Started":
      return state._tag === "Dirty" ? { _tag: "Emptying", clearedAt: state.clearedAt, run: event.run } : state
    case "Emptied":
      return isRun(state, event.run) ? { _tag: "Clean", clearedAt: state.clearedAt } : state
    case "Failed":
      return isRun(state, event.run) ? { _tag: "Dirty", clearedAt: state.clearedAt } : state
    case "Held":
    case "ServerChanged":
      // A clean region stays clean: what a server remembers of it again was written before
      // `clearedAt`.
      return state._tag === "Emptying" ? { _tag: "Dirty", clearedAt: state.clearedAt } : state
    case "Missed":
      return state._tag === "Clean" ? { _tag: "Dirty", clearedAt: state.clearedAt } : state
    case "Refused":
      return { _tag: "Denied", clearedAt: Math.max(state.clearedAt, event.at) }
    case "Permitted":
      return state._tag === "Denied" ? { _tag: "Dirty", clearedAt: state.clearedAt } : state
  }
}

const isRun = (state: RegionState, run: number): boolean => state._tag === "Emptying" && state.run === run
