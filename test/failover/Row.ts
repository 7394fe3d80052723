import type { Effect, Scope } from "effect"
import type { Servers } from "./Servers.ts"

/** One fault under load, and what a client is held to while it lasts. */
export interface Row {
  readonly name: string
  readonly title: string
  /** Is played with `--short` too. */
  readonly short: boolean
  readonly limits: Limits
  /** Most of the calls go to these slots, where there are any. Default: the keys are spread over all. */
  readonly crowded?: ReadonlyArray<number> | undefined
  /** Starts the servers, and says what then happens to them. */
  readonly start: Effect.Effect<Play, Error, Scope.Scope>
}

export interface Play {
  readonly servers: Servers
  readonly play: (stage: Stage) => Effect.Effect<void, Error, Scope.Scope>
}

/** Notes when things happen. */
export interface Stage {
  /** The fault begins now, and concerns the calls of these slots: all, where nothing is said. */
  readonly fault: (concerns?: (slot: number) => boolean) => Effect.Effect<void>
  /** Something that a limit, or a reader, counts from has happened. */
  readonly mark: (mark: Mark) => Effect.Effect<void>
}

/** A server took over; most sentinels name it; a server that was gone serves again; the fault is over. */
export type Mark = "promoted" | "named" | "served" | "healed"

/** All times are milliseconds. */
export interface Limits {
  /** When the calls concerned succeed again: the first of them, or all from there on. */
  readonly back?: Back
  /** The longest that a call may take: `"pause"` is 300, or 300 more than the raw writer's longest. */
  readonly wait: number | "pause"
  /** Calls that may fail: none of those not concerned, or none at all. */
  readonly failed: "concerned" | "none"
  /**
   * Acknowledged writes that may be lost: none; about as many as the raw writer's; those begun within so long after the
   * fault; or any.
   */
  readonly lost: "none" | "asRaw" | "any" | { readonly begunWithin: number }
}

export interface Back {
  readonly counts: "first" | "steady"
  readonly within: number
  /** Where the time does not count from the fault. */
  readonly since?: Mark
  /** Servers that were slow themselves are no client's fault: so long after the raw writer is early enough too. */
  readonly afterRaw?: number
}
