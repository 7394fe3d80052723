import { Effect } from "effect"
import * as RedisError from "../../RedisError.ts"
import type { Introduction } from "./Introduction.ts"
import type { Connect } from "./Lane.ts"
import type { NodeSession } from "./NodeSession.ts"

/**
 * Deals with a server that refuses writes because it is a replica.
 *
 * The address may lead to another server by now, which only a new connection finds out. So one is
 * made beside those in use, and those to other servers are replaced if it shows a master: callers
 * who read from a lasting replica keep their connection. While it shows a replica again, it is
 * tried ever more slowly, as it is while the address leads now here, now there.
 */
export interface Replacement {
  readonly consider: () => void
}

export const make = ({
  connect,
  fork,
  now,
  sessions
}: {
  readonly connect: Connect
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly now: () => number
  readonly sessions: () => ReadonlyArray<NodeSession>
}): Replacement => {
  let looking = false
  let notBefore = Number.NEGATIVE_INFINITY
  let pause = firstPause

  const replaceOthers = ({ history: { role, runId } }: Introduction): void => {
    if (role !== "master") return
    for (const session of sessions()) {
      if (runId === undefined || session.runId !== runId) session.connection.destroy(otherServer)
    }
  }

  const look = Effect.scoped(
    Effect.map(Effect.option(connect), (found) => {
      notBefore = now() + pause
      pause = Math.min(pause * 2, longestPause)
      if (found._tag === "Some") replaceOthers(found.value.introduction)
    })
  )

  return {
    consider: () => {
      if (looking || now() < notBefore) return
      looking = true
      if (now() > notBefore + longestPause) pause = firstPause
      fork(
        Effect.ensuring(
          look,
          Effect.sync(() => {
            looking = false
          })
        )
      )
    }
  }
}

const firstPause = 1000
const longestPause = 30_000

const otherServer = RedisError.connectionError(
  "CONNECT",
  "Reset",
  "unknown",
  new Error("The address leads to another server.")
)
