import { Effect } from "effect"
import type { RedisServer } from "../../../../test/support/RedisServer.ts"
import * as Diary from "../Diary.ts"
import type { Absence } from "./Ledger.ts"

/** What happens to Redis. */
export interface Step {
  readonly name: "killed" | "frozen"
  /** How many seconds after the step before it has ended. */
  readonly after: number
  readonly seconds: number
}

/** Plays the steps one after the other, tells of each, and says when Redis was away. */
export const play = <E, R>(
  redis: RedisServer,
  steps: ReadonlyArray<Step>,
  tell: (headline: string, isUp: boolean) => Effect.Effect<void, E, R>
) =>
  Effect.forEach(
    steps,
    Effect.fnUntraced(function* ({ after, name, seconds }) {
      yield* Effect.sleep(`${after} seconds`)
      yield* tell(name === "killed" ? "Redis was killed (SIGKILL)" : "Redis is frozen (SIGSTOP)", false)
      const from = Number(Diary.now()) / 1e6
      yield* name === "killed" ? redis.kill : redis.freeze
      yield* Effect.sleep(`${seconds} seconds`)
      yield* name === "killed" ? redis.start : redis.thaw
      yield* redis.cli("PING")
      const outage: Absence = { name, pid: undefined, from, until: Number(Diary.now()) / 1e6 }
      yield* tell(name === "killed" ? "Redis was started again" : "Redis was thawed (SIGCONT)", true)
      return outage
    })
  )
