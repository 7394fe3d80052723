import { Clock, Effect, Random } from "effect"
import type { RedisHistory } from "../../dispatch.ts"
import * as History from "./History.ts"
import * as Introduction from "./Introduction.ts"
import type { NodeSession } from "./NodeSession.ts"
import * as RedisTime from "./RedisTime.ts"

/** Keeps what a node knows of its server: its time, and what its data descend from. */
export interface Lineage {
  /** Introduces a new connection, of which nothing is known here before it is learnt. */
  readonly asker: Introduction.Asker
  /** `undefined` before the first session. */
  readonly history: () => RedisHistory | undefined
  /** A number that grows with each change of history that may have lost data. */
  readonly generation: () => number
  /** Gives the server's time in milliseconds. */
  readonly time: () => number
  /** Takes what a new session was told. */
  readonly learn: (introduction: Introduction.Introduction) => void
  /** Asks in a session. The answer counts unless a newer session was told something meanwhile. */
  readonly ask: (session: NodeSession) => Effect.Effect<void>
  readonly refreshTime: (session: NodeSession) => Effect.Effect<void>
}

/** Makes one. `onChange` is called for each change that may have lost data. */
export const make = Effect.fnUntraced(function* (onChange: () => void) {
  const clock = yield* Clock.Clock
  const wallClock = () => clock.currentTimeMillisUnsafe()
  let latest: Introduction.Introduction | undefined
  let witness = Introduction.makeWitness(yield* Random.next)
  let time = RedisTime.make(wallClock)
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
    asker: { time: () => time, wallClock, witness: () => witness },
    history: () => history,
    generation: () => generation,
    time: () => time.now(),
    learn: (introduction) => {
      latest = introduction
      witness = introduction.witness ?? witness
      time = introduction.time ?? time
      learn(introduction.history, introduction.witness !== undefined)
    },
    ask: (session) =>
      Effect.suspend(() => {
        const before = latest
        if (history === undefined) return Effect.void
        return Effect.map(Introduction.askHistory(session.connection, { ...history, runId: session.runId }), (next) => {
          // What a newer session was told is newer, and perhaps of another server.
          if (next !== undefined && session.isOpen() && before === latest) learn(next, false)
        })
      }),
    refreshTime: (session) =>
      Effect.suspend(() => {
        // What is answered after a newer session was told the time is kept from it.
        const refreshed = time.renewed()
        time = refreshed
        return Effect.repeat(Introduction.askTime(session.connection, refreshed, wallClock), { times: 2 })
      })
  } satisfies Lineage
})
