import type { Clock, Scope } from "effect"
import type { Dispatch } from "../dispatch.ts"
import type { Failed } from "./Attempts.ts"
import type { ClientSettings } from "./clientSettings.ts"
import type { Counts } from "./Counts.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { RecordOperation } from "./Dispatcher.ts"
import type { Topology } from "./topology/Topology.ts"

/** What a client is made of, for what is made on it when somebody uses that. */
export interface Insides {
  /** Closes with the client. */
  readonly scope: Scope.Scope
  readonly clock: Clock.Clock
  readonly settings: ClientSettings
  readonly topology: Topology
  readonly deadlines: Deadlines
  readonly counts: Counts
  /** Counts an attempt that has failed. */
  readonly failed: Failed
  /** Takes in an operation that no call makes. */
  readonly record: RecordOperation
}

interface Kept {
  readonly insides: Insides
  readonly made: Map<(insides: Insides) => unknown, unknown>
}

const all = new WeakMap<Dispatch, Kept>()

/** Keeps what a client is made of beside what it dispatches by. */
export const keep = (dispatch: Dispatch, insides: Insides): void => {
  all.set(dispatch, { insides, made: new Map() })
}

/**
 * Gives what `make` makes on a client, and calls it only when that is first asked for. `make` is
 * known by its identity, so that it has to be the same function each time. What has to end with the
 * client belongs in its `scope`.
 */
export const once = <A>(dispatch: Dispatch, make: (insides: Insides) => A): A => {
  const kept = all.get(dispatch)
  if (kept === undefined) throw new Error("This client was not made by RedisClient, and reserves no connections.")
  const { insides, made } = kept
  if (!made.has(make)) made.set(make, make(insides))
  return made.get(make) as A // What is kept beside `make` was made by it.
}
