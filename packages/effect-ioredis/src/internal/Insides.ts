import type { Clock, Scope } from "effect"
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

/** Makes a place for what is made on a client, each thing once. */
export const makeOnce = (insides: Insides): (<A>(make: (insides: Insides) => A) => A) => {
  const all = new Map<(insides: Insides) => unknown, unknown>()
  return <A>(make: (insides: Insides) => A): A => {
    if (!all.has(make)) all.set(make, make(insides))
    return all.get(make) as A // What is kept beside `make` was made by it.
  }
}
