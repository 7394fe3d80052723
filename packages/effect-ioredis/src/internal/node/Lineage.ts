import { Clock, Effect, Random } from "effect"
import type { RedisHistory } from "../../dispatch.ts"
import * as History from "./History.ts"
import * as Introduction from "./Introduction.ts"
import type { NodeSession } from "./NodeSession.ts"
import * as RedisTime from "./RedisTime.ts"

/** Keeps what a node knows of its server: its time, and what its data descend from. */
export interface Lineage {
  /** Introduces a new connection. */
  readonly asker: Introduction.Asker
  /** `undefined` before the first session. */
  readonly history: () => RedisHistory | undefined
  /** A number that grows with each change of history that may have lost data. */
  readonly generation: () => number
  /** Takes what a new session was told. */
  readonly learn: (introduction: Introduction.Introduction) => void
  /** Asks in a session. */
  readonly ask: (session: NodeSession) => Effect.Effect<void>
  readonly refreshTime: (session: NodeSession) => Effect.Effect<void>
}

/** Makes one. `onChange` is called for each change that may have lost data. */
export const make = Effect.fnUntraced(function* (onChange: () => void) {
  const clock = yield* Clock.Clock
  let witness = Introduction.makeWitness(yield* Random.next)
  const asker: Introduction.Asker = {
    time: RedisTime.make(() => clock.currentTimeMillisUnsafe()),
    wallClock: () => clock.currentTimeMillisUnsafe(),
    witness: () => witness
  }
  let history: RedisHistory | undefined
  let generation = 0

  const learn = (next: RedisHistory, isNew: boolean): void => {
    const before = history
    history = next
    if (before === undefined || !(isNew || History.mayHaveLost(before, next))) return
    generation++
    onChange()
  }

  return {
    asker,
    history: () => history,
    generation: () => generation,
    learn: ({ history, witness: renewed }) => {
      witness = renewed ?? witness
      learn(history, renewed !== undefined)
    },
    ask: (session) =>
      history === undefined
        ? Effect.void
        : Effect.map(Introduction.askHistory(session.connection, { ...history, runId: session.runId }), (next) => {
            if (next !== undefined && session.isOpen()) learn(next, false)
          }),
    refreshTime: (session) =>
      Effect.suspend(() => {
        asker.time.refresh()
        return Effect.repeat(Introduction.askTime(session.connection, asker), { times: 2 })
      })
  } satisfies Lineage
})
