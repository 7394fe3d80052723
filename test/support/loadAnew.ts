import { Effect } from "effect"
import { vi } from "vitest"

/**
 * Loads a module of ours, with all of ours that it imports, once more. Test files share a process, in
 * which the first hundred names have series of their own: who makes up more must not use them up.
 */
export const loadAnew = <A>(load: () => Promise<A>): Effect.Effect<A> =>
  Effect.promise(() => {
    vi.resetModules()
    return load()
  })
