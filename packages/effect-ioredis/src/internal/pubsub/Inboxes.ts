import { Effect, type Scope } from "effect"
import type { Dispatch } from "../../dispatch.ts"
import type { Inbox } from "./Inbox.ts"

/** The inbox of one subscription, and what that is to. */
export interface Kept {
  readonly inbox: Inbox
  readonly subject: string
}

/** The inboxes of all subscriptions of a client that are open now. */
export const of = (dispatch: Dispatch): Set<Kept> => {
  const known = all.get(dispatch)
  if (known !== undefined) return known
  const kept = new Set<Kept>()
  all.set(dispatch, kept)
  return kept
}

/** Counts an inbox among them until the scope closes. */
export const keep = (dispatch: Dispatch, one: Kept): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => of(dispatch).add(one)),
      (inboxes) => Effect.sync(() => inboxes.delete(one))
    )
  )

const all = new WeakMap<Dispatch, Set<Kept>>()
