import { Effect, Latch, type Scope } from "effect"
import type { RedisNode } from "./node/RedisNode.ts"
import type { Topology } from "./topology/Topology.ts"

/**
 * Asks the servers for their histories again and again, for as long as anybody watches. However
 * many watch, each server is asked once, and not again before it has answered. None waits for the
 * answer of another one.
 */
export const make = Effect.fnUntraced(function* (
  topology: Topology,
  interval: number
): Effect.fn.Return<Effect.Effect<void, never, Scope.Scope>, never, Scope.Scope> {
  const watched = Latch.makeUnsafe()
  let watchers = 0
  const asked = new Set<RedisNode>()
  const ask = (node: RedisNode) => {
    asked.add(node)
    const answered = Effect.sync(() => asked.delete(node))
    return Effect.forkScoped(Effect.ensuring(node.askHistory, answered))
  }
  const look = Effect.suspend(() => {
    const nodes = topology.nodes().filter((node) => !asked.has(node))
    return Effect.forEach(nodes, ask, { discard: true })
  })
  const turn = watched.await.pipe(Effect.andThen(Effect.sleep(interval)), Effect.andThen(look))
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
