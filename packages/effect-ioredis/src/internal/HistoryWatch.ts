import { Effect, Latch, type Scope } from "effect"
import type { Topology } from "./topology/Topology.ts"

/**
 * Asks the servers for their histories again and again, for as long as anybody watches. However
 * many watch, each server is asked once.
 */
export const make = Effect.fnUntraced(function* (
  topology: Topology,
  interval: number
): Effect.fn.Return<Effect.Effect<void, never, Scope.Scope>, never, Scope.Scope> {
  const watched = Latch.makeUnsafe()
  let watchers = 0
  const ask = Effect.suspend(() =>
    Effect.forEach(topology.nodes(), (node) => node.askHistory, { concurrency: "unbounded", discard: true })
  )
  const turn = watched.await.pipe(Effect.andThen(Effect.sleep(interval)), Effect.andThen(ask))
  yield* Effect.forkScoped(Effect.forever(turn))
  return Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        watchers++
        watched.openUnsafe()
      }),
      () =>
        Effect.sync(() => {
          watchers--
          if (watchers === 0) watched.closeUnsafe()
        })
    )
  )
})
