import { Effect, Exit, Scope, Semaphore } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"

/**
 * Lets the caches of one client and prefix share something that is made for the first of them and
 * closes with the last. `options` tells in words what it was made with.
 */
export type Sharing<A> = (
  dispatch: Dispatch,
  prefix: string,
  make: Effect.Effect<A, never, Scope.Scope>,
  options: string
) => Effect.Effect<A, never, Scope.Scope>

/**
 * Makes a place for things of one kind. Options that differ are a defect: `problem` says which it
 * is.
 */
export const make = <A>(problem: (prefix: string, one: string, other: string) => string): Sharing<A> => {
  const all = new WeakMap<Dispatch, Map<string, Shared<A>>>()
  // Making it may take turns with other fibers, and one of them may want the same.
  const acquiring = Semaphore.makeUnsafe(1)

  const acquire = Effect.fnUntraced(
    function* (dispatch: Dispatch, prefix: string, build: Effect.Effect<A, never, Scope.Scope>, options: string) {
      const ofDispatch = all.get(dispatch) ?? new Map<string, Shared<A>>()
      all.set(dispatch, ofDispatch)
      let shared = ofDispatch.get(prefix)
      if (shared === undefined) {
        const scope = yield* Scope.make()
        shared = new Shared(yield* Scope.provide(build, scope), scope, options)
        ofDispatch.set(prefix, shared)
      } else if (shared.options !== options) {
        return yield* Effect.die(new Error(problem(prefix, shared.options, options)))
      }
      shared.users++
      return shared
    },
    (acquired) => acquiring.withPermit(acquired)
  )

  const release = (dispatch: Dispatch, prefix: string, shared: Shared<A>): Effect.Effect<void> =>
    Effect.suspend(() => {
      shared.users--
      if (shared.users > 0) return Effect.void
      all.get(dispatch)?.delete(prefix)
      return Scope.close(shared.scope, Exit.void)
    })

  return (dispatch, prefix, build, options) =>
    Effect.map(
      Effect.acquireRelease(acquire(dispatch, prefix, build, options), (shared) => release(dispatch, prefix, shared)),
      ({ value }) => value
    )
}

class Shared<A> {
  readonly value: A
  readonly scope: Scope.Closeable
  readonly options: string
  users = 0

  constructor(value: A, scope: Scope.Closeable, options: string) {
    this.value = value
    this.scope = scope
    this.options = options
  }
}
